import ColonyExchanges
import Coordination
import Ingest
import NIOCore
import RedisClient

/// The shell of a feed's publish path: what `PublishMachine` decides goes over the worker's data connection.
final class SimulatedPublisher {
    private unowned let feed: SimulatedFeed
    private(set) var machine: PublishMachine
    private var table: StreamTable
    private let slots: [Int]
    /// Calls that must stand behind everything received so far.
    private var barriers: [() -> Void] = []
    private var unanswered = 0
    /// True time of the oldest unanswered publish, and the local one.
    private(set) var unansweredSince: Int64?
    private(set) var unansweredLocal: LocalTime?
    /// Packets of the present websocket that were taken.
    var receivedOnSocket = 0
    private var timer = Int64.max
    private let allocator = ByteBufferAllocator()

    init(_ feed: SimulatedFeed) {
        self.feed = feed
        var limits = PublishMachine.Limits()
        limits.ringBytes = feed.simulation.scenario.ringBytes
        machine = PublishMachine(limits: limits)
        var table = StreamTable(keys: feed.facts.keys) { _ in 4000 }
        slots = [0] + feed.facts.topics.map { table.slot(of: $0) }
        self.table = table
    }

    private var simulation: Simulation { feed.simulation }
    private var link: SimulatedLink? { feed.worker.data.flatMap { $0.isOpen ? $0 : nil } }
    private var now: Int64 { feed.worker.local.nanoseconds }

    func tearDown() { barriers = [] }

    // MARK: Epochs

    func begin(_ token: Token, lastMilliseconds: Int64) {
        if simulation.mutation == .wrongPrevious {
            var kept = table
            machine.begin(token, lastMilliseconds: lastMilliseconds, table: &kept)
        } else {
            machine.begin(token, lastMilliseconds: lastMilliseconds, table: &table)
        }
        if link != nil { machine.linkUp() }
    }

    func renumber(_ token: Token, lastMilliseconds: Int64) {
        machine.renumber(token, from: machine.firstUnstored, lastMilliseconds: lastMilliseconds, now: now, table: &table)
        send(flush: true)
    }

    func rewind(to next: Int) {
        machine.rewind(to: next, now: now)
        send(flush: true)
    }

    func drop() {
        barriers = []
        machine.drop()
    }

    func hold() { machine.hold() }

    // MARK: Packets

    func append(_ number: Int) {
        receivedOnSocket += 1
        guard let token = machine.token else { return }
        let local = now
        let stream = Int(simulation.exchange.packets[number].stream)
        simulation.redis.truths[feed.facts.index].received(number, token.epoch, machine.nextSequence)
        var payload = "\(number) "
        payload.withUTF8 { bytes in
            machine.append(
                slot: slots[stream], payload: UnsafeRawBufferPointer(bytes), milliseconds: (local + feed.clockOffset) / Span.millisecond,
                time: simulation.now, now: local, table: &table)
        }
    }

    func send(flush: Bool = false) {
        let now = now
        while link != nil, let next = machine.nextSend(now: now, flush: flush || !barriers.isEmpty) { write(next) }
        if machine.isAllSent, link != nil, !barriers.isEmpty {
            let due = barriers
            barriers = []
            for barrier in due { barrier() }
        }
        scheduleWake()
    }

    /// Runs `action` when everything received so far has been written to the connection.
    func afterSending(_ action: @escaping () -> Void) {
        barriers.append(action)
        send(flush: true)
    }

    private func write(_ next: PublishMachine.Send) {
        guard let token = machine.token, let link else { return }
        let generation = machine.generation
        let index = feed.facts.index
        if unanswered == 0 { (unansweredSince, unansweredLocal) = (simulation.now, feed.worker.local) }
        unanswered += 1
        switch next {
        case .publish(let batch):
            let header = PublishCommand.header(batch, token: token, table: table, allocator: allocator)
            link.call(.publish(index, token, header: header, body: batch.body), timeout: 10 * Span.second) { [self, feed] result in
                _ = feed
                answered()
                switch result {
                case .success(.published(let reply)):
                    if case .gap = reply, generation == machine.generation { noteGap(reply) }
                    act(on: machine.replied(reply, generation: generation, now: now))
                    send()
                case .success: break
                case .failure(let error): failed(error, generation)
                }
            }
        case .lost(let range):
            let call = LostCall(
                feed: feed.facts.keys, token: token, first: range.first, last: range.last, milliseconds: range.milliseconds,
                reason: range.reason)
            link.call(.lost(index, call), timeout: 10 * Span.second) { [self, feed] result in
                _ = feed
                answered()
                switch result {
                case .success(.lost(let reply)):
                    act(on: machine.lostReplied(reply, generation: generation, now: now))
                    send(flush: true)
                case .success: break
                case .failure(let error): failed(error, generation)
                }
            }
        }
    }

    private func noteGap(_ reply: PublishReply) {
        guard case .gap(let next) = reply else { return }
        var trial = machine
        trial.rewind(to: next, now: now)
        simulation.reach(trial.counters.droppedPackets > machine.counters.droppedPackets ? .gapBeyondRing : .gapHealed)
    }

    private func answered() {
        unanswered -= 1
        (unansweredSince, unansweredLocal) = unanswered == 0 ? (nil, nil) : (simulation.now, feed.worker.local)
    }

    private func act(on outcome: PublishMachine.Outcome) {
        switch outcome {
        case .progress: break
        case .ended: feed.handle(.publishEnded)
        case .fenced: feed.handle(.publishFenced)
        case .disordered(let top): feed.handle(.publishDisordered(topMilliseconds: top))
        }
    }

    private func failed(_ error: RedisError, _ generation: Int) {
        switch error.code {
        case .connectionLost, .timeout: break
        default: machine.refused(generation: generation, now: now)
        }
        scheduleWake()
    }

    func linkUp() {
        machine.linkUp()
        send(flush: true)
    }

    func linkLost() { machine.linkLost() }

    private func scheduleWake() {
        guard let at = machine.wakeAt else { return }
        let due = simulation.now + max(Span.millisecond, at - now)
        guard due < timer else { return }
        timer = due
        // The feed outlives what refers to it.
        feed.worker.run(after: due - simulation.now) { [self, feed] in
            guard feed.publisher === self, timer == due else { return }
            timer = .max
            send()
        }
    }
}
