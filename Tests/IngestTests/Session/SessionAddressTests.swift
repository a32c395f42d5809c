import ColonyExchanges
import Ingest
import Logging
import Simulator
import TestSupport
import Testing
import WebSocketClient

/// Addresses that an exchange hands out by REST.
@Suite("Addresses by REST") struct SessionAddressTests {
    private func follow(_ configuration: DirectConfiguration, until isDone: (DirectClient.Event) async throws -> Bool) async throws {
        var logger = Logger(label: "address")
        logger.logLevel = .critical
        let topic = try configuration.dialect.canonical(Topic(channel: "trade", symbol: configuration.dialect.profile.exampleSymbol))
        for await event in DirectClient(configuration, topics: [topic], logger: logger) where try await isDone(event) { break }
    }

    private func withKuCoin(_ body: (ExchangeSimulator, DirectConfiguration) async throws -> Void) async throws {
        var simulation = SimulatorConfiguration()
        simulation.exchanges = ["kucoin"]
        simulation.isTLS = false
        simulation.market.messagesPerSecond = 50
        let simulator = try await ExchangeSimulator.start(simulation)
        let result: Result<Void, any Error>
        do {
            var dialect = try Exchanges.dialect("kucoin")
            dialect.profile.url = try simulator.url("kucoin")
            try await body(simulator, DirectConfiguration(dialect: dialect))
            result = .success(())
        } catch {
            result = .failure(error)
        }
        try await simulator.stop()
        try result.get()
    }

    @Test(.timeLimit(.minutes(1)))
    func `the call for the address goes through the proxy of the websocket`() async throws {
        try await withKuCoin { simulator, configuration in
            try await RelayProxy.run { proxy in
                var configuration = configuration
                configuration.webSocket.proxy = .http(host: "127.0.0.1", port: proxy.port, login: nil, tls: false)
                var packets = 0
                var ends: [String] = []
                try await follow(configuration) { event in
                    switch event {
                    case .packet: packets += 1
                    case .disconnected(let reason, _), .attemptFailed(let reason, _): ends.append(reason)
                    case .connected, .reconnected, .subscription, .notice, .malformed: break
                    }
                    return packets == 10 || !ends.isEmpty
                }
                #expect(ends == [])
                // One for the token, one for the websocket.
                #expect(proxy.targets.count == 2 && Set(proxy.targets).count == 1, "\(proxy.targets)")
                #expect(simulator.truth.summary(of: "kucoin").socketsOpened == 1)
            }
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `an exchange whose REST service is down is tried again, and the reason names the call`() async throws {
        try await withKuCoin { _, configuration in
            var configuration = configuration
            configuration.dialect.profile.url += "/elsewhere"
            configuration.backoff = DirectBackoff(first: .milliseconds(1), cap: .milliseconds(1))
            var reasons: [String] = []
            try await follow(configuration) { event in
                if case .attemptFailed(let reason, _) = event { reasons.append(reason) }
                return reasons.count == 3
            }
            #expect(reasons.allSatisfy { $0.contains("refused the POST request: 404") }, "\(reasons)")
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a client may wait for the REST service before it subscribes`() async throws {
        try await withKuCoin { simulator, configuration in
            try await RelayProxy.run { proxy in
                var configuration = configuration
                configuration.webSocket.proxy = .http(host: "127.0.0.1", port: proxy.port, login: nil, tls: false)
                // Answered with 404 for ever: never up.
                let base = try #require(configuration.dialect.profile.url.firstRange(of: "/kucoin"))
                configuration.readyURL = configuration.dialect.profile.url[..<base.lowerBound] + "/nothing-here"
                try await follow(configuration) { event in
                    guard case .connected = event else { return false }
                    // Behind the token and the websocket.
                    try await eventually("the REST service was asked") { proxy.targets.count == 3 ? true : nil }
                    return true
                }
                #expect(simulator.truth.recent.allSatisfy { $0.kind != .subscribe })
                configuration.readyURL = nil
                try await follow(configuration) { event in
                    if case .subscription(_, .receiving) = event { true } else { false }
                }
                #expect(simulator.truth.recent.contains { $0.kind == .subscribe })
                #expect(proxy.targets.count == 5)
            }
        }
    }
}
