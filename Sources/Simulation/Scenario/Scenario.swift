package import Coordination

/// The world of one run, drawn from its seed: how many, how fast, under which policy, and what can go wrong.
package struct Scenario: Sendable {
    package var seed: UInt64
    package var workers: Int
    package var feeds: Int
    package var symbols: Int
    /// Length of the part with faults, nanoseconds.
    package var faulty: Int64
    package var policy: FeedPolicy
    /// The budget group of each feed.
    package var groups: [String]
    /// Nothing stands between workers and Redis: a refused connect proves the process gone.
    package var isDirect: Bool
    package var hasDeadman: Bool
    package var placement: PlacementSettings
    /// Memory of a feed's ring, bytes.
    package var ringBytes: Int
    /// How many wake-ups in 100 are lost.
    package var lostWakes: Int
    /// The host of each worker.
    package var hosts: [Int]
    /// Time between two packets of a websocket at most, ms.
    package var packetEvery: Int64
    package var plan: [PlannedFault]
    /// When each worker starts, nanoseconds; nil: within the first seconds.
    package var starts: [Int64]?
    package var mutation: Mutation?

    package init(seed: UInt64, workers: Int = 5, feeds: Int = 8, symbols: Int = 3, minutes: Int = 10, mutation: Mutation? = nil) {
        var random = SimulationRandom(seed: seed, stream: 0)
        self.seed = seed
        self.workers = workers
        self.feeds = feeds
        self.symbols = symbols
        self.mutation = mutation
        faulty = Int64(minutes) * 60 * Span.second
        var timing = LeaseTiming()
        // The shortest T that I1 allows, every other time: H + K a little below it.
        if random.chance(50) { timing.ttl = .milliseconds(5310) }
        if mutation == .noMargin {
            // A multiple of P, or the polls themselves would leave a margin.
            timing.selfFence = .milliseconds(4750)
            timing.ttl = .milliseconds(5500)
        }
        let isHasty = random.chance(40)
        let quarantine: Duration = random.chance(25) ? .seconds(90) : .zero
        policy = FeedPolicy(
            timing: timing, connectDelay: isHasty ? .milliseconds(150)...(.milliseconds(400)) : .seconds(1)...(.seconds(5)),
            takeoverDelay: random.chance(70) ? .zero...(.zero) : .seconds(1)...(.seconds(5)),
            pace: random.chance(50) ? .seconds(60) : .seconds(15), quarantine: quarantine, retryCap: .seconds(15))
        if mutation == .noMargin { policy.connectDelay = .zero...(.milliseconds(5)) }
        let sharing = random.chance(40) ? min(feeds, 2) : 1
        groups = (0..<feeds).map { $0 < sharing ? "x0" : "x\($0)" }
        isDirect = random.chance(50)
        hasDeadman = random.chance(85)
        placement =
            random.chance(50)
            ? PlacementSettings()
            : PlacementSettings(
                round: .seconds(20), minimumResidence: .seconds(45), patience: .seconds(10))
        ringBytes = random.chance(40) ? 6 << 10 : 1 << 20
        lostWakes = random.pick([0, 30, 100])
        hosts = (0..<workers).map { $0 / 2 }
        packetEvery = random.pick([2000, 4000, 8000])
        plan = []
        plan = FaultPlan.draw(for: self, random: &random)
    }

    package var hostCount: Int { (hosts.max() ?? 0) + 1 }
}
