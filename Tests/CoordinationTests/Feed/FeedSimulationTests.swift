import Foundation
import Testing

/// The feed machine and the renewal keeper under random faults. `COLONY_TEST_SEEDS` runs from `COLONY_TEST_SEED`, which is 1 unless set, so that
/// every build judges the same runs.
@Suite(.timeLimit(.minutes(60)))
struct FeedSimulationTests {
    static func setting(_ name: String, _ fallback: Int) -> Int {
        ProcessInfo.processInfo.environment[name].flatMap { Int($0) } ?? fallback
    }

    private static let seed = UInt64(setting("COLONY_TEST_SEED", 1))
    /// Virtual seconds with faults.
    private static let seconds: Int64 = 90

    /// The violations of a run; with its last lines when it has some.
    private func violations(seed: UInt64, reached: inout Set<String>) -> [String] {
        let simulation = FeedSimulation(seed: seed)
        simulation.run(seconds: Self.seconds)
        reached.formUnion(simulation.reached)
        guard !simulation.violations.isEmpty else { return [] }
        let again = FeedSimulation(seed: seed, isLogging: true)
        again.run(seconds: Self.seconds)
        print("failed: COLONY_TEST_SEED=\(seed): \(again.violations)")
        for line in again.lines.suffix(Self.setting("COLONY_TEST_LINES", 60)) { print(line) }
        return simulation.violations
    }

    @Test func `every invariant holds under faults, and every feed comes back`() {
        var reached: Set<String> = []
        let count = UInt64(Self.setting("COLONY_TEST_SEEDS", 12))
        print("feed simulation: \(count) runs from COLONY_TEST_SEED=\(Self.seed)")
        var failed = 0
        for seed in Self.seed..<(Self.seed + count) where failed < Self.setting("COLONY_TEST_FAILURES", 5) {
            let found = violations(seed: seed, reached: &reached)
            if !found.isEmpty { failed += 1 }
            #expect(found == [], "COLONY_TEST_SEED=\(seed)")
        }
        guard count >= 500 else { return }
        for kind in [
            "restart intact", "restart empty", "restart older", "outage proof", "dead-man", "resume NEW", "acquire free",
            "acquire seen", "acquire dead", "COOLING", "NOTPENDING", "NOTCONNECTING", "REFUSED", "ORDER", "selfFenced", "lost",
            "attemptFailed", "grantTooLate",
        ] {
            #expect(reached.contains(kind), "no run reached '\(kind)' (COLONY_TEST_SEED=\(Self.seed))")
        }
    }

    /// Runs that failed once, and on what.
    @Test(
        arguments: [
            (1, "a keeper whose timer came early renewed nothing any more"),
            (2, "no dead-man watched a websocket that was being closed when its lease ended"),
            (8, "a live feed was given up to an older or fresh record"),
            (23, "a claimant whose turn had come spun on its timer until the poll was answered"),
        ] as [(UInt64, String)])
    func `what once failed holds`(seed: UInt64, what: String) {
        var reached: Set<String> = []
        let found = violations(seed: seed, reached: &reached)
        #expect(found == [], "\(what)")
    }

    struct Fault: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var broken: FeedSimulation.Broken
        /// The invariants that may notice.
        var expected: [String]
    }

    @Test(
        .enabled(if: setting("COLONY_TEST_MUTATIONS", 0) > 0, "takes minutes of a core; COLONY_TEST_MUTATIONS=1 runs it"),
        arguments: [
            Fault(testDescription: "deadline from the reply", broken: .deadlineFromReply, expected: ["S4", "S5"]),
            Fault(testDescription: "observation survives its connection", broken: .observationSurvives, expected: ["S4", "S5"]),
            Fault(testDescription: "late grant used", broken: .lateGrantUsed, expected: ["S4", "S5"]),
            Fault(testDescription: "no pace", broken: .noPace, expected: ["S6"]),
            Fault(testDescription: "wall clock", broken: .wallClock, expected: ["S4", "S5"]),
            Fault(testDescription: "no dead-man", broken: .noDeadman, expected: ["S4"]),
        ])
    func `a rule that is switched off is missed`(fault: Fault) {
        for seed in 1...400 as ClosedRange<UInt64> {
            let simulation = FeedSimulation(seed: seed, broken: fault.broken)
            simulation.run(seconds: Self.seconds)
            guard let violation = simulation.violations.first else { continue }
            let isExpected = fault.expected.contains { violation.contains($0) }
            #expect(isExpected, "seed \(seed): \(violation)")
            print("\(fault.testDescription): seed \(seed), \(violation)")
            return
        }
        Issue.record("not noticed in 400 runs")
    }
}
