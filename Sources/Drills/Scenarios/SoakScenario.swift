internal import Coordination
internal import Glibc
internal import History

/// A random fault every twenty seconds, whether or not the cluster has got over the one before.
struct SoakScenario: Scenario {
    /// Milliseconds for a lease whose holder's death was proved: longer than for a single death, since the fault before may still be felt.
    static let bound = 1000.0
    static let interval: Duration = .seconds(20)

    private enum Act: CaseIterable {
        case kill, freeze, cutRedis, restartRedis, wipeRedis, storm, term
    }

    func run(_ stage: inout DrillStage) async throws {
        let end = LocalTime.now() + .milliseconds(Int64(stage.plan.minutes * 60_000))
        var run = 0
        while LocalTime.now() < end {
            run += 1
            let next = LocalTime.now() + Self.interval
            try await stage.pause(0...3000)
            try await strike(Act.allCases.randomElement(using: &stage.random) ?? .kill, &stage, run: run)
            let rest = min(next, end) - LocalTime.now()
            if rest > .zero { try await Task.sleep(for: rest) }
        }
        try await stage.untilWhole("the cluster at the end of the soak")
    }

    private func strike(_ act: Act, _ stage: inout DrillStage, run: Int) async throws {
        switch act {
        case .kill: try await KillScenario.strike(&stage, run: run)
        case .freeze: try await FreezeScenario.strike(&stage, run: run)
        case .cutRedis:
            try await CutRedisScenario.strike(&stage, run: run, CutDirection.allCases.randomElement(using: &stage.random) ?? .both)
        case .restartRedis: try await RestartRedisScenario.strike(&stage, run: run, away: 200...3000)
        case .wipeRedis: try await WipeRedisScenario.strike(&stage, run: run, isFlush: Bool.random(using: &stage.random))
        case .storm: try await StormScenario.strike(&stage, run: run)
        case .term:
            if let victim = try await stage.producers().randomElement(using: &stage.random) {
                try await TermScenario.drain(victim, &stage, run: run)
            }
        }
    }

    func judge(_ evidence: Evidence) -> [DrillPromise] {
        let gaps = evidence.story.samples("lease gap")
        let p99 = HistoryVerdict.Quantiles(gaps).p99 ?? 0
        return CutRedisScenario().judge(evidence) + [
            DrillPromise(
                .takeoverTime, kept: p99 <= Self.bound,
                "leases after proved deaths: p99 \(DrillStage.text(p99)) of \(gaps.count), bound 1 s")
        ]
    }
}
