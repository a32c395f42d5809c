import Coordination
import Simulation
import Testing

/// The whole cluster without faults: workers join, and feeds move as far as the rules allow and no farther (S12, L4).
@Suite(.timeLimit(.minutes(30)))
struct ScaleOutTests {
    @Test func `from one worker to four, forty feeds come below the cap, each moved once at most`() {
        var scenario = Scenario(seed: 11, workers: 4, feeds: 40, symbols: 1, minutes: 70)
        scenario.plan = []
        scenario.groups = (0..<40).map { "x\($0)" }
        scenario.placement = PlacementSettings()
        scenario.packetEvery = 60_000
        // The first one has everything for 700 s before the others come.
        scenario.starts = [0, 700_000_000_000, 700_500_000_000, 701_000_000_000]
        let simulation = Simulation(scenario)
        simulation.runFaulty()
        #expect(simulation.violation == nil)
        let (loads, moves) = (simulation.loads, simulation.moves)
        #expect(loads.reduce(0, +) == 40, "\(loads)")
        #expect(loads.allSatisfy { $0 <= 11 }, "\(loads)")
        #expect(moves.allSatisfy { $0 <= 1 }, "\(moves)")
        // A move is one admitted disconnect, and there are no others.
        #expect(simulation.admissionCounts == moves)
        #expect(moves.reduce(0, +) == 40 - loads[0])
    }
}
