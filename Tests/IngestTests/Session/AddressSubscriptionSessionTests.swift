import ColonyExchanges
import Ingest
import Logging
import Simulator
import Testing

/// Subscriptions in the address, at exchanges that enforce their rules.
@Suite("Subscriptions in the address, at an exchange") struct AddressSubscriptionSessionTests {
    /// Runs a client of one exchange against the simulator until `isDone`.
    private func follow(
        _ exchange: String, _ topics: [Topic], simulation change: (inout SimulatorConfiguration) -> Void = { _ in },
        configuration adjust: (inout DirectConfiguration) -> Void = { _ in },
        until isDone: (DirectClient.Event, ExchangeSimulator) async throws -> Bool,
        then judge: (ExchangeSimulator) throws -> Void
    ) async throws {
        var simulation = SimulatorConfiguration()
        simulation.exchanges = [exchange]
        simulation.isTLS = false
        simulation.market.messagesPerSecond = 50
        change(&simulation)
        let simulator = try await ExchangeSimulator.start(simulation)
        let result: Result<Void, any Error>
        do {
            var dialect = try Exchanges.dialect(exchange)
            dialect.profile.url = try simulator.url(exchange)
            var configuration = DirectConfiguration(dialect: dialect)
            adjust(&configuration)
            var logger = Logger(label: "address")
            logger.logLevel = .critical
            for await event in DirectClient(configuration, topics: topics, logger: logger) where try await isDone(event, simulator) {
                break
            }
            try judge(simulator)
            result = .success(())
        } catch {
            result = .failure(error)
        }
        try await simulator.stop()
        try result.get()
    }

    private func isEnd(_ event: DirectClient.Event) -> String? {
        switch event {
        case .disconnected(let reason, _), .attemptFailed(let reason, _): reason
        case .packet, .connected, .reconnected, .subscription, .notice, .malformed: nil
        }
    }

    /// The exchange would cut a client that says anything at all.
    private static func forbidMessages(_ simulation: inout SimulatorConfiguration) {
        simulation.adjustRules = { _, rules in
            rules.messages = .init(0, per: .seconds(3600))
            rules.countsControlFrames = false
        }
    }

    private static let usual: [(exchange: String, topics: [Topic])] = [
        ("binance", [Topic(channel: "trade", symbol: "BTCUSDT"), Topic(channel: "book", symbol: "ETHUSDT")]),
        ("binance_usdm", [Topic(channel: "trade", symbol: "BTCUSDT"), Topic(channel: "ticker", symbol: "ETHUSDT")]),
        ("binance_coinm", [Topic(channel: "trade", symbol: "BTCUSD_PERP"), Topic(channel: "bbo", symbol: "BTCUSD_PERP")]),
        ("bitmex", [Topic(channel: "trade", symbol: "XBTUSD"), Topic(channel: "book", symbol: "XBTUSD")]),
    ]

    @Test(.timeLimit(.minutes(1)), arguments: usual.map(\.exchange))
    func `packets of everything wanted come without any message from the client`(exchange: String) async throws {
        let topics = Self.usual.first { $0.exchange == exchange }?.topics ?? []
        var packets: [Topic: Int] = [:]
        var ends: [String] = []
        try await follow(
            exchange, topics, simulation: Self.forbidMessages,
            until: { event, _ in
                if case .packet(let packet) = event, let topic = packet.topic { packets[topic, default: 0] += 1 }
                if let end = isEnd(event) { ends.append(end) }
                return !ends.isEmpty || topics.allSatisfy { packets[$0, default: 0] >= 10 }
            },
            then: { simulator in
                #expect(ends == [])
                let subscribed = simulator.truth.recent.filter { $0.kind == .subscribe }
                #expect(
                    subscribed.map { "\($0.text("channel") ?? "") \($0.text("symbol") ?? "")" }.sorted()
                        == topics.map(\.description).sorted())
                #expect(simulator.truth.summary(of: exchange).cuts == 0)
            })
    }

    @Test(.timeLimit(.minutes(1)))
    func `the first two hundred are asked for by the address, the rest by message`() async throws {
        let topics = (100..<350).map { Topic(channel: "trade", symbol: "S\($0)USDT") }
        var missing = Set(topics)
        var ends: [String] = []
        try await follow(
            "binance", topics,
            simulation: {
                $0.market.acceptsAnySymbol = true
                $0.market.messagesPerSecond = 2
            },
            until: { event, _ in
                if case .subscription(let topic, .receiving) = event { missing.remove(topic) }
                if let end = isEnd(event) { ends.append(end) }
                return missing.isEmpty || !ends.isEmpty
            },
            then: { simulator in
                #expect(ends == [] && missing.isEmpty)
                let open = simulator.truth.recent.first { $0.kind == .open }?.text("request") ?? ""
                let named = open.split(separator: "=").last?.split(separator: "/").map(String.init) ?? []
                #expect(named == topics.prefix(200).map { "\($0.symbol.lowercased())@trade" })
                let subscribed = simulator.truth.recent.filter { $0.kind == .subscribe }.compactMap { $0.text("symbol") }
                #expect(subscribed == topics.map(\.symbol))
                // One message asked for the rest, and was answered.
                #expect(simulator.truth.recent.filter { $0.kind == .answer }.count == 1)
            })
    }

    @Test(.timeLimit(.minutes(1)))
    func `an exchange that answers for its address confirms and refuses with words`() async throws {
        let (good, bad) = (Topic(channel: "trade", symbol: "XBTUSD"), Topic(channel: "trade", symbol: "NOPE"))
        var states: [Topic: [String]] = [:]
        try await follow(
            "bitmex", [good, bad], simulation: Self.forbidMessages,
            until: { event, _ in
                if case .subscription(let topic, let state) = event { states[topic, default: []].append(state.description) }
                return isEnd(event) != nil || (states[good]?.last == "receiving" && (states[bad]?.count ?? 0) > 1)
            },
            then: { _ in
                #expect(states[good] == ["pending", "acknowledged", "receiving"])
                #expect(states[bad] == ["pending", "rejected: 400 Unknown or expired symbol."])
            })
    }

    @Test(.timeLimit(.minutes(1)))
    func `an unknown symbol that the address gets no word about is asked for by message, and never receiving`() async throws {
        let (good, bad) = (Topic(channel: "trade", symbol: "BTCUSDT"), Topic(channel: "trade", symbol: "NOPEUSDT"))
        var states: [Topic: [String]] = [:]
        var behind = 0
        try await follow(
            "binance", [good, bad], configuration: { $0.subscriptions.confirmWithin = .milliseconds(300) },
            until: { event, _ in
                if case .subscription(let topic, let state) = event { states[topic, default: []].append(state.description) }
                if case .packet(let packet) = event {
                    #expect(packet.topic == good)
                    if (states[bad]?.count ?? 0) > 1 { behind += 1 }
                }
                return isEnd(event) != nil || behind == 20
            },
            then: { simulator in
                // As Binance answers messages: yes to everything.
                #expect(states[bad] == ["pending", "acknowledged"])
                #expect(states[good] == ["pending", "receiving"])
                #expect(simulator.truth.recent.filter { $0.kind == .answer }.count == 1)
            })
    }

    @Test(.timeLimit(.minutes(1)))
    func `after a lost connection the next address asks for everything again`() async throws {
        let topics = Self.usual[0].topics
        var receiving = 0
        var reconnects = 0
        var ends = 0
        try await follow(
            "binance", topics, simulation: Self.forbidMessages,
            until: { event, simulator in
                switch event {
                case .subscription(_, .receiving):
                    receiving += 1
                    if receiving == 2 { try simulator.inject(.cut(.reset)) }
                case .reconnected: reconnects += 1
                case .disconnected, .attemptFailed: ends += 1
                case .packet, .connected, .subscription, .notice, .malformed: break
                }
                return receiving == 4 || ends > 1
            },
            then: { simulator in
                #expect(receiving == 4 && reconnects == 1 && ends == 1)
                let requests = simulator.truth.recent.filter { $0.kind == .open }.compactMap { $0.text("request") }
                #expect(requests == Array(repeating: "/binance/stream?streams=ethusdt@depth@100ms/btcusdt@trade", count: 2))
            })
    }

    @Test(.timeLimit(.minutes(1)))
    func `where the address shall not be used everything is asked for by message`() async throws {
        let topics = Self.usual[0].topics
        var states: [String] = []
        try await follow(
            "binance", topics, configuration: { $0.dialect.profile.limits.topicsInAddress = 0 },
            until: { event, _ in
                if case .subscription(let topic, let state) = event, topic == topics[0] { states.append(state.description) }
                return isEnd(event) != nil || states.last == "receiving"
            },
            then: { simulator in
                #expect(states == ["pending", "acknowledged", "receiving"])
                #expect(simulator.truth.recent.first { $0.kind == .open }?.text("request") == "/binance/stream")
            })
    }
}
