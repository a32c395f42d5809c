import Synchronization

/// Many runs, one per seed, on several cores.
package struct Campaign: Sendable {
    package var seeds: ClosedRange<UInt64>
    package var minutes = 10
    package var workers = 5
    package var feeds = 8
    package var symbols = 3
    package var mutation: Mutation?
    /// Runs at the same time.
    package var jobs = 1
    /// No more runs are begun after so many failures.
    package var failureLimit = 5

    package init(seeds: ClosedRange<UInt64>) { self.seeds = seeds }

    package struct Failure: Sendable {
        package var seed: UInt64
        package var violation: Violation
    }

    package struct Outcome: Sendable {
        package var runs = 0
        /// Events of all runs.
        package var steps = 0
        package var virtualSeconds = 0.0
        package var wallSeconds = 0.0
        package var coverage = CoverageCounts()
        package var failures: [Failure] = []

        package init() {}

        /// Virtual seconds per second.
        package var timesRealTime: Double { wallSeconds > 0 ? virtualSeconds / wallSeconds : 0 }
        package var runsPerSecond: Double { wallSeconds > 0 ? Double(runs) / wallSeconds : 0 }
    }

    package func scenario(seed: UInt64) -> Scenario {
        Scenario(seed: seed, workers: workers, feeds: feeds, symbols: symbols, minutes: minutes, mutation: mutation)
    }

    /// Runs all seeds; `progress` hears of each finished run, one call at a time. Ends early when cancelled.
    package func run(progress: @escaping @Sendable (Outcome) -> Void = { _ in }) async -> Outcome {
        let started = ContinuousClock.now
        let shared = Shared(State(next: seeds.lowerBound))
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<max(1, jobs) {
                group.addTask {
                    while !Task.isCancelled, let seed = shared.state.withLock({ take(&$0) }) {
                        let simulation = Simulation(scenario(seed: seed))
                        simulation.run()
                        shared.state.withLock { state in
                            note(simulation, seed, &state.outcome)
                            state.outcome.wallSeconds = (ContinuousClock.now - started) / .seconds(1)
                            progress(state.outcome)
                        }
                    }
                }
            }
        }
        var outcome = shared.state.withLock { $0.outcome }
        outcome.wallSeconds = (ContinuousClock.now - started) / .seconds(1)
        outcome.failures.sort { $0.seed < $1.seed }
        return outcome
    }

    private struct State: Sendable {
        /// nil: all seeds have been taken.
        var next: UInt64?
        var outcome = Outcome()
    }

    private func take(_ state: inout State) -> UInt64? {
        guard let seed = state.next, state.outcome.failures.count < failureLimit else { return nil }
        state.next = seed < seeds.upperBound ? seed + 1 : nil
        return seed
    }

    private func note(_ simulation: Simulation, _ seed: UInt64, _ outcome: inout Outcome) {
        outcome.runs += 1
        outcome.steps += simulation.steps
        outcome.virtualSeconds += Double(simulation.now) / Double(Span.second)
        outcome.coverage.add(simulation.coverage)
        if let violation = simulation.violation { outcome.failures.append(Failure(seed: seed, violation: violation)) }
    }
}

/// State that the tasks of a campaign share.
final class Shared<State: Sendable>: Sendable {
    let state: Mutex<State>

    init(_ state: sending State) { self.state = Mutex(state) }
}
