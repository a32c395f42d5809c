import ColonyExchanges
import Coordination
import NIOCore
import Testing

@testable import Ingest

/// A disk that answers when it is told to.
private struct ModelDisk {
    var records: [SpillPlace: SpillRecord] = [:]
    var waiting: [SpillAction] = []
    var deleted: Set<Int> = []
    var complaints: [String] = []

    var segments: Set<Int> { Set(records.keys.map(\.segment)) }

    mutating func take(_ machine: inout PublishMachine) {
        while let action = machine.nextSpillAction() { waiting.append(action) }
    }

    /// Carries out the oldest request. `fails`: a write is refused, a read finds nothing.
    mutating func work(_ machine: inout PublishMachine, now: Int64, fails: Bool = false) {
        guard !waiting.isEmpty else { return }
        switch waiting.removeFirst() {
        case .write(let number, let place, let record):
            if deleted.contains(place.segment) { complaints.append("segment \(place.segment) is written after it was deleted") }
            if fails { return machine.spillWriteFailed(number, place, now: now) }
            records[place] = record
            machine.spillWritten(number, place)
        case .read(let number, let place):
            if deleted.contains(place.segment) { complaints.append("segment \(place.segment) is read after it was deleted") }
            machine.spillRead(number, place, fails ? nil : records[place])
        case .delete(let segment):
            deleted.insert(segment)
            records = records.filter { $0.key.segment != segment }
        }
    }

    mutating func workOff(_ machine: inout PublishMachine, now: Int64) {
        take(&machine)
        while !waiting.isEmpty {
            work(&machine, now: now)
            take(&machine)
        }
    }
}

struct SpillMachineTests {
    private static let keys = Keys().feed(FeedName("binance"), group: "binance")
    private static func token(_ epoch: Int) -> Token { Token(incarnation: Incarnation("w.0000000000000001"), epoch: epoch) }

    private static func append(
        _ text: String, _ machine: inout PublishMachine, _ table: inout StreamTable, slot: Int = 0, milliseconds: Int64 = 1000,
        now: Int64 = 1
    ) {
        var text = text
        text.withUTF8 { bytes in
            machine.append(
                slot: slot, payload: UnsafeRawBufferPointer(bytes), milliseconds: milliseconds, time: 5, now: now, table: &table)
        }
    }

    private static func limits(ring: Int = 512 << 10, spill: Int) -> PublishMachine.Limits {
        var limits = PublishMachine.Limits()
        limits.ringBytes = ring
        limits.spillBytes = spill
        limits.maxPackets = 10
        limits.maxBytes = 16 << 10
        return limits
    }

    private func deliver(
        _ machine: inout PublishMachine, _ stored: inout StoredFeed, _ disk: inout ModelDisk, now: Int64,
        onLost: (LostRange) -> Void = { _ in }
    ) {
        var turns = 0
        repeat {
            disk.workOff(&machine, now: now)
            while let send = machine.nextSend(now: now, flush: true) {
                switch send {
                case .publish(let batch):
                    _ = machine.replied(stored.publish(batch, epoch: stored.epoch), generation: machine.generation, now: now)
                case .lost(let range):
                    onLost(range)
                    _ = machine.lostReplied(stored.lost(range, epoch: stored.epoch), generation: machine.generation, now: now)
                }
            }
            turns += 1
        } while !machine.isAllStored && turns < 10_000
        #expect(machine.isAllStored)
        #expect(stored.complaints == [])
        #expect(disk.complaints == [])
    }

    @Test("An outage much larger than the ring loses nothing: the ring is sent first, then the segments, then what came meanwhile")
    func outage() throws {
        let limits = Self.limits(spill: 16 << 20)
        var table = StreamTable(keys: Self.keys) { _ in 100 }
        var machine = PublishMachine(limits: limits)
        var disk = ModelDisk()
        machine.begin(Self.token(1), lastMilliseconds: 0, table: &table)
        let filler = String(repeating: "x", count: 1000)
        for number in 1...2000 {
            Self.append("\(number)\(filler)", &machine, &table)
            disk.workOff(&machine, now: 1)
            #expect(machine.memoryBytes <= limits.ringBytes + 2 * limits.maxBytes)
        }
        #expect(disk.records.count > 100)
        // The ring still holds what it has room for.
        #expect(disk.records.values.reduce(0) { $0 + $1.count } < 2000)
        machine.linkUp()
        for number in 2001...2010 { Self.append("\(number)\(filler)", &machine, &table) }
        var stored = StoredFeed()
        deliver(&machine, &stored, &disk, now: 3)
        #expect(stored.next == 2011)
        #expect((1...2010).allSatisfy { stored.packets[$0] == "\($0)\(filler)" })
        #expect(machine.counters.droppedPackets == 0)
        // Once the server cannot lose it any more, nothing is left on disk.
        Self.append("last", &machine, &table, now: 10_000_000_000)
        deliver(&machine, &stored, &disk, now: 10_000_000_000)
        disk.workOff(&machine, now: 10_000_000_000)
        #expect(disk.records.isEmpty)
        #expect(machine.spillUsedBytes == 0)
    }

    @Test("With ring and spill full the oldest give way, in one hole, and the disk goes on being used")
    func overflow() throws {
        let limits = Self.limits(spill: 1 << 20)
        var table = StreamTable(keys: Self.keys) { _ in 100 }
        var machine = PublishMachine(limits: limits)
        var disk = ModelDisk()
        machine.begin(Self.token(1), lastMilliseconds: 0, table: &table)
        let filler = String(repeating: "x", count: 1000)
        for number in 1...5000 {
            Self.append("\(number)\(filler)", &machine, &table)
            disk.workOff(&machine, now: 1)
            #expect(machine.memoryBytes <= limits.ringBytes + 2 * limits.maxBytes)
            #expect(machine.spillUsedBytes <= limits.spillBytes)
        }
        machine.linkUp()
        var stored = StoredFeed()
        var holes: [LostRange] = []
        deliver(&machine, &stored, &disk, now: 3) { holes.append($0) }
        #expect(holes.count == 1)
        let hole = try #require(holes.first)
        #expect(hole.first == 1)
        #expect(hole.last == machine.counters.droppedPackets)
        #expect(machine.counters.overflowedPackets == hole.last)
        // Ring and spill together hold about 1,200 of these.
        #expect((3500...4200).contains(hole.last))
        #expect(((hole.last + 1)...5000).allSatisfy { stored.packets[$0] == "\($0)\(filler)" })
    }

    @Test("A disk that answers nothing, or only errors, leaves the ring to itself", arguments: [true, false])
    func deadDisk(fails: Bool) throws {
        let limits = Self.limits(spill: 16 << 20)
        var table = StreamTable(keys: Self.keys) { _ in 100 }
        var machine = PublishMachine(limits: limits)
        var disk = ModelDisk()
        machine.begin(Self.token(1), lastMilliseconds: 0, table: &table)
        let filler = String(repeating: "x", count: 1000)
        for number in 1...2000 {
            Self.append("\(number)\(filler)", &machine, &table, now: Int64(number))
            disk.take(&machine)
            if fails { disk.work(&machine, now: Int64(number), fails: true) }
            #expect(machine.memoryBytes <= limits.ringBytes + 2 * limits.maxBytes)
        }
        machine.linkUp()
        var stored = StoredFeed()
        if fails { disk.waiting = [] }
        deliver(&machine, &stored, &disk, now: 3_000_000_000)
        #expect(stored.next == 2001)
        let lost = stored.packets.values.count { $0 == nil }
        #expect(lost == machine.counters.droppedPackets)
        #expect(lost > 1400 && lost < 1900)
    }

    @Test("What is on disk when the token ends is deleted and counted")
    func tokenEnds() throws {
        var table = StreamTable(keys: Self.keys) { _ in 100 }
        var machine = PublishMachine(limits: Self.limits(spill: 16 << 20))
        var disk = ModelDisk()
        machine.begin(Self.token(1), lastMilliseconds: 0, table: &table)
        let filler = String(repeating: "x", count: 1000)
        for number in 1...500 {
            Self.append("\(number)\(filler)", &machine, &table)
            disk.workOff(&machine, now: 1)
        }
        let onDisk = disk.records.values.reduce(0) { $0 + $1.count }
        #expect(onDisk > 150)
        #expect(machine.drop() == 500)
        disk.workOff(&machine, now: 2)
        #expect(disk.records.isEmpty)
        #expect(machine.counters.spillDiscardedPackets == onDisk)
        #expect(machine.memoryBytes == 0)
    }

    @Test(
        "Whatever breaks, with the disk slow, failing or forgetful, every packet is stored once, in order, or declared",
        arguments: [UInt64](1...120))
    func survivesEverything(seed: UInt64) throws {
        var random = SplitMix(seed)
        var limits = PublishMachine.Limits()
        limits.gatherPackets = Int.random(in: 1...8, using: &random)
        limits.maxPackets = Int.random(in: limits.gatherPackets...20, using: &random)
        limits.maxBytes = 4 << 10
        limits.inFlightBatches = Int.random(in: 1...4, using: &random)
        limits.ringBytes = [32 << 10, 128 << 10].randomElement(using: &random) ?? 0
        limits.spillBytes = [64 << 10, 2 << 20].randomElement(using: &random) ?? 0
        let forgets = seed % 4 == 0
        let filler = String(repeating: "x", count: 200)
        var table = StreamTable(keys: Self.keys) { _ in 100 }
        let slots = [0] + ["A", "B"].map { table.slot(of: Topic(channel: "trade", symbol: $0)) }
        var machine = PublishMachine(limits: limits)
        var disk = ModelDisk()
        machine.begin(Self.token(1), lastMilliseconds: 0, table: &table)
        machine.linkUp()
        var stored = StoredFeed()
        var isUp = true
        var flight: [(send: PublishMachine.Send, generation: Int)] = []
        // The packets of the epoch in order: name and stream.
        var received: [(name: String, slot: Int)] = []
        var now: Int64 = 1
        for step in 0..<1500 {
            now += Int64.random(in: 1...100_000_000, using: &random)
            switch Int.random(in: 0..<20, using: &random) {
            case 0...8:
                for index in 0..<Int.random(in: 1...12, using: &random) {
                    let name = "s\(seed)-\(step).\(index)\(filler)"
                    let slot = slots.randomElement(using: &random) ?? 0
                    received.append((name, slot))
                    Self.append(name, &machine, &table, slot: slot, milliseconds: now / 1_000_000, now: now)
                }
                #expect(machine.memoryBytes <= limits.ringBytes / 2 * 3 + 16 << 10, "seed \(seed)")
                #expect(machine.spillUsedBytes <= limits.spillBytes, "seed \(seed)")
            case 9...10:
                while isUp, let send = machine.nextSend(now: now) { flight.append((send, machine.generation)) }
            case 11...13:
                if !flight.isEmpty { execute(flight.removeFirst(), &machine, &stored, now) }
            case 14...16:
                disk.take(&machine)
                let fails = Int.random(in: 0..<30, using: &random) == 0
                if case .read? = disk.waiting.first, fails, !forgets { continue }
                disk.work(&machine, now: now, fails: fails)
            case 17:
                for _ in 0..<Int.random(in: 0...flight.count, using: &random) {
                    switch flight.removeFirst().send {
                    case .publish(let batch): _ = stored.publish(batch, epoch: stored.epoch)
                    case .lost(let range): _ = stored.lost(range, epoch: stored.epoch)
                    }
                }
                flight = []
                isUp = false
                machine.linkLost()
            case 18:
                if !isUp {
                    isUp = true
                    machine.linkUp()
                } else if Bool.random(using: &random), stored.next > 1 {
                    stored.goBack(to: Int.random(in: max(1, stored.next - 5)...stored.next, using: &random))
                }
            default:
                // The data set is lost: the record is restored under a new epoch, and the rest numbered anew.
                guard isUp, Int.random(in: 0..<4, using: &random) == 0 else { continue }
                flight = []
                let next = machine.firstUnstored
                let epoch = stored.epoch + 1
                machine.renumber(Self.token(epoch), from: next, lastMilliseconds: now / 1_000_000, now: now, table: &table)
                received.removeFirst(next - 1)
                stored = StoredFeed(epoch: epoch, complaints: stored.complaints)
            }
        }
        if !isUp { machine.linkUp() }
        for item in flight { execute(item, &machine, &stored, now) }
        deliver(&machine, &stored, &disk, now: now + 2_000_000_000)
        #expect(stored.next == machine.nextSequence, "seed \(seed)")
        #expect(stored.next == received.count + 1, "seed \(seed)")
        var previous: [Int: Int] = [:]
        for (index, packet) in received.enumerated() {
            let sequence = index + 1
            let found = try #require(stored.packets[sequence], "seed \(seed): \(sequence) is neither stored nor declared")
            if let found {
                #expect(found == packet.name, "seed \(seed): \(sequence)")
                #expect(stored.links[sequence] == previous[packet.slot, default: 0], "seed \(seed): link of \(sequence)")
            }
            previous[packet.slot] = sequence
        }
    }

    private func execute(
        _ item: (send: PublishMachine.Send, generation: Int), _ machine: inout PublishMachine, _ stored: inout StoredFeed, _ now: Int64
    ) {
        switch item.send {
        case .publish(let batch): _ = machine.replied(stored.publish(batch, epoch: stored.epoch), generation: item.generation, now: now)
        case .lost(let range): _ = machine.lostReplied(stored.lost(range, epoch: stored.epoch), generation: item.generation, now: now)
        }
    }
}
