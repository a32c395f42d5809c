import Coordination
import RedisClient

/// One worker: its process with the control side, its connections, the dead-man, and a clock that is a little wrong.
final class SimulatedWorker {
    unowned let simulation: Simulation
    let index: Int
    let name: String
    unowned let host: SimulatedHost
    var random: SimulationRandom
    /// Counts the lives of the process; what belongs to an older one never happens.
    private(set) var life = 0
    private(set) var isAlive = false
    private(set) var incarnation: Incarnation
    var keeper: RenewalKeeper
    var placement: PlacementMachine
    var feeds: [SimulatedFeed] = []
    var network = SimulatedNetwork()
    /// When the dead-man kills the process, on the local clock.
    private(set) var deadman: LocalTime?
    var control: SimulatedLink?
    var data: SimulatedLink?
    var controlNumber = 0
    var controlLostAt: LocalTime?
    /// Run id of the server at the other end of the control and the data connection, and since when it is known.
    var server: FeedMachine.Server?
    var dataServer = ""
    /// Survive the process, in its state directory.
    var floors: [Int]
    private var lastIncarnation: Incarnation?
    // The local clock.
    private var clockBase: Int64
    private let clockMillionths: Int64
    private var pausedUntil: Int64 = 0
    private var wentOnAt: Int64 = .min / 2
    private var backlog: [() -> Void] = []
    private var isFrozen = false
    /// Since when the local clock stands still with the machine.
    private var stopsClockSince: Int64?
    /// Guarantee 1 does not speak of this worker until then.
    private var beyondAssumptionsUntil: Int64 = 0
    /// When the exchange can be reached again.
    var exchangeReachableFrom: Int64 = 0
    var traps: [Fault.Trap] = []
    // Timers.
    private var keeperAt: LocalTime?
    private var keeperTimer = Int64.max
    var placementWake = 0
    var handovers = HandoverMachine(patience: .seconds(3))
    var handoverWake = 0
    /// Until when each feed is offered to this worker by its owner.
    var invitations: [LocalTime?]
    var observeTurn = 0
    // What the control side knows.
    var places: [PlacementMachine.Place?]
    var isHeld: [Bool]
    var isDraining = false
    var members: [Member] = []
    var membersVersion = 0
    var silent: [Incarnation] = []
    var admitted: [Int64?] = []
    var redisNow: Int64 = 0
    private(set) var redisReadAt = LocalTime(nanoseconds: 0)

    init(_ simulation: Simulation, index: Int) {
        self.simulation = simulation
        self.index = index
        let count = simulation.feeds.count
        name = "w\(index)"
        host = simulation.hosts[simulation.scenario.hosts[index]]
        random = SimulationRandom(seed: simulation.scenario.seed, stream: 16 + UInt64(index))
        incarnation = Incarnation(name: name, random: 0)
        keeper = RenewalKeeper(timing: simulation.policy.timing, isDirect: simulation.scenario.isDirect)
        placement = PlacementMachine(name: name, settings: simulation.scenario.placement)
        floors = Array(repeating: 0, count: count)
        places = Array(repeating: nil, count: count)
        isHeld = Array(repeating: false, count: count)
        invitations = Array(repeating: nil, count: count)
        clockBase = Int64(1 + random.below(1_000_000)) * Span.second
        let rho = Int(simulation.policy.timing.rateErrorMillionths)
        clockMillionths = random.chance(50) ? Int64(random.below(2 * rho + 1) - rho) : random.chance(50) ? Int64(rho) : -Int64(rho)
        for facts in simulation.feeds { feeds.append(SimulatedFeed(self, facts)) }
    }

    // MARK: Clock

    var local: LocalTime {
        LocalTime(nanoseconds: clockBase + simulation.now + simulation.now * clockMillionths / 1_000_000)
    }

    /// Time until the local clock shows this.
    private func wait(for time: LocalTime) -> Int64 {
        let left = time.nanoseconds - local.nanoseconds
        guard left > 0 else { return 0 }
        return left - left * clockMillionths / (1_000_000 + clockMillionths) + 1
    }

    /// Redis has answered renewals: what is trusted from now on is so.
    func heardFromRedis() {
        guard beyondAssumptionsUntil == .max, !isPaused else { return }
        // This answer may speak of some of its leases only, and the one about the others come late or never, as may the one to the question
        // whether a record that refused it is only an older one: then the deadline by its own clock comes first.
        let answered = max(simulation.now, wentOnAt + simulation.policy.timing.selfFence.wholeNanoseconds)
        beyondAssumptionsUntil = answered + 1500 * Span.millisecond
    }

    func setClock(by nanoseconds: Int64) { clockBase += nanoseconds }

    func redisRead(_ milliseconds: Int64) {
        redisNow = milliseconds
        redisReadAt = local
    }

    /// What Redis' clock shows, as far as is known: ms.
    var redisTime: Int64 { redisNow + (local - redisReadAt).wholeMilliseconds }

    // MARK: Process

    var isPaused: Bool { pausedUntil > simulation.now }
    var isBeyondAssumptions: Bool { beyondAssumptionsUntil > simulation.now }

    /// Happens in this process, if it still lives then; later, if it is stopped.
    func run(after delay: Int64, _ action: @escaping () -> Void) {
        let life = life
        simulation.after(delay) { [unowned self] in
            guard self.life == life, isAlive else { return }
            if isPaused { backlog.append(action) } else { action() }
        }
    }

    /// A hop between the control thread and a data loop.
    func hop(_ action: @escaping () -> Void) { run(after: 200 * Span.microsecond, action) }

    /// At a local time. Timers are late when the loop is busy, and early by a rounding of clocks.
    func run(at time: LocalTime, _ action: @escaping () -> Void) {
        let draw = random.below(100)
        let error: Int64 = draw < 3 ? -500 * Span.microsecond : draw < 8 ? random.milliseconds(0, 30) : 0
        run(after: wait(for: time) + error, action)
    }

    func start() {
        life += 1
        isAlive = true
        isDraining = false
        beyondAssumptionsUntil = 0
        incarnation = Incarnation(name: name, random: UInt64(index) << 32 | UInt64(life))
        keeper = RenewalKeeper(timing: simulation.policy.timing, isDirect: simulation.scenario.isDirect)
        placement = PlacementMachine(name: name, settings: simulation.scenario.placement)
        handovers = HandoverMachine(patience: .seconds(3))
        handoverWake += 1
        keeperAt = nil
        keeperTimer = .max
        server = nil
        for index in isHeld.indices {
            isHeld[index] = false
            places[index] = nil
            invitations[index] = nil
        }
        members = []
        silent = []
        for facts in simulation.feeds { feeds[facts.index] = SimulatedFeed(self, facts) }
        simulation.log("\(name) starts as \(incarnation)")
        // The lock file of the own name is proof enough.
        if let last = lastIncarnation { deathProved(last) }
        lastIncarnation = incarnation
        connectControl(after: 0)
        connectData(after: 0)
        observeTick()
        beatTick(after: random.milliseconds(0, 1000))
    }

    func addFeed(_ feed: Int) {
        let shell = SimulatedFeed(self, simulation.feeds[feed])
        feeds[feed] = shell
        if let place = places[feed] { shell.handle(.placed(rank: place.rank, alternate: nil)) }
    }

    func deathProved(_ dead: Incarnation) { for feed in feeds { feed.handle(.deathProved(dead)) } }

    func woken(_ wake: Wake) {
        guard case .freed(let name, let preferred) = wake else { return }
        for feed in feeds where feed.facts.name == name { feed.handle(.freed(preferred: preferred)) }
        perform(placement.hurry(now: local))
    }

    func pause(for duration: Int64) {
        guard isAlive, !isPaused else { return }
        simulation.log("\(name) is stopped for \(duration / Span.millisecond) ms")
        pausedUntil = simulation.now + duration
        if !simulation.scenario.hasDeadman { beyondAssumptionsUntil = max(beyondAssumptionsUntil, pausedUntil + 300 * Span.millisecond) }
        let life = life
        simulation.after(duration) { [unowned self] in
            guard self.life == life else { return }
            goOn()
        }
    }

    /// The whole machine stands still: not even the dead-man fires.
    func freeze(for duration: Int64, clockStops: Bool) {
        guard isAlive, !isPaused else { return }
        isFrozen = true
        stopsClockSince = clockStops ? simulation.now : nil
        // With a clock that stood still it trusts old leases, and outages may extend them, until Redis tells it better.
        beyondAssumptionsUntil = clockStops ? .max : max(beyondAssumptionsUntil, simulation.now + duration + 300 * Span.millisecond)
        let life = life
        // The clock and the timers of the kernel come before those of the process.
        simulation.after(duration) { [unowned self] in
            guard self.life == life else { return }
            thaw()
        }
        pause(for: duration)
    }

    private func thaw() {
        guard isFrozen else { return }
        isFrozen = false
        if let since = stopsClockSince {
            clockBase -= simulation.now - since
            stopsClockSince = nil
        } else if let deadman, deadman <= local {
            killByDeadman()
        }
    }

    private func goOn() {
        guard pausedUntil > 0 else { return }
        simulation.log("\(name) goes on")
        pausedUntil = 0
        wentOnAt = simulation.now
        let life = life
        let due = backlog
        backlog = []
        for action in due where self.life == life {
            if isPaused { backlog.append(action) } else { action() }
        }
    }

    enum Death { case process, power }

    func kill(restartAfter delay: Int64, _ death: Death) {
        guard isAlive else { return }
        simulation.log("\(name) dies (\(death))")
        let dead = incarnation
        life += 1
        isAlive = false
        pausedUntil = 0
        isFrozen = false
        backlog = []
        deadman = nil
        control?.processDied()
        data?.processDied()
        control = nil
        data = nil
        for feed in feeds {
            simulation.redis.left(feed.facts.index, by: dead, in: feed.machine.phase)
            feed.processDied(leavesSocketOpen: death == .power)
        }
        if death == .process { host.reaped(dead) }
        simulation.after(delay) { [unowned self] in if !isAlive { start() } }
    }

    /// SIGTERM: everything is given up in order; the process ends when that is done, or after 0.5 s.
    func drain(restartAfter delay: Int64) {
        guard isAlive, !isPaused, !isDraining else { return }
        let life = life
        stop()
        simulation.after(500 * Span.millisecond) { [unowned self] in
            guard self.life == life, isAlive else { return }
            if feeds.allSatisfy({ $0.machine.phase == .finished }) { simulation.reach(.drained) }
            kill(restartAfter: delay, .process)
        }
    }

    func stop() {
        guard isAlive else { return }
        isDraining = true
        cancelHandovers()
        perform(placement.drain(now: local))
        for feed in feeds { feed.stop(reason: "drain", preferred: nil) }
    }

    func heal() {
        network = SimulatedNetwork()
        exchangeReachableFrom = 0
        traps = []
        thaw()
        if isPaused { goOn() }
        if isAlive, isDraining {
            // The process that is ending ends now.
            kill(restartAfter: 0, .process)
        } else if !isAlive {
            start()
        }
        control?.cut()
        data?.cut()
    }

    func isTrapped(_ trap: Fault.Trap) -> Bool { !traps.isEmpty && traps.contains(trap) }

    /// True once for each armed trap of this kind.
    @discardableResult
    func spring(_ trap: Fault.Trap) -> Bool {
        guard !traps.isEmpty, let at = traps.firstIndex(of: trap) else { return false }
        traps.remove(at: at)
        simulation.log("\(name) meets \(trap)")
        return true
    }

    /// Nothing refers to anything any more.
    func tearDown() {
        control?.processDied()
        data?.processDied()
        control = nil
        data = nil
        backlog = []
        for feed in feeds { feed.tearDown() }
    }

    // MARK: Dead-man

    func setDeadman(_ time: LocalTime?) {
        deadman = time
        guard let time else { return }
        checkDeadman()
        guard simulation.mutation != .noDeadman, simulation.scenario.hasDeadman || simulation.mutation != nil else { return }
        let life = life
        simulation.after(wait(for: time)) { [unowned self] in
            guard self.life == life, deadman == time, !isFrozen else { return }
            // The clock was put back.
            guard local >= time else { return setDeadman(time) }
            // Whoever is stopped for a part of K may not have the time to close.
            if !isPaused, simulation.now - wentOnAt > simulation.policy.timing.closeSlack.wholeNanoseconds, simulation.mutation == nil {
                simulation.fail("r7", "the dead-man kills \(name), which was running")
            }
            killByDeadman()
        }
    }

    private func killByDeadman() {
        simulation.reach(.deadmanFired)
        kill(restartAfter: random.milliseconds(100, 5000), .process)
    }

    /// The dead-man watches every open websocket, in time.
    func checkDeadman() {
        guard simulation.mutation == nil else { return }
        let timing = simulation.policy.timing
        for feed in feeds where feed.hasOpenSocket {
            guard let deadman else { return simulation.fail("r7", "no dead-man watches the websocket of \(feed.facts.name) at \(name)") }
            if let proof = feed.proof, deadman > proof + timing.selfFence + timing.closeSlack {
                simulation.fail("r7", "the dead-man of \(name) comes too late for \(feed.facts.name)")
            }
        }
    }

    // MARK: Keeper

    func perform(_ actions: [RenewalKeeper.Action]) {
        for action in actions {
            switch action {
            case .armDeadman(let at): setDeadman(at)
            case .disarmDeadman: setDeadman(nil)
            case .renew(let batch): renew(batch)
            case .event(let event): heard(event)
            case .wake(let time):
                keeperAt = time
                scheduleKeeper()
            }
        }
    }

    /// One timer for the earliest time asked for; a later wish waits until it comes.
    private func scheduleKeeper() {
        guard let at = keeperAt else { return }
        let due = simulation.now + wait(for: at)
        guard due < keeperTimer else { return }
        keeperTimer = due
        run(at: at) { [unowned self] in
            guard keeperTimer == due else { return }
            keeperTimer = .max
            guard let at = keeperAt else { return }
            if at > local + .milliseconds(1) { return scheduleKeeper() }
            keeperAt = nil
            wakeKeeper()
        }
    }
}
