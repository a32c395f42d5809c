import RedisClient

@testable import Coordination

/// Three workers, a Redis, an exchange and the network between them, in virtual time. Everything that happens follows from the seed.
///
/// Each worker runs the real `RenewalKeeper` and one real `FeedMachine` per feed behind a shell that does what the worker's shell does; Redis is
/// the `FunctionModel`. `now` is true time, in nanoseconds; each worker has a clock of its own.
final class FeedSimulation {
    /// Rules that a test switches off, to see that their absence is noticed.
    struct Broken: OptionSet, Sendable {
        let rawValue: Int
        /// r1: the deadline counts from the reply of a renewal.
        static let deadlineFromReply = Broken(rawValue: 1)
        /// r6: what was observed over one connection counts on the next.
        static let observationSurvives = Broken(rawValue: 2)
        /// r4: a grant counts from its arrival, however late.
        static let lateGrantUsed = Broken(rawValue: 4)
        /// Nobody paces disconnects.
        static let noPace = Broken(rawValue: 8)
        /// r5: leases are judged on a clock that people set.
        static let wallClock = Broken(rawValue: 16)
        /// r7: a stopped process lives on.
        static let noDeadman = Broken(rawValue: 32)
        /// r8: H + K = T.
        static let noMargin = Broken(rawValue: 64)
    }

    static let millisecond: Int64 = 1_000_000
    static let second: Int64 = 1_000_000_000

    let seed: UInt64
    let broken: Broken
    let isLogging: Bool
    let policy: FeedPolicy
    let feeds: [FeedKeys]
    /// Nothing stands between the workers and Redis: a refused connect proves it gone.
    let isDirect: Bool
    var random: SeededGenerator
    private(set) var now: Int64 = 0
    private var queue = SimulatedQueue()
    private(set) var redis: SimulatedRedis!
    private(set) var exchange: SimulatedExchange!
    private(set) var workers: [SimulatedWorker] = []
    private(set) var violations: [String] = []
    private(set) var lines: [String] = []
    private(set) var reached: Set<String> = []
    var isFaulty = true
    /// Until when two holders are Redis' fault: it lost an acquisition it had granted.
    var excusedUntil: Int64 = 0

    init(seed: UInt64, broken: Broken = [], isLogging: Bool = false) {
        self.seed = seed
        self.broken = broken
        self.isLogging = isLogging
        random = SeededGenerator(seed: seed)
        var timing = LeaseTiming()
        // The shortest T that I1 allows, every other time.
        if Bool.random(using: &random) { timing.ttl = .milliseconds(5310) }
        if broken.contains(.noMargin) { timing.ttl = .milliseconds(5250) }
        let isHasty = Bool.random(using: &random)
        policy = FeedPolicy(
            timing: timing, connectDelay: isHasty ? .milliseconds(150)...(.milliseconds(400)) : .seconds(1)...(.seconds(5)),
            pace: .seconds(12), quarantine: .zero, retryCap: .seconds(8))
        let names = Bool.random(using: &random) ? ["x"] : ["x", "x/2"]
        feeds = names.map { Keys().feed(FeedName($0), group: "x") }
        isDirect = Bool.random(using: &random)
        redis = SimulatedRedis(self)
        exchange = SimulatedExchange(self)
        workers = (0..<3).map { SimulatedWorker(self, index: $0) }
    }

    // MARK: Time

    func after(_ delay: Int64, _ action: @escaping () -> Void) { queue.add(at: now + max(0, delay), action) }

    /// A random duration, both ends in milliseconds.
    func between(_ low: Int64, _ high: Int64) -> Int64 {
        Int64.random(in: (low * Self.millisecond)...(high * Self.millisecond), using: &random)
    }

    func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

    /// Runs up to this time, or to the first violation.
    private func run(until end: Int64) {
        while violations.isEmpty, let next = queue.next(until: end) {
            now = next.at
            next.action()
            check()
        }
        if violations.isEmpty { now = end }
    }

    // MARK: What went wrong

    func fail(_ text: String) {
        log("VIOLATION \(text)")
        violations.append("\(now / Self.millisecond) ms: \(text)")
    }

    func log(_ text: @autoclosure () -> String) {
        guard isLogging else { return }
        lines.append("\(now / Self.millisecond) \(text())")
        if lines.count > 100_000 { lines.removeFirst(50_000) }
    }

    func reach(_ what: String) { reached.insert(what) }

    /// The invariants that can be read off the state of the workers, after every step.
    private func check() {
        for keys in feeds {
            var proved = 0
            var live = 0
            for worker in workers {
                guard let feed = worker.feeds[keys.feed], worker.isAlive else { continue }
                let local = worker.local
                let phase = feed.machine.phase
                if feed.machine.isProved(now: local), phase != .drain {
                    proved += 1
                    if phase == .live { live += 1 }
                }
                if broken.isEmpty { check(worker, feed) }
            }
            guard now >= excusedUntil else { continue }
            if live > 1 { fail("S5: \(live) workers believe \(keys.feed) live") }
            if proved > 1 { fail("S5: \(proved) workers hold a proved lease of \(keys.feed)") }
        }
    }

    private func check(_ worker: SimulatedWorker, _ feed: SimulatedFeed) {
        let timing = policy.timing
        let bound = feed.proof.map { $0 + timing.selfFence }
        if feed.machine.isProved(now: bound ?? worker.local) {
            fail("S11: \(worker.name) trusts its lease of \(feed.keys.feed) beyond the send of what was confirmed + H")
        }
        if let deadline = worker.keeper.deadline(of: feed.keys.feed), deadline > bound ?? deadline {
            fail("S11: the keeper of \(worker.name) trusts the lease of \(feed.keys.feed) beyond the send of what was confirmed + H")
        }
        guard feed.hasOpenSocket else { return }
        guard let deadman = worker.deadman else {
            return fail("r7: no dead-man watches the open websocket of \(feed.keys.feed) at \(worker.name)")
        }
        if let bound, deadman > bound + timing.closeSlack {
            fail("r7: the dead-man of \(worker.name) comes too late for \(feed.keys.feed)")
        }
    }

    // MARK: The run

    /// Faults for `seconds`, then none: every feed must come back and stay, and be given up in order at the end.
    func run(seconds: Int64) {
        for worker in workers { worker.start() }
        scheduleFault()
        run(until: seconds * Self.second)
        guard violations.isEmpty else { return }
        log("no more faults")
        isFaulty = false
        redis.heal()
        exchange.heal()
        for worker in workers { worker.heal() }
        let timing = policy.timing
        // T + P, a pace for each feed of the group, the longest wait that was drawn, an attempt that hangs.
        let parts: [Duration] = [
            timing.ttl, timing.observeEvery, policy.pace * feeds.count, policy.retryCap, policy.connectDelay.upperBound, .seconds(14),
        ]
        run(until: now + parts.reduce(Duration.zero, +).wholeNanoseconds)
        checkLive("L1")
        let epochs = holders.map { $0?.token?.epoch }
        run(until: now + 20 * Self.second)
        checkLive("L1")
        if violations.isEmpty, holders.map({ $0?.token?.epoch }) != epochs { fail("L3: a holder changed without a fault") }
        let stopped = now
        for worker in workers { for feed in worker.inOrder { feed.stop(preferred: nil, forGood: true) } }
        run(until: stopped + 500 * Self.millisecond)
        guard violations.isEmpty else { return }
        for keys in feeds {
            if redis.model.hashes[keys.lease]?["state"] != "free" { fail("L2: \(keys.feed) is not free 0.5 s after the stop") }
            for worker in workers where worker.feeds[keys.feed]?.machine.phase != .finished {
                fail("L2: \(worker.name) has not given up \(keys.feed) 0.5 s after the stop")
            }
        }
    }

    private var holders: [FeedMachine?] {
        feeds.map { keys in
            workers.lazy.compactMap { $0.feeds[keys.feed]?.machine }.first { $0.phase == .live }
        }
    }

    private func checkLive(_ rule: String) {
        guard violations.isEmpty else { return }
        for keys in feeds {
            let machines = workers.compactMap { $0.feeds[keys.feed]?.machine }
            let phases = machines.map(\.phase.rawValue).joined(separator: " ")
            if machines.filter({ $0.phase == .live }).count != 1 { fail("\(rule): \(keys.feed) is not live at one worker: \(phases)") }
            if machines.filter({ $0.token != nil }).count != 1 { fail("L3: \(keys.feed) is not held by one worker: \(phases)") }
            if exchange.open[keys.feed]?.count != 1 { fail("\(rule): \(keys.feed) has no open websocket: \(phases)") }
        }
    }
}

/// What happens when.
struct SimulatedQueue {
    struct Item {
        var at: Int64
        var order: Int
        var action: () -> Void

        func precedes(_ other: Item) -> Bool { at != other.at ? at < other.at : order < other.order }
    }

    private var heap: [Item] = []
    private var order = 0

    mutating func add(at time: Int64, _ action: @escaping () -> Void) {
        order += 1
        heap.append(Item(at: time, order: order, action: action))
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].precedes(heap[parent]) else { break }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    mutating func next(until end: Int64) -> Item? {
        guard let first = heap.first, first.at <= end else { return nil }
        let last = heap.removeLast()
        guard !heap.isEmpty else { return first }
        heap[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && heap[child].precedes(heap[least]) { least = child }
            guard least != parent else { break }
            heap.swapAt(parent, least)
            parent = least
        }
        return first
    }
}
