import NIOCore
import RedisClient

@testable import Coordination

/// A feed at a worker: the machine, and a shell around it that does what it says.
final class SimulatedFeed {
    private unowned let worker: SimulatedWorker
    private let simulation: FeedSimulation
    let keys: FeedKeys
    private(set) var machine: FeedMachine
    private(set) var publisher = SimulatedPublisher()
    /// Send of what the lease was last confirmed by, kept apart from the machine and the keeper.
    var proof: LocalTime?
    private var socket: SimulatedExchange.Socket?
    private var closing: SimulatedExchange.Socket?
    /// Open at the exchange; the worker does not know yet.
    private var opened: SimulatedExchange.Socket?
    private var afterClose: [() -> Void] = []
    private var attempt: Int?
    private var generation = 0
    private var isReading = false
    private var events: [FeedMachine.Event] = []
    private var isHandling = false
    private var wake = 0
    private var timers = (at: Int64(0), count: 0)
    private var admittedAt: LocalTime?
    private var isStoppedForGood = false
    private var actingIn = FeedMachine.Phase.idle
    private var actingUnder: Token?

    init(_ worker: SimulatedWorker, _ keys: FeedKeys) {
        self.worker = worker
        self.simulation = worker.simulation
        self.keys = keys
        machine = FeedMachine(policy: worker.simulation.policy, incarnation: worker.incarnation)
    }

    var hasOpenSocket: Bool { [socket, closing, opened].contains { $0?.isOpen ?? false } }

    func processDied() { for socket in [socket, closing, opened] { if let socket { simulation.exchange.close(socket) } } }

    func handle(_ event: FeedMachine.Event) {
        events.append(event)
        guard !isHandling else { return }
        isHandling = true
        while !events.isEmpty {
            let event = events.removeFirst()
            let before = machine.phase
            (actingIn, actingUnder) = (before, machine.token)
            let actions = machine.handle(event, now: worker.local, random: &simulation.random)
            if machine.phase != before || !actions.isEmpty {
                simulation.log("\(worker.name) \(keys.feed) \(before) \(event) -> \(machine.phase): \(FeedBench.words(actions))")
            }
            for action in actions { perform(action) }
        }
        isHandling = false
        scheduleWake()
    }

    func stop(preferred: String?, forGood: Bool = false) {
        isStoppedForGood = forGood
        handle(.stop(reason: "move", preferred: preferred))
    }

    private func scheduleWake() {
        wake += 1
        guard let at = machine.wakeAt else { return }
        let number = wake
        worker.run(at: at) { [self] in
            guard number == wake else { return }
            timers = timers.at == simulation.now ? (timers.at, timers.count + 1) : (simulation.now, 1)
            if timers.count > 50 { simulation.fail("\(worker.name) spins on the timer of \(keys.feed) in \(machine.phase)") }
            handle(.timer)
        }
    }

    // MARK: Actions

    private func perform(_ action: FeedMachine.Action) {
        let (worker, keys) = (worker, keys)
        switch action {
        case .initialise: worker.hop { worker.initialise(keys) }
        case .observe: worker.hop { worker.observe(keys) }
        case .acquire(let acquisition, let connection): worker.hop { worker.acquire(keys, acquisition, connection: connection) }
        case .hold(let token, let sentAt):
            worker.saw(keys.feed, token.epoch)
            worker.hop { worker.perform(worker.keeper.hold(keys, token: token, sentAt: sentAt, now: worker.local)) }
        case .replaceToken(let token):
            worker.saw(keys.feed, token.epoch)
            worker.hop { worker.keeper.replaceToken(of: keys.feed, with: token) }
        case .letGo: worker.hop { worker.perform(worker.keeper.drop(keys.feed, now: worker.local)) }
        case .call(let id, let call): perform(call, id)
        case .dial: dial()
        case .cancelDial:
            attempt = nil
            if let opened { simulation.exchange.close(opened) }
            opened = nil
            socketClosed()
        case .startPublishing(let epoch, let last, _):
            publisher.begin(Token(incarnation: worker.incarnation, epoch: epoch), lastMilliseconds: last)
        case .renumber(let epoch, let last, _):
            publisher.renumber(Token(incarnation: worker.incarnation, epoch: epoch), lastMilliseconds: last)
            publish()
        case .pauseReading: isReading = false
        case .resumeReading: isReading = true
        case .closeSocket, .closeSocketBy: closeSocket()
        case .rewind(let next):
            publisher.rewind(to: next)
            publish()
        case .dropBuffer: publisher.drop()
        case .finished:
            guard !isStoppedForGood else { return }
            whenClosed { worker.hop { worker.addFeed(keys) } }
        case .report(let report):
            simulation.reach("\(report)".prefix { $0 != "(" }.description)
            if case .lost = report { checkLoss() }
        }
    }

    private func perform(_ call: FeedMachine.Call, _ id: Int) {
        let pace = worker.paceMilliseconds
        let runID = simulation.redis.runID
        switch call {
        case .gate(let token): send(id, GateCall(feed: keys, token: token, paceMilliseconds: pace)) { .gate($0) }
        case .retry(let token, let wait):
            send(id, RetryCall(feed: keys, token: token, waitMilliseconds: wait.wholeMilliseconds)) { .retry($0) }
        case .begin(let token, let jump):
            send(
                id,
                BeginCall(
                    feed: keys, token: token, floor: worker.floors[keys.feed] ?? 0, floorMilliseconds: publisher.lastMilliseconds,
                    server: runID, jump: jump)
            ) { .begin($0) }
        case .resume(let token, let renumber, let floor, let jump):
            publisher.isHeld = true
            let age = admittedAt.map { (worker.local - $0).wholeMilliseconds }
            send(
                id,
                ResumeCall(
                    feed: keys, incarnation: token.incarnation, epoch: token.epoch, next: publisher.stored,
                    ttlMilliseconds: simulation.policy.timing.ttl.wholeMilliseconds,
                    floorMilliseconds: max(floor, publisher.lastMilliseconds), server: runID, jump: jump, renumber: renumber,
                    admittedAgeMilliseconds: age)
            ) { .resume($0) }
        case .disconnect(let token, let hard, let delay, let reason):
            publish()
            send(
                id,
                DisconnectCall(
                    feed: keys, token: token, first: publisher.next, hard: hard, delayMilliseconds: delay.wholeMilliseconds,
                    paceMilliseconds: pace, reason: reason)
            ) { [self] reply in
                if case .ended(.due, _) = reply { admittedAt = worker.local }
                return .disconnect(reply)
            }
        case .release(let token, let delay, let connect, let preferred, let reason):
            whenClosed { [self] in
                publish()
                send(
                    id,
                    ReleaseCall(
                        feed: keys, proof: .clean(token), reason: reason, delayMilliseconds: delay.wholeMilliseconds,
                        connectMilliseconds: connect.wholeMilliseconds, paceMilliseconds: pace, quarantineMilliseconds: 0,
                        preferred: preferred)
                ) { .release($0) }
            }
        }
    }

    private func send<Call: FunctionCall>(_ id: Int, _ call: Call, _ wrap: @escaping (Call.Reply) -> FeedMachine.CallReply) {
        guard let link = worker.data else { return handle(.callFailed(id)) }
        link.call(call, timeout: 5 * FeedSimulation.second) { [self] result in
            switch result {
            case .success(let reply): handle(.replied(id, wrap(reply)))
            case .failure: handle(.callFailed(id))
            }
        }
    }

    func linkUp() {
        handle(.linkUp)
        publish()
    }

    /// A live websocket is given up as lost only to somebody newer: an older, empty or missing record is restored.
    private func checkLoss() {
        guard let token = actingUnder, actingIn == .live || actingIn == .resuming else { return }
        let record = RecordModel(simulation.redis.model.hashes[keys.lease] ?? [:])
        let top = simulation.redis.model.streams[keys.control]?.lastGeneratedID.epoch ?? 0
        if max(Int(record.number("epoch")), top) < token.epoch {
            simulation.fail("13: \(worker.name) gives up \(keys.feed), epoch \(token.epoch), to \(record["state"]) \(record["epoch"])")
        }
    }

    // MARK: Publishing

    private func publish() {
        guard let link = worker.data, let call = publisher.batch(keys) else { return }
        let generation = publisher.generation
        let local = worker.local
        publisher.unansweredSince = publisher.unansweredSince ?? local
        link.call(call, timeout: 5 * FeedSimulation.second) { [self] result in
            guard generation == publisher.generation else { return }
            publisher.unansweredSince = nil
            switch result {
            case .success(.next(let next)): publisher.stored = max(publisher.stored, next)
            case .success(.gap(let next)):
                publisher.rewind(to: next)
                publish()
            case .success(.fenced):
                publisher.isHeld = true
                handle(.publishFenced)
            case .success(.order(let next, let top)):
                publisher.stored = max(publisher.stored, next)
                publisher.isHeld = true
                simulation.reach("ORDER")
                handle(.publishDisordered(topMilliseconds: top.milliseconds))
            case .success(.ended): simulation.reach("ENDED")
            case .failure:
                publisher.rewind(to: publisher.stored)
                if worker.data != nil { worker.run(after: 100 * FeedSimulation.millisecond) { [self] in publish() } }
            }
        }
    }

    private func receive(on received: SimulatedExchange.Socket) {
        worker.run(after: simulation.between(500, 4000)) { [self] in
            guard socket === received, received.isOpen else { return }
            if isReading {
                if simulation.isFaulty ? simulation.chance(80) : true { handle(.dataReceived) }
                publisher.receive(milliseconds: simulation.redis.time)
                publish()
            }
            receive(on: received)
        }
    }

    // MARK: Websocket

    private func socketOpening() {
        let (worker, feed) = (worker, keys.feed)
        worker.hop { if let actions = worker.keeper.socketOpening(feed, now: worker.local) { worker.perform(actions) } }
    }

    private func socketClosed() {
        let (worker, feed) = (worker, keys.feed)
        worker.hop { worker.perform(worker.keeper.socketClosed(feed, now: worker.local)) }
    }

    private func dial() {
        generation += 1
        let number = generation
        attempt = number
        socketOpening()
        if simulation.isFaulty, simulation.chance(2) { worker.pause(for: simulation.between(100, 8000)) }
        if simulation.isFaulty, simulation.chance(2) { simulation.redis.restart(.previous, down: simulation.between(5, 60)) }
        let life = worker.life
        let isHanging = simulation.isFaulty && simulation.chance(3)
        worker.run(after: simulation.between(2, 60)) { [self] in
            guard attempt == number, !isHanging else { return }
            simulation.after(simulation.between(0, 40)) { [self] in
                guard worker.life == life, attempt == number else { return }
                if simulation.exchange.isRefusing || (simulation.isFaulty && simulation.chance(10)) {
                    let retryAfter: Duration? = simulation.chance(50) ? .seconds(3) : nil
                    worker.run(after: simulation.between(0, 40)) { [self] in dialFailed(number, retryAfter) }
                } else {
                    let fresh = simulation.exchange.accept(keys.feed, from: worker.name)
                    opened = fresh
                    worker.run(after: simulation.between(0, 40)) { [self] in dialed(number, fresh) }
                }
            }
        }
        worker.run(after: 10 * FeedSimulation.second) { [self] in dialFailed(number, nil) }
    }

    private func dialed(_ number: Int, _ fresh: SimulatedExchange.Socket) {
        guard attempt == number else { return simulation.exchange.close(fresh) }
        attempt = nil
        opened = nil
        socket = fresh
        isReading = false
        handle(.dialed)
        if !fresh.isOpen { socketGone(fresh) } else { receive(on: fresh) }
    }

    private func dialFailed(_ number: Int, _ retryAfter: Duration?) {
        guard attempt == number, opened == nil else { return }
        attempt = nil
        socketClosed()
        handle(.dialFailed(retryAfter: retryAfter))
    }

    private func closeSocket() {
        guard let socket else { return }
        self.socket = nil
        closing = socket
        worker.run(after: simulation.between(0, 100)) { [self] in
            simulation.exchange.close(socket)
            guard closing === socket else { return }
            closing = nil
            if self.socket == nil, attempt == nil { socketClosed() }
            let due = afterClose
            afterClose = []
            for action in due { action() }
        }
    }

    private func whenClosed(_ action: @escaping () -> Void) {
        if closing == nil { action() } else { afterClose.append(action) }
    }

    /// The exchange ended the websocket.
    func exchangeCloses() {
        guard let ended = socket ?? opened, ended.isOpen else { return }
        simulation.exchange.close(ended)
        worker.run(after: simulation.between(0, 200)) { [self] in socketGone(ended) }
    }

    private func socketGone(_ ended: SimulatedExchange.Socket) {
        guard socket === ended else { return }
        socket = nil
        socketClosed()
        handle(.socketEnded(reason: "closed by the exchange"))
    }

    func complain() { if socket != nil { handle(.softError(reason: "malformed")) } }
}

/// The part of the publish path that the machine deals with: a cursor, a ring, batches in order.
struct SimulatedPublisher {
    private(set) var token: Token?
    /// Sequence of the next packet.
    private(set) var next = 1
    /// Everything below is stored, as far as is known.
    var stored = 1
    private var sent = 1
    /// Nothing is sent while a `resume` is under way.
    var isHeld = true
    /// Times of the packets of this epoch.
    private var milliseconds: [Int64] = []
    private(set) var lastMilliseconds: Int64 = 0
    var unansweredSince: LocalTime?
    /// Replies to batches of an older one are nobody's.
    private(set) var generation = 0

    mutating func begin(_ token: Token, lastMilliseconds: Int64) {
        self.token = token
        self.lastMilliseconds = max(self.lastMilliseconds, lastMilliseconds)
        (next, stored, milliseconds) = (1, 1, [])
        rewind(to: 1)
    }

    mutating func renumber(_ token: Token, lastMilliseconds: Int64) {
        self.token = token
        self.lastMilliseconds = max(self.lastMilliseconds, lastMilliseconds)
        milliseconds = milliseconds.dropFirst(stored - 1).map { max($0, lastMilliseconds) }
        next = milliseconds.count + 1
        rewind(to: 1)
    }

    mutating func rewind(to next: Int) {
        // A cursor beyond the last packet stands behind a `down` marker.
        stored = min(next, self.next)
        sent = stored
        isHeld = false
        unansweredSince = nil
        generation += 1
    }

    mutating func drop() {
        token = nil
        isHeld = true
        unansweredSince = nil
        generation += 1
    }

    mutating func receive(milliseconds time: Int64) {
        lastMilliseconds = max(lastMilliseconds, time)
        milliseconds.append(lastMilliseconds)
        next += 1
    }

    mutating func batch(_ keys: FeedKeys) -> PublishCall? {
        guard !isHeld, let token, sent < next else { return nil }
        let packets = (sent..<next).map { sequence in
            PublishCall.Packet(
                stream: 1, id: EntryID(milliseconds: milliseconds[sequence - 1], epoch: token.epoch, sequence: sequence),
                timeNanoseconds: 0, previous: sequence - 1, data: ByteBuffer(string: "x"))
        }
        let first = sent
        sent = next
        return PublishCall(
            feed: keys, token: token, first: first, controlMaximumLength: 100,
            streams: [.init(key: keys.data(channel: "trades", symbol: "s"), maximumLength: 100)], packets: packets)
    }
}
