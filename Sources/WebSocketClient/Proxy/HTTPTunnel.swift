internal import NIOCore

/// The HTTP CONNECT dialogue (RFC 9110 section 9.3.6).
struct HTTPTunnel {
    private var reader = HTTPHeadReader()
    private let proxy: String
    private let now: Int64

    /// - Parameter now: seconds since 1970, for a Retry-After that is a date.
    init(proxy: String, now: Int64) {
        self.proxy = proxy
        self.now = now
    }

    static func request(host: String, port: Int, login: WebSocketConfiguration.Login?) -> ByteBuffer {
        let target = "\(WebSocketURL.bracketed(host)):\(port)"
        var text = "CONNECT \(target) HTTP/1.1\r\nHost: \(target)\r\nUser-Agent: colony\r\n"
        if let login { text += "Proxy-Authorization: Basic \(Base64.encode("\(login.user):\(login.password)".utf8))\r\n" }
        return ByteBuffer(string: text + "\r\n")
    }

    /// Takes what the proxy sent; true once the tunnel stands.
    mutating func take(_ bytes: UnsafeRawBufferPointer) throws(WebSocketConnectError) -> Bool {
        var rest = bytes
        while true {
            let taken: Int
            let complete: HTTPHead?
            do throws(HTTPHeadError) { (taken, complete) = try reader.take(rest) } catch {
                throw WebSocketConnectError(.proxy, "The proxy \(proxy) does not speak HTTP: \(error.text)")
            }
            guard let head = complete else { return false }
            rest = UnsafeRawBufferPointer(rebasing: rest[taken...])
            switch head.status {
            case 100..<200: reader.startOver()  // interim answers; the real one follows
            case 200..<300:
                guard rest.isEmpty else {
                    throw WebSocketConnectError(
                        .proxy, "The proxy \(proxy) sent \(rest.count) bytes into the tunnel that nobody asked for")
                }
                return true
            default: throw refusal(head)
            }
        }
    }

    private func refusal(_ head: HTTPHead) -> WebSocketConnectError {
        guard head.status == 407 else {
            return WebSocketConnectError(
                .proxy, "The proxy \(proxy) refused the tunnel: \(head.status) \(head.reason)", status: head.status,
                retryAfter: RetryAfter.of(head, now: now))
        }
        let schemes = head.values("Proxy-Authenticate").map { HTTPText.excerpt($0.utf8.prefix { $0 != 0x20 }, limit: 30) }
        let other =
            schemes.isEmpty || schemes.contains { HTTPText.equalIgnoringCase($0, "Basic") } ? "" : "; Basic is all that is spoken here"
        return WebSocketConnectError(
            .proxy, "The proxy \(proxy) wants a login, or another one (407 \(head.reason), \(schemes.joined(separator: ", "))\(other))",
            status: 407)
    }
}
