package import NIOCore

/// One small REST call, made as the websocket would be: same proxy, same trust, same headers, same deadline. Exchanges that hand out the websocket's
/// address by REST need it; anything more is a matter for an HTTP client.
package enum HTTPCall {
    package struct Request: Sendable {
        package var method: String
        /// `https://` or `http://`.
        package var url: String
        package var body: String

        package init(method: String, url: String, body: String = "") {
            self.method = method
            self.url = url
            self.body = body
        }
    }

    /// Bodies of answers are at most this long, also when inflated.
    static let maxBodyBytes = 1 << 20

    /// Makes the call on `eventLoop`, which must be the current one. `completion` is called once, after this has returned: with the body of a 2xx answer,
    /// else with the error (status and Retry-After of a refusal kept).
    package static func perform(
        _ request: Request, like configuration: WebSocketConfiguration, on eventLoop: any EventLoop,
        completion: @escaping (Result<[UInt8], WebSocketConnectError>) -> Void
    ) -> WebSocketConnectAttempt {
        var configuration = configuration
        // Resolution, proxies and TLS are those of a websocket to the same place.
        if request.url.hasPrefix("https://") {
            configuration.url = "wss://" + request.url.dropFirst(8)
        } else if request.url.hasPrefix("http://") {
            configuration.url = "ws://" + request.url.dropFirst(7)
        } else {
            configuration.url = request.url
        }
        configuration.offersDeflate = false
        configuration.headers.removeAll { $0.name.lowercased().hasPrefix("sec-websocket-") }
        let attempt = WebSocketConnectAttempt(
            configuration, on: eventLoop, delegate: NoDelegate(), addressBook: .shared,
            completion: { result in
                if case .failure(let error) = result { completion(.failure(error)) }
            })
        attempt.call = .init(request: request) { completion(.success($0)) }
        attempt.start()
        return attempt
    }

    /// A call under way.
    struct Pending {
        var request: Request
        var completion: ([UInt8]) -> Void

        func bytes(to plan: ConnectPlan) -> ByteBuffer {
            var text = "\(request.method) \(plan.url.requestTarget) HTTP/1.1\r\n\(plan.request.commonFields)Accept: application/json\r\n"
            text += "Accept-Encoding: identity\r\nContent-Type: application/json\r\nContent-Length: \(request.body.utf8.count)\r\n"
            return ByteBuffer(string: text + "Connection: close\r\n\r\n" + request.body)
        }
    }

    /// The answer in plain: inflated where the server compressed it unasked.
    static func plain(_ body: HTTPBody, _ head: HTTPHead) throws(HTTPHeadError) -> [UInt8] {
        let codings = head.values("Content-Encoding").flatMap { HTTPText.elements($0.lowercased()) }.filter { $0 != "identity" }
        guard let coding = codings.first else { return body.bytes }
        let format: CompressionFormat
        switch coding {
        case "gzip", "x-gzip": format = .gzip
        case "deflate": format = .zlib
        default: throw HTTPHeadError("content encoding \"\(HTTPText.excerpt(coding.utf8, limit: 100))\" not asked for")
        }
        guard codings.count == 1 else { throw HTTPHeadError("more than one content encoding") }
        var output = ByteBuffer()
        do {
            let inflater = try Inflater(format)
            try body.bytes.withUnsafeBytes { try inflater.inflate($0, limit: maxBodyBytes, into: &output) }
        } catch {
            throw HTTPHeadError("body that does not inflate: \(error)")
        }
        return Array(output.readableBytesView)
    }

    /// Never called: a REST call becomes no websocket.
    private final class NoDelegate: WebSocketDelegate {
        func webSocketReceived(_ kind: WebSocketMessageKind, _ payload: UnsafeRawBufferPointer) {}
        func webSocketBurstEnded() {}
        func webSocketReceivedPing(_ payload: UnsafeRawBufferPointer) {}
        func webSocketReceivedPong(_ payload: UnsafeRawBufferPointer) {}
        func webSocketClosed(_ reason: WebSocketCloseReason) {}
    }
}
