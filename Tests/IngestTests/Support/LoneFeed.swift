import ColonyExchanges
import Logging
import NIOCore
import NIOPosix
import RedisClient
import Simulator
import Synchronization

@testable import Coordination
@testable import Ingest

/// A feed on a loop of its own, with a simulated exchange, a Redis that never answers, and nobody above it.
enum LoneFeed {
    /// Hears what the feed tells the control side; `isOpen` tells whether there is a websocket at that moment.
    final class Control: FeedControl {
        enum Told: Equatable {
            case opening
            case closed(whileOpen: Bool)
        }

        let told: AsyncStream<Told>
        private let tell: AsyncStream<Told>.Continuation
        private let isOpen = Mutex<(@Sendable () -> Bool)?>(nil)

        init() { (told, tell) = AsyncStream.makeStream() }

        func watch(_ isOpen: @escaping @Sendable () -> Bool) { self.isOpen.withLock { $0 = isOpen } }

        /// What was told up to the next end of an attempt or websocket.
        func untilClosed() async -> [Told] {
            var events: [Told] = []
            for await event in told {
                events.append(event)
                if case .closed = event { break }
            }
            return events
        }

        func initialise(_ feed: FeedName) {}
        func observe(_ feed: FeedName) {}
        func acquire(_ feed: FeedName, _ acquisition: FeedMachine.Acquisition, connection: Int) {}
        func hold(_ feed: FeedName, _ token: Token, sentAt: LocalTime) {}
        func replaceToken(_ feed: FeedName, _ token: Token) {}
        func socketOpening(_ feed: FeedName) { tell.yield(.opening) }
        func socketClosed(_ feed: FeedName) {
            let look = isOpen.withLock { $0 }
            tell.yield(.closed(whileOpen: look?() ?? false))
        }
        func letGo(_ feed: FeedName) {}
        func offer(_ feed: FeedName, to worker: String) {}
        func saw(_ feed: FeedName, epoch: Int) {}
        func finished(_ feed: FeedName) {}
    }

    static let incarnation = Incarnation(name: "w", random: 1)

    static func lease(until deadline: LocalTime) -> FeedMachine.Lease {
        FeedMachine.Lease(token: Token(incarnation: incarnation, epoch: 5), deadline: deadline)
    }

    /// The feed, whose attempt to reach `url` has just been started under a lease of an hour; `next` comes in the same turn of the loop.
    static func dialing(
        _ exchange: String, _ url: String, _ control: Control, overflow: FeedConfiguration.Overflow = .drop, on loop: any EventLoop,
        then next: @escaping @Sendable (FeedRunner) -> Void = { _ in }
    ) async throws -> NIOLoopBound<FeedRunner> {
        try await loop.submit {
            var logger = Logger(label: "test")
            logger.logLevel = .critical
            var dialect = try Exchanges.dialect(exchange)
            dialect.profile.url = url
            let link = RedisLink(
                endpoint: RedisEndpoint(address: .tcp(host: "127.0.0.1", port: 1)), name: "test", reconnectCap: .seconds(1), on: loop,
                logger: logger)
            var configuration = FeedConfiguration(
                keys: Keys().feed(FeedName(exchange), group: exchange), dialect: dialect, policy: .init())
            configuration.overflow = overflow
            let runner = FeedRunner(
                configuration: configuration, incarnation: incarnation, floor: 0, progress: FeedProgress(), link: link, control: control,
                logger: logger)
            let bound = NIOLoopBound(runner, eventLoop: loop)
            control.watch { bound.value.session.socket != nil || bound.value.session.closing != nil }
            runner.machine.state = .dialing(lease(until: .now() + .seconds(3600)))
            runner.perform(.dial)
            next(runner)
            return bound
        }.get()
    }

    static func withExchange(_ exchange: String, _ body: (ExchangeSimulator, String) async throws -> Void) async throws {
        var simulation = SimulatorConfiguration()
        simulation.exchanges = [exchange]
        simulation.isTLS = false
        let simulator = try await ExchangeSimulator.start(simulation)
        let result: Result<Void, any Error>
        do {
            try await body(simulator, try simulator.url(exchange))
            result = .success(())
        } catch {
            result = .failure(error)
        }
        try await simulator.stop()
        try result.get()
    }
}
