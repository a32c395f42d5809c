import NIOCore
import NIOPosix
import Testing

@testable import Coordination
@testable import Ingest

/// The websocket of an attempt that is given up: from the attempt's start until it is closed the dead-man has to watch it.
@Suite struct CancelledDialTests {
    @Test(.timeLimit(.minutes(1)))
    func `a websocket that opens in the turn its deadline passes is watched until it is closed`() async throws {
        try await LoneFeed.withExchange("binance") { _, url in
            let control = LoneFeed.Control()
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            // The deadline passes unseen while the attempt is under way: the websocket's opening is what shows it.
            let runner = try await LoneFeed.dialing("binance", url, control, on: loop) {
                $0.machine.state = .dialing(LoneFeed.lease(until: .now()))
            }
            let told = await control.untilClosed()
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
        try await LoneFeed.withExchange("binance") { _, url in
            let control = LoneFeed.Control()
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            let runner = try await LoneFeed.dialing("binance", url, control, on: loop) { $0.handle(.stop(reason: "drain", preferred: nil)) }
            let told = await control.untilClosed()
            #expect(told == [.opening, .closed(whileOpen: false)])
            let state = try await loop.submit {
                (runner.value.session.attempt == nil, runner.value.session.socket == nil, runner.value.machine.phase)
            }.get()
            #expect(state == (true, true, .drain))
            try await loop.submit { runner.value.session.shutDown() }.get()
        }
    }
}
