import ColonyExchanges
import Coordination
import Ingest
import Logging
import NIOCore
import NIOPosix
import Simulator
import Synchronization
import Testing

/// A connection that looks open and is not worth anything: noticed by the real client at a simulated exchange that fails in each way, and the
/// reason says which sign of life was missing.
@Suite("Silent sockets") struct SilenceTests {
    /// What a client tells of itself, to be awaited.
    private final class Listener: DirectFeedDelegate, Sendable {
        let events: AsyncStream<DirectFeed.Event>
        private let continuation: AsyncStream<DirectFeed.Event>.Continuation
        private let packets = AsyncStream<Topic>.makeStream(bufferingPolicy: .bufferingNewest(1))

        init() { (events, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(10_000)) }

        func directFeed(received payload: UnsafeRawBufferPointer, of topic: Topic?, wallNanoseconds: Int64) {
            if let topic { packets.continuation.yield(topic) }
        }

        func directFeed(happened event: DirectFeed.Event) { continuation.yield(event) }

        /// The reason why the next connection ends.
        func reason() async -> String? {
            for await event in events {
                if case .disconnected(let reason, _) = event { return reason }
            }
            return nil
        }

        func receive(_ count: Int) async {
            var left = count
            for await _ in packets.stream {
                left -= 1
                if left == 0 { return }
            }
        }
    }

    private static let loop = MultiThreadedEventLoopGroup.singleton.next()

    /// Runs `body` beside a client of `exchange` whose clock of heartbeats runs `factor` times as long.
    private func withClient(
        of exchange: String, factor: Double = 1, firstDataWithin: Duration = .seconds(60), subscriptions: SubscriptionSettings? = nil,
        isMute: Bool = false,
        _ body: (ExchangeSimulator, Listener) async throws -> Void
    ) async throws {
        var simulation = SimulatorConfiguration()
        simulation.exchanges = [exchange]
        simulation.isTLS = false
        simulation.heartbeatFactor = factor
        simulation.market.messagesPerSecond = 50
        let simulator = try await ExchangeSimulator.start(simulation)
        var dialect = try Exchanges.dialect(exchange)
        dialect.profile.url = try simulator.url(exchange)
        let topic = try dialect.canonical(Topic(channel: "trade", symbol: dialect.profile.exampleSymbol))
        var configuration = DirectConfiguration(dialect: isMute ? MutePing(base: dialect) : dialect)
        configuration.heartbeatFactor = factor
        configuration.tick = .milliseconds(20)
        configuration.firstDataWithin = firstDataWithin
        if let subscriptions { configuration.subscriptions = subscriptions }
        let listener = Listener()
        let box = NIOLoopBoundBox.makeEmptyBox(valueType: DirectFeed.self, eventLoop: Self.loop)
        try await Self.loop.submit { [configuration] in
            var logger = Logger(label: "silence")
            logger.logLevel = .critical
            let feed = DirectFeed(configuration, on: Self.loop, delegate: listener, logger: logger)
            box.value = feed
            feed.desire([topic], version: 1)
            feed.start()
        }.get()
        let result: Result<Void, any Error>
        do {
            try await body(simulator, listener)
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await withCheckedContinuation { continuation in
            Self.loop.execute { box.value?.stop { continuation.resume() } }
        }
        try await simulator.stop()
        try result.get()
    }

    @Test(.timeLimit(.minutes(2)), arguments: ["huobi_swap", "binance", "kraken"])
    func `a line that has gone dead without FIN is noticed by the lack of any frame, heartbeats included`(exchange: String) async throws {
        try await withClient(of: exchange, factor: 0.04) { simulator, client in
            await client.receive(5)
            try simulator.inject(.halfOpen)
            #expect(await client.reason()?.hasPrefix("no frame for ") == true)
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `an exchange that leaves heartbeats unanswered is dead though data come`() async throws {
        // Data go on: only the answer is missing.
        try await withClient(of: "deribit", isMute: true) { _, client in
            #expect(await client.reason()?.hasPrefix("heartbeat not answered for ") == true)
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `acknowledgements without data are told apart from no acknowledgement at all`() async throws {
        for (exchange, expected) in [("binance", "though 1 subscriptions were acknowledged"), ("coincheck", "no acknowledgement")] {
            try await withClient(of: exchange, firstDataWithin: .milliseconds(800)) { simulator, client in
                try simulator.inject(.withoutData)
                let reasons = [await client.reason(), await client.reason()].compactMap(\.self)
                #expect(reasons.contains { $0.hasPrefix("no data within ") && $0.contains(expected) }, "\(exchange): \(reasons)")
            }
        }
    }

    @Test(.timeLimit(.minutes(2)), arguments: ["binance", "coincheck"])
    func `data that stop while heartbeats go on are noticed in the stream's own rhythm`(exchange: String) async throws {
        let settings = SubscriptionSettings(staleFloor: .milliseconds(600), staleFactor: 4)
        try await withClient(of: exchange, factor: 0.05, subscriptions: settings) { simulator, client in
            // Long enough for the stream to have a rhythm.
            await client.receive(150)
            try simulator.inject(.withoutData)
            let reason = await client.reason()
            let isRight = reason?.hasPrefix("no data for ") == true && reason?.contains("only heartbeats and answers") == true
            #expect(isRight || reason?.hasPrefix("no frame for ") == true && exchange == "coincheck", "\(reason ?? "none")")
        }
    }
}

/// Deribit's dialect with a heartbeat of its own that the exchange does not know and does not answer.
private struct MutePing: Dialect {
    let base: any Dialect
    var profile: ExchangeProfile

    init(base: any Dialect) {
        self.base = base
        profile = base.profile
        profile.heartbeat.interval = .milliseconds(100)
        profile.heartbeat.replyWithin = .milliseconds(400)
    }

    func canonical(_ topic: Topic) throws(DialectError) -> Topic { try base.canonical(topic) }
    func connection(topics: [Topic], random: UInt64) -> ConnectionPlan { base.connection(topics: topics, random: random) }
    func subscribe(_ topics: [Topic], firstID: Int) -> [Request] { base.subscribe(topics, firstID: firstID) }
    func unsubscribe(_ topics: [Topic], remaining: [Topic], firstID: Int) -> [Request] { [] }
    func ping(_ style: HeartbeatStyle, _ context: PingContext) -> OutgoingMessage? { .pong([]) }
    func makeReader() -> any DialectReader { base.makeReader() }
}
