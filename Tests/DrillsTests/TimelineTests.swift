import Testing

@testable import Drills
@testable import History

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
            {"t":"open","boot":100000000,"wall":1,"exchange":"binance","socket":7,"request":"/h/ws?x=1","peer":"[IPv4]10.0.0.1/10.0.0.1:70"}
            {"t":"packet","boot":120000000,"wall":1,"exchange":"binance","socket":7,"n":1}
            {"t":"packet","boot":130000000,"wall":1,"exchange":"binance","socket":7,"n":2}
            {"t":"close","boot":900000000,"wall":1,"exchange":"binance","socket":7,"cause":"client"}
            {"t":"open","boot":800000000,"wall":1,"exchange":"binance","socket":8,"request":"/h/feed","peer":"10.0.0.1:80"}
            {"t":"open","boot":950000000,"wall":1,"exchange":"binance","socket":9,"request":"/h/feed","peer":"10.0.0.1:90"}

            """, to: "recording/truth.jsonl")
        var owners = SocketFeeds()
        owners.add(local: "10.0.0.1:70", feed: "binance", boot: 90_000_000)
        owners.add(local: "10.0.0.1:80", feed: "binance/feed", boot: 810_000_000)
        // The same port long after, of another feed.
        owners.add(local: "10.0.0.1:80", feed: "binance", boot: 9_000_000_000)
        var timeline = timeline([event(1, "acquired")])
        try timeline.read(truth: directory.truth, owners: owners)
        let first = Timeline.Socket(
            number: 7, open: 100_000_000, close: 900_000_000, firstPacket: 120_000_000, lastPacket: 130_000_000)
        #expect(timeline.sockets["binance"] == [first])
        // No journal tells of the last one, whose worker may have been killed: its address does.
        #expect(timeline.sockets["binance/feed"]?.map(\.number) == [8, 9])
        #expect(timeline.packets["binance"] == [0, 0, 2])
        #expect(timeline.packets["binance/feed"] == nil)
        let times = try timeline.packetTimes(truth: directory.truth, from: 125_000_000, to: 200_000_000)
        #expect(times == ["binance": [130_000_000]])
    }

    @Test func `a failover is told step by step, from the fault to the first packet`() {
        var timeline = timeline([
            event(1000, "acquired"), event(4009, "crashed"), event(4009, "released"), event(4014, "acquired", worker: "b.1"),
            event(4016, "connecting", worker: "b.1"), event(4029, "reconnected", worker: "b.1"),
        ])
        timeline.sockets["binance"] = [
            .init(number: 1, open: 1_000_000_000, close: 4_002_000_000, firstPacket: 1_100_000_000, lastPacket: 3_990_000_000),
            .init(number: 2, open: 4_028_000_000, firstPacket: 4_055_000_000, lastPacket: 9_000_000_000),
        ]
        let failover = Failover(feed: "binance", fault: 4_000_000_000, until: 10_000_000_000, timeline: timeline)
        #expect(failover.from == "a")
        #expect(failover.steps.map(\.label) == ["lease free", "b has the lease", "websocket open", "first packet"])
        #expect(failover.steps.map { ($0.boot - failover.fault) / 1_000_000 } == [9, 14, 28, 55])
        #expect(failover.withoutPackets == 55_000_000)
        let calm = Failover(feed: "binance", fault: 5_000_000_000, until: 10_000_000_000, timeline: timeline)
        #expect(calm.isUnbroken)
        #expect(calm.from == "b")
    }

    @Test func `numbers that would cover each other are pushed apart in their order`() {
        #expect(StoryChart.apart([10, 12, 13, 90], by: 18) == [10, 28, 46, 90])
    }

    @Test func `the table's numbers end where their headings end`() {
        var kind = HistoryVerdict.FaultKind(
            kind: "kill", faults: 3, leaseGap: .init([9, 14, 12_345]), websocketGap: .init([]), packetGap: .init([26]))
        let lines = DrillReport.table([kind]).split(separator: "\n")
        #expect(Set(lines.map(\.count)).count == 1 || lines[0].count < lines[1].count)
        #expect(lines[1].count == lines[2].count)
        kind.kind = "a-very-long-kind-of-fault"
        #expect(Set(DrillReport.table([kind]).split(separator: "\n").dropFirst().map(\.count)).count == 1)
    }

    @Test func `the chart draws faults, holders and a second websocket, and escapes what it shows`() {
        var timeline = timeline([event(1000, "acquired", worker: "a<b>.1")])
        timeline.sockets = ["binance": [.init(number: 1, open: 0, close: 5_000_000_000), .init(number: 2, open: 4_000_000_000)]]
        var fault = DrillStory.Fault(
            run: 1, kind: "kill", boot: 2_000_000_000, healedBoot: nil, wall: 2000, worker: "a.1", feeds: [], detail: "")
        fault.healedBoot = 3_000_000_000
        let svg = TimelineChart(
            timeline: timeline, colours: HolderColours(timeline), faults: [fault], lanes: ["binance"], from: 0, to: 10_000_000_000, zero: 0
        ).svg
        #expect(svg.contains(">kill</text>"))
        #expect(svg.contains("two websockets open"))
        #expect(svg.contains("a&lt;b&gt;"))
        #expect(!svg.contains("<b>"))
    }
}
