import Cluster
import Coordination
import FoundationEssentials
import Glibc
import NIOCore
import NIOPosix
import RedisClient

/// What the control plane of many workers costs Redis: their renewals, observations, beats and looks at versions, each worker with a connection,
/// a renewal keeper and timers of its own, at the real rates. No websockets, no packets.
struct LeaseBench: Sendable {
    var workers = 1000
    var feeds = 5000
    /// Budget groups over which the feeds are spread.
    var groups = 40
    var seconds = 20.0
    /// Two look at every feed, at P and at 2 P, in the worst case: its holder is neither of the first-ranked. Usually it is the first, and
    /// only the second looks, at 2 P.
    var watchers = 2

    func run() async throws -> LeaseResults {
        try raiseFileLimit(to: workers + 500)
        return try await BenchRig.with { rig in try await measure(rig) }
    }

    private func raiseFileLimit(to count: Int) throws {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        guard limit.rlim_cur < rlim_t(count) else { return }
        limit.rlim_cur = min(limit.rlim_max, rlim_t(count))
        guard limit.rlim_cur >= rlim_t(count), setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            throw ClusterError(
                .configuration, "\(workers) workers need \(count) open files; raise the limit (ulimit -n) or lower --workers")
        }
    }

    private func measure(_ rig: BenchRig) async throws -> LeaseResults {
        _ = try await rig.link.send(FunctionLibrary.colony1.loadArguments)
        let keys = Keys()
        let names = (0..<feeds).map { keys.feed(FeedName("x\($0 % groups)/\($0 / groups)"), group: "x\($0 % groups)") }
        let incarnations = (0..<workers).map { Incarnation(name: "w\($0)", random: UInt64($0)) }
        let timing = LeaseTiming()
        for (index, feed) in names.enumerated() {
            let holder = incarnations[index * workers / feeds]
            _ = try await rig.link.send(InitCall(feed: feed, server: "bench").arguments())
            let call = AcquireCall(
                feed: feed, incarnation: holder, ttlMilliseconds: timing.ttl.wholeMilliseconds, mode: .seen(renewals: 0), seenEpoch: 0,
                floor: 0,
                floorMilliseconds: 0, delayMilliseconds: 0, connectMilliseconds: 0, paceMilliseconds: 60_000, quarantineMilliseconds: 0,
                server: "bench", jump: 100, reason: "bench")
            guard case .granted = try AcquireCall.decode(try await rig.link.send(call.arguments())) else {
                throw ClusterError(.supervisor, "the lease of \(feed.feed) was not granted")
            }
        }
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let counters = LeaseCounters()
        var load: [NIOLoopBound<LeaseLoad>] = []
        var connections: [RedisConnection] = []
        for (index, incarnation) in incarnations.enumerated() {
            let connection = try await RedisConnection.connect(to: rig.redis.endpoint, name: "colony:control:\(incarnation)", on: loop)
            connections.append(connection)
            let held = (0..<feeds).filter { $0 * workers / feeds == index }.map { names[$0] }
            // The feeds of the next two workers.
            let watched = (1...2).map { step in
                (0..<feeds).filter { $0 * workers / feeds == (index + step) % workers }.map { names[$0] }
            }
            let watchers = watchers
            let offset = Duration.nanoseconds(1_000_000_000 / Int64(workers) * Int64(index))
            load.append(
                try await loop.submit {
                    let one = LeaseLoad(
                        incarnation: incarnation, held: held, first: watchers > 1 ? watched[0] : [], second: watchers > 0 ? watched[1] : [],
                        connection: connection, timing: timing, counters: counters)
                    one.start(after: offset)
                    return NIOLoopBound(one, eventLoop: loop)
                }.get())
        }
        // All timers run, and the connections' first calls are over.
        try await Task.sleep(for: .seconds(3))
        try await loop.submit { counters.clear() }.get()
        let before = try await usage(rig)
        let started = LocalTime.now()
        try await Task.sleep(for: .seconds(seconds))
        let after = try await usage(rig)
        let wall = Double((LocalTime.now() - started).wholeNanoseconds) / 1e9
        let counts = try await loop.submit { counters.snapshot }.get()
        let stopping = load
        try await loop.submit { for one in stopping { one.value.stop() } }.get()
        for connection in connections { try await connection.closeFuture.get() }
        return LeaseResults(bench: self, wall: wall, before: before, after: after, counts: counts)
    }

    private func usage(_ rig: BenchRig) async throws -> LeaseUsage {
        let stats = RedisServerInfo(try await rig.link.send(["INFO", "commandstats"]).string ?? "")
        var microseconds: [String: Double] = [:]
        for (name, text) in stats.fields where name.hasPrefix("cmdstat_") {
            let field = text.split(separator: ",").first { $0.hasPrefix("usec=") }
            microseconds[String(name.dropFirst(8))] = field.flatMap { Double($0.dropFirst(5)) } ?? 0
        }
        return LeaseUsage(cpuSeconds: try await rig.redisCPU(), microseconds: microseconds)
    }
}

/// What Redis had used at a moment.
struct LeaseUsage: Sendable {
    var cpuSeconds: Double
    /// By command, inside the command alone.
    var microseconds: [String: Double]
}

/// Counted on the one loop that all simulated workers share.
final class LeaseCounters: Sendable {
    struct Snapshot: Sendable {
        var renewals = 0
        var renewCalls = 0
        var observed = 0
        var beats = 0
        var reads = 0
        var failures = 0
        /// Longest time from the send of a renewal to its reply, nanoseconds.
        var slowestRenewal: Int64 = 0
    }

    private let box = Box()
    private final class Box: @unchecked Sendable {
        // Touched on one event loop only.
        var snapshot = Snapshot()
    }

    var snapshot: Snapshot { box.snapshot }
    func clear() { box.snapshot = Snapshot() }
    func count(_ change: (inout Snapshot) -> Void) { change(&box.snapshot) }
}

/// The calls of one worker's control side.
final class LeaseLoad {
    private let incarnation: Incarnation
    private let held: [FeedKeys]
    private let first: [FeedKeys]
    private let second: [FeedKeys]
    private let connection: RedisConnection
    private let counters: LeaseCounters
    private let timing: LeaseTiming
    private var keeper: RenewalKeeper
    private var wake: Scheduled<Void>?
    private var timers: [RepeatedTask] = []
    private var turn = 0
    private var redisNow: Int64 = 0
    private var isStopped = false
    private var beats = 0
    private let report: String

    init(
        incarnation: Incarnation, held: [FeedKeys], first: [FeedKeys], second: [FeedKeys], connection: RedisConnection, timing: LeaseTiming,
        counters: LeaseCounters
    ) {
        self.incarnation = incarnation
        self.held = held
        self.first = first
        self.second = second
        self.connection = connection
        self.timing = timing
        self.counters = counters
        keeper = RenewalKeeper(timing: timing, isDirect: false)
        // As long as a real one of feeds with a few streams each.
        report =
            "{"
            + held.map {
                #""\#($0.feed)":{"phase":"live","epoch":1,"packets":123456789,"bytes":98765432100,"packets_per_second":812.5,"#
                    + #""streams":12,"dropped":0,"malformed":0,"ring_bytes":1048576,"subscriptions":{"trade BTCUSDT":"receiving","#
                    + #""trade ETHUSDT":"receiving","book BTCUSDT":"receiving"}}"#
            }.joined(separator: ",") + "}"
    }

    func start(after offset: Duration) {
        let now = LocalTime.now()
        for feed in held { perform(keeper.hold(feed, token: Token(incarnation: incarnation, epoch: 1), sentAt: now, now: now)) }
        perform(keeper.connected(now: now, isOneServer: true))
        repeats(every: timing.observeEvery, after: offset) { $0.observe() }
        repeats(every: .seconds(1), after: offset) { $0.beat() }
    }

    func stop() {
        isStopped = true
        wake?.cancel()
        for timer in timers { timer.cancel() }
        connection.close()
    }

    private func repeats(every interval: Duration, after offset: Duration, _ action: @escaping @Sendable (LeaseLoad) -> Void) {
        let loopBound = NIOLoopBound(self, eventLoop: connection.eventLoop)
        timers.append(
            connection.eventLoop.scheduleRepeatedTask(
                initialDelay: .nanoseconds(offset.wholeNanoseconds), delay: .nanoseconds(interval.wholeNanoseconds)
            ) { _ in action(loopBound.value) })
    }

    private func send(_ arguments: [RedisArgument], _ completion: @escaping (RedisValue) -> Void) {
        var command = ByteBufferAllocator().buffer(capacity: 256)
        RedisCommandEncoder.append(arguments, to: &command)
        connection.write([command], timeout: .seconds(10)) { [counters] result in
            switch result {
            case .success(let value): completion(value)
            case .failure: counters.count { $0.failures += 1 }
            }
        }
    }

    private func perform(_ actions: [RenewalKeeper.Action]) {
        for action in actions {
            switch action {
            case .renew(let batch): renew(batch)
            case .wake(let at):
                guard !isStopped else { continue }
                wake?.cancel()
                let loopBound = NIOLoopBound(self, eventLoop: connection.eventLoop)
                wake = connection.eventLoop.scheduleTask(in: .nanoseconds(max(0, (at - .now()).wholeNanoseconds))) {
                    let now = LocalTime.now()
                    loopBound.value.perform(
                        loopBound.value.keeper.woken(now: now) { _ in .init(tickedAt: now, unacknowledgedSince: nil) })
                    loopBound.value.connection.flush()
                }
            case .event(.refused), .event(.missing), .event(.expired): counters.count { $0.failures += 1 }
            case .event, .armDeadman, .disarmDeadman: break
            }
        }
    }

    private func renew(_ batch: RenewalKeeper.Batch) {
        counters.count { $0.renewCalls += 1 }
        send(batch.call.arguments()) { [self] value in
            let now = LocalTime.now()
            guard let reply = try? RenewCall.decode(value) else { return counters.count { $0.failures += 1 } }
            counters.count {
                $0.renewals += reply.results.count { $0 == .renewed }
                $0.slowestRenewal = max($0.slowestRenewal, (now - batch.sentAt).wholeNanoseconds)
            }
            perform(keeper.replied(batch, reply.results, now: now))
        }
    }

    private func observe() {
        turn += 1
        let due = turn % 2 == 0 ? first + second : first
        guard !due.isEmpty else { return }
        send(ObserveCall(feeds: due).arguments()) { [counters] value in
            counters.count { $0.observed += value.array?.count ?? 0 }
        }
        connection.flush()
    }

    private func beat() {
        let info: [BeatCall.Field] = [
            .init("host", "host"), .init("pid", "4711"), .init("name", incarnation.name), .init("state", "ready"), .init("weight", "1.0"),
            .init("load", "\(held.count)"), .init("version", "0.1.0"), .init("redis_client_id", "815"),
            .init("started_at", "1763812345678"),
            .init("deadman", "on"), .init("feeds", report),
        ]
        let keys = Keys()
        send(BeatCall(namespace: keys, incarnation: incarnation, info: info).arguments()) { [self] value in
            counters.count { $0.beats += 1 }
            redisNow = value.array?.last?.integer ?? 0
        }
        read(["ZRANGEBYSCORE", .string(keys.beats), "0", "\(redisNow - 2000)", "LIMIT", "0", "256"])
        beats += 1
        if beats % 2 == 0 {
            for feed in held { read(["HGET", .string(feed.subscriptions), "version"]) }
        } else {
            for group in Set(held.map(\.group)) { read(["HGET", .string(keys.disconnects(group: group)), "last_admitted"]) }
        }
        read(["HGET", .string(keys.meta), "requests_version"])
        connection.flush()
    }

    private func read(_ arguments: [RedisArgument]) {
        send(arguments) { [counters] _ in counters.count { $0.reads += 1 } }
    }
}

/// What the control plane did and what it cost.
struct LeaseResults: Sendable {
    let bench: LeaseBench
    let wall: Double
    let before: LeaseUsage
    let after: LeaseUsage
    let counts: LeaseCounters.Snapshot
    let machine = BenchMachine()

    /// Of one core.
    var redisShare: Double { (after.cpuSeconds - before.cpuSeconds) / wall }
    var bar: PathBar {
        PathBar(
            bar: "Redis CPU of renewals and polls, share of a core, \(bench.workers) workers, \(bench.feeds) feeds", measured: redisShare,
            relation: "<=", limit: 0.1)
    }

    private func rate(_ count: Int) -> Int { Int((Double(count) / wall).rounded()) }

    var text: String {
        var table = TextTable(["WHAT", "per s", ""], rightAligned: [1])
        table.add(["leases renewed", "\(rate(counts.renewals))", "in \(rate(counts.renewCalls)) calls"])
        table.add(["lease records observed", "\(rate(counts.observed))", ""])
        table.add(["beats", "\(rate(counts.beats))", ""])
        table.add(["versions and other reads", "\(rate(counts.reads))", ""])
        table.add(["failures", "\(counts.failures)", "in all"])
        table.add(["slowest renewal, ms", BenchText.decimal(Double(counts.slowestRenewal) / 1e6), ""])
        var commands = TextTable(["REDIS COMMAND", "% of a core, inside the command"], rightAligned: [1])
        for (name, microseconds) in spent.prefix(6) { commands.add([name, BenchText.decimal(microseconds / 1e4 / wall)]) }
        let verdict =
            "Redis takes \(BenchText.decimal(redisShare * 100)) % of a core (bar: \(BenchText.decimal(bar.limit * 100)) %): "
            + (bar.isKept ? "kept" : "MISSED")
        return [machine.line, table.text, commands.text, verdict].joined(separator: "\n\n")
    }

    private var spent: [(name: String, microseconds: Double)] {
        after.microseconds.map { ($0.key, $0.value - (before.microseconds[$0.key] ?? 0)) }.sorted { $0.microseconds > $1.microseconds }
    }

    private struct Document: Encodable {
        var machine: BenchMachine
        var workers: Int
        var feeds: Int
        var renewals: Int
        var renewCalls: Int
        var observed: Int
        var beats: Int
        var reads: Int
        var failures: Int
        var slowestRenewal: Double
        var bars: [PathBar]

        enum CodingKeys: String, CodingKey {
            case machine, workers, feeds, failures, bars
            case renewals = "renewals_per_s"
            case renewCalls = "renew_calls_per_s"
            case observed = "observed_per_s"
            case beats = "beats_per_s"
            case reads = "reads_per_s"
            case slowestRenewal = "slowest_renewal_ms"
        }
    }

    func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let document = Document(
            machine: machine, workers: bench.workers, feeds: bench.feeds, renewals: rate(counts.renewals),
            renewCalls: rate(counts.renewCalls), observed: rate(counts.observed), beats: rate(counts.beats),
            reads: rate(counts.reads), failures: counts.failures, slowestRenewal: Double(counts.slowestRenewal) / 1e6, bars: [bar]
        )
        return String(decoding: try encoder.encode(document), as: UTF8.self)
    }
}
