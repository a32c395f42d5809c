internal import Coordination
internal import FaultInjection
internal import Glibc
internal import History
internal import Ingest
internal import RedisClient

/// The master behind Sentinels goes, a replica is promoted, the old master comes back as one.
struct FailoverRedisScenario: Scenario {
    /// How a master goes; in turns, so that in half of the runs writes are lost that it acknowledged.
    enum Way: CaseIterable {
        /// kill -9.
        case kill
        /// kill -9, and its replicas have heard nothing from it for a while.
        case cutAndKill
        /// `SENTINEL FAILOVER`: it lives, and takes writes until the Sentinels have made it a replica.
        case order
        /// As `cutAndKill`; while the replicas hear nothing a producer is killed, so that the acquisitions of its successors are lost as well.
        case cutAndTakeover

        var isCut: Bool { self == .cutAndKill || self == .cutAndTakeover }

        var text: String {
            switch self {
            case .kill: "killed"
            case .cutAndKill: "killed, its replicas cut off before"
            case .order: "told to step down"
            case .cutAndTakeover: "killed, its replicas cut off and a producer killed before"
            }
        }

        static func of(run: Int) -> Way { allCases[(run - 1) % allCases.count] }
    }

    private static let outage = "Redis takes no packets"
    private static let flow = "until every feed flows"
    /// Counters of the story.
    private enum Count {
        static let lost = "packets acknowledged by a master that died with them, at least"
        static let kept = "feeds that kept websocket and epoch"
    }

    func run(_ stage: inout DrillStage) async throws {
        guard let group = stage.cluster.replicated else {
            throw DrillError(.setup, "the drill failover-redis has no replicated Redis to work with")
        }
        for run in 1...stage.plan.runs {
            try await stage.pause(500...2500)
            // Before that nobody trusts the records of a server that has just become the master, so nothing would be acquired.
            if Way.of(run: run) == .cutAndTakeover { try await Task.sleep(for: stage.plan.timing.ttl + .seconds(1)) }
            try await Self.strike(&stage, group, run: run, Way.of(run: run))
        }
    }

    static func strike(_ stage: inout DrillStage, _ group: ReplicatedRedis, run: Int, _ way: Way) async throws {
        let master = try await group.currentMaster()
        let before = try await stage.cluster.view.leases()
        let proxy = way.isCut ? try await group.divertReplication(of: master) : nil
        var acknowledged: [FeedName: Place] = [:]
        if let proxy {
            let victim = way == .cutAndTakeover ? try await stage.victim() : nil
            try await proxy.stall()
            try stage.fault("failover-redis", run: run, detail: way.text)
            // The supervisor frees the leases at once; a successor has them long before max-lag is over.
            if let victim { kill(victim.pid, SIGKILL) }
            // Within max-lag the master goes on acknowledging what nobody else has.
            try await stage.pause(300...1000)
            acknowledged = try await places(stage, at: master, of: group)
        } else {
            try stage.fault("failover-redis", run: run, detail: way.text)
        }
        let started = LocalTime.now()
        let wall = WallClock.nanoseconds() / 1_000_000
        if way == .order {
            try await group.orderFailover()
        } else {
            try await group.kill(server: master)
        }
        // What the proxy still holds is what the replicas never get.
        try await proxy?.stop()
        let others = (0..<group.serverCount).filter { $0 != master }
        let lost = way.isCut ? try await lost(stage, acknowledged, among: others, of: group) : 0
        let promoted = try await group.untilPromoted(insteadOf: master)
        try await stage.cluster.view.until("a packet behind the failover", within: stage.patience) { leases in
            leases.contains { $0.lastMilliseconds > wall } ? nil : "no feed has stored anything received behind it"
        }
        let outage = DrillStage.milliseconds(since: started)
        try await RestartRedisScenario.untilFlowing(stage, since: WallClock.nanoseconds() / 1_000_000)
        let flow = DrillStage.milliseconds(since: started)
        let after = try await stage.cluster.view.leases()
        let kept = zip(before, after).count { $0.isLive && $0.holder == $1.holder && $0.epoch == $1.epoch }
        try await comeBack(group, master, as: way, replicaOf: promoted)
        stage.healed()
        if way != .order { stage.story.add(outage, to: Self.outage) }
        stage.story.add(flow, to: Self.flow)
        stage.story.count(lost, of: Count.lost)
        stage.story.count(kept, of: Count.kept)
        stage.tell(
            "run \(run): server \(master) \(way.text), server \(promoted) promoted; packets taken again after \(DrillStage.text(outage)), from "
                + "every feed after \(DrillStage.text(flow)); \(kept) of \(before.count) feeds kept websocket and epoch"
                + (way.isCut ? "; at least \(lost) acknowledged packets died with it" : ""))
        if way == .cutAndTakeover { try await stage.untilWhole("the cluster after a failover that lost acquisitions") }
    }

    /// The old master becomes a replica: by our hand, or, told to step down, by the Sentinels'.
    private static func comeBack(_ group: ReplicatedRedis, _ master: Int, as way: Way, replicaOf promoted: Int) async throws {
        if way != .order { try await group.startServer(master, replicaOf: promoted) }
        try await group.untilReplicated(from: promoted)
        try await group.untilWatched()
    }

    /// A feed's epoch and next sequence.
    private struct Place {
        var epoch: Int
        var next: Int
    }

    /// Of every feed, as one server has them.
    private static func places(_ stage: DrillStage, at server: Int, of group: ReplicatedRedis) async throws -> [FeedName: Place] {
        let connection = try await group.connect(to: server)
        defer { connection.close() }
        var found: [FeedName: Place] = [:]
        for feed in stage.cluster.view.feeds {
            guard let keys = stage.cluster.view.keys(of: feed) else { continue }
            let reply = try await connection.send(["HMGET", .string(keys.lease), "epoch", "next_sequence"])
            guard let fields = reply.array, fields.count == 2, let epoch = fields[0].integer, let next = fields[1].integer else { continue }
            found[feed] = Place(epoch: Int(epoch), next: Int(next))
        }
        return found
    }

    /// What the dead master had acknowledged and not even the best of the others has, at least.
    private static func lost(
        _ stage: DrillStage, _ acknowledged: [FeedName: Place], among servers: [Int], of group: ReplicatedRedis
    ) async throws -> Int {
        var best: [FeedName: Int] = [:]
        for server in servers {
            for (feed, has) in try await places(stage, at: server, of: group) where has.epoch == acknowledged[feed]?.epoch {
                best[feed] = max(best[feed] ?? 0, has.next)
            }
        }
        return acknowledged.reduce(0) { sum, item in sum + max(0, item.value.next - (best[item.key] ?? item.value.next)) }
    }

    // MARK: Judgement

    func judge(_ evidence: Evidence) -> [DrillPromise] {
        let story = evidence.story
        let slow = story.samples(Self.outage).count { !Self.canHold($0, evidence.plan) }
        var reconnects = 0
        for (index, fault) in story.faults.enumerated() where fault.detail != Way.cutAndTakeover.text {
            let end = index + 1 < story.faults.count ? story.faults[index + 1].boot : story.endedBoot
            reconnects += evidence.reconnects(from: fault.boot, to: end)
        }
        // A `rollback` declares as well: what was acknowledged under a lease that nobody knows of any more.
        let gaps = evidence.events.count { $0.event == "gap" }
        let text =
            "\(story.faults.count) failovers: \(reconnects) reconnects where no producer was killed, \(gaps) gaps, "
            + "\(evidence.verdict.packets.gapped) packets declared lost (with takeovers that died), "
            + "\(story.counts[Count.lost] ?? 0) or more acknowledged ones lost with their master and sent again"
            + (slow > 0 ? "; \(slow) took longer than leases can be held, so reconnects are no breach" : "")
        return [DrillPromise(.redisFailover, kept: slow > 0 || (reconnects == 0 && gaps == 0), text)]
    }

    /// Whether leases renewed at the latest a round before the failover can be held for so long, with a renewal behind it.
    private static func canHold(_ outage: Double, _ plan: DrillPlan) -> Bool {
        let bound = plan.timing.selfFence - plan.timing.renewEvery - plan.timing.renewTimeout
        return outage < Double(bound.wholeMilliseconds)
    }
}
