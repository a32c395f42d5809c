internal import NIOCore

/// The SOCKS5 dialogue (RFC 1928) with the login of RFC 1929. Names go to the proxy unresolved.
struct SOCKS5 {
    enum Step: Equatable {
        case needsMore
        case send(ByteBuffer)
        /// The tunnel stands.
        case done
    }

    private enum State {
        case method, login, reply
    }

    private let proxy: String
    private let host: String
    private let port: Int
    private let login: WebSocketConfiguration.Login?
    private var state = State.method
    private var received: [UInt8] = []

    /// - Throws: `.proxy` for what SOCKS5 cannot carry.
    init(proxy: String, host: String, port: Int, login: WebSocketConfiguration.Login?) throws(WebSocketConnectError) {
        guard host.utf8.count <= 255,
            login.map({ (1...255).contains($0.user.utf8.count) && (1...255).contains($0.password.utf8.count) }) ?? true
        else {
            throw WebSocketConnectError(
                .proxy, "The host, user or password for the proxy \(proxy) is not of 1 to 255 bytes, as SOCKS5 demands")
        }
        self.proxy = proxy
        self.host = host
        self.port = port
        self.login = login
    }

    var greeting: ByteBuffer { login == nil ? ByteBuffer(bytes: [5, 1, 0]) : ByteBuffer(bytes: [5, 2, 0, 2]) }

    /// Takes what the proxy sent.
    mutating func take(_ bytes: UnsafeRawBufferPointer) throws(WebSocketConnectError) -> Step {
        received.append(contentsOf: bytes.prefix(300 - received.count))
        switch state {
        case .method:
            guard received.count >= 2 else { return .needsMore }
            guard received[0] == 5 else { throw refuse("answered with version \(received[0]); it does not speak SOCKS5") }
            guard received.count == 2 else { throw refuse("sent bytes nobody asked for") }
            let method = received[1]
            received = []
            switch method {
            case 0:
                state = .reply
                return .send(connectRequest)
            case 2:
                guard let login else { throw refuse("wants a login") }
                state = .login
                return .send(Self.loginRequest(login))
            case 0xff: throw refuse(login == nil ? "wants a login" : "takes neither no login nor user and password")
            default: throw refuse("chose the login method \(method) nobody offered")
            }
        case .login:
            guard received.count >= 2 else { return .needsMore }
            guard received.count == 2 else { throw refuse("sent bytes nobody asked for") }
            guard received[1] == 0 else { throw refuse("did not accept the login (status \(received[1]))") }
            received = []
            state = .reply
            return .send(connectRequest)
        case .reply:
            return try takeReply()
        }
    }

    private func takeReply() throws(WebSocketConnectError) -> Step {
        guard received.count >= 2 else { return .needsMore }
        guard received[0] == 5 else { throw refuse("answered with version \(received[0])") }
        guard received[1] == 0 else { throw refuse("refused the tunnel: \(Self.reply(received[1]))") }
        guard received.count >= 5 else { return .needsMore }
        let addressBytes: Int
        switch received[3] {
        case 1: addressBytes = 4
        case 3: addressBytes = 1 + Int(received[4])
        case 4: addressBytes = 16
        default: throw refuse("answered with the unknown address type \(received[3])")
        }
        let size = 4 + addressBytes + 2
        guard received.count >= size else { return .needsMore }
        guard received.count == size else { throw refuse("sent bytes into the tunnel that nobody asked for") }
        return .done
    }

    private var connectRequest: ByteBuffer {
        var request = ByteBuffer(bytes: [5, 1, 0])
        switch IPAddress.bytes(host) {
        case .some(let address):
            request.writeInteger(address.count == 4 ? 1 : 4, as: UInt8.self)
            request.writeBytes(address)
        case .none:
            request.writeInteger(3, as: UInt8.self)
            request.writeInteger(UInt8(host.utf8.count))
            request.writeString(host)
        }
        request.writeInteger(UInt16(port))
        return request
    }

    private static func loginRequest(_ login: WebSocketConfiguration.Login) -> ByteBuffer {
        var request = ByteBuffer(bytes: [1, UInt8(login.user.utf8.count)])
        request.writeString(login.user)
        request.writeInteger(UInt8(login.password.utf8.count))
        request.writeString(login.password)
        return request
    }

    private func refuse(_ what: String) -> WebSocketConnectError {
        WebSocketConnectError(.proxy, "The SOCKS5 proxy \(proxy), asked for \(host):\(port), \(what)")
    }

    private static func reply(_ code: UInt8) -> String {
        let names = [
            "general failure", "not allowed by its rules", "network unreachable", "host unreachable", "connection refused",
            "time to live expired",
            "command not supported", "address type not supported",
        ]
        return (1...8).contains(code) ? names[Int(code) - 1] : "code \(code)"
    }
}
