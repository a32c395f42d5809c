import Coordination

/// What the streams of one feed hold, judged entry by entry as it is appended (S1, S2, S3, S8, S9). A value: it goes back together with a data
/// set that loses its tail.
struct FeedHistory {
    /// Highest id over all streams.
    private var top = StreamID.zero
    private var epoch = 0
    /// The only sequence that may come next.
    private var next = 0
    private var owner = ""
    /// A websocket is open in this epoch: packets may come.
    private var isOpen = false
    /// Per stream: last id seen, and last sequence in this epoch.
    private var seen: [StreamID]
    private var lastSequence: [Int]
    /// Sequences of this epoch that were declared lost.
    private var gaps: [ClosedRange<Int>] = []
    private var lastPacket = 0
    /// Somebody deleted the lease record, and with it the highest time published; nothing was stored since.
    var isTimeForgotten = false

    init(streams: Int) {
        seen = Array(repeating: .zero, count: streams)
        lastSequence = Array(repeating: 0, count: streams)
    }

    /// The streams were deleted, or all data were.
    mutating func forget(stream: Int) { seen[stream] = .zero }

    private struct Fresh {
        var stream: Int
        var before: StreamID
        var entry: StreamModel.Entry
    }

    /// Judges what has been appended since the last time.
    mutating func absorb(_ world: Simulation, _ facts: FeedFacts, _ truth: inout FeedTruth) {
        var fresh: [Fresh] = []
        let model = world.redis.model
        var touched = 0
        for (index, key) in facts.streams.enumerated() {
            guard let stream = model.streams[key], stream.lastGeneratedID != seen[index] else { continue }
            touched += 1
            var before = seen[index]
            for entry in stream.read(after: before, count: .max) {
                fresh.append(Fresh(stream: index, before: before, entry: entry))
                before = entry.id
            }
            seen[index] = stream.lastGeneratedID
        }
        if touched > 1 { fresh.sort { $0.entry.id < $1.entry.id } }
        for item in fresh where item.entry.id.epoch != 0 { judge(item, world, facts, &truth) }
    }

    private mutating func judge(_ item: Fresh, _ world: Simulation, _ facts: FeedFacts, _ truth: inout FeedTruth) {
        let entry = item.entry
        let epoch = entry.id.epoch
        let sequence = Int(entry.id.sequence % UInt64(EntryID.sequencesPerEpoch))
        if entry.id <= top {
            // Without the record, and with a clock that was put back, nothing knows the data streams' last time (non-guarantee 4).
            if isTimeForgotten, world.redis.hasSteppedBack {
                top = .zero
            } else {
                world.fail("S1", "\(facts.name): id \(entry.id) is stored behind \(top)")
            }
        }
        isTimeForgotten = false
        top = max(top, entry.id)
        let marker = entry["marker"]
        if marker == "fence" || marker == "up" || marker == "rollback" {
            return opens(epoch, marker ?? "", entry, world, facts, &truth)
        }
        guard epoch == self.epoch else {
            return world.fail("S1", "\(facts.name): \(entry.id) is stored in epoch \(self.epoch)")
        }
        switch marker {
        case "gap":
            guard let from = entry["from"].flatMap({ Int($0) }), let to = entry["to"].flatMap({ Int($0) }) else {
                return world.fail("S2", "\(facts.name): gap \(entry.id) names no range")
            }
            if from != next || to != sequence {
                world.fail("S2", "\(facts.name): gap \(from)..\(to) at \(entry.id), expected from \(next)")
            }
            gaps.append(from...max(from, to))
            next = to + 1
            return
        case "down":
            isOpen = false
            if entry["complete"] == "yes", truth.packet(epoch, sequence) != nil {
                world.fail("S9", "\(facts.name): down \(entry.id) says complete, but the holder has received more")
            }
        default:
            guard isOpen else { return world.fail("S2", "\(facts.name): packet \(entry.id) without an open websocket") }
            judgePacket(entry, item.stream, sequence, world, facts, &truth)
        }
        if sequence != next { world.fail("S2", "\(facts.name): \(entry.id) is stored where sequence \(next) is next") }
        next = sequence + 1
        judgeLink(item, sequence, isMarker: marker != nil, world, facts)
        lastSequence[item.stream] = sequence
    }

    private mutating func opens(
        _ epoch: Int, _ marker: String, _ entry: StreamModel.Entry, _ world: Simulation, _ facts: FeedFacts, _ truth: inout FeedTruth
    ) {
        if epoch <= self.epoch { world.fail("S1", "\(facts.name): \(marker) \(entry.id) in epoch \(self.epoch)") }
        if marker == "rollback", let was = entry["previous_epoch"].flatMap({ Int($0) }),
            let at = entry["previous_next"].flatMap({ Int($0) })
        {
            truth.bases[epoch] = (was, at)
            // What was stored and lost, or stored unheard, from there on comes again.
            if let first = truth.packet(was, at) { lastPacket = min(lastPacket, first - 1) }
        }
        truth.opened(epoch, after: self.epoch, world, facts)
        self.epoch = epoch
        next = 1
        owner = entry["worker"] ?? ""
        isOpen = marker != "fence"
        gaps = []
        for stream in lastSequence.indices { lastSequence[stream] = 0 }
    }

    private mutating func judgePacket(
        _ entry: StreamModel.Entry, _ stream: Int, _ sequence: Int, _ world: Simulation, _ facts: FeedFacts, _ truth: inout FeedTruth
    ) {
        guard let number = entry["data"].flatMap({ Int($0.prefix { $0 != " " }) }), number > 0, number < world.exchange.packets.count else {
            return world.fail("S3", "\(facts.name): \(entry.id) holds what the exchange never sent")
        }
        let packet = world.exchange.packets[number]
        if Int(packet.feed) != facts.index || Int(packet.stream) != stream {
            world.fail("S3", "\(facts.name): packet \(number) of stream \(packet.stream) is stored in stream \(stream)")
        }
        if world.exchange.owners[Int(packet.socket)] != owner {
            world.fail("S3", "\(facts.name): \(entry.id) was received by \(world.exchange.owners[Int(packet.socket)]), not by \(owner)")
        }
        if number <= lastPacket { world.fail("S3", "\(facts.name): packet \(number) at \(entry.id) is stored behind packet \(lastPacket)") }
        lastPacket = number
        if let expected = truth.packet(epoch, sequence), expected != number {
            world.fail("S3", "\(facts.name): \(entry.id) holds packet \(number), received under it was \(expected)")
        }
        truth.stored(epoch, sequence, milliseconds: entry.id.milliseconds, packet: number, world, facts)
    }

    /// `prev` names the entry before in the stream and epoch, stored or declared lost; the first one's `after` the stream's last id before.
    private func judgeLink(_ item: Fresh, _ sequence: Int, isMarker: Bool, _ world: Simulation, _ facts: FeedFacts) {
        let entry = item.entry
        guard let previous = entry["prev"].flatMap({ Int($0) }) else { return world.fail("S3", "\(facts.name): \(entry.id) has no prev") }
        let last = lastSequence[item.stream]
        if previous != last, previous < last || !gaps.contains(where: { $0.contains(previous) }) {
            world.fail("S3", "\(facts.name): prev of \(entry.id) in stream \(item.stream) is \(previous), the entry before is \(last)")
        }
        guard previous == 0, item.stream > 0, !isMarker else { return }
        if entry["after"] != item.before.description {
            world.fail(
                "S3",
                "\(facts.name): \(entry.id) opens stream \(item.stream) after \(entry["after"] ?? "nothing"), its last id is \(item.before)"
            )
        }
    }

    /// L5: what the holder received is stored.
    func checkDrained(_ world: Simulation, _ feed: Int) {
        for worker in world.workers where worker.isAlive {
            let shell = worker.feeds[feed]
            guard shell.machine.phase == .live else { continue }
            // What came in within the last second may be on its way.
            if let since = shell.publisher.unansweredSince, world.now - since > Span.second {
                world.fail("L5", "\(world.feeds[feed].name): \(worker.name) waits for a publish since \(since / Span.millisecond) ms")
            }
        }
    }
}

/// What is true of a feed for ever, whatever Redis loses.
struct FeedTruth {
    private var received: [Int: Int] = [:]
    /// For an epoch that `resume` opened: what its sequence 1 was before.
    var bases: [Int: (epoch: Int, next: Int)] = [:]
    private var stored: [Int: (milliseconds: UInt64, packet: Int)] = [:]
    private var used: Set<Int> = []
    /// Those of them that a random jump led to.
    private var jumped: Set<Int> = []
    private(set) var highest = 0
    /// Data sets lost since the highest epoch was given out, and whether a whole one was among them.
    private var losses = 0
    private var wasEmptied = false

    /// Jumps are drawn from 100...999.
    private static let leastJump = 100

    private static func key(_ epoch: Int, _ sequence: Int) -> Int { epoch * EntryID.sequencesPerEpoch + sequence }

    mutating func received(_ packet: Int, _ epoch: Int, _ sequence: Int) { received[Self.key(epoch, sequence)] = packet }

    /// The packet that was received under this number, directly or before a `resume`.
    func packet(_ epoch: Int, _ sequence: Int) -> Int? {
        if let packet = received[Self.key(epoch, sequence)] { return packet }
        guard let base = bases[epoch] else { return nil }
        return packet(base.epoch, base.next + sequence - 1)
    }

    mutating func dataLost(all: Bool) {
        losses += 1
        if all { wasEmptied = true }
    }

    /// S8: an epoch number stands for one epoch.
    mutating func opened(_ epoch: Int, after previous: Int, _ world: Simulation, _ facts: FeedFacts) {
        let isJump = epoch - previous >= Self.leastJump || (epoch == previous + 1 && jumped.contains(previous))
        if used.contains(epoch) {
            // After the loss of all data and of every memory of epochs they start again; after two losses in a row a number may come twice.
            if wasEmptied || losses > 1 {
                world.reach(.epochReusedAfterTotalLoss)
                forget(epoch)
            } else if losses > 0, isJump, jumped.contains(epoch) {
                // Two jumps from one epoch, the first of them lost: of nine hundred places they took the same, or the next.
                world.reach(.epochReusedByChance)
                forget(epoch)
            } else {
                world.fail("S8", "\(facts.name): epoch \(epoch) is given out a second time")
            }
        } else if epoch < highest, losses == 0 {
            world.fail("S8", "\(facts.name): epoch \(epoch) is given out after \(highest)")
        }
        used.insert(epoch)
        if isJump { jumped.insert(epoch) } else { jumped.remove(epoch) }
        guard epoch >= highest else { return }
        highest = epoch
        losses = 0
        wasEmptied = false
    }

    private mutating func forget(_ epoch: Int) {
        let range = Self.key(epoch, 0)..<Self.key(epoch + 1, 0)
        for key in received.keys.filter({ range.contains($0) }) { received[key] = nil }
        for key in stored.keys.filter({ range.contains($0) }) { stored[key] = nil }
        bases[epoch] = nil
    }

    /// S2: a packet has one id and one content for ever.
    mutating func stored(
        _ epoch: Int, _ sequence: Int, milliseconds: UInt64, packet: Int, _ world: Simulation, _ facts: FeedFacts
    ) {
        let key = Self.key(epoch, sequence)
        if let before = stored[key], before != (milliseconds, packet) {
            world.fail(
                "S2",
                "\(facts.name): (\(epoch), \(sequence)) was packet \(before.packet) at \(before.milliseconds), now \(packet) at \(milliseconds)"
            )
        }
        stored[key] = (milliseconds, packet)
    }
}
