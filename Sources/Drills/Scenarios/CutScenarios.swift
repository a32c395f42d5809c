internal import Coordination
internal import History

/// The link between one host and Redis is blackholed.
struct CutRedisScenario: Scenario {
    func run(_ stage: inout DrillStage) async throws {
        for run in 1...stage.plan.runs {
            try await stage.pause(0...1500)
            let direction =
                Bool.random(using: &stage.random) ? CutDirection.both : CutDirection.allCases.randomElement(using: &stage.random)
            try await Self.strike(&stage, run: run, direction ?? .both)
        }
    }

    static func strike(_ stage: inout DrillStage, run: Int, _ direction: CutDirection) async throws {
        let victim = try await stage.victim()
        let fault = try stage.fault(
            "cut-redis", run: run, worker: victim.id, feeds: victim.feeds.map(\.text), detail: "host \(victim.host), \(direction.rawValue)")
        try await stage.cluster.network.cut(victim.host, from: .redis, direction)
        let gaps: [Double]
        do {
            gaps = try await stage.acquisitions(of: victim.feeds, after: fault, notBy: victim.id, within: .seconds(40))
            try await stage.pause(0...2000)
        } catch {
            try await stage.cluster.network.heal(victim.host, from: .redis)
            throw error
        }
        try await stage.cluster.network.heal(victim.host, from: .redis)
        stage.healed()
        for gap in gaps { stage.story.add(gap, to: direction == .replies ? "lease gap, replies lost" : "lease gap, cut off") }
        try await stage.untilWhole("the cluster after host \(victim.host) was cut from Redis")
        stage.tell(
            "run \(run): cut host \(victim.host) from Redis (\(direction.rawValue)); taken over after \(DrillStage.text(gaps.last ?? 0))")
    }

    func judge(_ evidence: Evidence) -> [DrillPromise] {
        let timing = evidence.plan.timing
        let bound = Double((timing.ttl + timing.observeEvery + .seconds(1)).wholeMilliseconds)
        // Renewals whose replies are lost still count for those who watch, until the holder fences itself.
        let bounds = [
            ("lease gap, cut off", bound, "T + P + 1 s"),
            ("lease gap, replies lost", bound + Double(timing.selfFence.wholeMilliseconds), "H + T + P + 1 s"),
        ]
        return bounds.compactMap { name, bound, words in
            guard let worst = evidence.story.samples(name).max() else { return nil }
            return DrillPromise(
                .takeoverTime, kept: worst <= bound,
                "\(name): taken over after \(DrillStage.text(worst)) at most, bound \(words) = \(DrillStage.text(bound))")
        }
    }
}

/// The link between one host and the exchanges is blackholed: silence is noticed, nothing is stored twice, and it comes back.
struct CutExchangeScenario: Scenario {
    func run(_ stage: inout DrillStage) async throws {
        for run in 1...stage.plan.runs {
            try await stage.pause(0...1500)
            try await Self.strike(&stage, run: run)
        }
    }

    static func strike(_ stage: inout DrillStage, run: Int) async throws {
        let victim = try await stage.victim()
        let started = LocalTime.now()
        try stage.fault(
            "cut-exchange", run: run, worker: victim.id, feeds: victim.feeds.map(\.text), detail: "host \(victim.host)")
        let before = try await stage.epochs()
        try await stage.cluster.network.cut(victim.host, from: .exchanges, .both)
        let cluster = stage.cluster
        do {
            try await cluster.view.until("notice of the silence of the exchanges at host \(victim.host)", within: .seconds(240)) { leases in
                let deaf = leases.filter { lease in
                    victim.feeds.contains(lease.feed) && lease.isLive && lease.holder == victim.id && lease.epoch == before[lease.feed]
                }
                return deaf.first.map { "\(deaf.count) feeds still count as live, e.g. \($0.feed)" }
            }
        } catch {
            try await cluster.network.heal(victim.host, from: .exchanges)
            throw error
        }
        let noticed = DrillStage.milliseconds(since: started)
        stage.story.add(noticed, to: "silence noticed")
        try await stage.pause(0...5000)
        try await cluster.network.heal(victim.host, from: .exchanges)
        stage.healed()
        try await stage.untilWhole(
            "the cluster after host \(victim.host) was cut from the exchanges", beyond: before.filter { victim.feeds.contains($0.key) })
        stage.tell(
            "run \(run): cut host \(victim.host) from the exchanges; noticed for all its feeds after \(DrillStage.text(noticed)), whole "
                + "again after \(DrillStage.text(DrillStage.milliseconds(since: started)))")
    }

    func judge(_ evidence: Evidence) -> [DrillPromise] { [Self.judgeSockets(evidence)] }

    /// The end of a websocket behind a cut link reaches the exchange only when the link is whole again: closed here, half-open there (the
    /// contract's second non-guarantee). Any other two websockets of one feed break the promise.
    static func judgeSockets(_ evidence: Evidence) -> DrillPromise {
        let overlap = evidence.overlapBesidesCuts
        return DrillPromise(
            .oneProducer, kept: overlap == 0,
            "two websockets of one feed, besides those whose end the cut link kept from the exchange: \(DrillStage.text(overlap))")
    }

    func excused(_ plan: DrillPlan) -> Set<HistoryRule> { [.s4] }
}
