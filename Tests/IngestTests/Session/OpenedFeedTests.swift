import ColonyExchanges
import NIOCore
import NIOPosix
import Simulator
import Testing

@testable import Coordination
@testable import Ingest

/// What a feed does on a websocket that is open while Redis does not answer.
@Suite struct OpenedFeedTests {
    @Test(.timeLimit(.minutes(1)))
    func `what is wanted is asked of the exchange when the websocket opens, not when Redis has given the epoch`() async throws {
        try await LoneFeed.withExchange("kraken") { exchange, url in
            let control = LoneFeed.Control()
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            let runner = try await LoneFeed.dialing("kraken", url, control, on: loop) {
                $0.desire([Topic(channel: "trade", symbol: "BTC/USD")], version: 1)
            }
            let asked = try await exchange.truth.first { $0.kind == .subscribe }
            #expect(asked.exchange == "kraken")
            let phase = try await loop.submit { runner.value.machine.phase }.get()
            #expect(phase == .begin, "Redis has not answered")
            try await loop.submit { runner.value.session.shutDown() }.get()
        }
    }

    /// A feed whose websocket is open and published, and whose buffer has just overflowed; whether it is closed then.
    private func overflowed(_ overflow: FeedConfiguration.Overflow) async throws -> (isClosed: Bool, phase: FeedMachine.Phase) {
        var outcome = (isClosed: false, phase: FeedMachine.Phase.idle)
        try await LoneFeed.withExchange("kraken") { exchange, url in
            let control = LoneFeed.Control()
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            let runner = try await LoneFeed.dialing("kraken", url, control, overflow: overflow, on: loop) {
                $0.desire([Topic(channel: "trade", symbol: "BTC/USD")], version: 1)
            }
            // Open, since it has subscribed.
            _ = try await exchange.truth.first { $0.kind == .subscribe }
            outcome = try await loop.submit {
                let runner = runner.value
                runner.machine.state = .live(LoneFeed.lease(until: .now() + .seconds(3600)))
                runner.publishOverflowed()
                return (runner.session.socket == nil, runner.machine.phase)
            }.get()
            if outcome.isClosed { _ = await control.untilClosed() }
            try await loop.submit { runner.value.session.shutDown() }.get()
        }
        return outcome
    }

    @Test(.timeLimit(.minutes(1)))
    func `an order book's websocket is closed when its buffer overflows, if that is wanted`() async throws {
        let closing = try await overflowed(.close)
        #expect(closing == (true, .ending))
        let dropping = try await overflowed(.drop)
        #expect(dropping == (false, .live))
    }
}
