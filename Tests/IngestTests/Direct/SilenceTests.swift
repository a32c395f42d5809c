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
        silence: Duration? = nil, fault: Fault? = nil,
        _ body: (ExchangeSimulator, Listener) async throws -> Void
    ) async throws {
        var simulation = SimulatorConfiguration()
        simulation.exchanges = [exchange]
        simulation.isTLS = false
        simulation.heartbeatFactor = factor
        simulation.market.messagesPerSecond = 50
        if let fault { simulation.faults = [(exchange, fault)] }
        let simulator = try await ExchangeSimulator.start(simulation)
        var dialect = try Exchanges.dialect(exchange)
        dialect.profile.url = try simulator.url(exchange)
        let topic = try dialect.canonical(Topic(channel: "trade", symbol: dialect.profile.exampleSymbol))
        if let silence { dialect.profile.heartbeat.silence = silence }
        var configuration = DirectConfiguration(dialect: dialect)
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

    @Test(.timeLimit(.minutes(2)), arguments: ["huobi_swap", "binance"])
    func `a line that has gone dead without FIN is noticed by the lack of any frame, heartbeats included`(exchange: String) async throws {
        try await withClient(of: exchange, factor: 0.04) { simulator, client in
            await client.receive(5)
            try simulator.inject(.halfOpen)
            #expect(await client.reason()?.hasPrefix("no frame for ") == true)
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `a heartbeat that is not answered is noticed long before the silence would be`() async throws {
        try await withClient(of: "okx", factor: 0.05, silence: .seconds(36_000)) { simulator, client in
            await client.receive(5)
            try simulator.inject(.mute)
            #expect(await client.reason()?.hasPrefix("heartbeat not answered for ") == true)
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `acknowledgements without data are told apart from no acknowledgement at all`() async throws {
        for (exchange, expected) in [("okx", "though 1 subscriptions were acknowledged"), ("coincheck", "no acknowledgement")] {
            try await withClient(of: exchange, firstDataWithin: .milliseconds(800), fault: .withoutData) { _, client in
                let reason = await client.reason() ?? ""
                #expect(reason.hasPrefix("no data within ") && reason.contains(expected), "\(exchange): \(reason)")
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
            #expect(reason?.hasPrefix("no data for ") == true, "\(reason ?? "none")")
            #expect(reason?.contains("only heartbeats and answers") == true)
        }
    }
}
