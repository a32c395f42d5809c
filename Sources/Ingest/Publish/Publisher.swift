package import Coordination
package import Logging
import NIOCore
import RedisClient

/// What the owner of a publisher hears.
package protocol PublisherOwner: AnyObject {
    func publishFenced()
    func publishEnded()
    func publishDisordered(topMilliseconds: Int64)
    /// Redis takes packets more slowly than they come (true), or has caught up (false): the socket is to be read accordingly.
    func publishPressure(isHigh: Bool)
    /// The buffer is full while Redis is away or refuses: the oldest packets are being dropped.
    func publishOverflowed()
}

/// What the feeds of a worker share.
package struct PublishResources {
    package var ring: RingBudget
    /// Nil: nothing is spilled.
    package var disk: SpillDisk?

    package init(ring: RingBudget, disk: SpillDisk? = nil) {
        self.ring = ring
        self.disk = disk
    }
}

/// Carries out what `PublishMachine` decides, on the feed's event loop.
package final class Publisher: RedisLinkUser {
    // Unchecked: both are only touched on the event loop, and no call into them calls back. The dynamic check costs more than a packet's links.
    @exclusivity(unchecked) package private(set) var machine: PublishMachine
    @exclusivity(unchecked) package var table: StreamTable
    package let keys: FeedKeys
    private let link: RedisLink
    private let logger: Logger
    private let journal: WorkerJournal?
    private weak var owner: (any PublisherOwner)?
    private let ring: RingBudget
    private let disk: SpillDisk?
    /// What the ring's budget knows of.
    private var notedBytes = 0
    private var notedUnstored = 0
    private var notedSpill = 0
    private let allocator = ByteBufferAllocator()
    /// Calls that must stand behind everything received so far.
    private var barriers: [() -> Void] = []
    private var wake: Scheduled<Void>?
    private var wakeAt: Int64 = .max
    private var refusedSince: Int64 = 0
    /// The server answers, and does nothing (out of memory, busy, read-only, ...).
    package var isRefused: Bool { refusedSince != 0 }
    /// Longer than any self-fence: a publish that is not answered for so long is not waited for.
    private let replyTimeout: Duration = .seconds(10)
    /// Local time of the oldest unanswered publish, nanoseconds; 0: none. Read by the progress gate of the lease.
    package private(set) var unansweredSince: Int64 = 0
    private var unanswered = 0

    package init(
        keys: FeedKeys, table: StreamTable, limits: PublishMachine.Limits, link: RedisLink, resources: PublishResources? = nil,
        owner: any PublisherOwner, journal: WorkerJournal? = nil, logger: Logger
    ) {
        self.journal = journal
        self.keys = keys
        self.table = table
        self.ring = resources?.ring ?? RingBudget(bytes: limits.ringBytes)
        self.disk = resources?.disk
        var limits = limits
        limits.ringBytes = ring.bytes
        limits.spillBytes = disk == nil ? 0 : ring.spillBytes
        self.machine = PublishMachine(limits: limits)
        self.link = link
        self.owner = owner
        self.logger = logger
    }

    package func start() {
        ring.add(self)
        link.add(self)
    }

    /// Nothing is published any more; what is not stored is given up.
    package func stop() {
        link.remove(self)
        machine.drop()
        carrySpill()
        note()
        ring.remove(self)
        wake?.cancel()
        barriers.removeAll()
    }

    // MARK: Epochs

    package func begin(_ token: Token, lastMilliseconds: Int64) {
        machine.begin(token, lastMilliseconds: lastMilliseconds, table: &table)
        if link.isUp { machine.linkUp() }
    }

    package func renumber(_ token: Token, lastMilliseconds: Int64) {
        machine.renumber(token, from: machine.firstUnstored, lastMilliseconds: lastMilliseconds, now: now, table: &table)
        send(flush: true)
    }

    package func rewind(to next: Int) {
        machine.rewind(to: next, now: now)
        send(flush: true)
    }

    /// Forgets what is not stored; returns how many packets that were.
    @discardableResult
    package func drop() -> Int {
        barriers.removeAll()
        defer {
            carrySpill()
            note()
        }
        return machine.drop()
    }

    package func hold() { machine.hold() }

    // MARK: Packets

    @inline(__always)
    package func append(slot: Int, payload: UnsafeRawBufferPointer, milliseconds: Int64, time: Int64, now: Int64) {
        machine.append(slot: slot, payload: payload, milliseconds: milliseconds, time: time, now: now, table: &table)
    }

    /// Sends what is due: called once per read burst.
    package func send(flush: Bool = false) {
        let now = now
        var wrote = false
        while let next = machine.nextSend(now: now, flush: flush || !barriers.isEmpty) {
            write(next, now)
            wrote = true
        }
        if machine.isAllSent, link.isUp, !barriers.isEmpty {
            let due = barriers
            barriers.removeAll()
            for barrier in due { barrier() }
            wrote = true
        }
        if wrote { link.flush() }
        carrySpill()
        note()
        scheduleWake(now)
        judgePressure()
    }

    /// Tells the budget what this feed uses now; others may have to give way, or this one.
    private func note() {
        let (bytes, unstored, spill) = (machine.memoryBytes, machine.unstoredMemoryBytes, machine.spillUsedBytes)
        guard bytes != notedBytes || unstored != notedUnstored || spill != notedSpill else { return }
        let (more, moreUnstored, moreSpill) = (bytes - notedBytes, unstored - notedUnstored, spill - notedSpill)
        (notedBytes, notedUnstored, notedSpill) = (bytes, unstored, spill)
        ring.change(by: more, unstored: moreUnstored, spill: moreSpill, isTaking: machine.isTaking)
        if disk != nil { machine.allowSpill(spill + ring.freeSpillBytes) }
    }

    // MARK: Spill

    private var diskFailedSince: Int64 = 0

    private func carrySpill() {
        guard let disk else { return }
        while let action = machine.nextSpillAction() {
            switch action {
            case .write(let number, let place, let record):
                disk.write(record, at: place) { [self] result in
                    switch result {
                    case .success:
                        diskFailedSince = 0
                        machine.spillWritten(number, place)
                    case .failure(let error): diskFailed(error, number, place)
                    }
                    send()
                }
            case .read(let number, let place):
                disk.read(place) { [self] result in
                    if case .failure(let error) = result {
                        logger.error("Spilled packets are lost", error: error, metadata: ["feed": "\(keys.feed)"])
                    }
                    // The reason is told; the machine needs to know only that there is nothing.
                    machine.spillRead(number, place, try? result.get())
                    send()
                }
            case .delete(let segment):
                disk.delete(segment: segment) { [logger, keys] result in
                    if case .failure(let error) = result {
                        logger.warning("Spill cannot be deleted", error: error, metadata: ["feed": "\(keys.feed)"])
                    }
                }
            }
        }
    }

    private func diskFailed(_ error: any Error, _ number: UInt64, _ place: SpillPlace) {
        let now = now
        if diskFailedSince == 0 {
            diskFailedSince = now
            logger.error("Spill fails; packets stay in memory as far as it goes", error: error, metadata: ["feed": "\(keys.feed)"])
        }
        machine.spillWriteFailed(number, place, now: now)
    }

    // MARK: Pressure

    private var isPressed = false
    private var knownOverflow = 0

    /// While Redis answers, the exchange waits in its socket rather than in our memory. While it does not, the ring is what it is for. What
    /// waits on disk holds nobody up.
    private func judgePressure() {
        let isHigh = machine.isTaking && ring.isHigh(unstored: machine.unstoredMemoryBytes, isPressed: isPressed)
        if isHigh != isPressed {
            isPressed = isHigh
            owner?.publishPressure(isHigh: isHigh)
        }
        if machine.counters.overflowedPackets > knownOverflow {
            knownOverflow = machine.counters.overflowedPackets
            owner?.publishOverflowed()
        }
    }

    /// Runs `action` when everything received so far has been written to the connection, so that the call it writes is executed behind it.
    package func afterSending(_ action: @escaping () -> Void) {
        barriers.append(action)
        send(flush: true)
    }

    private func write(_ next: PublishMachine.Send, _ now: Int64) {
        guard let token = machine.token else { return }
        let generation = machine.generation
        if unanswered == 0 { unansweredSince = now }
        unanswered += 1
        switch next {
        case .publish(let batch):
            let header = PublishCommand.header(batch, token: token, table: table, allocator: allocator)
            _ = link.write([header, batch.body], timeout: replyTimeout) { [self] result in
                answered()
                switch result {
                case .success(let value): published(value, generation)
                case .failure(let error): failed(error, generation)
                }
            }
        case .lost(let range):
            journal?.add(
                .gap, feed: keys.feed,
                [("from", .number(Int64(range.first))), ("to", .number(Int64(range.last))), ("reason", .text(range.reason))])
            logger.warning(
                "Packets lost",
                metadata: ["feed": "\(keys.feed)", "from": "\(range.first)", "to": "\(range.last)", "reason": "\(range.reason)"])
            let call = LostCall(
                feed: keys, token: token, first: range.first, last: range.last, milliseconds: range.milliseconds, reason: range.reason)
            _ = link.write(call.arguments(), timeout: replyTimeout) { [self] result in
                answered()
                switch result {
                case .success(let value): lostAnswered(value, generation)
                case .failure(let error): failed(error, generation)
                }
            }
        }
    }

    private func answered() {
        unanswered -= 1
        unansweredSince = unanswered == 0 ? 0 : now
    }

    private func published(_ value: RedisValue, _ generation: Int) {
        do throws(CoordinationError) {
            let reply = try PublishCall.decode(value)
            note(reply)
            act(on: machine.replied(reply, generation: generation, now: now))
        } catch {
            logger.error("Publish answered with nonsense", error: error, metadata: ["feed": "\(keys.feed)"])
            machine.refused(generation: generation, now: now, wait: .seconds(1))
        }
        refusedSince = 0
        send()
    }

    private func note(_ reply: PublishReply) {
        guard let journal else { return }
        switch reply {
        case .next: break
        case .fenced: journal.add(.publish, feed: keys.feed, [("answer", .text("fenced"))])
        case .ended: journal.add(.publish, feed: keys.feed, [("answer", .text("ended"))])
        case .gap(let next): journal.add(.publish, feed: keys.feed, [("answer", .text("gap")), ("next", .number(Int64(next)))])
        case .order(let next, _): journal.add(.publish, feed: keys.feed, [("answer", .text("order")), ("next", .number(Int64(next)))])
        }
    }

    private func lostAnswered(_ value: RedisValue, _ generation: Int) {
        do throws(CoordinationError) {
            act(on: machine.lostReplied(try LostCall.decode(value), generation: generation, now: now))
        } catch {
            logger.error("Lost answered with nonsense", error: error, metadata: ["feed": "\(keys.feed)"])
            machine.refused(generation: generation, now: now, wait: .seconds(1))
        }
        send(flush: true)
    }

    private func act(on outcome: PublishMachine.Outcome) {
        switch outcome {
        case .progress: break
        case .fenced: owner?.publishFenced()
        case .ended: owner?.publishEnded()
        case .disordered(let top): owner?.publishDisordered(topMilliseconds: top)
        }
    }

    private func failed(_ error: RedisError, _ generation: Int) {
        switch error.code {
        case .connectionLost, .timeout: break  // linkLost follows, or has come already
        case .functionNotFound:
            link.reloadLibrary()
            machine.refused(generation: generation, now: now)
        default:
            if refusedSince == 0 {
                refusedSince = now
                logger.warning("Publish refused; trying again", error: error, metadata: ["feed": "\(keys.feed)"])
            }
            if error.code == .outOfMemory { link.memoryRefused() }
            machine.refused(generation: generation, now: now)
        }
        scheduleWake(now)
    }

    // MARK: Link

    package func linkUp() {
        machine.linkUp()
        send(flush: true)
    }

    package func linkLost() {
        machine.linkLost()
        judgePressure()
    }

    package func retentionChanged(_ step: MemoryGovernor.Step) { table.scaleRetention(by: step.factor) }

    package func replicasChanged(isReplicated: Bool) { machine.isReplicated = isReplicated }

    package func replicaConfirmed(upTo time: LocalTime) {
        machine.replicaConfirmed(upTo: time.nanoseconds)
        note()
    }

    // MARK: Time

    private var now: Int64 { LocalTime.now().nanoseconds }

    private func scheduleWake(_ now: Int64) {
        guard let at = machine.wakeAt else { return }
        // An earlier wake-up that is already set does as well: it asks again.
        guard wake == nil || at < wakeAt else { return }
        wake?.cancel()
        wakeAt = at
        let loopBound = NIOLoopBound(self, eventLoop: link.eventLoop)
        wake = link.eventLoop.scheduleTask(in: .nanoseconds(max(1_000_000, at - now))) {
            let publisher = loopBound.value
            publisher.wake = nil
            publisher.wakeAt = .max
            publisher.send()
        }
    }
}

extension Publisher: RingMember {
    var ringBytes: Int { machine.memoryBytes }

    var storedRingBytes: Int { machine.storedMemory }

    func forgetRing(_ bytes: Int) -> Int {
        let freed = machine.forgetStored(bytes)
        note()
        return freed
    }

    func spillRing(downTo bytes: Int) {
        machine.spillDown(to: bytes, now)
        carrySpill()
        note()
    }

    func shrinkRing(to bytes: Int) {
        machine.shrink(to: bytes, now)
        carrySpill()
        note()
        judgePressure()
    }
}
