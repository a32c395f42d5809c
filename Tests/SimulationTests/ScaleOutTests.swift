import Coordination
import Simulation
import Testing

/// The whole cluster without faults: workers join and leave, and feeds move as far as the rules allow and no farther (S12, L4).
@Suite(.timeLimit(.minutes(30)))
struct ScaleOutTests {
    private static let second: Int64 = 1_000_000_000

    @Test func `from one worker to four, forty feeds come below the cap, each moved once at most, and one that leaves hands over its own`()
    {
        var scenario = Scenario(seed: 11, workers: 4, feeds: 40, symbols: 1, minutes: 84)
        scenario.groups = (0..<40).map { "x\($0)" }
        scenario.placement = PlacementSettings()
        scenario.packetEvery = 60_000
        // Fewer renewals and looks at records, which are not what is judged here.
        scenario.policy.timing = LeaseTiming.Profile.calm.timing
        // The first one has everything for 700 s before the others come.
        scenario.starts = [0, 700_000_000_000, 700_500_000_000, 701_000_000_000]
        let leaves = 80 * 60 * Self.second
        scenario.plan = [PlannedFault(at: leaves, fault: .drain(worker: 3, restartAfter: 3600 * Self.second))]
        let simulation = Simulation(scenario)
        // A tenth of what the first one has in each round, four minutes between rounds that follow one another: 16 of them.
        simulation.runFaulty(until: leaves - Self.second)
        #expect(simulation.violation == nil)
        let (loads, moves) = (simulation.loads, simulation.moves)
        print("scale-out: loads \(loads), \(moves.reduce(0, +)) moves")
        #expect(loads.reduce(0, +) == 40, "\(loads)")
        #expect(loads.allSatisfy { $0 <= 11 }, "\(loads)")
        #expect(moves.allSatisfy { $0 <= 1 }, "\(moves)")
        #expect(moves.reduce(0, +) == 40 - loads[0])
        // A move is one admitted disconnect, and there are no others.
        #expect(simulation.admissionCounts == moves)
        simulation.runFaulty()
        #expect(simulation.violation == nil)
        let after = simulation.loads
        print("scale-in: loads \(after)")
        #expect(after[3] == 0)
        #expect(after.reduce(0, +) == 40, "\(after)")
        #expect(after.allSatisfy { $0 <= 15 }, "\(after)")
        #expect(simulation.moves == moves)
        let drained = zip(simulation.admissionCounts, moves).map { $0 - $1 }
        #expect(drained.allSatisfy { $0 == 0 || $0 == 1 }, "\(drained)")
        #expect(drained.reduce(0, +) == loads[3])
    }
}
