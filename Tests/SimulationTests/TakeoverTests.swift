import Coordination
import Simulation
import Testing

/// How long leases are held by nobody when several workers die in quick succession, in virtual time and with the real settings of placement.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct TakeoverTests {
    private static let second: Int64 = 1_000_000_000
    private static let death = 40 * second

    /// Workers on hosts of two, none of whom loses anything but what the plan says.
    private func scenario(_ seed: UInt64, workers: Int, feeds: Int, lostWakes: Int, _ plan: [PlannedFault]) -> Scenario {
        var scenario = Scenario(seed: seed, workers: workers, feeds: feeds, symbols: 1, minutes: 1)
        scenario.groups = (0..<feeds).map { "x\($0)" }
        scenario.placement = PlacementSettings()
        scenario.policy = FeedPolicy()
        scenario.packetEvery = 8000
        scenario.lostWakes = lostWakes
        scenario.plan = plan
        return scenario
    }

    private struct Outcome {
        /// Longest time without a holder of what was freed from the first death on, ms.
        var freeFor: Int64
        /// From the first death to the last lease taken, ms.
        var last: Int64
        var taken: Int
        var loads: [Int]
        var violation: String
    }

    private func run(_ scenario: Scenario) -> Outcome {
        let simulation = Simulation(scenario)
        simulation.runFaulty()
        let after = simulation.acquisitions.filter { $0.at >= Self.death }
        return Outcome(
            freeFor: after.compactMap(\.freeMilliseconds).max() ?? 0,
            last: ((after.map(\.at).max() ?? Self.death) - Self.death) / 1_000_000,
            taken: Set(after.map(\.feed)).count, loads: simulation.loads, violation: simulation.violation.map { "\($0)" } ?? "")
    }

    /// From within the reaping of the first to when its replacement has just begun to count.
    @Test(arguments: [0, 50, 300, 1000, 2000, 2900, 3300, 4500] as [Int64])
    func `of two producers that die within seconds every lease is taken at once, while the first one's replacement settles`(apart: Int64) {
        for seed in UInt64(1)...3 {
            let plan = [
                PlannedFault(at: Self.death, fault: .kill(worker: 0, restartAfter: 100_000_000)),
                PlannedFault(at: Self.death + apart * 1_000_000, fault: .kill(worker: 2, restartAfter: 100_000_000)),
            ]
            let outcome = run(scenario(seed, workers: 4, feeds: 40, lostWakes: 0, plan))
            #expect(outcome.violation == "")
            #expect(outcome.taken >= 18, "seed \(seed): \(outcome)")
            #expect(outcome.freeFor < 1000, "seed \(seed): \(outcome)")
            #expect(outcome.loads.reduce(0, +) == 40, "seed \(seed): \(outcome)")
        }
    }

    @Test func `three of four die one after the other, and the last one takes everything at once`() {
        for seed in UInt64(1)...3 {
            let plan = (0..<3).map {
                PlannedFault(
                    at: Self.death + Int64($0) * 700_000_000, fault: .kill(worker: $0, restartAfter: 100_000_000))
            }
            let outcome = run(scenario(seed, workers: 4, feeds: 40, lostWakes: 0, plan))
            #expect(outcome.violation == "")
            #expect(outcome.freeFor < 1500, "seed \(seed): \(outcome)")
            #expect(outcome.loads.reduce(0, +) == 40, "seed \(seed): \(outcome)")
        }
    }

    /// Polling is the guarantee: T + P + 1 s.
    @Test(arguments: [50, 1000, 2900] as [Int64])
    func `with all wake-ups lost no lease is without a holder for longer than T + P + 1 s`(apart: Int64) {
        for seed in UInt64(1)...3 {
            let plan = [
                PlannedFault(at: Self.death, fault: .kill(worker: 0, restartAfter: 100_000_000)),
                PlannedFault(at: Self.death + apart * 1_000_000, fault: .kill(worker: 3, restartAfter: 100_000_000)),
            ]
            let outcome = run(scenario(seed, workers: 6, feeds: 40, lostWakes: 100, plan))
            #expect(outcome.violation == "")
            #expect(outcome.freeFor <= 7500, "seed \(seed): \(outcome)")
            #expect(outcome.loads.reduce(0, +) == 40, "seed \(seed): \(outcome)")
        }
    }

    @Test func `a host that takes holders and the best placed others along is observed out by the other hosts within T + P + 1 s`() {
        for seed in UInt64(1)...6 {
            let plan = [PlannedFault(at: Self.death, fault: .powerLoss(worker: 0, restartAfter: 3600 * Self.second))]
            let outcome = run(scenario(seed, workers: 6, feeds: 12, lostWakes: 100, plan))
            #expect(outcome.violation == "")
            #expect(outcome.taken >= 2, "seed \(seed): \(outcome)")
            #expect(outcome.last <= 7500, "seed \(seed): \(outcome)")
            #expect(outcome.loads.reduce(0, +) == 12, "seed \(seed): \(outcome)")
        }
    }
}
