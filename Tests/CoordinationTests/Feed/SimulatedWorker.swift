import RedisClient

@testable import Coordination

/// One worker's host: the process' control side with its keeper and connections, the dead-man, and a clock that is a little wrong.
final class SimulatedWorker {
    unowned let simulation: FeedSimulation
    let index: Int
    let name: String
    /// Counts the lives of the process; what belongs to an older one never happens.
    private(set) var life = 0
    private(set) var isAlive = false
    private(set) var incarnation: Incarnation
    var keeper: RenewalKeeper
    private(set) var feeds: [FeedName: SimulatedFeed] = [:]
    var network = SimulatedNetwork()
    /// When the dead-man kills the process, on the local clock.
    private(set) var deadman: LocalTime?
    private(set) var control: SimulatedLink?
    private(set) var data: SimulatedLink?
    private var controlNumber = 0
    private var controlLostAt: LocalTime?
    /// Survives the process, in its state directory.
    private(set) var floors: [FeedName: Int] = [:]
    private var clockBase: Int64
    private let clockMillionths: Int64
    private var pausedUntil: Int64 = 0
    private var backlog: [() -> Void] = []
    private var keeperWake = 0
    private var observeTurn = 0
    private let acquireTimeout: Int64

    init(_ simulation: FeedSimulation, index: Int) {
        self.simulation = simulation
        self.index = index
        name = "w\(index)"
        incarnation = Incarnation(name: name, random: 0)
        keeper = RenewalKeeper(timing: simulation.policy.timing, isDirect: simulation.isDirect)
        clockBase = Int64.random(in: 1...1_000_000, using: &simulation.random) * FeedSimulation.second
        let rho = simulation.policy.timing.rateErrorMillionths
        clockMillionths =
            simulation.chance(50) ? Int64.random(in: -rho...rho, using: &simulation.random) : simulation.chance(50) ? rho : -rho
        acquireTimeout = simulation.chance(50) ? 2 * FeedSimulation.second : 12 * FeedSimulation.second
    }

    /// Always in the same order, or a seed would not repeat.
    var inOrder: [SimulatedFeed] { simulation.feeds.compactMap { feeds[$0.feed] } }

    // MARK: Clock

    var local: LocalTime {
        LocalTime(nanoseconds: clockBase + simulation.now + simulation.now * clockMillionths / 1_000_000)
    }

    /// Time until the local clock shows this.
    private func wait(for time: LocalTime) -> Int64 {
        let left = Double((time - local).wholeNanoseconds) / (1 + Double(clockMillionths) / 1_000_000)
        return max(0, Int64(left.rounded(.up)) + 1)
    }

    func setClock(by duration: Int64) { clockBase += duration }

    // MARK: Process

    var isPaused: Bool { pausedUntil > simulation.now }

    /// Happens in this process, if it still lives then; later, if it is stopped.
    func run(after delay: Int64, _ action: @escaping () -> Void) {
        let life = life
        simulation.after(delay) { [self] in
            guard self.life == life, isAlive else { return }
            if isPaused { backlog.append(action) } else { action() }
        }
    }

    /// A hop between the control thread and a data loop.
    func hop(_ action: @escaping () -> Void) { run(after: 200_000, action) }

    func run(at time: LocalTime, _ action: @escaping () -> Void) { run(after: wait(for: time) + timerError, action) }

    /// Timers are late when the loop is busy, and early by a rounding of clocks.
    private var timerError: Int64 { simulation.chance(3) ? -500_000 : simulation.chance(5) ? simulation.between(0, 30) : 0 }

    func start() {
        life += 1
        isAlive = true
        incarnation = Incarnation(name: name, random: UInt64(life))
        keeper = RenewalKeeper(timing: simulation.policy.timing, isDirect: simulation.isDirect)
        for keys in simulation.feeds { addFeed(keys) }
        simulation.log("\(name) starts as \(incarnation)")
        connectControl(after: 0)
        connectData(after: 0)
        observeTick()
        rank(after: simulation.between(0, 1000))
    }

    func addFeed(_ keys: FeedKeys) { feeds[keys.feed] = SimulatedFeed(self, keys) }

    func pause(for duration: Int64) {
        guard isAlive, !isPaused else { return }
        simulation.log("\(name) is stopped for \(duration / FeedSimulation.millisecond) ms")
        pausedUntil = simulation.now + duration
        let life = life
        simulation.after(duration) { [self] in
            guard self.life == life else { return }
            goOn()
        }
    }

    private func goOn() {
        simulation.log("\(name) goes on")
        pausedUntil = 0
        let life = life
        let due = backlog
        backlog = []
        for action in due where self.life == life { action() }
    }

    func kill(proof: Bool) {
        guard isAlive else { return }
        simulation.log("\(name) is killed, proof \(proof)")
        let dead = incarnation
        life += 1
        isAlive = false
        pausedUntil = 0
        backlog = []
        deadman = nil
        control?.processDied()
        data?.processDied()
        control = nil
        data = nil
        for feed in inOrder { feed.processDied() }
        feeds = [:]
        let restart = simulation.between(100, 12_000)
        simulation.after(restart) { [self] in
            guard !isAlive else { return }
            start()
            // The lock file of the own name is proof enough.
            if proof { for feed in inOrder { feed.handle(.deathProved(dead)) } }
        }
        guard proof else { return }
        if simulation.chance(50) {
            simulation.after(simulation.between(50, 250)) { [self] in release(dead) }
        } else {
            for worker in simulation.workers where worker !== self {
                worker.run(after: simulation.between(50, 250)) { for feed in worker.inOrder { feed.handle(.deathProved(dead)) } }
            }
        }
    }

    /// What the host's supervisor does.
    private func release(_ dead: Incarnation) {
        guard simulation.redis.isUp else { return }
        for keys in simulation.feeds {
            _ = simulation.redis.execute(
                ReleaseCall(
                    feed: keys, proof: .dead(dead), reason: "died", delayMilliseconds: 0, connectMilliseconds: 1000,
                    paceMilliseconds: paceMilliseconds, quarantineMilliseconds: 0))
        }
    }

    var paceMilliseconds: Int64 { simulation.broken.contains(.noPace) ? 0 : simulation.policy.pace.wholeMilliseconds }

    func heal() {
        network = SimulatedNetwork()
        if isPaused { goOn() }
        control?.cut()
        data?.cut()
        if !isAlive { start() }
    }

    private func setDeadman(_ time: LocalTime?) {
        deadman = time
        guard let time, !simulation.broken.contains(.noDeadman) else { return }
        let life = life
        simulation.after(wait(for: time)) { [self] in
            guard self.life == life, deadman == time else { return }
            // The clock was put back.
            guard local >= time else { return setDeadman(time) }
            if isPaused || simulation.broken != [] {
                simulation.reach("dead-man")
            } else {
                simulation.fail("the dead-man kills \(name), which was running")
            }
            kill(proof: simulation.chance(50))
        }
    }

    // MARK: Placement

    /// Ranks over the live workers, some time after they have changed.
    private func rank(after delay: Int64) {
        run(after: delay) { [self] in
            let alive = simulation.workers.filter(\.isAlive)
            for (number, keys) in simulation.feeds.enumerated() {
                let order = alive.sorted { ($0.index + number) % 3 < ($1.index + number) % 3 }
                let rank = order.firstIndex { $0 === self }.map { $0 + 1 }
                let alternate = order.first { $0 !== self }?.name
                feeds[keys.feed]?.handle(.placed(rank: rank, alternate: alternate))
            }
            rank(after: simulation.between(500, 1500))
        }
    }

    // MARK: Connections

    private func connectControl(after delay: Int64) {
        run(after: delay) { [self] in
            let sentAt = local
            connect { [self] link in
                control = link
                controlNumber += 1
                controlLostAt = nil
                perform(keeper.connected(now: local))
                for feed in inOrder { observe(feed.keys) }
            } onLost: { [self] in
                control = nil
                controlLostAt = local
                perform(keeper.connectionLost(now: local))
                if !simulation.broken.contains(.observationSurvives) {
                    hop { [self] in for feed in inOrder { feed.handle(.controlLost) } }
                }
                connectControl(after: 0)
            } failed: { [self] isProof in
                if isProof { outageProved(sentAt: sentAt) }
                connectControl(after: simulation.between(20, simulation.isDirect ? 200 : 1000))
            }
        }
    }

    private func outageProved(sentAt: LocalTime) {
        simulation.reach("outage proof")
        if let lostAt = controlLostAt, sentAt >= lostAt {
            for feed in inOrder where feed.proof.map({ local < $0 + simulation.policy.timing.selfFence && sentAt > $0 }) ?? false {
                feed.proof = sentAt
            }
        }
        perform(keeper.outageProof(sentAt: sentAt, now: local))
        hop { [self] in for feed in inOrder { feed.handle(.outageProved(sentAt: sentAt)) } }
    }

    private func connectData(after delay: Int64) {
        run(after: delay) { [self] in
            connect { [self] link in
                data = link
                for feed in inOrder { feed.linkUp() }
            } onLost: { [self] in
                data = nil
                connectData(after: 0)
            } failed: { [self] _ in
                connectData(after: simulation.between(20, 300))
            }
        }
    }

    private func connect(
        up: @escaping (SimulatedLink) -> Void, onLost: @escaping () -> Void, failed: @escaping (_ isProof: Bool) -> Void
    ) {
        var isDone = false
        func answer(_ action: @escaping () -> Void) {
            simulation.after(network.down(simulation)) { [self] in
                run(after: 0) {
                    guard !isDone else { return }
                    isDone = true
                    action()
                }
            }
        }
        simulation.after(network.up(simulation)) { [self] in
            let redis = simulation.redis!
            if redis.isUp {
                let link = SimulatedLink(self, process: redis.process, onLost: onLost)
                answer {
                    up(link)
                    if redis.process != link.process { link.cut() }
                }
            } else {
                answer { [self] in failed(simulation.isDirect) }
            }
        }
        run(after: 800 * FeedSimulation.millisecond) {
            guard !isDone else { return }
            isDone = true
            failed(false)
        }
    }

    /// The Redis process ended: its kernel resets the connections.
    func serverGone() {
        for link in [control, data].compactMap({ $0 }) {
            simulation.after(network.down(simulation)) { [self] in run(after: 0) { link.cut() } }
        }
    }

    /// Nothing gets through one way or both; the worker's kernel notices after a while.
    func block(up: Bool, down: Bool, for duration: Int64, isNoticed: Bool = true) {
        simulation.log("\(name) is cut off from redis, up \(up), down \(down), for \(duration / FeedSimulation.millisecond) ms")
        let end = simulation.now + duration
        if up { network.upBlockedUntil = end }
        if down { network.downBlockedUntil = end }
        guard isNoticed else { return }
        for link in [control, data].compactMap({ $0 }) {
            let notices = simulation.between(300, 3000)
            if notices < duration { run(after: notices) { link.cut() } }
        }
    }

    func cutLinks() {
        if simulation.chance(60) { control?.cut() }
        if simulation.chance(60) { data?.cut() }
    }

    // MARK: Keeping

    func perform(_ actions: [RenewalKeeper.Action]) {
        for action in actions {
            switch action {
            case .armDeadman(let at): setDeadman(at)
            case .disarmDeadman: setDeadman(nil)
            case .renew(let batch): renew(batch)
            case .event(let event): heard(event)
            case .wake(let time):
                keeperWake += 1
                let number = keeperWake
                run(at: time) { [self] in
                    guard number == keeperWake else { return }
                    wakeKeeper()
                }
            }
        }
    }

    private func wakeKeeper() {
        let now = local
        perform(
            keeper.woken(now: now) { [feeds] feed in
                RenewalKeeper.Progress(tickedAt: now, unacknowledgedSince: feeds[feed]?.publisher.unansweredSince)
            })
    }

    private func renew(_ batch: RenewalKeeper.Batch) {
        guard let control else { return perform(keeper.failed(batch, .connectionLost, now: local)) }
        control.call(batch.call, timeout: simulation.policy.timing.renewTimeout.wholeNanoseconds) { [self] reply in
            renewed(batch, reply)
        } completion: { [self] result in
            switch result {
            case .success(let reply): renewed(batch, reply)
            case .failure(let error): perform(keeper.failed(batch, error.code, now: local))
            }
        }
    }

    private func renewed(_ batch: RenewalKeeper.Batch, _ reply: RenewReply) {
        for (lease, result) in zip(batch.call.leases, reply.results) where result == .renewed {
            guard let feed = feeds[lease.feed.feed], lease.token.incarnation == incarnation else { continue }
            feed.proof = max(feed.proof ?? batch.sentAt, batch.sentAt)
        }
        var batch = batch
        if simulation.broken.contains(.deadlineFromReply) { batch = RenewalKeeper.Batch(id: batch.id, call: batch.call, sentAt: local) }
        perform(keeper.replied(batch, reply.results, now: local))
    }

    private func heard(_ event: RenewalKeeper.Event) {
        switch event {
        case .confirmed(let feed, let token, let sentAt, _): post(feed, .renewed(token, sentAt: sentAt))
        case .refused(let feed, let token): post(feed, .renewRefused(token))
        case .missing(let feed, let token): post(feed, .renewFoundNothing(token))
        case .expired(let feed, _): post(feed, .timer)
        case .unconfirmed, .stalled, .progressing: break
        }
    }

    private func post(_ feed: FeedName, _ event: FeedMachine.Event) {
        guard let feed = feeds[feed] else { return }
        hop { feed.handle(event) }
    }

    func saw(_ feed: FeedName, _ epoch: Int) { floors[feed] = max(floors[feed] ?? 0, epoch) }

    // MARK: Watching

    private func observeTick() {
        run(after: simulation.policy.timing.observeEvery.wholeNanoseconds) { [self] in
            observeTurn += 1
            for feed in inOrder where feed.machine.phase == .watch {
                if feed.machine.rank == 1 || observeTurn % 2 == 0 { observe(feed.keys) }
            }
            observeTick()
        }
    }

    func observe(_ keys: FeedKeys) {
        let number = controlNumber
        control?.call(ObserveCall(feeds: [keys]), timeout: 2 * FeedSimulation.second) { [self] result in
            guard case .success(let records) = result, number == controlNumber else { return }
            if let epoch = records[0]?.epoch { saw(keys.feed, epoch) }
            post(keys.feed, .observed(records[0], connection: simulation.broken.contains(.observationSurvives) ? 0 : number))
        }
    }

    func initialise(_ keys: FeedKeys) {
        control?.call(InitCall(feed: keys, server: simulation.redis.runID), timeout: 2 * FeedSimulation.second) { [self] result in
            if case .success = result { observe(keys) }
        }
    }

    func acquire(_ keys: FeedKeys, _ acquisition: FeedMachine.Acquisition, connection: Int) {
        guard let control, connection == controlNumber || simulation.broken.contains(.observationSurvives) else {
            return post(keys.feed, .acquireFailed)
        }
        let mode: AcquireCall.Mode =
            switch acquisition.mode {
            case .free: .free
            case .seen(let renewals): .seen(renewals: renewals)
            case .dead(let holder): .dead(holder: holder)
            }
        let call = AcquireCall(
            feed: keys, incarnation: incarnation, ttlMilliseconds: simulation.policy.timing.ttl.wholeMilliseconds, mode: mode,
            seenEpoch: acquisition.seenEpoch, floor: floors[keys.feed] ?? 0, floorMilliseconds: 0,
            delayMilliseconds: acquisition.delay.wholeMilliseconds, connectMilliseconds: acquisition.connect.wholeMilliseconds,
            paceMilliseconds: paceMilliseconds, quarantineMilliseconds: 0, server: simulation.redis.runID, jump: acquisition.jump,
            reason: acquisition.reason)
        let sentAt = local
        if simulation.isFaulty, simulation.chance(4) { block(up: false, down: true, for: simulation.between(4000, 8000), isNoticed: false) }
        control.call(call, timeout: acquireTimeout) { [self] result in
            guard case .success(let reply) = result else { return post(keys.feed, .acquireFailed) }
            if case .granted = reply { feeds[keys.feed]?.proof = sentAt }
            post(keys.feed, .acquireReplied(reply, sentAt: simulation.broken.contains(.lateGrantUsed) ? local : sentAt))
        }
    }
}
