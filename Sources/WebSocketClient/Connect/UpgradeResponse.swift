/// Judges the head that answers an upgrade request.
struct UpgradeResponse {
    enum Verdict: Equatable {
        case accepted(DeflateAgreement?)
        /// Another status: its body is worth reading for the description.
        case refused
    }

    var head: HTTPHead

    /// - Throws: `.badUpgrade` for a 101 that is not what RFC 6455 section 4.2.2 demands, `.redirect` for a 3xx.
    func judge(
        key: String,
        offer: DeflateOffer?,
        protocols: [String],
        peer: String
    ) throws(WebSocketConnectError) -> Verdict {
        switch head.status {
        case 101: break
        case 300..<400:
            let location = head.values("Location").first.map { WebSocketURL.redacted($0) } ?? "nowhere"
            throw WebSocketConnectError(
                .redirect, "\(peer) answered \(head.status) and points to \(location); put the final URL into the configuration",
                status: head.status
            )
        default: return .refused
        }
        func bad(_ what: String) -> WebSocketConnectError {
            WebSocketConnectError(
                .badUpgrade, "\(peer) answered 101, but \(what); it is no websocket server, or something between changes headers")
        }
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

    /// The error for a refused upgrade.
    /// - Parameters:
    ///   - body: what came behind the head; at most 1 KiB of it is shown.
    ///   - now: seconds since 1970, for a Retry-After that is a date.
    func refusal(body: [UInt8], now: Int64, peer: String) -> WebSocketConnectError {
        var text = "\(peer) refused the websocket: \(head.status)"
        if !head.reason.isEmpty { text += " \(head.reason)" }
        let after = head.values("Retry-After").first.flatMap { RetryAfter.parse($0, now: now, serverDate: head.values("Date").first) }
        if let after { text += ", retry after \(after.components.seconds) s" }
        let plain = head.lists("chunked", in: "Transfer-Encoding") ? ChunkedBody.decode(body) : body
        let excerpt = HTTPText.excerpt(plain, limit: RefusedBody.maxBytes)
        if !excerpt.isEmpty { text += ": \(excerpt)" }
        return WebSocketConnectError(.upgradeRefused, text, status: head.status, retryAfter: after)
    }
}

/// The body of a refusal: collected up to its end, or to what is worth showing.
struct RefusedBody {
    static let maxBytes = 1024

    private(set) var bytes: [UInt8] = []
    private let expected: Int

    init(_ head: HTTPHead) {
        let announced = head.values("Content-Length").first.flatMap { Int($0) } ?? Self.maxBytes
        // Chunk headers are not text: leave room for some.
        expected = head.lists("chunked", in: "Transfer-Encoding") ? Self.maxBytes * 2 : max(0, min(announced, Self.maxBytes))
    }

    var isComplete: Bool { bytes.count >= expected || bytes.suffix(5).elementsEqual("0\r\n\r\n".utf8) }

    mutating func take(_ more: UnsafeRawBufferPointer) {
        bytes.append(contentsOf: more.prefix(max(0, expected - bytes.count)))
    }
}

/// Chunked transfer coding (RFC 9112 section 7.1), as far as it goes.
enum ChunkedBody {
    static func decode(_ bytes: [UInt8]) -> [UInt8] {
        var body: [UInt8] = []
        var rest = bytes[...]
        while let end = rest.firstIndex(of: 0x0a) {
            let digits = rest[..<end].prefix { $0 != 0x0d && $0 != UInt8(ascii: ";") }
            guard let size = Int(String(decoding: digits, as: UTF8.self), radix: 16), size > 0 else { return body }
            rest = rest[(end + 1)...]
            body += rest.prefix(size)
            rest = rest.dropFirst(size).dropFirst(2)
        }
        return body
    }
}
