import Testing

@testable import Drills

@Suite struct TimelineTests {
    /// Wall milliseconds times a million are boot nanoseconds here.
    private func timeline(_ events: [ClusterEvent], to: Int64 = 10_000_000_000) -> Timeline {
        Timeline(events: events, bootOfWall: 0, from: 0, to: to)
    }

    private func event(_ at: Int64, _ event: String, worker: String = "a.1", admitted: Bool? = nil) -> ClusterEvent {
        ClusterEvent(at: at, event: event, feed: "binance", worker: worker, epoch: 1, reason: "why", isAdmitted: admitted)
    }

    @Test func `a lane shows who held the lease from when to when`() {
        let timeline = timeline([event(1000, "acquired"), event(4000, "released"), event(4200, "acquired", worker: "b.1")])
        let held = (timeline.spans["binance"] ?? []).filter { $0.kind == .held }
        #expect(held.map(\.worker) == ["a.1", "b.1"])
        #expect(held.map(\.from) == [1_000_000_000, 4_200_000_000])
        #expect(held.map(\.to) == [4_000_000_000, 10_000_000_000])
    }

    @Test func `a disconnect that is not admitted cools until it is, then is due until it connects`() {
        let timeline = timeline([
            event(1000, "disconnected", admitted: false), event(3000, "admitted", admitted: true), event(3500, "connecting"),
            event(3600, "reconnected"),
        ])
        let spans = timeline.spans["binance"] ?? []
        #expect(spans.map(\.kind) == [.cooling, .due, .connecting])
        #expect(spans.map(\.from) == [1_000_000_000, 3_000_000_000, 3_500_000_000])
        #expect(spans.last?.to == 3_600_000_000)
        #expect(timeline.marks["binance"]?.map(\.text) == ["disconnected: why"])
    }

    @Test func `sockets and packets are read from the exchanges' record`() throws {
        let directory = try DrillDirectory(keep: nil)
        defer { directory.remove() }
        try directory.write(
            """
            {"t":"start","boot":1,"wall":1,"seed":1}
            {"t":"open","boot":100000000,"wall":1,"exchange":"binance","socket":7,"peer":"x"}
            {"t":"packet","boot":120000000,"wall":1,"exchange":"binance","socket":7,"n":1}
            {"t":"packet","boot":130000000,"wall":1,"exchange":"binance","socket":7,"n":2}
            {"t":"close","boot":900000000,"wall":1,"exchange":"binance","socket":7,"cause":"client"}
            {"t":"open","boot":800000000,"wall":1,"exchange":"binance","socket":8,"peer":"x"}

            """, to: "recording/truth.jsonl")
        var timeline = timeline([])
        try timeline.read(truth: directory.truth)
        #expect(
            timeline.sockets["binance"] == [
                Timeline.Socket(number: 7, open: 100_000_000, close: 900_000_000), Timeline.Socket(number: 8, open: 800_000_000),
            ])
        #expect(timeline.packets["binance"] == [0, 0, 2])
    }

    @Test func `the chart draws faults, holders and a second websocket, and escapes what it shows`() {
        var timeline = timeline([event(1000, "acquired", worker: "a<b>.1")])
        timeline.sockets = ["binance": [.init(number: 1, open: 0, close: 5_000_000_000), .init(number: 2, open: 4_000_000_000)]]
        var fault = DrillStory.Fault(
            run: 1, kind: "kill", boot: 2_000_000_000, healedBoot: nil, wall: 2000, worker: "a.1", feeds: [], detail: "")
        fault.healedBoot = 3_000_000_000
        let svg = TimelineChart(
            timeline: timeline, faults: [fault], lanes: ["binance"], from: 0, to: 10_000_000_000, zero: 0, laneHeight: 60
        ).svg
        #expect(svg.contains(">kill</text>"))
        #expect(svg.contains("two websockets open"))
        #expect(svg.contains("a&lt;b&gt;"))
        #expect(!svg.contains("<b>"))
    }
}
