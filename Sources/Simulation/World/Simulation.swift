import Coordination

/// Workers, a Redis, an exchange and the network between them, in virtual time. Everything that happens follows from the scenario.
///
/// Each worker runs the real `RenewalKeeper`, `PlacementMachine` and per feed the real `FeedMachine` and `PublishMachine` behind shells that do
/// what the worker's shells do; Redis is the `FunctionModel`. `now` is true time in nanoseconds; each worker has a clock of its own.
package final class Simulation {
    package let scenario: Scenario
    let policy: FeedPolicy
    let mutation: Mutation?
    let isTracing: Bool
    let feeds: [FeedFacts]
    let feedIndex: [FeedName: Int]
    let groupCount: Int
    /// Draws of the network.
    var random: SimulationRandom
    package private(set) var now: Int64 = 0
    private var queue = EventQueue()
    private(set) var redis: SimulatedRedis!
    private(set) var exchange: SimulatedExchange!
    private(set) var workers: [SimulatedWorker] = []
    private(set) var hosts: [SimulatedHost] = []
    package private(set) var violation: Violation?
    package private(set) var coverage = CoverageCounts()
    /// A number that depends on everything that happened, in its order.
    package private(set) var trace: UInt64 = 0xCBF2_9CE4_8422_2325
    package private(set) var steps = 0
    package private(set) var lines: [String] = []
    /// Every lease that was granted, in order.
    package private(set) var acquisitions: [Acquisition] = []
    var isFaulty = true
    private var hasBegun = false

    package init(_ scenario: Scenario, isTracing: Bool = false) {
        self.scenario = scenario
        self.isTracing = isTracing
        policy = scenario.policy
        mutation = scenario.mutation
        random = SimulationRandom(seed: scenario.seed, stream: 1)
        let groups = Array(Set(scenario.groups)).sorted()
        groupCount = groups.count
        var feeds: [FeedFacts] = []
        for (index, group) in scenario.groups.enumerated() {
            // The first feed of a group has its name; the others are its shards.
            let name = scenario.groups[..<index].contains(group) ? "\(group)/\(index)" : group
            feeds.append(
                FeedFacts(
                    index: index, name: name, group: group, groupIndex: groups.firstIndex(of: group) ?? 0, symbols: scenario.symbols))
        }
        self.feeds = feeds
        feedIndex = Dictionary(uniqueKeysWithValues: feeds.map { ($0.name, $0.index) })
        exchange = SimulatedExchange(self)
        redis = SimulatedRedis(self)
        hosts = (0..<scenario.hostCount).map { SimulatedHost(self, index: $0) }
        workers = (0..<scenario.workers).map { SimulatedWorker(self, index: $0) }
    }

    // MARK: Time

    @inline(__always)
    func after(_ delay: Int64, _ action: @escaping () -> Void) { queue.add(at: now + max(0, delay), action) }

    /// Runs up to this time, or to the first violation.
    private func run(until end: Int64) {
        while violation == nil, let next = queue.next(until: end) {
            now = next.at
            steps += 1
            mix(UInt64(bitPattern: now))
            next.action()
        }
        if violation == nil { now = end }
    }

    func mix(_ value: UInt64) { trace = (trace ^ value) &* 0x100_0000_01B3 }

    // MARK: What happened

    func fail(_ rule: String, _ text: @autoclosure () -> String) {
        guard violation == nil else { return }
        let found = Violation(rule: rule, text: text(), at: now)
        log("VIOLATION \(found)")
        violation = found
    }

    func log(_ text: @autoclosure () -> String) {
        guard isTracing else { return }
        lines.append("\(now / Span.millisecond) \(text())")
        if lines.count > 200_000 { lines.removeFirst(100_000) }
    }

    /// A lease that was granted.
    package struct Acquisition: Sendable {
        package var feed: Int
        /// Nanoseconds of true time.
        package var at: Int64
        /// For how long nobody had held it, ms; nil: the record named a holder, or nobody ever had.
        package var freeMilliseconds: Int64?
    }

    func acquired(_ feed: Int, freedAt: Int64?) {
        acquisitions.append(Acquisition(feed: feed, at: now, freeMilliseconds: freedAt.map { redis.time - $0 }))
    }

    func reach(_ item: Coverage) { coverage.reach(item) }

    // MARK: The run

    /// Faults for a while, then none: every feed must come back and stay, and be given up in order at the end.
    package func run() {
        defer { tearDown() }
        runFaulty()
        runQuiet()
    }

    /// The first part alone, or the first of it; the world stays as it is then, and may go on from there.
    package func runFaulty(until end: Int64? = nil) {
        if !hasBegun { begin() }
        run(until: min(end ?? scenario.faulty, scenario.faulty))
    }

    private func begin() {
        hasBegun = true
        for worker in workers {
            let worker = worker
            after(scenario.starts?[worker.index] ?? random.milliseconds(0, 3000)) { if !worker.isAlive { worker.start() } }
        }
        for (number, planned) in scenario.plan.enumerated() {
            queue.add(at: planned.at) { [self] in inject(planned.fault, number) }
            // What is lost with the tail is what was done since then.
            if case .restart(.tail(let length), _) = planned.fault {
                queue.add(at: max(0, planned.at - length)) { [self] in redis.capture(number) }
            }
        }
    }

    private func runQuiet() {
        guard violation == nil else { return }
        heal()
        let end = now + recovery
        // A process that was stopped or blocked just before may still look as if it were producing: its lease is not over yet.
        run(until: now + 15 * Span.second)
        recover(by: end)
        checkLive("L1")
        let epochs = feeds.map { live($0.index)?.token?.epoch }
        run(until: now + 15 * Span.second)
        recover(by: now)
        checkLive("L1")
        if violation == nil, feeds.map({ live($0.index)?.token?.epoch }) != epochs, !exchange.hasMoved {
            fail("L3", "a holder changed without a fault: epochs \(epochs)")
        }
        for feed in feeds.indices { redis.histories[feed].checkDrained(self, feed) }
        stop()
    }

    /// Runs until every feed is live, at the longest to `end`, or for as long from the last move for balance on: such a move is a disconnect.
    private func recover(by end: Int64) {
        while violation == nil, !isRecovered, now < max(end, exchange.lastMove + recovery) { run(until: now + Span.second) }
    }

    /// Undoes what refers to each other in a circle.
    private func tearDown() {
        queue = EventQueue()
        for worker in workers { worker.tearDown() }
        exchange.tearDown()
    }

    /// What each worker holds, in feeds.
    package var loads: [Int] { workers.map { worker in worker.isAlive ? worker.isHeld.count { $0 } : 0 } }

    /// How often placement has moved each feed.
    package var moves: [Int] { feeds.map { exchange.moves[$0.index] } }

    /// Disconnects of each feed that Redis has admitted.
    package var admissionCounts: [Int] { redis.admittedInAll }

    private func heal() {
        log("no more faults")
        isFaulty = false
        for host in hosts { host.isUp = true }
        redis.heal()
        exchange.heal()
        for worker in workers { worker.heal() }
    }

    /// L1: T + P, a pace for each feed of the group, the longest waits that were drawn, an attempt that hangs.
    private var recovery: Int64 {
        let timing = policy.timing
        let shared = feeds.map { feed in feeds.count { $0.groupIndex == feed.groupIndex } }.max() ?? 1
        let parts: [Duration] = [
            timing.ttl * 2, timing.observeEvery, policy.pace * shared, max(policy.retryCap, policy.connectDelay.upperBound),
            policy.connectDelay.upperBound, policy.quarantine, .seconds(30),
        ]
        return parts.reduce(Duration.zero, +).wholeNanoseconds
    }

    /// SIGTERM for all: L2.
    private func stop() {
        guard violation == nil else { return }
        let stopped = now
        for worker in workers { worker.stop() }
        run(until: stopped + 500 * Span.millisecond)
        guard violation == nil else { return }
        for feed in feeds {
            if redis.model.hashes[feed.lease]?["state"] != "free" { fail("L2", "\(feed.name) is not free 0.5 s after the stop") }
            for worker in workers where worker.feeds[feed.index].machine.phase != .finished {
                fail("L2", "\(worker.name) has not given up \(feed.name) 0.5 s after the stop")
            }
        }
    }

    func live(_ feed: Int) -> FeedMachine? {
        for worker in workers where worker.isAlive && worker.feeds[feed].machine.phase == .live { return worker.feeds[feed].machine }
        return nil
    }

    private var isRecovered: Bool {
        feeds.allSatisfy { feed in
            workers.count { $0.feeds[feed.index].machine.phase == .live } == 1
                && workers.count { $0.feeds[feed.index].machine.token != nil } == 1 && exchange.open[feed.index].count == 1
        }
    }

    private func checkLive(_ rule: String) {
        guard violation == nil else { return }
        for feed in feeds {
            let machines = workers.map { $0.feeds[feed.index].machine }
            let phases = machines.map(\.phase.rawValue).joined(separator: " ")
            if machines.count(where: { $0.phase == .live }) != 1 { fail(rule, "\(feed.name) is not live at one worker: \(phases)") }
            if machines.count(where: { $0.token != nil }) != 1 { fail("L3", "\(feed.name) is not held by one worker: \(phases)") }
            if exchange.open[feed.index].count != 1 { fail(rule, "\(feed.name) has no open websocket: \(phases)") }
        }
    }
}
