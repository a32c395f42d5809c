internal import Cluster
internal import Coordination
internal import Glibc
internal import History

/// One worker becomes several, and one again.
struct ScaleScenario: Scenario {
    func run(_ stage: inout DrillStage) async throws {
        let workers = max(2, stage.plan.options.workers ?? 4)
        let total = stage.cluster.view.feeds.count
        let settings = stage.cluster.client.configuration.placement
        let cap = settings.cap(total: total, weight: 1, weights: Double(workers))
        let out = try stage.fault("scale-out", run: 1, detail: "1 to \(workers) workers")
        for _ in 1..<workers { try await stage.cluster.addHost(processes: 1) }
        let started = LocalTime.now()
        try await stage.untilWhole("the cluster with \(workers) workers")
        // The rules: the target below the mean for `patience`, a tenth of the feeds a round, rounds apart by `round`, doubling to its cap.
        var rounds: Duration = settings.patience(members: workers) + settings.minimumResidence + settings.settle
        var length = settings.round
        for _ in 0..<(total / max(1, total / 10 / workers)) {
            rounds += length
            length = min(length * 2, settings.roundCap)
        }
        var told = LocalTime.now()
        let stage = stage
        try await stage.cluster.view.until("loads within the cap of \(cap) feeds", within: rounds + .seconds(60), every: .milliseconds(250))
        {
            leases in
            let loads = Dictionary(grouping: leases.filter { $0.state == "held" }, by: \.holder).mapValues(\.count)
            let isEven = loads.values.allSatisfy { $0 <= cap } && loads.count == workers
            if LocalTime.now() - told > .seconds(10) {
                told = .now()
                stage.tell("scale out: loads \(loads.sorted { $0.key < $1.key }.map { "\($0.value)" }.joined(separator: " ")), cap \(cap)")
            }
            return isEven ? nil : "loads \(loads.values.sorted())"
        }
        stage.tell("scale out: loads within the cap of \(cap) after \(DrillStage.text(DrillStage.milliseconds(since: started)))")
        try await scaleIn(stage, out: out)
    }

    private func scaleIn(_ original: DrillStage, out: DrillStory.Fault) async throws {
        let stage = original
        try await stage.untilWhole("the cluster scaled out")
        for host in stage.cluster.hosts.dropFirst().reversed() {
            let started = LocalTime.now()
            await host.stop()
            try await stage.untilWhole("the cluster without host \(host.number)")
            stage.tell("scale in: \(host.name) ended; whole again after \(DrillStage.text(DrillStage.milliseconds(since: started)))")
        }
    }

    func judge(_ evidence: Evidence) -> [DrillPromise] {
        guard let out = evidence.story.faults.first(where: { $0.kind == "scale-out" }) else { return [] }
        // Moves for balance only; the end of a host is a drain.
        let moves = evidence.events.filter { $0.at >= out.wall && $0.event == "released" && $0.reason == "rebalance" }
        let twice = Dictionary(grouping: moves, by: \.feed).filter { $0.value.count > 1 }.keys.sorted()
        return [
            DrillPromise(
                .placement, kept: twice.isEmpty,
                "\(moves.count) feeds moved to even out"
                    + (twice.isEmpty ? ", none twice" : ", more than once: \(twice.joined(separator: " "))"))
        ]
    }
}

/// Three hosts, one of them cut off in each of the ways there are.
struct PartitionScenario: Scenario {
    func run(_ stage: inout DrillStage) async throws {
        for run in 1...stage.plan.runs {
            for direction in [CutDirection.both, .requests, .replies] {
                try await stage.pause(0...1500)
                try await CutRedisScenario.strike(&stage, run: run, direction)
            }
            try await stage.pause(0...1500)
            try await CutExchangeScenario.strike(&stage, run: run)
            try await stage.pause(0...1500)
            try await island(&stage, run: run)
        }
    }

    /// Cut from both: what it had must be closed by the deadline all the same, and the exchanges cannot see it.
    private func island(_ stage: inout DrillStage, run: Int) async throws {
        let victim = try await stage.victim()
        let fault = try stage.fault(
            "island", run: run, worker: victim.id, feeds: victim.feeds.map(\.text), detail: "host \(victim.host), from everything")
        let network = stage.cluster.network
        try await network.cut(victim.host, from: .redis, .both)
        try await network.cut(victim.host, from: .exchanges, .both)
        let result: Result<[Double], any Error>
        do {
            result = .success(
                try await stage.acquisitions(of: victim.feeds, after: fault, notBy: victim.id, within: .seconds(40)))
        } catch {
            result = .failure(error)
        }
        try await network.heal(victim.host, from: .exchanges)
        try await network.heal(victim.host, from: .redis)
        stage.healed()
        let gaps = try result.get()
        for gap in gaps { stage.story.add(gap, to: "lease gap, cut off") }
        try await stage.untilWhole("the cluster after host \(victim.host) was an island")
        stage.tell("run \(run): host \(victim.host) cut from everything; taken over after \(DrillStage.text(gaps.last ?? 0))")
    }

    func judge(_ evidence: Evidence) -> [DrillPromise] {
        CutRedisScenario().judge(evidence) + [CutExchangeScenario.judgeSockets(evidence)]
    }

    /// Judged by `CutExchangeScenario.judgeSockets` instead.
    func excused(_ plan: DrillPlan) -> Set<HistoryRule> { [.s4] }
}
