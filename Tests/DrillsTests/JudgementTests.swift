import Coordination
import Testing

@testable import Drills
@testable import History

@Suite struct JudgementTests {
    private func evidence(_ edit: (inout HistoryVerdict) -> Void = { _ in }, pace: Duration? = nil) throws -> Evidence {
        var options = DrillOptions(kind: .flap, seed: 1, executable: "")
        options.pace = pace
        var verdict = HistoryVerdict()
        verdict.promises = HistoryRule.allCases.map { .init(id: $0.rawValue, kept: true, checked: true, detail: "fine") }
        edit(&verdict)
        return Evidence(
            plan: try DrillPlan(options), story: DrillStory(), verdict: verdict,
            timeline: Timeline(events: [], bootOfWall: 0, from: 0, to: 1), events: [])
    }

    @Test func `a broken rule breaks the promise it belongs to, and is told first`() throws {
        let evidence = try evidence { $0.promises[3] = .init(id: "S4", kept: false, checked: true, detail: "12 ms") }
        let promises = Judgement.promises(evidence, demands: [])
        #expect(promises.filter { !$0.kept }.map(\.id) == ["one-producer"])
        #expect(promises.first { $0.id == "one-producer" }?.detail.hasPrefix("S4: 12 ms") == true)
    }

    @Test func `rules about which nothing was recorded are not claimed`() throws {
        let evidence = try evidence { verdict in
            for index in verdict.promises.indices { verdict.promises[index].checked = false }
        }
        #expect(Judgement.promises(evidence, demands: []).isEmpty)
    }

    @Test func `a demand of the drill counts like a rule`() throws {
        let late = DrillPromise(.takeoverTime, kept: false, "late")
        #expect(Judgement.promises(try evidence(), demands: [late]).filter { !$0.kept } == [late])
    }

    @Test func `admissions closer than the pace break it`() throws {
        let near = try evidence({ $0.admissions = .init(count: 2, minimumSpacingSeconds: 59.9) })
        #expect(!Pace.judge(near).kept)
        let apart = try evidence({ $0.admissions = .init(count: 2, minimumSpacingSeconds: 60) })
        #expect(Pace.judge(apart).kept)
    }

    @Test func `two websockets count unless the link of the older one was cut`() throws {
        var evidence = try evidence()
        evidence.timeline.sockets = ["kraken": [.init(number: 1, open: 0, close: 5_000_000), .init(number: 2, open: 3_000_000)]]
        #expect(evidence.overlapBesidesCuts == 2)
        evidence.story.faults = [
            .init(run: 1, kind: "cut-exchange", boot: 1_000_000, healedBoot: nil, wall: 0, worker: "", feeds: ["kraken"], detail: "")
        ]
        #expect(evidence.overlapBesidesCuts == 0)
    }

    @Test func `the library without its fence differs from the real one`() {
        #expect(Sabotage.withoutFence.source != FunctionLibrary.colony1.source)
        #expect(!Sabotage.withoutFence.source.contains("lease[1] ~= token"))
    }
}
