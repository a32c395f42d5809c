internal import Coordination
internal import FaultInjection
internal import Glibc
internal import History
internal import Ingest
internal import RedisClient

/// The master behind Sentinels is killed; in every other run its replicas have heard nothing from it for a while, so that writes it acknowledged
/// are lost. A replica is promoted, the old master comes back as one.
struct FailoverRedisScenario: Scenario {
    private static let outage = "Redis takes no packets"
    private static let flow = "until every feed flows"
    /// Counters of the story.
    private enum Count {
        static let lost = "packets acknowledged by a master that died with them"
        static let kept = "websockets kept"
        static let late = "failovers that took longer than leases can be held"
    }

    func run(_ stage: inout DrillStage) async throws {
        guard let group = stage.cluster.replicated else {
            throw DrillError(.setup, "the drill failover-redis has no replicated Redis to work with")
        }
        for run in 1...stage.plan.runs {
            try await stage.pause(500...2500)
            try await Self.strike(&stage, group, run: run, isCut: run % 2 == 0)
        }
    }

    static func strike(_ stage: inout DrillStage, _ group: ReplicatedRedis, run: Int, isCut: Bool) async throws {
        let master = try await group.currentMaster()
        let before = try await stage.cluster.view.leases()
        let proxy = isCut ? try await group.divertReplication(of: master) : nil
        if let proxy {
            try await proxy.stall()
            // Within max-lag the master goes on acknowledging what nobody else has.
            try await stage.pause(300...1000)
        }
        let acknowledged = isCut ? try await next(stage, at: master, of: group) : [:]
        let fault = try stage.fault("failover-redis", run: run, detail: isCut ? "replicas cut off before" : "")
        let started = LocalTime.now()
        try await group.kill(server: master)
        // What the proxy still holds is what the replicas never get.
        try await proxy?.stop()
        let lost = isCut ? try await lost(stage, acknowledged, among: (0..<group.serverCount).filter { $0 != master }, of: group) : 0
        let promoted = try await group.untilPromoted(insteadOf: master)
        try await stage.cluster.view.until("a packet behind the failover", within: stage.patience) { leases in
            leases.contains { $0.lastMilliseconds > fault.wall } ? nil : "no feed has stored anything received behind the kill"
        }
        let outage = DrillStage.milliseconds(since: started)
        let served = WallClock.nanoseconds() / 1_000_000
        try await RestartRedisScenario.untilFlowing(stage, since: served)
        let flow = DrillStage.milliseconds(since: started)
        let after = try await stage.cluster.view.leases()
        let kept = zip(before, after).count { $0.isLive && $0.holder == $1.holder && $0.epoch == $1.epoch }
        try await group.startServer(master, replicaOf: promoted)
        try await group.untilReplicated(from: promoted)
        try await group.untilWatched()
        stage.healed()
        stage.story.add(outage, to: Self.outage)
        stage.story.add(flow, to: Self.flow)
        stage.story.count(lost, of: Count.lost)
        stage.story.count(kept, of: Count.kept)
        if !canHold(outage, stage.plan) { stage.story.count(1, of: Count.late) }
        stage.tell(
            "run \(run): server \(master) killed\(isCut ? ", its replicas cut off before" : ""), server \(promoted) promoted; packets taken again "
                + "after \(DrillStage.text(outage)), from every feed after \(DrillStage.text(flow)); \(kept) of \(before.count) feeds kept "
                + "websocket and epoch" + (isCut ? "; at least \(lost) acknowledged packets died with it" : ""))
    }

    /// Whether leases renewed at the latest a round before the kill can be held for so long, with a renewal behind it.
    private static func canHold(_ outage: Double, _ plan: DrillPlan) -> Bool {
        let bound = plan.timing.selfFence - plan.timing.renewEvery - plan.timing.renewTimeout
        return outage < Double(bound.wholeMilliseconds)
    }

    /// Epoch and next sequence of every feed, as one server has them.
    private static func next(
        _ stage: DrillStage, at server: Int, of group: ReplicatedRedis
    ) async throws -> [FeedName: (epoch: Int, next: Int)] {
        let connection = try await group.connect(to: server)
        defer { connection.close() }
        var found: [FeedName: (epoch: Int, next: Int)] = [:]
        for feed in stage.cluster.view.feeds {
            guard let keys = stage.cluster.view.keys(of: feed) else { continue }
            let reply = try await connection.send(["HMGET", .string(keys.lease), "epoch", "next_sequence"])
            guard let fields = reply.array, fields.count == 2, let epoch = fields[0].integer, let next = fields[1].integer else { continue }
            found[feed] = (Int(epoch), Int(next))
        }
        return found
    }

    /// What the dead master had acknowledged and not even the best of the others has, at least.
    private static func lost(
        _ stage: DrillStage, _ acknowledged: [FeedName: (epoch: Int, next: Int)], among servers: [Int], of group: ReplicatedRedis
    ) async throws -> Int {
        var best: [FeedName: Int] = [:]
        for server in servers {
            for (feed, has) in try await next(stage, at: server, of: group) where has.epoch == acknowledged[feed]?.epoch {
                best[feed] = max(best[feed] ?? 0, has.next)
            }
        }
        return acknowledged.reduce(0) { sum, item in sum + max(0, item.value.next - (best[item.key] ?? item.value.next)) }
    }

    func judge(_ evidence: Evidence) -> [DrillPromise] {
        let story = evidence.story
        let (reconnects, gapped) = (evidence.reconnects, evidence.verdict.packets.gapped)
        let late = story.counts[Count.late] ?? 0
        let lost = story.counts[Count.lost] ?? 0
        let text =
            "\(story.faults.count) failovers: \(reconnects) reconnects, \(gapped) packets in gaps, \(lost) acknowledged ones lost with their "
            + "master and sent again" + (late > 0 ? "; \(late) took longer than leases can be held, so reconnects are allowed" : "")
        return [DrillPromise(.redisFailover, kept: late > 0 || (reconnects == 0 && gapped == 0), text)]
    }
}
