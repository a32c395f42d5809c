internal import Coordination
internal import Glibc
internal import History
internal import Ingest
internal import NIOCore
internal import RedisClient

/// SIGSTOP of a producing worker; with the dead-man off the whole host, which thaws again.
struct FreezeScenario: Scenario {
    func run(_ stage: inout DrillStage) async throws {
        for run in 1...stage.plan.runs {
            try await stage.pause(0...1500)
            if stage.plan.settings["deadman"] == "off" {
                try await Self.thaw(&stage, run: run)
            } else {
                try await Self.strike(&stage, run: run)
            }
        }
    }

    /// The kernel has to kill the stopped process by its deadline. In every other run the supervisor is stopped as well, so that nobody else can.
    static func strike(_ stage: inout DrillStage, run: Int) async throws {
        let victim = try await stage.victim()
        guard let host = stage.cluster.hosts.first(where: { $0.number == victim.host }) else { return }
        let isAlone = Bool.random(using: &stage.random)
        let started = LocalTime.now()
        let fault = try stage.fault(
            "freeze", run: run, worker: victim.id, feeds: victim.feeds.map(\.text), detail: isAlone ? "supervisor stopped too" : "",
            isProvedDeath: !isAlone)
        if isAlone { host.signal(SIGSTOP) }
        kill(victim.pid, SIGSTOP)
        let limit = stage.plan.timing.selfFence + stage.plan.timing.closeSlack
        while Launch.isRunning(victim.pid), LocalTime.now() - started < limit * 2 { try await Task.sleep(for: .milliseconds(2)) }
        let died = DrillStage.milliseconds(since: started)
        stage.story.add(died, to: "stopped to dead")
        let gaps: [Double]
        do {
            gaps = try await stage.acquisitions(of: victim.feeds, after: fault, notBy: victim.id, within: .seconds(30))
        } catch {
            host.signal(SIGCONT)
            throw error
        }
        // A stopped process is a holder; what its supervisor proves begins with its death.
        for gap in gaps { stage.story.add(isAlone ? gap : max(0, gap - died), to: isAlone ? "lease gap, nobody to prove it" : "lease gap") }
        host.signal(SIGCONT)
        stage.healed()
        try await stage.untilWhole("the cluster after \(victim.id) was frozen")
        stage.tell(
            "run \(run): froze \(victim.id.prefix { $0 != "." })\(isAlone ? " and its supervisor" : ""); dead after "
                + "\(DrillStage.text(died)), leases after \(DrillStage.text(gaps.last ?? 0))")
    }

    /// The host stands still for longer than its leases last, others take over, and it goes on where it was: nothing of it may be stored.
    static func thaw(_ stage: inout DrillStage, run: Int) async throws {
        let victim = try await stage.victim()
        guard let host = stage.cluster.hosts.first(where: { $0.number == victim.host }) else { return }
        let before = try await stage.epochs()
        let fault = try stage.fault(
            "freeze", run: run, worker: victim.id, feeds: victim.feeds.map(\.text), detail: "whole host, no dead-man")
        host.signal(SIGSTOP)
        let frozen = host.workerProcesses.filter { $0 == victim.pid }
        for pid in frozen { kill(pid, SIGSTOP) }
        let gaps: [Double]
        do {
            gaps = try await stage.acquisitions(of: victim.feeds, after: fault, notBy: victim.id, within: .seconds(40))
            try await stage.pause(1000...3000)
            stage.story.add(Double(try await lateBatches(of: victim, before, stage)), to: "late batches stored")
        } catch {
            resume(host, frozen)
            throw error
        }
        for gap in gaps { stage.story.add(gap, to: "lease gap, nobody to prove it") }
        resume(host, frozen)
        stage.healed()
        try await stage.untilWhole("the cluster after \(victim.id) thawed")
        stage.tell(
            "run \(run): froze \(victim.id.prefix { $0 != "." }) and its supervisor, dead-man off; taken over after "
                + "\(DrillStage.text(gaps.last ?? 0)), then thawed")
    }

    /// What the network may have kept of the frozen worker arrives now: a batch under its old token for each of its feeds. Returns how many
    /// were stored.
    private static func lateBatches(
        of victim: DrillStage.Producer, _ epochs: [FeedName: Int], _ stage: DrillStage
    ) async throws -> Int {
        let connection = try await stage.cluster.redis.connect()
        defer { connection.close() }
        var stored = 0
        for feed in victim.feeds {
            guard let keys = stage.cluster.view.keys(of: feed), let epoch = epochs[feed] else { continue }
            let now = WallClock.nanoseconds()
            let sequence = 1_000_000
            let call = PublishCall(
                feed: keys, token: Token(incarnation: Incarnation(victim.id), epoch: epoch), first: sequence,
                controlMaximumLength: 10_000_000, streams: [],
                packets: [
                    .init(
                        stream: 0, id: EntryID(milliseconds: now / 1_000_000 + 1, epoch: epoch, sequence: sequence), timeNanoseconds: now,
                        previous: 0, data: ByteBuffer(string: "late"))
                ])
            if try await connection.call(call) != .fenced { stored += 1 }
        }
        return stored
    }

    private static func resume(_ host: DrillHost, _ frozen: [Int32]) {
        for pid in frozen { kill(pid, SIGCONT) }
        host.signal(SIGCONT)
    }

    func judge(_ evidence: Evidence) -> [DrillPromise] {
        let timing = evidence.plan.timing
        var promises: [DrillPromise] = []
        let deaths = evidence.story.samples("stopped to dead")
        if let worst = deaths.max() {
            let bound = Double((timing.selfFence + timing.closeSlack).wholeMilliseconds)
            promises.append(
                DrillPromise(
                    .oneProducer, kept: worst <= bound + 100,
                    "a stopped producer was dead after \(DrillStage.text(worst)) at most, bound H + K = \(DrillStage.text(bound))"))
        }
        let unproved = evidence.story.samples("lease gap, nobody to prove it")
        if let worst = unproved.max() {
            let bound = Double((timing.ttl + timing.observeEvery + .seconds(1)).wholeMilliseconds)
            promises.append(
                DrillPromise(
                    .takeoverTime, kept: worst <= bound,
                    "without proof of death taken over after \(DrillStage.text(worst)) at most, bound T + P + 1 s"))
        }
        let late = evidence.story.samples("late batches stored")
        if !late.isEmpty {
            let stored = Int(late.reduce(0, +))
            promises.append(
                DrillPromise(
                    .fencedData, kept: stored == 0, "late batches of frozen workers that were stored behind their successors: \(stored)"))
        }
        return promises
    }

    /// Without the dead-man a frozen host leaves its websocket open: the contract's second non-guarantee.
    func excused(_ plan: DrillPlan) -> Set<HistoryRule> {
        plan.settings["deadman"] == "off" && plan.options.sabotage != .deadman ? [.s4, .s5, .s11] : []
    }
}
