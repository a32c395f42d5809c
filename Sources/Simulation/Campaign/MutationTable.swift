import Synchronization

/// Switches one rule after the other off and looks for the first seed that notices.
package struct MutationTable: Sendable {
    package var campaign: Campaign
    package var mutations: [Mutation]

    package init(campaign: Campaign, mutations: [Mutation] = Mutation.allCases) {
        self.campaign = campaign
        self.mutations = mutations
    }

    package struct Row: Sendable {
        package var mutation: Mutation
        /// nil: no seed noticed.
        package var caught: Campaign.Failure?
        package var runs: Int
        /// The rule that was broken is one that speaks of the omitted one.
        package var isExpected: Bool { caught.map { mutation.noticedBy.contains($0.violation.rule) } ?? false }

        /// The row of the table: what was switched off, which seed noticed, what was broken.
        package var line: String {
            let name = "\(mutation.rawValue): \(mutation.explanation)"
            let padded = name + String(repeating: " ", count: max(0, 56 - name.count))
            guard let caught else { return "\(padded) NOT CAUGHT in \(runs) runs" }
            return "\(padded) seed \(caught.seed): \(caught.violation)\(isExpected ? "" : "  (UNEXPECTED)")"
        }
    }

    /// Rows come as they are found; `jobs` mutations are tried at the same time.
    package func run(found: @escaping @Sendable (Row) -> Void = { _ in }) async -> [Row] {
        let shared = Shared(State())
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<max(1, campaign.jobs) {
                group.addTask {
                    while let mutation = shared.state.withLock({ take(&$0) }), !Task.isCancelled {
                        let row = search(mutation)
                        shared.state.withLock { state in
                            state.rows.append(row)
                            found(row)
                        }
                    }
                }
            }
        }
        let rows = shared.state.withLock { $0.rows }
        return mutations.compactMap { mutation in rows.first { $0.mutation == mutation } }
    }

    private struct State: Sendable {
        var next = 0
        var rows: [Row] = []
    }

    private func take(_ state: inout State) -> Mutation? {
        guard state.next < mutations.count else { return nil }
        state.next += 1
        return mutations[state.next - 1]
    }

    private func search(_ mutation: Mutation) -> Row {
        var mutated = campaign
        mutated.mutation = mutation
        var runs = 0
        for seed in campaign.seeds where !Task.isCancelled {
            runs += 1
            let simulation = Simulation(mutated.scenario(seed: seed))
            simulation.run()
            if let violation = simulation.violation {
                return Row(mutation: mutation, caught: Campaign.Failure(seed: seed, violation: violation), runs: runs)
            }
        }
        return Row(mutation: mutation, caught: nil, runs: runs)
    }
}
