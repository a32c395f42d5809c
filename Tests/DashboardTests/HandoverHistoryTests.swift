import Cluster
import Dashboard
import Testing

@Suite struct HandoverHistoryTests {
    private func event(_ at: Int64, _ event: String, _ feed: String = "binance", worker: String = "a.1", reason: String = "")
        -> ClusterEvent
    {
        ClusterEvent(id: "\(at)-0", event: event, feed: feed, worker: worker, epoch: "1", reason: reason, admitted: "", at: at)
    }

    @Test func `a crash, the takeover and the next websocket make one record`() {
        let records = HandoverHistory.records(
            [
                event(100, "connected"), event(200, "crashed", reason: "process ended"), event(200, "released"),
                event(230, "acquired", worker: "b.2"), event(250, "connecting", worker: "b.2"), event(300, "reconnected", worker: "b.2"),
            ], limit: 10)
        #expect(
            records == [
                HandoverRecord(
                    feed: "binance", from: "a.1", to: "b.2", reason: "process ended", isCrash: true, downAt: 200, takenAt: 230,
                    connectingAt: 250, upAt: 300)
            ])
    }

    @Test func `the order in which events are given does not matter, and feeds are kept apart`() {
        let events = [
            event(300, "reconnected"), event(200, "disconnected"), event(260, "disconnected", "kraken"), event(250, "connecting"),
        ]
        let records = HandoverHistory.records(events, limit: 10)
        #expect(records.map(\.feed) == ["kraken", "binance"])
        #expect(records.map(\.upAt) == [nil, 300])
        #expect(records.map(\.connectingAt) == [nil, 250])
    }

    @Test func `a crash before the next websocket belongs to the time without one`() {
        let events = [event(200, "disconnected"), event(210, "crashed", worker: "b.2"), event(300, "reconnected", worker: "c.3")]
        let records = HandoverHistory.records(events, limit: 10)
        #expect(records.count == 1)
        #expect(records.first?.downAt == 200)
        #expect(records.first?.isCrash == false)
    }

    @Test func `only the newest are kept`() {
        let events = (0..<30).flatMap { [event(Int64($0 * 100), "disconnected"), event(Int64($0 * 100 + 50), "reconnected")] }
        #expect(HandoverHistory.records(events, limit: 5).map(\.downAt) == [2900, 2800, 2700, 2600, 2500])
    }
}
