import Coordination
import Testing

/// What a server that comes up with older data may not lead a watcher to do, and what a disconnect that is executed late does to a live feed.
@Suite struct OlderDataTests {
    typealias Bench = FeedBench

    /// Met at 1000 by this worker; not the process of the record's last acquire.
    private static let fresh = FeedMachine.Server(runID: "run2", since: at(1000))

    @Test func `a free record of another server process is claimed only when that process has been known for T`() {
        var bench = FeedStage.watching.reached()
        let record = Bench.record(.free, server: "run1")
        bench.expect(.observed(record, connection: 3, server: Self.fresh), at: 1100, "held back", .watch)
        bench.expect(.woken, at: 1200, "observe", .watch)
        bench.expect(.observed(record, connection: 3, server: Self.fresh), at: 1201, "", .watch)
        bench.expect(.observed(record, connection: 3, server: Self.fresh), at: 6999, "", .watch)
        #expect(bench.machine.wakeAt == at(7000))
        bench.expect(.timer, at: 7000, "observe", .watch)
        bench.expect(.observed(record, connection: 3, server: Self.fresh), at: 7000, "acquire free 4 on 3", .claim)
    }

    @Test func `a holder that restores its record meanwhile keeps the feed`() {
        var bench = FeedStage.watching.reached()
        bench.expect(.observed(Bench.record(.free, server: "run1"), connection: 3, server: Self.fresh), at: 1100, "held back", .watch)
        let restored = Bench.record(.held, holder: Bench.other, epoch: 200, server: "run2")
        bench.expect(.observed(restored, connection: 3, server: Self.fresh), at: 2000, "", .watch)
        bench.expect(.observed(restored, connection: 3, server: Self.fresh), at: 7000, "", .watch)
    }

    @Test func `a free record of the same server process is claimed at once`() {
        var bench = FeedStage.watching.reached()
        bench.expect(
            .observed(Bench.record(.free, server: "run2"), connection: 3, server: Self.fresh), at: 1100, "acquire free 4 on 3", .claim)
    }

    @Test func `a proof of death waits as well, since the record may name somebody who had lost the feed`() {
        var bench = FeedStage.watching.reached()
        _ = bench.handle(.deathProved(Bench.other), at: 1000)
        let record = Bench.record(.held, holder: Bench.other, server: "run1")
        bench.expect(.observed(record, connection: 3, server: Self.fresh), at: 1100, "held back", .watch)
        bench.expect(.observed(record, connection: 3, server: Self.fresh), at: 7000, "acquire dead b 4 on 3", .claim)
    }

    @Test func `a fresh record is not the one that was watched before the data set was emptied`() {
        var bench = FeedStage.watching.reached()
        bench.expect(.observed(Bench.record(.unknown, epoch: 0, renewedAt: 100), connection: 3), at: 1000, "", .watch)
        bench.expect(.observed(Bench.record(.unknown, epoch: 0, renewedAt: 9000), connection: 3), at: 9100, "", .watch)
        bench.expect(.observed(Bench.record(.unknown, epoch: 0, renewedAt: 9000), connection: 3), at: 15_099, "", .watch)
        bench.expect(
            .observed(Bench.record(.unknown, epoch: 0, renewedAt: 9000), connection: 3), at: 15_100, "acquire seen 0.0 on 3", .claim)
    }

    @Test
    func `a lease regained from a server met lately reports the end at once, and connects only when no lost grant is trusted any more`() {
        var bench = FeedStage.fenced.reached()
        let met = FeedMachine.Server(runID: "run2", since: at(4590))
        bench.expect(
            .renewed(Bench.token(6), sentAt: at(4600), server: met), at: 4610, "regained, disconnect 6 hard", .ending)
        bench.expect(reply: .disconnect(.ended(pending: .due, milliseconds: 100)), at: 4700, "", .held)
        bench.expect(.timer, at: 4800, "", .held)
        bench.expect(.renewed(Bench.token(6), sentAt: at(8000), server: met), at: 8001, "", .held)
        #expect(bench.machine.wakeAt == at(10_590))
        bench.expect(.timer, at: 10_590, "gate 6", .held)
    }

    @Test func `a lease regained from the server it was lost to for a while connects as soon as it may`() {
        var bench = FeedStage.fenced.reached()
        bench.expect(
            .renewed(Bench.token(6), sentAt: at(4600), server: FeedMachine.Server(runID: "run1", since: at(-60_000))), at: 4610,
            "regained, disconnect 6 hard", .ending)
        bench.expect(reply: .disconnect(.ended(pending: .due, milliseconds: 100)), at: 4700, "", .held)
        bench.expect(.timer, at: 4800, "gate 6", .held)
    }

    @Test func `ENDED closes a live websocket and fetches the stored answer`() {
        var bench = FeedStage.live.reached()
        bench.expect(.publishEnded, at: 100, "pause, close, disconnect 6 hard", .ending)
        bench.expect(reply: .disconnect(.ended(pending: .due, milliseconds: 900)), at: 110, "", .held)
        #expect(bench.machine.wakeAt == at(1010))
    }

    @Test(arguments: [FeedStage.softening, .ending, .releasing, .resuming])
    func `ENDED changes nothing where an answer is awaited`(stage: FeedStage) {
        var bench = stage.reached()
        let phase = bench.machine.phase
        bench.expect(.publishEnded, at: 100, "", phase)
    }
}
