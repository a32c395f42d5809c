import TestSupport
import Testing

@testable import WebSocketClient

/// A websocket through proxies that behave and that do not; the proxy and the server behind it are one scripted peer.
@Suite struct ProxyTests {
    private typealias Change = @Sendable (inout WebSocketConfiguration) -> Void

    private static func http(_ port: Int, login: WebSocketConfiguration.Login? = nil, tls: Bool = false, _ change: Change = { _ in })
        -> WebSocketConfiguration
    {
        var configuration = WebSocketConfiguration(url: "ws://exchange.test:8443/stream")
        configuration.proxy = .http(host: tls ? "localhost" : "127.0.0.1", port: port, login: login, tls: tls)
        change(&configuration)
        return configuration
    }

    private static func failure(_ change: @escaping Change = { _ in }, script: @escaping @Sendable (PeerConnection) async throws -> Void)
        async throws
        -> WebSocketConnectError?
    {
        try await ScriptedPeer.run { peer in
            _ = try await peer.readHead()
            try await script(peer)
            await peer.waitForEnd()
        } body: { port in
            try await Client.failure(http(port, change))
        }
    }

    @Test("HTTP CONNECT names the target and gives the login; the websocket lives in the tunnel", .timeLimit(.minutes(1)))
    func tunnels() async throws {
        try await ScriptedPeer.run { peer in
            let request = try await peer.readHead()
            #expect(request.hasPrefix("CONNECT exchange.test:8443 HTTP/1.1\r\nHost: exchange.test:8443\r\n"))
            #expect(PeerConnection.header("Proxy-Authorization", in: request) == "Basic dXNlcjpwYXNzOndvcmQ=")
            try await peer.drip(Array("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200 Connection established\r\nVia: x\r\n\r\n".utf8))
            let upgrade = try await peer.upgrade(behind: Frame.text("through"))
            #expect(
                PeerConnection.header("Host", in: upgrade) == "exchange.test:8443"
                    && PeerConnection.header("Proxy-Authorization", in: upgrade) == nil)
            await peer.waitForEnd()
        } body: { port in
            let client = try await Client.open(Self.http(port, login: .init(user: "user", password: "pass:word")))
            #expect(await client.next() == .text("through"))
            await client.onLoop { $0.abort() }
        }
    }

    @Test("The proxy itself may be spoken to over TLS", .timeLimit(.minutes(1)))
    func tunnelsOverTLS() async throws {
        try await TestTLS.withRoots { roots in
            try await ScriptedPeer.run(Certificates.localhost) { peer in
                _ = try await peer.readHead()
                try await peer.write("HTTP/1.1 200 OK\r\n\r\n")
                try await peer.upgrade(behind: Frame.text("through"))
                await peer.waitForEnd()
            } body: { port in
                let client = try await Client.open(Self.http(port, tls: true) { $0.roots = roots })
                #expect(await client.next() == .text("through"))
                await client.onLoop { $0.abort() }
            }
        }
    }

    @Test("TLS to the server runs inside the tunnel, also inside the proxy's own TLS", .timeLimit(.minutes(1)), arguments: [false, true])
    func tunnelsTLS(proxyTLS: Bool) async throws {
        try await TestTLS.withRoots { roots in
            try await RelayProxy.run(tls: proxyTLS ? TestTLS.serverContext(Certificates.localhost) : nil) { proxy in
                try await EchoServer.run(Certificates.localhost) { port in
                    var configuration = WebSocketConfiguration(url: "wss://localhost:\(port)/")
                    configuration.roots = roots
                    configuration.proxy = .http(host: "localhost", port: proxy.port, login: nil, tls: proxyTLS)
                    let client = try await Client.open(configuration)
                    try await client.send("hello")
                    #expect(await client.next() == .text("hello"))
                    await client.close()
                    #expect(await client.next() == .closed(.closedByUs(code: 1000)))
                }
            }
        }
    }

    @Test("407 and other refusals are named, with status and Retry-After", .timeLimit(.minutes(1)))
    func namesRefusals() async throws {
        let login = try await Self.failure {
            try await $0.write("HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n")
        }
        #expect(login?.code == .proxy && login?.status == 407 && login?.description.contains("login") == true)
        let digest = try await Self.failure {
            try await $0.write("HTTP/1.1 407 Authentication\r\nProxy-Authenticate: Digest realm=x\r\nProxy-Authenticate: NTLM\r\n\r\n")
        }
        #expect(
            digest?.status == 407 && digest?.description.contains("Digest, NTLM; Basic is all") == true, "\(String(describing: digest))")
        let busy = try await Self.failure { try await $0.write("HTTP/1.1 503 Busy\r\nRetry-After: 7\r\n\r\n") }
        #expect(busy?.code == .proxy && busy?.status == 503 && busy?.retryAfter == .seconds(7))
    }

    @Test("A proxy that lies is a proxy's error", .timeLimit(.minutes(1)))
    func noticesLies() async throws {
        let answers = [
            "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 101 Switching Protocols\r\n\r\n", "SSH-2.0-proxy\r\n", "HTTP/1.1 200 OK\r\nbroken\r\n\r\n",
            "HTTP/1.1 200 OK\r\n" + String(repeating: "X: y\r\n", count: 101) + "\r\n",
            "HTTP/1.1 200 OK\r\nX: " + String(repeating: "y", count: 70_000),
            "HTTP/1.1 302 Found\r\nLocation: http://login.test/\r\n\r\n",
        ]
        for answer in answers {
            let error = try await Self.failure { try await $0.write(answer) }
            #expect(error?.code == .proxy, "\(answer.prefix(60)): \(error?.description ?? "accepted")")
        }
    }

    @Test("A proxy that hangs or drips is given up at the deadline; one that closes is named", .timeLimit(.minutes(1)))
    func boundsDialogues() async throws {
        let silent = try await Self.failure {
            $0.connectTimeout = .seconds(2)
        } script: { _ in
        }
        #expect(silent?.code == .timeout && silent?.description.contains("proxy") == true)
        let dripping = try await Self.failure {
            $0.connectTimeout = .seconds(2)
        } script: { peer in
            while true { try await peer.write("H") }
        }
        #expect(dripping?.code == .proxy || dripping?.code == .timeout)
        let closing = try await Self.failure { $0.close() }
        #expect(closing?.code == .proxy)
    }

    @Test("SOCKS5 with a login carries the name to the proxy and the websocket through it", .timeLimit(.minutes(1)))
    func socks() async throws {
        try await ScriptedPeer.run { peer in
            #expect(try await peer.read(4) == [5, 2, 0, 2])
            try await peer.write([5, 2])
            #expect(try await peer.read(7) == [1, 2, 0x6d, 0x65, 2, 0x70, 0x77])
            try await peer.write([1, 0])
            #expect(try await peer.read(4 + 1 + 13 + 2) == [5, 1, 0, 3, 13] + Array("exchange.test".utf8) + [0x20, 0xfb])
            try await peer.drip([5, 0, 0, 1, 0, 0, 0, 0, 0, 0])
            try await peer.upgrade(behind: Frame.text("through"))
            await peer.waitForEnd()
        } body: { port in
            let client = try await Client.open(
                Self.http(port) { $0.proxy = .socks5(host: "127.0.0.1", port: port, login: .init(user: "me", password: "pw")) })
            #expect(await client.next() == .text("through"))
            await client.onLoop { $0.abort() }
        }
    }

    @Test("A SOCKS5 proxy that refuses is named", .timeLimit(.minutes(1)))
    func socksRefuses() async throws {
        let error = try await ScriptedPeer.run { peer in
            _ = try await peer.read(3)
            try await peer.write([5, 0])
            _ = try await peer.read(20)
            try await peer.write([5, 4, 0, 1, 0, 0, 0, 0, 0, 0])
            await peer.waitForEnd()
        } body: { port in
            try await Client.failure(Self.http(port) { $0.proxy = .socks5(host: "127.0.0.1", port: port, login: nil) })
        }
        #expect(error?.code == .proxy && error?.description.contains("host unreachable") == true)
    }

    @Test("A proxy that lets the tunnel stand and then talks nonsense is caught by TLS", .timeLimit(.minutes(1)))
    func noticesGarbageInTheTunnel() async throws {
        let error = try await Self.failure {
            $0.url = "wss://exchange.test/"
        } script: { peer in
            try await peer.write("HTTP/1.1 200 OK\r\n\r\n")
            _ = try await peer.read(5)
            try await peer.write("welcome to the hotel's network")
        }
        #expect(error?.code == .tls && error?.description.contains("does not speak TLS") == true, "\(String(describing: error))")
    }

    @Test("A proxy that answers for the exchange in the tunnel is no exchange", .timeLimit(.minutes(1)))
    func noticesForgedAnswers() async throws {
        let error = try await Self.failure { peer in
            try await peer.write("HTTP/1.1 200 OK\r\n\r\n")
            _ = try await peer.readHead()
            try await peer.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        }
        #expect(error?.code == .upgradeRefused && error?.status == 200, "\(String(describing: error))")
    }

    @Test("A proxy that is not there is refused, by the proxy's address", .timeLimit(.minutes(1)))
    func namesAbsentProxies() async throws {
        try await ClosedPort.hold { port in
            let error = try await Client.failure(Self.http(port))
            #expect(error?.code == .refused && error?.description.contains("127.0.0.1:\(port)") == true)
        }
    }

    @Test("A certificate for a bare address behind a proxy cannot be verified, and is refused beforehand", .timeLimit(.minutes(1)))
    func refusesBareAddresses() async throws {
        let error = try await Client.failure(Self.http(1) { $0.url = "wss://192.0.2.1/" })
        #expect(error?.code == .badURL)
    }
}
