import ColonyExchanges
import Ingest
import Logging
import Simulator
import Testing

/// Definitions of exchanges from both sides: the dialect that a worker runs, and the exchange that the simulator makes of the same fields.
@Suite("Defined exchanges") struct DefinedExchangeTests {
    private static let definitions: [(name: String, fields: [String: String], topic: Topic)] = [
        (
            "channel and symbol at paths of their own",
            [
                "subscribe": #"{"op":"sub","ch":"{channel}.{symbol}"}"#, "channel_at": "ch", "symbol_at": "data.s",
                "heartbeat.send": #"{"op":"ping"}"#, "heartbeat.expect": "pong",
            ], Topic(channel: "trades", symbol: "BTC-USD")
        ),
        (
            "one value that joins them, acknowledged by id, packed",
            [
                "subscribe": #"{"id":{id},"method":"SUBSCRIBE","params":["{symbol}@{channel}"]}"#, "channel_at": "stream",
                "ack_at": "result", "error_at": "error.message", "compression": "gzip", "symbol": "btcusd",
            ], Topic(channel: "trade", symbol: "btcusd")
        ),
        (
            "words for channels, a value in a list, a server that asks",
            [
                "subscribe": #"{"sub":"{channel}","pair":"{symbol}"}"#, "channels.trade": "executions", "channel_at": "c",
                "symbol_at": "rows[0].pair", "heartbeat.ask": #"{"are_you":"there"}"#, "heartbeat.answer": #"{"i_am":"here"}"#,
                "heartbeat.style": "none", "ack_at": "ok", "ack_value": "yes",
            ], Topic(channel: "trade", symbol: "BTC-USD")
        ),
        (
            "sent unasked behind a greeting",
            ["ignore": "hello", "greeting": "true", "heartbeat.every": "5s"], Topic(channel: "all", symbol: Topic.allSymbols)
        ),
    ]

    private func follow(
        _ fields: [String: String], _ topics: [Topic], _ body: (DirectClient.Event) throws -> Bool
    ) async throws {
        let definition = try DialectDefinition(id: "mygateway", fields: fields.merging(["url": "ws://127.0.0.1/feed?v=1"]) { $1 })
        var simulation = SimulatorConfiguration()
        simulation.defined = [definition]
        simulation.isTLS = false
        simulation.heartbeatFactor = 0.3
        simulation.market.messagesPerSecond = 50
        let simulator = try await ExchangeSimulator.start(simulation)
        #expect(simulator.exchanges == ["mygateway"])
        var dialect: any Dialect = try DefinedDialect(definition)
        dialect.profile.url = try simulator.url("mygateway")
        var configuration = DirectConfiguration(dialect: dialect)
        configuration.heartbeatFactor = 0.3
        configuration.tick = .milliseconds(50)
        var logger = Logger(label: "defined")
        logger.logLevel = .critical
        for await event in DirectClient(configuration, topics: topics, logger: logger) where try body(event) { break }
        try await simulator.stop()
    }

    @Test("what one side asks the other understands, and heartbeats keep the connection", .timeLimit(.minutes(2)), arguments: 0..<4)
    func bothSides(index: Int) async throws {
        let (name, fields, topic) = Self.definitions[index]
        var received = 0
        var ends: [String] = []
        var state: SubscriptionState?
        try await follow(fields, [topic]) { event in
            switch event {
            case .packet(let packet):
                // Sent unasked, it names nothing.
                if packet.topic == topic || topic.symbol == Topic.allSymbols { received += 1 }
            case .disconnected(let reason, _), .attemptFailed(let reason, _): ends.append(reason)
            case .subscription(_, let new): state = new
            case .connected, .reconnected, .notice, .malformed: break
            }
            return received == 600 || !ends.isEmpty
        }
        #expect(received == 600, "\(name)")
        // Also where packets name no stream.
        #expect(state == .receiving, "\(name)")
        #expect(ends == [], "\(name)")
    }

    @Test("an unknown symbol is refused with words where the definition says where they stand", .timeLimit(.minutes(1)))
    func refusal() async throws {
        var words = ""
        try await follow(Self.definitions[1].fields, [Topic(channel: "trade", symbol: "nope")]) { event in
            guard case .subscription(_, .rejected(let text)) = event else { return false }
            words = text
            return true
        }
        #expect(words == "unknown symbol nope")
    }
}
