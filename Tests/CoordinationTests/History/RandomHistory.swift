import Coordination
import RedisClient

/// One random run of three workers, three readers and many faults over one feed, judged after every step.
///
/// Everything is drawn from the seed; the clock is the run's own. `faults` is empty when the functions keep their promises.
final class RandomHistory {
    let store: any HistoryStore
    let library: FunctionLibrary
    var random: HistoryRandom
    var now: Int64 = 1_763_812_345_000
    var server = 1
    let pace: Int64 = 1000
    let feed = Keys(namespace: "test").feed(FeedName("binance"), group: "binance")
    /// The control stream and five data streams.
    let keys: [String]
    var workers: [HistoryWorker]
    var readers = [HistoryReader(streams: [0, 1, 2, 3, 4, 5]), HistoryReader(streams: [0, 1, 3]), HistoryReader(streams: [2, 4])]
    var lineage = HistoryLineage(streams: 6)
    var truth = HistoryTruth()
    var dead: Set<Incarnation> = []
    var faults: [String] = []
    /// How often each function gave each reply, e.g. `publish GAP`.
    var replies: [String: Int] = [:]
    private(set) var rollbacks = 0
    private var record: [String: String] = [:]
    private var saved: (lineage: HistoryLineage, highestEpoch: Int)?
    private var highestEpochPutBack = 0
    private var sent: [Sent] = []
    private var payloads = 0
    /// Prints every call and its reply.
    var isTraced = false

    /// A call that a slow network may deliver once more at any time.
    private struct Sent {
        var function: String
        var command: [RedisArgument]
        var token: Token?
    }

    init(on store: any HistoryStore, library: FunctionLibrary, seed: UInt64) {
        self.store = store
        self.library = library
        random = HistoryRandom(seed: seed)
        keys = [feed.control] + (1...5).map { [feed] in feed.data(channel: "trade", symbol: "S\($0)") }
        workers = []
        for name in ["a", "b", "c"] { workers.append(HistoryWorker(name: name, random: random.next())) }
    }

    func run(steps: Int) async throws {
        for step in 0..<steps where faults.isEmpty {
            now += random.chance(3) ? random.number(200...1500) : random.number(0...40)
            switch random.number(0...99) {
            case 0..<82: try await act(random.number(0...2))
            case 82..<87: try await deliverOnceMore()
            case 87..<95: try await read(random.number(0...2), count: random.number(3...40))
            default: try await disturb()
            }
            if !faults.isEmpty { faults = faults.map { "step \(step): \($0)" } }
        }
        for reader in readers.indices where faults.isEmpty {
            for _ in 0..<50 where faults.isEmpty { try await read(reader, count: 1000) }
        }
    }

    // MARK: calls

    /// Calls, now and then twice; nil when the reply was lost.
    func perform<Call: FunctionCall>(_ call: Call, token: Token? = nil) async throws -> Call.Reply? {
        let command = call.arguments(library: library)
        sent.append(Sent(function: Call.function, command: command, token: token))
        if sent.count > 200 { sent.removeFirst(100) }
        let reply = try await deliver(command, Call.function, token: token)
        if random.chance(15), faults.isEmpty {
            let again = try await deliver(command, Call.function, token: token)
            let differs = again != reply && !["renew", "init", "release", "trim"].contains(Call.function)
            if differs { faults.append("repeat: \(Call.function) answered \(Self.words(reply)), then \(Self.words(again))") }
        }
        if case .error = reply { return nil }
        return random.chance(5) ? nil : try Call.decode(reply)
    }

    private func deliver(_ command: [RedisArgument], _ function: String, token: Token?) async throws -> RedisValue {
        // S10: a call whose token is not the record's has no effect (`begin` may be a repeat).
        try await store.setClock(now)
        let isStale = token.map { $0.description != record["token"] } ?? false
        let before = isStale ? try await store.fingerprint() : ""
        let reply = try await store.call(command)
        replies["\(function) \(Self.kind(reply))", default: 0] += 1
        if isTraced {
            print(now, function, command.dropFirst(2).prefix(24).map { "\($0)" }.joined(separator: " "), "->", Self.words(reply))
        }
        if isStale, try await store.fingerprint() != before {
            faults.append("S10 a stale \(function) changed something: \(Self.words(reply))")
        }
        if case .error(let error) = reply, error.prefix != "BADID" { faults.append("error: \(function) answered \(error.text)") }
        try await observe()
        return reply
    }

    private func observe() async throws {
        let view = try await store.view(
            lease: feed.lease, disconnects: feed.disconnects, streams: keys + [feed.events], after: lineage.cursors)
        record = view.record
        faults += lineage.observe(view, now: now, pace: pace, truth: &truth)
    }

    private static func words(_ reply: RedisValue) -> [String] {
        if case .error(let error) = reply { return [error.text] }
        return reply.array?.map { $0.string ?? "(array)" } ?? ["\(reply)"]
    }

    private static func kind(_ reply: RedisValue) -> String {
        let words = words(reply)
        let second = words.count > 1 && words[1].allSatisfy(\.isLetter) ? words[1] : ""
        return [words[0].prefix { $0 != " " }.description, second].filter { !$0.isEmpty }.joined(separator: " ")
    }

    // MARK: faults

    private func deliverOnceMore() async throws {
        guard let old = sent.randomElement(using: &random) else { return }
        replies["late \(old.function)", default: 0] += 1
        _ = try await deliver(old.command, old.function, token: old.token)
    }

    private func read(_ reader: Int, count: Int) async throws {
        faults += try await readers[reader].read(
            from: store, keys: keys, count: count, lineage: lineage, truth: truth, rollbacks: rollbacks)
    }

    private func disturb() async throws {
        switch random.number(0...11) {
        case 0...2:
            crash(random.number(0...2))
            // A supervisor sweeps over feeds whose holder it does not know.
            if random.chance(50), let gone = dead.sorted(by: { $0.text < $1.text }).randomElement(using: &random) {
                try await release(0, .dead(gone))
            }
        case 3, 4: try await save()
        case 5, 6: try await putBack()
        case 7, 8: try await deleteRecord()
        case 9: try await deleteStream(random.number(0...5))
        case 10: try await addForeign(random.number(0...5))
        default:
            let trim = TrimCall(feed: feed, streams: Array(keys.dropFirst()), minimumMilliseconds: now - 20_000, forgetMilliseconds: 0)
            _ = try await perform(trim)
        }
    }

    private func crash(_ index: Int) {
        dead.insert(workers[index].incarnation)
        workers[index].crash(random: random.next())
    }

    private func save() async throws {
        // Two faults in a row that lose every acquisition made from one record may use a number twice (non-guarantee 5).
        guard truth.highestEpoch > highestEpochPutBack else { return }
        try await store.save()
        saved = (lineage, truth.highestEpoch)
    }

    private func putBack() async throws {
        guard let saved, truth.highestEpoch - saved.highestEpoch < 90 else { return }
        try await store.restore()
        lineage = saved.lineage
        self.saved = nil
        highestEpochPutBack = truth.highestEpoch
        server += 1
        rollbacks += 1
        // A failover takes longer than ids may lead the clock.
        now += 500
        replies["put back", default: 0] += 1
        try await observe()
    }

    /// Deletes the record where the control stream still knows the epoch.
    private func deleteRecord() async throws {
        guard let top = lineage.logs[0].last, top.kind == .entry, record["epoch"] == String(top.id.epoch) else { return }
        try await store.delete(feed.lease)
        lineage.recordDeleted()
        saved = nil
        replies["record deleted", default: 0] += 1
        try await observe()
        // Whoever holds the feed may renew before it publishes: its renewal finds nothing.
        if let holder = workers.indices.first(where: { workers[$0].state == .live }), random.chance(40) { try await renew(holder) }
    }

    private func deleteStream(_ stream: Int) async throws {
        guard record["epoch"] == String(lineage.epoch) else { return }
        try await store.delete(keys[stream])
        lineage.streamDeleted(stream)
        replies["stream deleted", default: 0] += 1
        try await observe()
    }

    private func addForeign(_ stream: Int) async throws {
        // A foreign id on the control stream hides the epoch there: the record must still know it.
        guard stream > 0 || record["epoch"] == String(lineage.epoch) else { return }
        let id = StreamID(milliseconds: UInt64(now + random.number(-20...60)), sequence: random.number(0...9))
        guard id > lineage.logs[stream].last?.id ?? .zero else { return }
        if try await store.addForeign(id, to: keys[stream]) { replies["foreign entry", default: 0] += 1 }
        try await observe()
    }

    // MARK: what workers do

    private var serverName: String { "run-\(server)" }
    private var jump: Int { random.number(100...999) }

    private func act(_ index: Int) async throws {
        switch workers[index].state {
        case .idle: try await claim(index)
        case .waiting: try await gate(index)
        case .connecting: try await connect(index)
        case .live: try await produce(index)
        }
    }

    private func claim(_ index: Int) async throws {
        let worker = workers[index]
        guard let observations = try await perform(ObserveCall(feeds: [feed])) else { return }
        guard let seen = observations[0] else {
            _ = try await perform(InitCall(feed: feed, server: serverName))
            return
        }
        workers[index].saw(epoch: seen.epoch)
        var mode = AcquireCall.Mode.seen(renewals: seen.renewals, renewedAt: seen.renewedAt)
        if seen.state == .free { mode = .free }
        if let holder = seen.holder {
            if dead.contains(holder) {
                if random.chance(40) { return try await release(index, .dead(holder)) }
                mode = .dead(holder: holder)
            } else if holder != worker.incarnation, !random.chance(12) {
                return
            }
        }
        let call = AcquireCall(
            feed: feed, incarnation: worker.incarnation, ttlMilliseconds: 6000, mode: mode, seenEpoch: seen.epoch, floor: worker.floor,
            floorMilliseconds: worker.floorMilliseconds, delayMilliseconds: random.number(0...200),
            connectMilliseconds: random.number(0...150), paceMilliseconds: pace, quarantineMilliseconds: random.chance(50) ? 3000 : 0,
            server: serverName, jump: jump, reason: "test", goesAtOnce: random.chance(50))
        if case .granted(let grant)? = try await perform(call) {
            workers[index].hold(epoch: grant.epoch)
            workers[index].state = grant.isGo ? .connecting : .waiting
        }
    }

    private func gate(_ index: Int) async throws {
        let token = workers[index].token
        if random.chance(4) { return try await release(index, .clean(token)) }
        switch try await perform(GateCall(feed: feed, token: token, paceMilliseconds: pace), token: token) {
        case .go: workers[index].state = .connecting
        case .due(let milliseconds), .cooling(let milliseconds): if random.chance(60) { now += milliseconds }
        case .notPending: workers[index].state = .live
        case .fenced: workers[index].state = .idle
        case nil: break
        }
    }

    private func connect(_ index: Int) async throws {
        let worker = workers[index]
        if random.chance(3) { return try await release(index, .clean(worker.token)) }
        if random.chance(15) {
            let retry = RetryCall(feed: feed, token: worker.token, waitMilliseconds: random.number(0...200))
            switch try await perform(retry, token: worker.token) {
            case .waiting: workers[index].state = .waiting
            case .fenced, .live: workers[index].state = .idle
            case nil: break
            }
            return
        }
        let call = BeginCall(
            feed: feed, token: worker.token, floor: worker.floor, floorMilliseconds: worker.floorMilliseconds, server: serverName,
            jump: jump)
        switch try await perform(call) {
        case .opened(let epoch, let milliseconds, _):
            workers[index].open(epoch: epoch, markerMilliseconds: milliseconds, truth: &truth)
        case .notConnecting: workers[index].state = .waiting
        case .fenced, .epochExhausted: workers[index].state = .idle
        case nil: break
        }
    }

    private func produce(_ index: Int) async throws {
        for _ in 0..<random.number(0...6) {
            payloads += 1
            workers[index].receive(
                "\(workers[index].incarnation) \(payloads)", on: random.number(0...5), at: now - random.number(0...5), truth: &truth)
        }
        workers[index].floorMilliseconds = max(workers[index].floorMilliseconds, workers[index].lastMilliseconds)
        let token = workers[index].token
        switch random.number(0...99) {
        case 0..<70: try await publish(index)
        case 70..<79: try await renew(index)
        case 79..<83: try await lose(index)
        case 83..<95: try await disconnect(index, hard: random.chance(50))
        case 95..<97:
            try await flush(index)
            if workers[index].state == .live { try await release(index, .clean(token)) }
        default: try await resume(index, renumber: false)
        }
    }

    private func renew(_ index: Int) async throws {
        let token = workers[index].token
        let reply = try await perform(RenewCall(leases: [.init(feed: feed, token: token)]), token: token)
        if let reply, reply.results != [.renewed] { try await doubt(index) }
    }

    private func flush(_ index: Int) async throws {
        for _ in 0..<100 where workers[index].state == .live && workers[index].next <= workers[index].packets.count && faults.isEmpty {
            try await publish(index)
        }
    }

    private func release(_ index: Int, _ proof: ReleaseCall.Proof) async throws {
        let call = ReleaseCall(
            feed: feed, proof: proof, reason: "test", delayMilliseconds: random.number(0...200),
            connectMilliseconds: random.number(0...150), paceMilliseconds: pace, quarantineMilliseconds: random.chance(50) ? 3000 : 0,
            preferred: random.chance(30) ? ["a", "b", "c"].randomElement(using: &random) : nil)
        guard case .clean(let token) = proof else {
            _ = try await perform(call)
            return
        }
        if try await perform(call, token: token) != nil { workers[index].state = .idle }
    }

    private func publish(_ index: Int) async throws {
        let worker = workers[index]
        if worker.next <= worker.packets.count, worker.packets[worker.next - 1].isLost { return try await declareLost(index) }
        // Overlapping resends; now and then a batch that left out what came before.
        var first = max(1, worker.next - (random.chance(30) ? random.number(0...4) : 0))
        if random.chance(3) { first += random.number(1...3) }
        guard first <= worker.packets.count else { return }
        var last = min(worker.packets.count, first + random.number(0...11))
        // A declared range ends the batch.
        if let stop = (max(first, worker.next)...max(last, worker.next)).first(where: {
            worker.packets.indices.contains($0 - 1) && worker.packets[$0 - 1].isLost
        }) {
            last = min(last, stop - 1)
        }
        guard first <= last else { return }
        var call = worker.publication(first...last, feed: feed, keys: keys)
        if random.chance(2) {
            let end = random.chance(50) ? 0 : call.packets.count - 1
            if random.chance(50) { call.packets[end].id.sequence += 1 } else { call.packets[end].id.epoch += 1 }
        }
        switch try await perform(call, token: worker.token) {
        case .next(let next): try await stored(index, below: next)
        case .gap(let next): workers[index].next = next
        case .order(let next, let top):
            workers[index].next = next
            workers[index].floorMilliseconds = max(workers[index].floorMilliseconds, top.milliseconds)
            try await resume(index, renumber: true)
        case .ended: workers[index].state = .waiting
        case .fenced: try await doubt(index)
        case nil: break
        }
    }

    private func stored(_ index: Int, below next: Int) async throws {
        if next > workers[index].packets.count + 1 { faults.append("S2 next \(next) of \(workers[index].packets.count) packets") }
        workers[index].next = max(workers[index].next, next)
    }

    /// Drops a few packets as an overflowing ring would, and says so.
    private func lose(_ index: Int) async throws {
        let worker = workers[index]
        guard worker.next <= worker.packets.count else { return }
        for sequence in worker.next...min(worker.packets.count, worker.next + random.number(0...4)) {
            // What may have been stored without our knowing is not dropped in truth: the store says where it stands.
            if Int(record["next_sequence"] ?? "") ?? 0 > sequence, record["token"] == worker.token.description { continue }
            if truth.identities[StreamID(worker.id(sequence)).sequence] != nil { continue }
            workers[index].packets[sequence - 1].isLost = true
        }
        try await declareLost(index)
    }

    private func declareLost(_ index: Int) async throws {
        let worker = workers[index]
        guard worker.next <= worker.packets.count, worker.packets[worker.next - 1].isLost else { return }
        var last = worker.next
        while last < worker.packets.count, worker.packets[last].isLost { last += 1 }
        let behind = last < worker.packets.count ? last + 1 : last
        for sequence in worker.next...last { truth.receipts[StreamID(worker.id(sequence)).sequence]?.lost = true }
        let call = LostCall(
            feed: feed, token: worker.token, first: worker.next, last: last, milliseconds: worker.packets[behind - 1].milliseconds,
            reason: "overflow")
        switch try await perform(call, token: worker.token) {
        case .next(let next): workers[index].next = max(worker.next, next)
        case .gap(let next): workers[index].next = next
        case .order(let next, let top):
            workers[index].next = next
            workers[index].floorMilliseconds = max(workers[index].floorMilliseconds, top.milliseconds)
            try await resume(index, renumber: true)
        case .ended: workers[index].state = .waiting
        case .fenced: try await doubt(index)
        case nil: break
        }
    }

    private func disconnect(_ index: Int, hard: Bool) async throws {
        if random.chance(70) { try await flush(index) }
        let worker = workers[index]
        guard worker.state == .live else { return }
        let call = DisconnectCall(
            feed: feed, token: worker.token, first: worker.packets.count + 1, hard: hard, delayMilliseconds: random.number(0...200),
            paceMilliseconds: pace, reason: "test")
        // A failover that loses the disconnect alone.
        let isLost = random.chance(10)
        if isLost { try await save() }
        switch try await perform(call, token: worker.token) {
        case .ended:
            workers[index].state = .waiting
            if isLost { try await putBack() }
        case .gap(let next): workers[index].next = next
        case .refused, nil: break
        case .fenced: try await doubt(index)
        }
    }

    /// The token is not the record's: a lost or older record is restored, a newer one wins.
    private func doubt(_ index: Int) async throws {
        guard let observations = try await perform(ObserveCall(feeds: [feed])) else { return }
        if let seen = observations[0], seen.epoch >= workers[index].token.epoch {
            workers[index].saw(epoch: seen.epoch)
            workers[index].state = .idle
        } else {
            try await resume(index, renumber: false)
        }
    }

    private func resume(_ index: Int, renumber: Bool) async throws {
        let worker = workers[index]
        let call = ResumeCall(
            feed: feed, incarnation: worker.incarnation, epoch: worker.token.epoch, next: worker.next, ttlMilliseconds: 6000,
            floorMilliseconds: worker.floorMilliseconds, server: serverName, jump: jump, renumber: renumber,
            admittedAgeMilliseconds: nil)
        switch try await perform(call) {
        case .same(let next, _): workers[index].next = max(1, min(next, worker.packets.count + 1))
        case .restored(let epoch, let milliseconds, _):
            let kept = worker.packets.dropFirst(worker.next - 1).map { packet in
                var packet = packet
                packet.milliseconds = max(packet.milliseconds, milliseconds)
                return packet
            }
            workers[index].open(epoch: epoch, markerMilliseconds: milliseconds, keeping: kept, truth: &truth)
        case .fenced, .epochExhausted: workers[index].state = .idle
        case nil: break
        }
    }
}
