import Foundation
import Simulation
import Testing

/// The cluster in virtual time. `COLONY_TEST_SEEDS` runs from `COLONY_TEST_SEED`, of `COLONY_TEST_MINUTES` virtual minutes with faults.
@Suite(.timeLimit(.minutes(60)))
struct SimulationTests {
    static func setting(_ name: String, _ fallback: Int) -> Int {
        ProcessInfo.processInfo.environment[name].flatMap { Int($0) } ?? fallback
    }

    @Test func `a seed is one run`() {
        func trace(_ seed: UInt64) -> UInt64 {
            let simulation = Simulation(Scenario(seed: seed, minutes: 1))
            simulation.run()
            return simulation.trace
        }
        let (first, again, other) = (trace(7), trace(7), trace(8))
        #expect(first == again)
        #expect(first != other)
    }

    @Test func `every promise holds under faults, and every feed comes back`() async {
        let seed = UInt64(Self.setting("COLONY_TEST_SEED", 1))
        let count = UInt64(Self.setting("COLONY_TEST_SEEDS", 250))
        var campaign = Campaign(seeds: seed...(seed + count - 1))
        campaign.minutes = Self.setting("COLONY_TEST_MINUTES", 1)
        campaign.jobs = 2
        print("simulation: seeds \(campaign.seeds) of \(campaign.minutes) minutes")
        let outcome = await campaign.run()
        print("simulation: \(outcome.runs) runs, \(Int(outcome.timesRealTime)) x real time, never reached: \(outcome.coverage.missing)")
        #expect(outcome.runs == Int(count))
        for failure in outcome.failures {
            let shrunk = Shrinking.shrink(campaign.scenario(seed: failure.seed), failure.violation, budget: 60)
            Issue.record("seed \(failure.seed): \(failure.violation), still with \(shrunk.plan)")
        }
    }
}
