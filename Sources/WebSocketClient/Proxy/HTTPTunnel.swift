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
        var text = "CONNECT \(target) HTTP/1.1\r\nHost: \(target)\r\n"
        if let login { text += "Proxy-Authorization: Basic \(Base64.encode("\(login.user):\(login.password)".utf8))\r\n" }
        return ByteBuffer(string: text + "\r\n")
    }

    /// Takes what the proxy sent; true once the tunnel stands.
    mutating func take(_ bytes: UnsafeRawBufferPointer) throws(WebSocketConnectError) -> Bool {
        let taken: Int
        let head: HTTPHead?
        do throws(HTTPHeadError) { (taken, head) = try reader.take(bytes) } catch {
            throw WebSocketConnectError(.proxy, "The proxy \(proxy) does not speak HTTP: \(error.text)")
        }
        guard let head else { return false }
        switch head.status {
        case 200..<300:
            guard taken == bytes.count else {
                throw WebSocketConnectError(
                    .proxy, "The proxy \(proxy) sent \(bytes.count - taken) bytes into the tunnel that nobody asked for")
            }
            return true
        case 407:
            throw WebSocketConnectError(.proxy, "The proxy \(proxy) wants a login, or another one (407 \(head.reason))", status: 407)
        default:
            let after = head.values("Retry-After").first.flatMap { RetryAfter.parse($0, now: now, serverDate: head.values("Date").first) }
            throw WebSocketConnectError(
                .proxy, "The proxy \(proxy) refused the tunnel: \(head.status) \(head.reason)", status: head.status, retryAfter: after
            )
        }
    }
}
