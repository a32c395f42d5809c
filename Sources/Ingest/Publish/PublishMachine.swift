package import Coordination
import DequeModule
import NIOCore

/// The publish path of one feed as a value: numbers packets, gathers them into batches, keeps them until they are durable, and decides what
/// to send when (section 10 of the coordination contract). No clock, socket or task: local time comes in as nanoseconds.
public struct PublishMachine {
    public struct Limits: Sendable {
        /// With fewer batches in flight a packet is sent at once; with so many, batches are made by round trip. The second one spares the packet that
        /// comes in the middle of a round trip one half of it; a third was measured to spare nothing more, and each costs Redis a call.
        public var atOnceBatches = 2
        /// With more a batch is gathered up to this,
        public var gatherPackets = 64
        public var gatherBytes = 64 << 10
        /// or for so long.
        public var gatherTime: Duration = .milliseconds(5)
        /// No batch is larger, but for a single packet that is.
        public var maxPackets = 256
        public var maxBytes = 256 << 10
        public var inFlightBatches = 8
        public var inFlightBytes = 1 << 20
        /// Memory for packets that are not yet durable, of all feeds of a worker together.
        public var ringBytes = 64 << 20
        /// How long acknowledged packets are kept for a server that may lose what it has not yet written to its disk.
        public var durableAfter: Duration = .seconds(2)
        /// How long they are kept for a replica that does not confirm them.
        public var replicatedWithin: Duration = .seconds(10)
        /// Bytes on disk for packets that do not fit the ring, of all feeds of a worker together; 0: no spill.
        public var spillBytes = 0

        public init() {}
    }

    package enum Send {
        case publish(PublishBatch)
        case lost(LostRange)
    }

    package enum Outcome: Equatable, Sendable {
        case progress
        case fenced
        /// The websocket has been reported ended: what comes behind is nobody's.
        case ended
        case disordered(topMilliseconds: Int64)
    }

    /// What has happened so far, for status and metrics.
    package struct Counters: Sendable {
        package var packets = 0
        package var bytes = 0
        package var batches = 0
        /// Received and never stored, for whatever reason.
        package var droppedPackets = 0
        package var droppedBytes = 0
        /// Of these: because ring and spill were full.
        package var overflowedPackets = 0
        /// Written to disk, ever.
        package var spilledPackets = 0
        package var spilledBytes = 0
        /// On disk when their token ended, or unreadable there.
        package var spillDiscardedPackets = 0
        package var spillFailures = 0
        package var resentBatches = 0
    }

    package let limits: Limits
    package internal(set) var counters = Counters()
    /// Under which packets are numbered; nil: nothing is published.
    package private(set) var token: Token? {
        didSet { epoch = token?.epoch ?? 0 }
    }
    /// The token's; 0 without one. A packet must not cost a copy of the token.
    private var epoch = 0
    /// The sequence the next packet gets.
    package private(set) var nextSequence = 1
    /// Highest id time given out: the floor of the next one, over epochs too.
    package private(set) var lastMilliseconds: Int64 = 0
    /// Oldest first: acknowledged and kept for a while, then in flight, then waiting.
    var entries: Deque<PublishEntry> = []
    var acknowledged = 0
    /// Everything below is stored, as far as Redis has said; it may lie within a batch that is not stored as a whole.
    private var cursor = 1
    var inFlight = 0
    private var inFlightBytes = 0
    /// Bytes of memory of all entries; and of those that are being written to disk.
    var memory = 0
    var beingWritten = 0
    /// Of the memory, that of acknowledged entries.
    var storedMemory = 0
    /// What this feed may take of the ring; the worker's other feeds use the rest.
    package var ringAllowance: Int
    // The spill; nil: none.
    var spill: SpillPlan?
    var spillActions: Deque<SpillAction> = []
    /// Entries that lie on disk only, their bytes, and how many of these are being read.
    var spilledEntries = 0
    var spilledBytes = 0
    var beingRead = 0
    /// The disk failed: nothing is written before this time.
    var spillRetryAt: Int64 = 0
    // The server: does a replica stand behind it, and up to when has it confirmed?
    package var isReplicated = false
    private var confirmedAt: Int64 = 0
    /// When the server last answered a call: what it had acknowledged so long before that it was safe by then is safe. No time passes for this
    /// while it does not answer, since a server that comes back may have lost what it acknowledged last.
    private var answeredAt: Int64 = 0
    /// Bytes of all batches ever sealed.
    private var sealedBytes = 0
    var lostInFlight = false
    private(set) var open: PublishBatch?
    private var openStreams = 0
    /// What the open batch may still take.
    private var roomPackets = 0
    private var roomBytes = 0
    private var stamp = PacketStamp()
    private(set) var batchNumber: UInt64 = 0
    private var typicalBytes = 2048
    /// Replies to what was sent under an older generation mean nothing any more.
    package private(set) var generation = 0
    private(set) var isLinkUp = false
    /// The server answered the last call by doing nothing.
    private var isRefused = false
    /// Redis is there and takes what it is sent, as far as is known.
    package var isTaking: Bool { isLinkUp && !isRefused }
    /// Nothing is sent while the feed's record is being restored.
    package private(set) var isHeld = false
    private var retryAt: Int64 = 0

    package init(limits: Limits = Limits()) {
        var limits = limits
        // A ring of a few batches could only drop whole ones.
        limits.maxBytes = min(limits.maxBytes, max(4 << 10, limits.ringBytes / 16))
        self.limits = limits
        ringAllowance = limits.ringBytes
        if limits.spillBytes > 0 { spill = SpillPlan(maxBytes: limits.spillBytes) }
    }

    // MARK: State for others

    /// True when everything received has been handed to the connection.
    package var isAllSent: Bool { open == nil && acknowledged + inFlight == entries.count && !lostInFlight }

    /// Bytes that are not stored yet.
    package var unstoredBytes: Int {
        let stored: Int =
            if acknowledged > 0 { entries[acknowledged - 1].endOffset } else {
                entries.first.map { $0.endOffset - $0.bytes } ?? sealedBytes
            }
        return sealedBytes - stored + (open?.bytes ?? 0)
    }

    /// True when everything received is stored.
    package var isAllStored: Bool { open == nil && acknowledged == entries.count }

    /// Lowest sequence that is not known to be stored.
    package var firstUnstored: Int {
        max(cursor, acknowledged < entries.count ? entries[acknowledged].first : open?.first ?? nextSequence)
    }

    /// Bytes that are not stored yet and wait in memory.
    package var unstoredMemoryBytes: Int { max(0, unstoredBytes - spilledBytes) }

    /// Bytes of memory held for packets that are not yet durable.
    package var memoryBytes: Int { memory + (open?.body.storageCapacity ?? 0) }

    /// When `nextSend` should be asked again although nothing happens; local nanoseconds.
    package var wakeAt: Int64? {
        guard token != nil, isLinkUp, !isHeld else { return nil }
        if retryAt > 0 { return retryAt }
        // Only where time is what is waited for: everything else is moved on by a reply.
        guard let open, inFlight < limits.inFlightBatches, !lostInFlight, acknowledged + inFlight == entries.count else { return nil }
        return open.startedAt + limits.gatherTime.wholeNanoseconds
    }

    // MARK: Epochs

    /// A new epoch begins: its first packet is number 1, and its ids are not below those before.
    package mutating func begin(_ token: Token, lastMilliseconds: Int64, table: inout StreamTable) {
        drop()
        self.token = token
        self.lastMilliseconds = max(self.lastMilliseconds, lastMilliseconds)
        nextSequence = 1
        cursor = 1
        table.beginEpoch()
    }

    /// Forgets everything that is not stored, and publishes nothing until the next `begin`. Returns how many packets were not stored.
    @discardableResult
    package mutating func drop() -> Int {
        var unstored = open?.count ?? 0
        for entry in entries.dropFirst(acknowledged) { unstored += entry.packets }
        counters.droppedPackets += unstored
        discardSpill()
        entries.removeAll()
        acknowledged = 0
        forgetFlight()
        memory = 0
        storedMemory = 0
        open = nil
        token = nil
        isHeld = false
        return unstored
    }

    // MARK: Receiving

    /// Takes one packet: numbers it, links it to its stream, encodes it. `milliseconds` is its arrival on Redis' clock, `time` on the worker's wall
    /// clock in nanoseconds, `now` on the local clock in nanoseconds.
    @inline(__always)
    package mutating func append(
        slot: Int, payload: UnsafeRawBufferPointer, milliseconds: Int64, time: Int64, now: Int64, table: inout StreamTable
    ) {
        guard epoch > 0 else { return }
        if milliseconds > lastMilliseconds { lastMilliseconds = milliseconds }
        let sequence = nextSequence
        nextSequence = sequence &+ 1
        stamp.set(milliseconds: lastMilliseconds, epoch: epoch, time: time)
        add(slot: slot, payload: payload, milliseconds: lastMilliseconds, sequence: sequence, now: now, table: &table)
        counters.packets &+= 1
        counters.bytes &+= payload.count
    }

    /// Puts a packet into the open batch, under the stamp that is set.
    @inline(__always)
    private mutating func add(
        slot: Int, payload: UnsafeRawBufferPointer, milliseconds: Int64, sequence: Int, now: Int64, table: inout StreamTable
    ) {
        if open == nil || roomPackets == 0 || roomBytes < payload.count &+ PacketEncoding.overhead {
            seal(now)
            openBatch(first: sequence, milliseconds: milliseconds, now: now)
        }
        let link = table.link(slot, sequence: sequence, received: now, batch: batchNumber, next: &openStreams)
        let bytes = PacketEncoding.append(
            &open!.body, stamp: stamp, stream: link.number, sequence: sequence, previous: link.previous, payload: payload)
        open!.count &+= 1
        open!.lastMilliseconds = milliseconds
        if link.isNew { open!.streams.append(slot) }
        roomPackets &-= 1
        roomBytes &-= bytes
    }

    private mutating func openBatch(first: Int, milliseconds: Int64, now: Int64) {
        batchNumber &+= 1
        openStreams = 0
        roomPackets = limits.maxPackets
        roomBytes = limits.maxBytes
        var batch = PublishBatch(first: first, body: ByteBufferAllocator().buffer(capacity: typicalBytes))
        batch.firstMilliseconds = milliseconds
        batch.startedAt = now
        open = batch
    }

    private mutating func seal(_ now: Int64) {
        guard var batch = open else { return }
        open = nil
        batch.number = batchNumber
        sealedBytes += batch.bytes
        batch.endOffset = sealedBytes
        // The next batch will probably be as large as this one: a little more room saves growing it copy by copy.
        typicalBytes = min(max(512, batch.bytes + batch.bytes / 4), limits.maxBytes)
        entries.append(.packets(batch))
        memory += batch.body.storageCapacity
        forgetDurable()
        keepWithinAllowance(now)
    }

    // MARK: Sending

    /// The next thing to hand to the connection, or nil. `flush`: do not gather any longer.
    package mutating func nextSend(now: Int64, flush: Bool = false) -> Send? {
        guard token != nil, isLinkUp, !isHeld, !lostInFlight, now >= retryAt else { return nil }
        retryAt = 0
        if acknowledged + inFlight == entries.count {
            guard let batch = open, inFlight < limits.inFlightBatches else { return nil }
            let isFull = batch.count >= limits.gatherPackets || batch.bytes >= limits.gatherBytes
            let isOld = now - batch.startedAt >= limits.gatherTime.wholeNanoseconds
            guard inFlight < limits.atOnceBatches || isFull || isOld || flush else { return nil }
            seal(now)
            guard acknowledged + inFlight < entries.count else { return nil }
        }
        switch entries[acknowledged + inFlight] {
        case .packets(let batch):
            guard inFlight < limits.inFlightBatches, inFlight == 0 || inFlightBytes + batch.bytes <= limits.inFlightBytes else {
                return nil
            }
            inFlight += 1
            inFlightBytes += batch.bytes
            counters.batches &+= 1
            return .publish(batch)
        // It is being read, or will be with the next turn.
        case .spilled: return nil
        case .lost(let range):
            // What follows may only be sent once the cursor has passed the range.
            guard inFlight == 0 else { return nil }
            lostInFlight = true
            return .lost(range)
        }
    }

    // MARK: Replies

    /// The feed's record is about to be restored: nothing is sent until then, and what is still answered to older calls counts no more, so that
    /// `firstUnstored` stays what `resume` is told.
    package mutating func hold() {
        isHeld = true
        forgetFlight()
    }

    /// The reply to the oldest batch in flight, sent under `generation`.
    package mutating func replied(_ reply: PublishReply, generation: Int, now: Int64) -> Outcome {
        guard generation == self.generation else { return .progress }
        answeredAt = now
        isRefused = false
        switch reply {
        case .next(let next):
            store(below: next, now)
            return .progress
        case .gap(let next):
            rewind(to: next, now: now)
            return .progress
        case .order(let next, let top):
            // A batch may have been stored in part, its reply lost.
            store(below: next, now)
            isHeld = true
            forgetFlight()
            return .disordered(topMilliseconds: top.milliseconds)
        case .fenced:
            isHeld = true
            forgetFlight()
            return .fenced
        case .ended:
            drop()
            return .ended
        }
    }

    /// The reply to a `lost` call.
    package mutating func lostReplied(_ reply: LostReply, generation: Int, now: Int64) -> Outcome {
        guard generation == self.generation else { return .progress }
        answeredAt = now
        isRefused = false
        lostInFlight = false
        switch reply {
        case .next(let next):
            store(below: next, now)
            return .progress
        case .gap(let next):
            rewind(to: next, now: now)
            return .progress
        case .order(let next, let top):
            store(below: next, now)
            isHeld = true
            return .disordered(topMilliseconds: top.milliseconds)
        case .fenced:
            isHeld = true
            return .fenced
        case .ended:
            drop()
            return .ended
        }
    }

    /// The server refused the call as a whole and did nothing (out of memory, loading, busy, ...): try again a little later.
    package mutating func refused(generation: Int, now: Int64, wait: Duration = .milliseconds(100)) {
        guard generation == self.generation else { return }
        forgetFlight()
        isRefused = true
        retryAt = now + wait.wholeNanoseconds
    }

    package mutating func linkUp() {
        isLinkUp = true
        isRefused = false
        retryAt = 0
    }

    /// The connection broke: what was in flight may or may not be stored, and is sent again.
    package mutating func linkLost() {
        isLinkUp = false
        counters.resentBatches &+= inFlight
        forgetFlight()
    }

    /// Sends again from `next` on, with the same ids; what is no longer held becomes a lost range.
    package mutating func rewind(to next: Int, now: Int64) {
        counters.resentBatches &+= inFlight
        forgetFlight()
        isHeld = false
        acknowledged = 0
        storedMemory = 0
        cursor = next
        store(below: next, now)
        let index = acknowledged
        // What the server lost becomes durable a second time.
        for index in entries.indices.dropFirst(index) { entries[index].acknowledgedAt = 0 }
        let available = index < entries.endIndex ? entries[index].first : open?.first ?? nextSequence
        if available > next {
            let milliseconds = index < entries.endIndex ? entries[index].firstMilliseconds : open?.firstMilliseconds ?? lastMilliseconds
            var range = LostRange(
                first: next, last: available - 1, milliseconds: milliseconds, reason: "no longer held after Redis lost it")
            range.number = index > 0 ? entries[index - 1].number : 0
            range.endOffset = index > 0 ? entries[index - 1].endOffset : entries.first.map { $0.endOffset - $0.bytes } ?? sealedBytes
            counters.droppedPackets += available - next
            if index < entries.endIndex, case .lost(let behind) = entries[index] {
                entries[index] = .lost(range.joined(with: behind))
            } else {
                entries.insert(.lost(range), at: index)
            }
        } else if index < entries.endIndex, case .lost(var range) = entries[index], range.first < next {
            range.first = next
            entries[index] = .lost(range)
        }
    }

    /// `resume` restored the feed under a new epoch: everything not stored below `next` is numbered 1, 2, 3.. under it, in the same order.
    package mutating func renumber(_ token: Token, from next: Int, lastMilliseconds floor: Int64, now: Int64, table: inout StreamTable) {
        rewind(to: next, now: now)
        seal(now)
        while acknowledged > 0 { forgetFirst() }
        forgetFlight()
        let renumbering = Renumbering(epoch: token.epoch, shift: next - 1, floor: floor)
        for index in entries.indices {
            memory -= entries[index].memory
            switch entries[index] {
            case .packets(var batch):
                // The copy on disk has the old numbers, and the new ones can be made of them at any time.
                giveUpPlace(of: &batch)
                entries[index] = .packets(renumbering.apply(to: batch))
            case .spilled(let batch): entries[index] = .spilled(renumbering.apply(to: batch))
            case .lost(let range): entries[index] = .lost(renumbering.apply(to: range))
            }
            memory += entries[index].memory
        }
        self.token = token
        nextSequence = max(1, nextSequence - renumbering.shift)
        cursor = 1
        lastMilliseconds = max(lastMilliseconds, floor)
        table.renumber(shift: renumbering.shift)
        isHeld = false
    }

    // MARK: Durability

    /// A replica has everything that was acknowledged up to this local time.
    package mutating func replicaConfirmed(upTo time: Int64) {
        confirmedAt = max(confirmedAt, time)
        forgetDurable()
    }

    private mutating func store(below next: Int, _ now: Int64) {
        cursor = max(cursor, next)
        while acknowledged < entries.count, entries[acknowledged].last < next {
            if entries[acknowledged].acknowledgedAt == 0 { entries[acknowledged].acknowledgedAt = now }
            if inFlight > 0 {
                inFlight -= 1
                inFlightBytes -= entries[acknowledged].bytes
            }
            storedMemory += entries[acknowledged].memory
            acknowledged += 1
        }
        forgetDurable()
    }

    private mutating func forgetFlight() {
        generation += 1
        inFlight = 0
        inFlightBytes = 0
        lostInFlight = false
    }

    /// Drops what the server cannot lose any more, and what is acknowledged when memory is short.
    private mutating func forgetDurable() {
        while acknowledged > 0, memory > ringAllowance || isDurable(entries[0].acknowledgedAt) { forgetFirst() }
    }

    private func isDurable(_ acknowledgedAt: Int64) -> Bool {
        let age = answeredAt - acknowledgedAt
        guard isReplicated else { return age >= limits.durableAfter.wholeNanoseconds }
        return acknowledgedAt <= confirmedAt || age >= limits.replicatedWithin.wholeNanoseconds
    }
}
