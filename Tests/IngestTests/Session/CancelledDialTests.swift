import ColonyExchanges
import Logging
import NIOCore
import NIOPosix
import RedisClient
import Simulator
import Synchronization
import Testing

@testable import Coordination
@testable import Ingest

/// The websocket of an attempt that is given up: from the attempt's start until it is closed the dead-man has to watch it.
@Suite struct CancelledDialTests {
    /// Hears what a feed tells the control side; `isOpen` tells whether there is a websocket at that moment.
    private final class Control: FeedControl {
        enum Told: Equatable {
            case opening
            case closed(whileOpen: Bool)
        }

        let told: AsyncStream<Told>
        private let tell: AsyncStream<Told>.Continuation
        private let isOpen = Mutex<(@Sendable () -> Bool)?>(nil)

        init() { (told, tell) = AsyncStream.makeStream() }

        func watch(_ isOpen: @escaping @Sendable () -> Bool) { self.isOpen.withLock { $0 = isOpen } }

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

    private static let incarnation = Incarnation(name: "w", random: 1)

    private static func lease(until deadline: LocalTime) -> FeedMachine.Lease {
        FeedMachine.Lease(token: Token(incarnation: incarnation, epoch: 5), deadline: deadline)
    }

    /// A feed on its loop, whose attempt to reach `url` has just been started under a lease of an hour.
    private func dialling(_ url: String, _ control: Control, on loop: any EventLoop, then next: @escaping @Sendable (FeedRunner) -> Void)
        async throws -> NIOLoopBound<FeedRunner>
    {
        try await loop.submit {
            var logger = Logger(label: "test")
            logger.logLevel = .critical
            var dialect = try Exchanges.dialect("binance")
            dialect.profile.url = url
            let link = RedisLink(
                endpoint: RedisEndpoint(address: .tcp(host: "127.0.0.1", port: 1)), name: "test", reconnectCap: .seconds(1), on: loop,
                logger: logger)
            let runner = FeedRunner(
                configuration: FeedConfiguration(
                    keys: Keys().feed(FeedName("binance"), group: "binance"), dialect: dialect, policy: .init()),
                incarnation: Self.incarnation, floor: 0, progress: FeedProgress(), link: link, control: control, logger: logger)
            let bound = NIOLoopBound(runner, eventLoop: loop)
            control.watch { bound.value.session.socket != nil || bound.value.session.closing != nil }
            runner.machine.state = .dialing(Self.lease(until: .now() + .seconds(3600)))
            runner.perform(.dial)
            next(runner)
            return bound
        }.get()
    }

    private func withExchange(_ body: (String) async throws -> Void) async throws {
        var simulation = SimulatorConfiguration()
        simulation.exchanges = ["binance"]
        simulation.isTLS = false
        let simulator = try await ExchangeSimulator.start(simulation)
        let result: Result<Void, any Error>
        do {
            try await body(try simulator.url("binance"))
            result = .success(())
        } catch {
            result = .failure(error)
        }
        try await simulator.stop()
        try result.get()
    }

    @Test(.timeLimit(.minutes(1)))
    func `a websocket that opens in the turn its deadline passes is watched until it is closed`() async throws {
        try await withExchange { url in
            let control = Control()
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            // The deadline passes unseen while the attempt is under way: the websocket's opening is what shows it.
            let runner = try await dialling(url, control, on: loop) { $0.machine.state = .dialing(Self.lease(until: .now())) }
            var told: [Control.Told] = []
            for await event in control.told {
                told.append(event)
                if case .closed = event { break }
            }
            #expect(told == [.opening, .closed(whileOpen: false)])
            let phase = try await loop.submit { runner.value.machine.phase }.get()
            #expect(phase == .idle, "it has no place for this feed any more")
            let connections = try await loop.submit { runner.value.connections }.get()
            #expect(connections == 1, "it did open")
            try await loop.submit { runner.value.session.shutDown() }.get()
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `an attempt that is cancelled in the turn it was started is told closed at once, and never opens`() async throws {
        try await withExchange { url in
            let control = Control()
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            let runner = try await dialling(url, control, on: loop) { $0.handle(.stop(reason: "drain", preferred: nil)) }
            var told: [Control.Told] = []
            for await event in control.told {
                told.append(event)
                if case .closed = event { break }
            }
            #expect(told == [.opening, .closed(whileOpen: false)])
            let state = try await loop.submit {
                (runner.value.session.attempt == nil, runner.value.session.socket == nil, runner.value.machine.phase)
            }.get()
            #expect(state == (true, true, .drain))
            try await loop.submit { runner.value.session.shutDown() }.get()
        }
    }
}
