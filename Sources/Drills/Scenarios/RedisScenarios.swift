internal import Coordination
internal import Glibc
internal import History
internal import Ingest
internal import RedisClient

/// redis-server is killed, stays away for up to ten seconds, and comes back on its data.
struct RestartRedisScenario: Scenario {
    func run(_ stage: inout DrillStage) async throws {
        for run in 1...stage.plan.runs {
            try await stage.pause(500...2500)
            try await Self.strike(&stage, run: run, away: 200...10_000)
        }
    }

    static func strike(_ stage: inout DrillStage, run: Int, away range: ClosedRange<Int64>) async throws {
        let away = Int64.random(in: range, using: &stage.random)
        let before = try await stage.cluster.view.leases()
        try stage.fault("restart-redis", run: run, detail: "away for \(away) ms")
        try await stage.cluster.redis.kill()
        try await Task.sleep(for: .milliseconds(away))
        try await stage.cluster.redis.start()
        stage.healed()
        let back = WallClock.nanoseconds() / 1_000_000
        let started = LocalTime.now()
        try await untilFlowing(stage, since: back)
        let after = try await stage.cluster.view.leases()
        let moved = zip(before, after).count { $0.holder != $1.holder || $0.epoch != $1.epoch }
        stage.tell(
            "run \(run): redis-server away for \(DrillStage.text(Double(away))); every feed flows again after "
                + "\(DrillStage.text(DrillStage.milliseconds(since: started))), \(moved) feeds changed holder or epoch")
    }

    /// Every feed has stored something received after `wall` (Redis' clock, ms).
    static func untilFlowing(_ stage: DrillStage, since wall: Int64) async throws {
        try await stage.cluster.view.until("packets of every feed behind the return of Redis", within: stage.patience) { leases in
            let dry = leases.filter { !($0.isLive && $0.lastMilliseconds > wall) }
            return dry.first.map { "\(dry.count) feeds have stored nothing yet, e.g. \($0.feed) (\($0.state) \($0.phase))" }
        }
    }

    func judge(_ evidence: Evidence) -> [DrillPromise] {
        let reconnects = evidence.reconnects
        let gapped = evidence.verdict.packets.gapped
        return [
            DrillPromise(
                .redisRestart, kept: reconnects == 0 && gapped == 0,
                "\(evidence.story.faults.count) restarts of a directly attached Redis: \(reconnects) reconnects, \(gapped) packets in gaps")
        ]
    }
}

/// All keys vanish: FLUSHALL under load, or the append-only file deleted while the server is down.
struct WipeRedisScenario: Scenario {
    func run(_ stage: inout DrillStage) async throws {
        for run in 1...stage.plan.runs {
            try await stage.pause(500...2500)
            try await Self.strike(&stage, run: run, isFlush: run % 2 == 1)
        }
    }

    static func strike(_ stage: inout DrillStage, run: Int, isFlush: Bool) async throws {
        let fault = try stage.fault("wipe-redis", run: run, detail: isFlush ? "FLUSHALL" : "append-only file deleted")
        if isFlush {
            let connection = try await stage.cluster.redis.connect()
            defer { connection.close() }
            _ = try await connection.send(["FLUSHALL"], timeout: .seconds(10))
        } else {
            try await stage.cluster.redis.kill()
            try stage.cluster.redis.deleteData()
            try await Task.sleep(for: .milliseconds(Int64.random(in: 0...1500, using: &stage.random)))
            try await stage.cluster.redis.start()
        }
        stage.healed()
        let started = LocalTime.now()
        try await RestartRedisScenario.untilFlowing(stage, since: WallClock.nanoseconds() / 1_000_000)
        stage.tell(
            "run \(run): \(fault.detail); every feed flows again after \(DrillStage.text(DrillStage.milliseconds(since: started)))")
    }

    func judge(_ evidence: Evidence) -> [DrillPromise] {
        let feeds = Set(evidence.timeline.spans.keys)
        var missing = 0
        for (index, fault) in evidence.story.faults.enumerated() {
            let end = index + 1 < evidence.story.faults.count ? evidence.story.faults[index + 1].wall : .max
            let resumed = evidence.events.filter { $0.event == "resumed" && $0.at >= fault.wall && $0.at < end }
            missing += feeds.subtracting(resumed.map(\.feed)).count
        }
        let reconnects = evidence.reconnects
        return [
            DrillPromise(
                .noSilentHole, kept: missing == 0,
                "after \(evidence.story.faults.count) losses of all keys \(missing) feeds went on without a `rollback` marker"),
            DrillPromise(
                .redisRestart, kept: reconnects == 0, "\(reconnects) websockets were opened anew although all could have stayed"),
        ]
    }
}
