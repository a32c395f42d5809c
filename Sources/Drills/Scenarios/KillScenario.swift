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
                + "\(DrillStage.text(gaps.last ?? 0)), all feeds received and all workers back after \(DrillStage.text(DrillStage.milliseconds(since: started)))"
        )
    }

    func judge(_ evidence: Evidence) -> [DrillPromise] {
        let gaps = HistoryVerdict.Quantiles(evidence.story.samples("lease gap"))
        // The same number as in the table: by the recording, where it has them all.
        let recorded = evidence.verdict.leaseGap.count == gaps.count ? evidence.verdict.leaseGap : gaps
        let p99 = recorded.p99 ?? 0
        return [
            DrillPromise(
                .takeoverTime, kept: recorded.count > 0 && p99 <= Self.bound,
                "lease with the successor: \(Self.p99(recorded)), bound 250 ms" + (p99 > Self.bound ? Self.advice : ""))
        ]
    }

    /// What to think of a bound that was missed.
    static let advice = "; a machine whose processors are busy misses this bound without a fault of the cluster: see its load, or try again"

    /// `p99 14 ms of 6 (the largest)`
    static func p99(_ quantiles: HistoryVerdict.Quantiles) -> String {
        "p99 \(DrillStage.text(quantiles.p99 ?? 0)) of \(quantiles.count)" + (quantiles.count < 100 ? " (the largest)" : "")
    }
}
