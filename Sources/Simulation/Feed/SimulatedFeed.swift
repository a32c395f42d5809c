import Coordination
import Ingest
import RedisClient

/// A feed at a worker: the machine, and a shell around it that does what it says.
final class SimulatedFeed {
    unowned let worker: SimulatedWorker
    unowned let simulation: Simulation
    let facts: FeedFacts
    var random: SimulationRandom
    private(set) var machine: FeedMachine
    var publisher: SimulatedPublisher!
    /// Send of what the lease was last confirmed by, kept apart from the machine and the keeper.
    var proof: LocalTime? { didSet { if proofLostAt == nil || worker.control != nil { proofLostAt = proof } } }
    /// The last proof that was a renewal or a grant.
    private(set) var proofLostAt: LocalTime?
    var socket: SimulatedExchange.Socket?
    var closing: SimulatedExchange.Socket?
    /// Open at the exchange; the worker does not know yet.
    var opened: SimulatedExchange.Socket?
    var afterClose: [() -> Void] = []
    var attempt: Int?
    var generation = 0
    var isReading = false
    /// Arrived while nothing was read.
    var inbox: [Int] = []
    private var inboxEnded = false
    private var events: [FeedMachine.Event] = []
    private var isHandling = false
    /// True time of the earliest timer that is set.
    private var timer = Int64.max
    private var timers = (at: Int64(0), count: 0)
    private var admittedAt: LocalTime?
    private var isStoppedForGood = false
    private var isStopping = false
    private var actingIn = FeedMachine.Phase.idle
    private var actingUnder: Token?
    private var isActingProved = false
    /// Redis' clock minus the local one, nanoseconds.
    private(set) var clockOffset: Int64 = 0

    init(_ worker: SimulatedWorker, _ facts: FeedFacts) {
        self.worker = worker
        self.simulation = worker.simulation
        self.facts = facts
        random = SimulationRandom(
            seed: worker.simulation.scenario.seed, stream: 1000 + UInt64(worker.index * 64 + facts.index) + UInt64(worker.life) << 20)
        machine = FeedMachine(policy: worker.simulation.policy, incarnation: worker.incarnation)
        publisher = SimulatedPublisher(self)
    }

    var hasOpenSocket: Bool { (socket?.isOpen ?? false) || (closing?.isOpen ?? false) || (opened?.isOpen ?? false) }
    var unansweredSince: LocalTime? { publisher.unansweredLocal }

    func processDied(leavesSocketOpen: Bool) {
        for socket in [socket, closing, opened] {
            guard let socket else { continue }
            if leavesSocketOpen { simulation.exchange.vanish(socket) } else { simulation.exchange.close(socket) }
        }
    }

    func tearDown() {
        for socket in [socket, closing, opened] {
            socket?.onPacket = nil
            socket?.onEnd = nil
        }
        afterClose = []
        publisher.tearDown()
    }

    func clockRead(redisMilliseconds: Int64) { clockOffset = redisMilliseconds * Span.millisecond - worker.local.nanoseconds }

    func handle(_ event: FeedMachine.Event) {
        events.append(event)
        guard !isHandling else { return }
        isHandling = true
        while !events.isEmpty {
            let event = events.removeFirst()
            let before = machine.phase
            (actingIn, actingUnder, isActingProved) = (before, machine.token, machine.isProved(now: worker.local))
            let actions = machine.handle(event, now: worker.local, random: &random)
            if machine.phase != before || !actions.isEmpty {
                simulation.log("\(worker.name) \(facts.name) \(before) \(event) -> \(machine.phase): \(actions)")
                simulation.mix(UInt64(actions.count) << 8 | UInt64(facts.index) << 4 | UInt64(worker.index))
            }
            for action in actions { perform(action) }
        }
        isHandling = false
        checkAlone()
        scheduleWake()
    }

    func stop(reason: String, preferred: String?) {
        isStoppedForGood = worker.isDraining
        handle(.stop(reason: reason, preferred: preferred))
    }

    func backdateObservation(to time: LocalTime) { machine.backdateObservation(to: time) }

    private func scheduleWake() {
        guard let at = machine.wakeAt else { return }
        let due = simulation.now + max(0, at.nanoseconds - worker.local.nanoseconds)
        guard due < timer else { return }
        timer = due
        worker.run(at: at) { [self] in
            guard timer == due else { return }
            timer = .max
            guard let at = machine.wakeAt else { return }
            // Set for a time that has been put off meanwhile.
            if at > worker.local + .milliseconds(1) { return scheduleWake() }
            timers = timers.at == simulation.now ? (timers.at, timers.count + 1) : (simulation.now, 1)
            if timers.count > 50 { simulation.fail("timer", "\(worker.name) spins on the timer of \(facts.name) in \(machine.phase)") }
            handle(.timer)
        }
    }

    // MARK: Judging

    /// Phases with a websocket open, or on its way to be.
    private static let connecting: Set<FeedMachine.Phase> = [.dial, .begin, .live, .resuming]

    /// S5 and S11, whenever something may have changed.
    private func checkAlone() {
        checkDeadlines()
        guard machine.isProved(now: worker.local), machine.phase != .drain, !worker.isBeyondAssumptions else { return }
        // A grant that Redis has lost is trusted until its holder hears of it; without a websocket that is no harm.
        let isWaitingHarmless = simulation.redis.hasLostLately
        if isWaitingHarmless, !Self.connecting.contains(machine.phase) { return }
        for other in simulation.workers where other !== worker && other.isAlive && !other.isBeyondAssumptions {
            let theirs = other.feeds[facts.index].machine
            guard theirs.isProved(now: other.local), theirs.phase != .drain else { continue }
            if isWaitingHarmless, !Self.connecting.contains(theirs.phase) { continue }
            simulation.fail(
                "S5", "\(worker.name) and \(other.name) hold a proved lease of \(facts.name): \(machine.phase), \(theirs.phase)")
        }
    }

    func checkDeadlines() {
        // An older shell of the feed knows nothing of what was proved since.
        guard simulation.mutation == nil, let proof, worker.feeds[facts.index] === self else { return }
        let bound = proof + simulation.policy.timing.selfFence
        if machine.isProved(now: bound) {
            simulation.fail("S11", "\(worker.name) trusts its lease of \(facts.name) beyond the send of what was confirmed + H")
        }
        if let deadline = worker.keeper.deadline(of: facts.name), deadline > bound {
            simulation.fail(
                "S11", "the keeper of \(worker.name) trusts the lease of \(facts.name) beyond the send of what was confirmed + H")
        }
    }

    /// A live websocket is given up as lost only to somebody newer: an older, empty or missing record is restored.
    private func checkLoss() {
        guard let token = actingUnder else { return }
        let record = simulation.redis.model.hashes[facts.lease] ?? [:]
        // Row 54: a repeated call is answered like the first one.
        if actingIn == .begin || actingIn == .resuming, record["holder"] == token.incarnation.text,
            record["epoch"].flatMap({ Int($0) }) ?? 0 > token.epoch
        {
            simulation.fail(
                "row 54", "\(worker.name) gives up \(facts.name), epoch \(token.epoch), which its record gives it anew: \(record)")
        }
        // Beyond its deadline a lease is given up whatever the record says.
        guard simulation.mutation == nil, isActingProved, actingIn == .live || actingIn == .resuming else { return }
        let top = simulation.redis.model.streams[facts.control]?.lastGeneratedID.epoch ?? 0
        if max(Int(record["epoch"] ?? "") ?? 0, top) < token.epoch {
            simulation.fail("13", "\(worker.name) gives up \(facts.name), epoch \(token.epoch), to an older record: \(record)")
        }
    }

    // MARK: Actions

    private func perform(_ action: FeedMachine.Action) {
        let worker = worker
        let feed = facts.index
        switch action {
        case .initialise: worker.hop { worker.initialise(feed) }
        case .observe: worker.hop { worker.observe([feed]) }
        case .acquire(let acquisition, let connection): worker.hop { worker.acquire(feed, acquisition, connection: connection) }
        case .hold(let token, let sentAt):
            worker.saw(feed, token.epoch)
            worker.hop { worker.hold(feed, token, sentAt: sentAt) }
        case .replaceToken(let token):
            worker.saw(feed, token.epoch)
            worker.hop { [facts] in worker.keeper.replaceToken(of: facts.name, with: token) }
        case .letGo: worker.hop { worker.letGo(feed) }
        case .call(let id, let call): perform(call, id)
        case .dial: dial()
        case .cancelDial: cancelDial()
        case .startPublishing(let epoch, let last, let now):
            clockRead(redisMilliseconds: now)
            publisher.begin(Token(incarnation: worker.incarnation, epoch: epoch), lastMilliseconds: last)
        case .renumber(let epoch, let last, let now):
            clockRead(redisMilliseconds: now)
            publisher.renumber(Token(incarnation: worker.incarnation, epoch: epoch), lastMilliseconds: last)
        case .pauseReading: isReading = false
        case .resumeReading: resumeReading()
        case .closeSocket: closeSocket(within: 100 * Span.millisecond)
        case .closeSocketBy(let time, _):
            closeSocket(within: min(100 * Span.millisecond, max(Span.millisecond, time.nanoseconds - worker.local.nanoseconds)))
        case .rewind(let next): publisher.rewind(to: next)
        case .dropBuffer: publisher.drop()
        case .finished:
            guard !isStoppedForGood else { return }
            whenClosed { worker.hop { worker.addFeed(feed) } }
        case .report(let report): note(report)
        }
    }

    private func note(_ report: FeedMachine.Report) {
        switch report {
        case .lost: checkLoss()
        case .selfFenced: simulation.reach(.selfFenced)
        case .grantTooLate: simulation.reach(.lateGrantDropped)
        case .attemptFailed: simulation.reach(.attemptFailed)
        case .claimHeldBack: simulation.reach(.claimHeldBack)
        case .regained: simulation.reach(.regainedAfterSelfFence)
        case .acquired, .resumed, .refusedDisconnect, .cooling, .epochsExhausted: break
        }
    }

    private func perform(_ call: FeedMachine.Call, _ id: Int) {
        let pace = simulation.redis.paceMilliseconds
        let keys = facts.keys
        let feed = facts.index
        switch call {
        case .gate(let token): send(id, .gate(feed, GateCall(feed: keys, token: token, paceMilliseconds: pace)))
        case .retry(let token, let wait):
            send(id, .retry(feed, RetryCall(feed: keys, token: token, waitMilliseconds: wait.wholeMilliseconds)))
        case .begin(let token, let jump):
            let call = BeginCall(
                feed: keys, token: token, floor: worker.floors[feed], floorMilliseconds: publisher.machine.lastMilliseconds,
                server: worker.dataServer, jump: simulation.mutation == .noJump ? 1 : jump)
            if worker.spring(.dieInBegin) {
                // Before its reply, or even before its arrival.
                worker.run(after: random.nanoseconds(0, Span.millisecond)) { [self] in
                    worker.kill(restartAfter: random.milliseconds(100, 9000), .process)
                }
            }
            send(id, .begin(feed, call), trap: .loseBeginReply)
        case .resume(let token, let renumber, let floor, let jump):
            publisher.hold()
            let call = ResumeCall(
                feed: keys, incarnation: token.incarnation, epoch: token.epoch, next: publisher.machine.firstUnstored,
                ttlMilliseconds: simulation.policy.timing.ttl.wholeMilliseconds,
                floorMilliseconds: max(floor, publisher.machine.lastMilliseconds), server: worker.dataServer,
                jump: simulation.mutation == .noJump ? 1 : jump, renumber: renumber,
                admittedAgeMilliseconds: admittedAt.map { (worker.local - $0).wholeMilliseconds })
            send(id, .resume(feed, call), trap: .loseResumeReply)
        case .disconnect(let token, let hard, let delay, let reason):
            publisher.afterSending { [self] in
                let call = DisconnectCall(
                    feed: keys, token: token, first: publisher.machine.nextSequence, hard: hard, delayMilliseconds: delay.wholeMilliseconds,
                    paceMilliseconds: pace, reason: reason)
                send(id, .disconnect(feed, call), trap: .loseDisconnectReply)
            }
        case .release(let token, let delay, let connect, let preferred, let reason):
            whenClosed { [self] in
                publisher.afterSending { [self] in
                    let call = ReleaseCall(
                        feed: keys, proof: .clean(token), reason: reason, delayMilliseconds: delay.wholeMilliseconds,
                        connectMilliseconds: connect.wholeMilliseconds, paceMilliseconds: pace,
                        quarantineMilliseconds: simulation.policy.quarantine.wholeMilliseconds, preferred: preferred,
                        first: publisher.machine.nextSequence)
                    send(id, .release(feed, call), trap: .loseReleaseReply)
                }
            }
        }
    }

    private func send(_ id: Int, _ request: Request, trap: Fault.Trap? = nil) {
        guard let link = worker.data else { return handle(.callFailed(id)) }
        let losesReply = trap.map { worker.spring($0) } ?? false
        link.call(request, timeout: 5 * Span.second, losesReply: losesReply) { [self] result in
            switch result {
            case .success(.feed(let reply)):
                if case .disconnect(.ended(.due, _)) = reply { admittedAt = worker.local }
                handle(.replied(id, reply))
            case .success, .failure: handle(.callFailed(id))
            }
        }
    }

    func linkUp() {
        publisher.linkUp()
        handle(.linkUp)
    }

    func linkLost() { publisher.linkLost() }
}
