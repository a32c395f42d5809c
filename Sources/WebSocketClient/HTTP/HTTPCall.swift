package import NIOCore

/// One small REST call, made as the websocket would be: same proxy, same trust, same deadline. Exchanges that hand out the websocket's address by
/// REST need it; anything more is a matter for an HTTP client.
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

    /// Bodies of answers are at most this long.
    static let maxBodyBytes = 1 << 20

    /// Makes the call on `eventLoop`, which must be the current one. `completion` is called once: with the body of a 2xx answer, else with the error
    /// (status and Retry-After of a refusal kept).
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

        func bytes(to url: WebSocketURL) -> ByteBuffer {
            var text = "\(request.method) \(url.requestTarget) HTTP/1.1\r\nHost: \(url.hostHeader)\r\nAccept: application/json\r\n"
            text += "Content-Type: application/json\r\nContent-Length: \(request.body.utf8.count)\r\nConnection: close\r\n\r\n"
            return ByteBuffer(string: text + request.body)
        }
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

/// The body of an answer to a REST call: up to its announced length, its last chunk, or the end of the connection.
struct AnswerBody {
    private var bytes: [UInt8] = []
    private let length: Int?
    private let isChunked: Bool

    init(_ head: HTTPHead) {
        isChunked = head.lists("chunked", in: "Transfer-Encoding")
        length = isChunked ? nil : head.values("Content-Length").first.flatMap { Int($0) }
    }

    var isTooLong: Bool { bytes.count > HTTPCall.maxBodyBytes || (length ?? 0) > HTTPCall.maxBodyBytes }

    var isComplete: Bool {
        if let length { return bytes.count >= length }
        return isChunked && bytes.suffix(5).elementsEqual("0\r\n\r\n".utf8)
    }

    /// A body without length or chunks ends with the connection.
    var endsWithConnection: Bool { length == nil && !isChunked }

    var plain: [UInt8] { isChunked ? ChunkedBody.decode(bytes) : bytes }

    mutating func take(_ more: UnsafeRawBufferPointer) { bytes.append(contentsOf: more.prefix(HTTPCall.maxBodyBytes + 1 - bytes.count)) }
}
