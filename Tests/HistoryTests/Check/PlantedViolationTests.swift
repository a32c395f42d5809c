import Foundation
import Ingest
import Testing

@testable import History

/// A clean history keeps every rule; each planted violation breaks its own rule, and no other.
@Suite struct PlantedViolationTests {
    struct Planted: CustomTestStringConvertible, Sendable {
        var rule: String
        var what: String
        var plant: @Sendable (inout SyntheticRun) -> Void

        init(_ rule: String, _ what: String, _ plant: @escaping @Sendable (inout SyntheticRun) -> Void) {
            self.rule = rule
            self.what = what
            self.plant = plant
        }

        var testDescription: String { "\(rule): \(what)" }
    }

    @Test func `an undisturbed history keeps every rule, and every rule is checked`() throws {
        let verdict = try SyntheticRun().check()
        let all = HistoryRule.allCases.map(\.rawValue)
        #expect(verdict.isKept, "\(verdict.table)")
        #expect(verdict.promises.map(\.id) == all)
        let unchecked = verdict.promises.filter { !$0.checked }.map(\.id)
        #expect(unchecked == [])
        #expect(verdict.notes == [])
        #expect(verdict.timelines == [])
    }

    @Test func `the numbers of an undisturbed history are exact`() throws {
        let verdict = try SyntheticRun().check()
        let packets = verdict.packets
        #expect(packets.sent == 30 && packets.received == 30 && packets.stored == 30 && packets.tail == 0, "\(packets)")
        #expect(packets.lost == 0 && packets.gapped == 0 && packets.duplicated == 0 && packets.stale == 0, "\(packets)")
        #expect(packets.answers == 3)
        #expect(verdict.sockets == .init(connects: 3, overlapMilliseconds: 0, worstOverlapMilliseconds: 0))
        #expect(verdict.admissions == .init(count: 2, minimumSpacingSeconds: 70.098))
        let kill = try #require(verdict.faults.first)
        #expect(kill.kind == "kill" && kill.faults == 1)
        #expect(kill.leaseGap.max == 150 && kill.leaseGap.count == 1)
        #expect(kill.packetGap.max == 300)
        #expect(kill.websocketGap.count == 1)
    }

    @Test(arguments: Self.planted) func `a planted violation breaks its rule and no other`(planted: Planted) throws {
        var run = SyntheticRun()
        planted.plant(&run)
        let verdict = try run.check()
        #expect(verdict.broken == [planted.rule], "\(verdict.table)")
    }

    @Test func `a violation comes with what happened around it`() throws {
        var run = SyntheticRun()
        let at = run.truth.firstIndex { $0.kind == "close" } ?? 0
        run.truth[at].set("boot", .number(SyntheticRun.boot(24_000)))
        let verdict = try run.check()
        let timeline = try #require(verdict.timelines.first)
        #expect(timeline.id == "S4")
        func tells(_ words: String...) -> Bool {
            timeline.lines.contains { line in words.allSatisfy { line.contains($0) } }
        }
        let all = [
            tells("exchange open", "socket=2"), tells("a.0000000000000001 begun"), tells("event", "reconnected"),
            tells("stream", "marker=up"),
        ]
        #expect(all == [true, true, true, true], "\(timeline.lines)")
        #expect(verdict.sockets.worstOverlapMilliseconds == 980)
    }

    @Test func `an excused rule is told and does not count`() throws {
        var run = SyntheticRun()
        let at = run.truth.firstIndex { $0.kind == "close" } ?? 0
        run.truth[at].set("boot", .number(SyntheticRun.boot(24_000)))
        var options = HistoryChecker.Options()
        options.excused = [.s4]
        let verdict = try run.check(options)
        #expect(verdict.isKept)
        let promise = verdict.promises.first { $0.id == "S4" }
        #expect(promise?.detail.contains("excused") == true)
    }

    @Test func `what a gap marker names is not lost`() throws {
        var run = SyntheticRun()
        run.replaceByGap(5)
        let verdict = try run.check()
        #expect(verdict.isKept, "\(verdict.table)")
        #expect(verdict.packets.gapped == 1 && verdict.packets.stored == 29 && verdict.packets.lost == 0)
    }

    @Test func `a tail that the successor's fence declares is not lost`() throws {
        var run = SyntheticRun()
        run.forget(110)
        run.forget(109)
        let verdict = try run.check()
        #expect(verdict.isKept, "\(verdict.table)")
        #expect(verdict.packets.tail == 2 && verdict.packets.lost == 0)
    }

    @Test func `what the worker did not take before it closed is not lost`() throws {
        var run = SyntheticRun()
        run.forget(210)
        for at in run.workers[SyntheticRun.workerB, default: []].indices {
            let line = run.workers[SyntheticRun.workerB]![at]
            if line.kind == "closing" || line.kind == "closed" { run.workers[SyntheticRun.workerB]![at].set("messages", .number(11)) }
        }
        let verdict = try run.check()
        #expect(verdict.isKept, "\(verdict.table)")
        #expect(verdict.packets.tail == 1)
    }

    @Test func `without journals and truth those rules are not checked, and nothing is broken`() throws {
        var run = SyntheticRun()
        run.workers = [:]
        run.truth = []
        let verdict = try run.check()
        let unchecked = verdict.promises.filter { !$0.checked }.map(\.id)
        #expect(verdict.isKept, "\(verdict.table)")
        #expect(unchecked == ["S4", "S5", "S9", "S11", "S12"])
    }

    @Test func `without journals the sockets are found by what they sent`() throws {
        var run = SyntheticRun()
        run.workers = [:]
        let verdict = try run.check()
        #expect(verdict.isKept, "\(verdict.table)")
        #expect(verdict.packets.stored == 30)
        run.forget(105)
        let broken = try run.check().broken
        #expect(broken == ["S9"])
    }

    @Test func `a rollback repeats what was not acknowledged, and that is no repetition`() throws {
        var run = SyntheticRun()
        run.rollBack(behind: 206)
        let verdict = try run.check()
        #expect(verdict.isKept, "\(verdict.table)")
        #expect(verdict.packets.stored == 30 && verdict.packets.duplicated == 0)
    }

    @Test func `a takeover that Redis lost is gone on with on its own socket, and what the rollback declares is no loss`() throws {
        var run = SyntheticRun()
        run.loseTakeover(andFirst: 4)
        let verdict = try run.check()
        #expect(verdict.isKept, "\(verdict.table)")
        // An answer and three packets of the last socket are declared.
        #expect(verdict.packets.stored == 27 && verdict.packets.gapped == 3 && verdict.packets.duplicated == 0)
        run.forget(206)
        #expect(try run.check().broken == ["S9"])
    }

    @Test func `a verdict as JSON has the keys that scripts rely on`() throws {
        let json = try SyntheticRun().check().json()
        let object = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
        let keys = ["promises", "packets", "sockets", "admissions", "lease_gap_ms", "packet_gap_ms"]
        let missing = keys.filter { object[$0] == nil }
        #expect(missing == [])
        let packets = try #require(object["packets"] as? [String: Any])
        let missingPackets = ["sent", "stored", "lost", "duplicated", "stale"].filter { packets[$0] == nil }
        #expect(missingPackets == [])
        let gap = try #require(object["lease_gap_ms"] as? [String: Any])
        let missingGaps = ["p50", "p99", "max"].filter { gap[$0] == nil }
        #expect(missingGaps == [])
    }

    @Test func `a directory without a recording is an error`() throws {
        #expect(throws: HistoryError.self) { try HistoryChecker.check(directory: RecordingDirectory("/tmp/there-is-no-recording")) }
    }
}
