/// Finds a short list of faults with which a run still breaks the same rule.
package enum Shrinking {
    /// `budget` bounds the number of runs.
    package static func shrink(_ scenario: Scenario, _ violation: Violation, budget: Int = 300) -> Scenario {
        var best = scenario
        best.plan.removeAll { $0.at > violation.at }
        var left = budget
        guard stillFails(best, violation, &left) else { return scenario }
        var size = max(1, best.plan.count / 2)
        while left > 0 {
            var removed = false
            var start = 0
            while start < best.plan.count, left > 0 {
                var trial = best
                trial.plan.removeSubrange(start..<min(start + size, trial.plan.count))
                if stillFails(trial, violation, &left) {
                    best = trial
                    removed = true
                } else {
                    start += size
                }
            }
            if size == 1, !removed { break }
            size = max(1, size / 2)
        }
        return best
    }

    private static func stillFails(_ scenario: Scenario, _ violation: Violation, _ left: inout Int) -> Bool {
        left -= 1
        let simulation = Simulation(scenario)
        simulation.run()
        return simulation.violation?.rule == violation.rule
    }
}
