/// Judges the head that answers an upgrade request.
struct UpgradeResponse {
    enum Verdict: Equatable {
        case accepted(DeflateAgreement?)
        /// Another status: its body is worth reading for the description.
        case refused
    }

    /// What is shown of a refusal's body.
    static let maxExcerptBytes = 1024

    var head: HTTPHead

    /// - Parameter now: seconds since 1970, for a Retry-After that is a date.
    /// - Throws: `.badUpgrade` for a 101 that is not what RFC 6455 section 4.2.2 demands, `.redirect` for a 3xx.
    func judge(
        key: String,
        offer: DeflateOffer?,
        protocols: [String],
        now: Int64,
        peer: String
    ) throws(WebSocketConnectError) -> Verdict {
        switch head.status {
        case 101: break
        case 300..<400:
            let location = head.values("Location").first.map { WebSocketURL.redacted($0) } ?? "nowhere"
            throw WebSocketConnectError(
                .redirect, "\(peer) answered \(head.status) and points to \(location); put the final URL into the configuration",
                status: head.status, retryAfter: RetryAfter.of(head, now: now)
            )
        default: return .refused
        }
        func bad(_ what: String) -> WebSocketConnectError {
            WebSocketConnectError(
                .badUpgrade, "\(peer) answered 101, but \(what); it is no websocket server, or something between changes headers")
        }
        guard head.minorVersion >= 1 else { throw bad("in HTTP/1.0, which has no upgrades") }
        guard head.lists("websocket", in: "Upgrade") else { throw bad("without \"Upgrade: websocket\"") }
        guard head.lists("upgrade", in: "Connection") else { throw bad("without \"Connection: Upgrade\"") }
        let accepts = head.values("Sec-WebSocket-Accept")
        guard accepts.count == 1 else { throw bad("with \(accepts.count) Sec-WebSocket-Accept fields") }
        guard accepts[0] == UpgradeRequest.accept(for: key) else { throw bad("its Sec-WebSocket-Accept does not match the key") }
        let chosen = head.values("Sec-WebSocket-Protocol")
        guard chosen.count <= 1, chosen.allSatisfy(protocols.contains) else {
            throw bad("chose the subprotocol \"\(HTTPText.excerpt(chosen.joined(separator: ", ").utf8, limit: 100))\" nobody asked for")
        }
        let lines = head.values("Sec-WebSocket-Extensions")
        do throws(ExtensionError) {
            let extensions = try WebSocketExtension.parse(lines.joined(separator: ","))
            guard let first = extensions.first else { return .accepted(nil) }
            guard let offer, first.name == "permessage-deflate" else { throw ExtensionError("extension \(first.name) nobody asked for") }
            guard extensions.count == 1 else { throw ExtensionError("more than one extension") }
            return .accepted(try DeflateAgreement(answer: first, to: offer))
        } catch {
            throw bad("its Sec-WebSocket-Extensions are not acceptable: \(error.text)")
        }
    }

    /// The error for a refusal.
    /// - Parameters:
    ///   - what: what was asked for: the websocket, or a REST call.
    ///   - body: what came behind the head; at most 1 KiB of it is shown.
    ///   - now: seconds since 1970, for a Retry-After that is a date.
    func refusal(of what: String, body: [UInt8], now: Int64, peer: String) -> WebSocketConnectError {
        var text = "\(peer) refused \(what): \(head.status)"
        if !head.reason.isEmpty { text += " \(head.reason)" }
        let after = RetryAfter.of(head, now: now)
        if let after { text += ", retry after \(after.components.seconds) s" }
        let isPlain = head.values("Content-Encoding").allSatisfy { HTTPText.equalIgnoringCase($0, "identity") }
        let excerpt = isPlain ? HTTPText.excerpt(body, limit: Self.maxExcerptBytes) : ""
        if !excerpt.isEmpty { text += ": \(excerpt)" }
        return WebSocketConnectError(.upgradeRefused, text, status: head.status, retryAfter: after)
    }
}

/// The body of a refusal, read for its first words. Whatever is wrong with it, the head has said no.
struct RefusalBody {
    private var body: HTTPBody?

    init(_ head: HTTPHead) {
        // A body whose framing makes no sense is not read.
        body = try? HTTPBody(head, limit: UpgradeResponse.maxExcerptBytes)
    }

    var bytes: [UInt8] { body?.bytes ?? [] }
    private(set) var isBroken = false
    var isComplete: Bool { isBroken || body.map { $0.isComplete || $0.isCut || $0.bytes.count == UpgradeResponse.maxExcerptBytes } ?? true }

    mutating func take(_ more: UnsafeRawBufferPointer) {
        do throws(HTTPHeadError) { try body?.take(more) } catch { isBroken = true }
    }
}
