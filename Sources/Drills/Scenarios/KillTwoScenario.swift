internal import Cluster
internal import Coordination
internal import Glibc
internal import History

/// kill -9 of one producing worker and, before the first one's replacement may take anything, of another: what both held has to find room with
/// those that are left.
struct KillTwoScenario: Scenario {
    func run(_ stage: inout DrillStage) async throws {
        let settle = stage.cluster.client.configuration.placement.settle.wholeMilliseconds
        for run in 1...stage.plan.runs {
            try await stage.pause(2 * settle + 200...2 * settle + 1700)
            let first = try await Self.strike(&stage, run: run, sparing: "")
            // From before the first death is known everywhere to when its replacement is about to count.
            try await stage.pause(0...settle)
            let second = try await Self.strike(&stage, run: run, sparing: first.victim)
            try await stage.untilWhole("the cluster after the kills of \(first.victim) and \(second.victim)")
            stage.tell(
                "run \(run): killed \(first.victim) and \(second.victim) with \(first.feeds) and \(second.feeds) feed(s); leases after "
                    + "\(DrillStage.text(first.gap)) and \(DrillStage.text(second.gap))")
        }
    }

    private struct Strike {
        var victim: String
        var feeds: Int
        var gap: Double
    }

    /// Kills a producer of another name than `sparing` and waits for its leases.
    private static func strike(_ stage: inout DrillStage, run: Int, sparing: String) async throws -> Strike {
        let others = try await stage.producers().filter { name($0.id) != sparing }
        guard let victim = others.randomElement(using: &stage.random) else {
            throw DrillError(.injection, "no worker but \(sparing) produces anything, so none can be the second victim")
        }
        let fault = try stage.fault("kill-two", run: run, worker: victim.id, feeds: victim.feeds.map(\.text), isProvedDeath: true)
        kill(victim.pid, SIGKILL)
        let gaps = try await stage.acquisitions(of: victim.feeds, after: fault, notBy: victim.id, within: .seconds(20))
        for gap in gaps { stage.story.add(gap, to: "lease gap") }
        return Strike(victim: name(victim.id), feeds: victim.feeds.count, gap: gaps.last ?? 0)
    }

    private static func name(_ id: String) -> String { String(id.prefix { $0 != "." }) }

    /// One promise for both: a death that was proved on the host.
    func judge(_ evidence: Evidence) -> [DrillPromise] { KillScenario().judge(evidence) }
}
