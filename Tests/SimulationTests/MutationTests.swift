import Simulation
import Testing

/// A rule that is switched off must be missed by the invariants: the table of which seed misses which rule.
@Suite(.timeLimit(.minutes(60)))
struct MutationTests {
    /// For each rule a seed that is known to need it, or one of the next few does; after a change of what a seed draws look for others with `colony simulate --mutations`.
    static let seeds: [(mutation: Mutation, seed: UInt64)] = [
        (.deadlineFromReply, 8), (.observationFromSend, 61), (.renewalsIgnored, 4), (.lateGrantUsed, 15), (.wallClock, 4),
        (.observationSurvives, 1), (.noDeadman, 2), (.noMargin, 8), (.noCursorCheck, 1), (.noTokenCheck, 5), (.noPace, 4),
        (.wrongPrevious, 4), (.noAfter, 1), (.noJump, 5), (.notRepeatable, 9),
    ]

    @Test func `each rule that is switched off is missed`() async {
        let unknown = Mutation.allCases.filter { mutation in !Self.seeds.contains { $0.mutation == mutation } }
        #expect(unknown == [])
        for (mutation, seed) in Self.seeds {
            let rows = await MutationTable(campaign: Campaign(seeds: seed...seed + 4), mutations: [mutation]).run()
            for row in rows {
                print(row.line)
                #expect(row.isExpected, "\(row.line)")
            }
        }
    }

    @Test func `the same seeds are clean with every rule on`() {
        // The first minutes: as far as most of them take to notice.
        for seed in Set(Self.seeds.map(\.seed)).sorted() {
            let simulation = Simulation(Scenario(seed: seed, minutes: 2))
            simulation.run()
            #expect(simulation.violation == nil, "seed \(seed): \(simulation.violation.map { "\($0)" } ?? "")")
        }
    }
}
