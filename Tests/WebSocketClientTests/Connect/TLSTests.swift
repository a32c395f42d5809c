import Testing

@testable import WebSocketClient

@Suite struct TLSTests {
    private static func failure(
        _ identity: Certificates.Identity, _ change: @escaping @Sendable (inout WebSocketConfiguration) -> Void = { _ in }
    ) async throws
        -> WebSocketConnectError?
    {
        try await TestTLS.withRoots { roots in
            try await ScriptedPeer.run(identity) { peer in
                try await peer.upgrade()
                await peer.waitForEnd()
            } body: { port in
                var configuration = WebSocketConfiguration(url: "wss://localhost:\(port)/")
                configuration.roots = roots
                change(&configuration)
                return try await Client.failure(configuration)
            }
        }
    }

    @Test("A certificate of the given authority for the host is accepted, by name and by address", .timeLimit(.minutes(1)))
    func accepts() async throws {
        #expect(try await Self.failure(Certificates.localhost) == nil)
        try await TestTLS.withRoots { roots in
            try await ScriptedPeer.run(Certificates.address) { peer in
                try await peer.upgrade(behind: Frame.text("secret"))
                await peer.waitForEnd()
            } body: { port in
                var configuration = WebSocketConfiguration(url: "wss://127.0.0.1:\(port)/")
                configuration.roots = roots
                let client = try await Client.open(configuration)
                #expect(await client.next() == .text("secret"))
                await client.onLoop { $0.abort() }
            }
        }
    }

    @Test("An expired, a self-signed and an unknown certificate are told apart", .timeLimit(.minutes(1)))
    func refusesUntrusted() async throws {
        let expired = try await Self.failure(Certificates.expired)
        #expect(
            expired?.code == .tls && expired?.description.contains("expired on 2020-02-01") == true, "\(expired?.description ?? "accepted")"
        )
        let selfSigned = try await Self.failure(Certificates.selfSigned)
        #expect(
            selfSigned?.code == .tls && selfSigned?.description.contains("self-signed") == true, "\(selfSigned?.description ?? "accepted")")
        let unknown = try await Self.failure(Certificates.localhost) { $0.roots = .system }
        #expect(unknown?.code == .tls && unknown?.description.contains("authority") == true, "\(unknown?.description ?? "accepted")")
    }

    @Test("A certificate for another host is refused, and both names are said", .timeLimit(.minutes(1)))
    func refusesOtherHosts() async throws {
        let error = try await Self.failure(Certificates.otherHost)
        #expect(error?.code == .tls, "\(error?.description ?? "accepted")")
        #expect(error?.description.contains("for elsewhere.test, not for localhost") == true, "\(error?.description ?? "accepted")")
    }

    @Test("A certificate for the address connected to does not make up for the host name", .timeLimit(.minutes(1)))
    func refusesAddressesForNames() async throws {
        let error = try await Self.failure(Certificates.address)
        #expect(error?.code == .tls, "\(error?.description ?? "accepted")")
        #expect(error?.description.contains("for 127.0.0.1, not for localhost") == true, "\(error?.description ?? "accepted")")
        let other = try await Self.failure(Certificates.localhost) { $0.url = $0.url.replacing("localhost", with: "127.0.0.1") }
        #expect(other?.code == .tls && other?.description.contains("not for 127.0.0.1") == true, "\(other?.description ?? "accepted")")
    }

    @Test("The proxy's certificate is held to the proxy's name, and the reason says that it was the proxy's", .timeLimit(.minutes(1)))
    func verifiesProxies() async throws {
        for identity in [Certificates.otherHost, Certificates.address] {
            let error = try await Self.failure(identity) { configuration in
                let port = configuration.url.split(separator: ":").last.flatMap { Int($0.dropLast()) } ?? 0
                configuration.url = "wss://exchange.test/"
                configuration.proxy = .http(host: "localhost", port: port, login: nil, tls: true)
            }
            #expect(error?.code == .tls && error?.description.contains("TLS with the proxy") == true, "\(error?.description ?? "accepted")")
            #expect(error?.description.contains("not for localhost") == true, "\(error?.description ?? "accepted")")
        }
    }

    @Test("The server name of the configuration is verified instead of the URL's host", .timeLimit(.minutes(1)))
    func verifiesServerName() async throws {
        #expect(try await Self.failure(Certificates.otherHost) { $0.serverName = "elsewhere.test" } == nil)
        let error = try await Self.failure(Certificates.localhost) { $0.serverName = "elsewhere.test" }
        #expect(error?.code == .tls, "\(error?.description ?? "accepted")")
        #expect(try await Self.failure(Certificates.localhost) { $0.serverName = "any.example.test" } == nil, "a wildcard")
    }

    @Test("Without verification anything is accepted", .timeLimit(.minutes(1)))
    func acceptsInsecurely() async throws {
        for identity in [Certificates.expired, Certificates.selfSigned, Certificates.otherHost] {
            #expect(try await Self.failure(identity) { $0.roots = .insecure } == nil)
        }
    }

    @Test("A port that does not speak TLS, and one that hangs in the handshake, fail in the stage TLS", .timeLimit(.minutes(1)))
    func namesTheStage() async throws {
        let plain = try await ScriptedPeer.run { peer in
            try await peer.write("HTTP/1.1 400 Bad Request\r\n\r\n")
            await peer.waitForEnd()
        } body: { port in
            try await Client.failure(WebSocketConfiguration(url: "wss://localhost:\(port)/"))
        }
        #expect(plain?.code == .tls)
        let silent = try await ScriptedPeer.run {
            await $0.waitForEnd()
        } body: { port in
            var configuration = WebSocketConfiguration(url: "wss://localhost:\(port)/")
            configuration.connectTimeout = .seconds(2)
            return try await Client.failure(configuration)
        }
        #expect(silent?.code == .timeout && silent?.description.contains("TLS") == true)
        let closing = try await ScriptedPeer.run { peer in
            _ = try await peer.read(5)
            peer.close()
            await peer.waitForEnd()
        } body: { port in
            try await Client.failure(WebSocketConfiguration(url: "wss://localhost:\(port)/"))
        }
        #expect(closing?.code == .tls)
    }

    @Test("Roots that are not there are named", .timeLimit(.minutes(1)))
    func namesMissingRoots() async throws {
        let error = try await Self.failure(Certificates.localhost) { $0.roots = .file("/nowhere/roots.pem") }
        #expect(error?.code == .tls && error?.description.contains("/nowhere/roots.pem") == true)
        // No socket is opened for it: nobody listens at this port, and that is not what is said.
        let file = #filePath
        for roots in [file, "/dev/null", "/"] {
            let error = try await Self.failure(Certificates.localhost) {
                $0.roots = .file(roots)
                $0.address = ("127.0.0.1", 1)
            }
            #expect(error?.code == .tls && error?.description.contains(roots) == true, "\(error?.description ?? "accepted")")
        }
    }

    @Test("The context of one trust configuration is made once")
    func keepsContexts() async throws {
        try await TestTLS.withRoots { roots in
            let (first, second, other) = try (
                TLSContexts.context(for: roots), TLSContexts.context(for: roots), TLSContexts.context(for: .insecure)
            )
            #expect(first === second && first !== other)
        }
    }
}
