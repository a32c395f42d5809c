import Coordination
import Testing

@testable import Cluster

/// What a supervisor makes of its worker's lines.
@Suite struct ChildStateTests {
    private func feed(_ packets: Int) -> String {
        #"{"phase":"live","epoch":2,"packets":\#(packets),"packets_per_s":0,"bytes":1,"streams":1,"dropped":0,"malformed":0,"ring_bytes":0,"#
            + #""subscriptions":{},"reason":"no route"}"#
    }

    @Test func `a report counts when it is whole, and replaces the one before`() {
        let child = ChildState()
        child.heard(#"worker {"state":"ready","isRedisUp":true,"held":1}"#)
        child.heard("feed binance \(feed(7))")
        #expect(child.feedReports.isEmpty)
        child.heard("reported")
        #expect(child.report == WorkerSelfReport(state: "ready", isRedisUp: true, held: 1))
        #expect(child.feedReports["binance"]?.packets == 7)
        #expect(child.feedReports["binance"]?.reason == "no route")
        // It has gone elsewhere.
        child.heard("reported")
        #expect(child.feedReports.isEmpty)
    }

    @Test func `names of feeds held and the incarnation are taken from their lines`() {
        let child = ChildState()
        child.started(pid: 7)
        child.heard("incarnation w-1.0123456789abcdef")
        child.heard("feeds binance kraken/2")
        #expect(child.incarnation == Incarnation("w-1.0123456789abcdef"))
        #expect(child.feeds == [FeedName("binance"), FeedName("kraken/2")])
        #expect(child.isUp)
        child.ended()
        #expect(!child.isUp)
    }
}
