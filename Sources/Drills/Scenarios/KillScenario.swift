internal import Cluster
internal import Coordination
internal import Glibc
internal import History

/// kill -9 of a producing worker whose supervisor lives.
struct KillScenario: Scenario {
    /// The contract's bound for a death that is proved on the host.
    static let bound = 250.0

    func run(_ stage: inout DrillStage) async throws {
        for run in 1...stage.plan.runs {
            // A worker that was started again counts after its settle time; until then the others have no more room than their share.
            let settle = stage.cluster.client.configuration.placement.settle.wholeMilliseconds
            try await stage.pause(2 * settle + 200...2 * settle + 1700)
            try await Self.strike(&stage, run: run)
        }
    }

    static func strike(_ stage: inout DrillStage, run: Int) async throws {
        let victim = try await stage.victim()
        let started = LocalTime.now()
        let fault = try stage.fault("kill", run: run, worker: victim.id, feeds: victim.feeds.map(\.text), isProvedDeath: true)
        kill(victim.pid, SIGKILL)
        let gaps = try await stage.acquisitions(of: victim.feeds, after: fault, notBy: victim.id, within: .seconds(20))
        for gap in gaps { stage.story.add(gap, to: "lease gap") }
        try await stage.untilWhole("the cluster after the kill of \(victim.id)")
        stage.tell(
            "run \(run): killed \(victim.id.prefix { $0 != "." }) with \(victim.feeds.count) feed(s); leases after "
                + "\(DrillStage.text(gaps.last ?? 0)), whole again after \(DrillStage.text(DrillStage.milliseconds(since: started)))")
    }

    func judge(_ evidence: Evidence) -> [DrillPromise] {
        let gaps = evidence.story.samples("lease gap")
        let p99 = HistoryVerdict.Quantiles(gaps).p99 ?? 0
        return [
            DrillPromise(
                .takeoverTime, kept: !gaps.isEmpty && p99 <= Self.bound,
                "lease with the successor: p99 \(DrillStage.text(p99)) of \(gaps.count), bound 250 ms")
        ]
    }
}
