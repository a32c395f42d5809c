import ColonyExchanges
import Coordination
import NIOCore
import Testing

@testable import Ingest

/// A disk that answers when it is told to.
struct ModelDisk {
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

/// A machine with a spill in its first epoch, its disk, and what a server has stored of it.
struct SpillRig {
    static func token(_ epoch: Int) -> Token { Token(incarnation: Incarnation("w.0000000000000001"), epoch: epoch) }

    static func limits(ring: Int = 512 << 10, spill: Int) -> PublishMachine.Limits {
        var limits = PublishMachine.Limits()
        limits.ringBytes = ring
        limits.spillBytes = spill
        limits.maxPackets = 10
        limits.maxBytes = 16 << 10
        return limits
    }

    let limits: PublishMachine.Limits
    /// The control stream and two data streams.
    let slots: [Int]
    var table: StreamTable
    var machine: PublishMachine
    var disk = ModelDisk()
    var stored = StoredFeed()
    /// What was declared lost.
    var holes: [LostRange] = []

    init(_ limits: PublishMachine.Limits) {
        self.limits = limits
        var table = StreamTable(keys: Keys().feed(FeedName("binance"), group: "binance")) { _ in 100 }
        slots = [0] + ["A", "B"].map { table.slot(of: Topic(channel: "trade", symbol: $0)) }
        machine = PublishMachine(limits: limits)
        machine.begin(Self.token(1), lastMilliseconds: 0, table: &table)
        self.table = table
    }

    mutating func append(_ text: String, slot: Int = 0, milliseconds: Int64 = 1000, now: Int64 = 1) {
        var text = text
        text.withUTF8 { bytes in
            machine.append(
                slot: slot, payload: UnsafeRawBufferPointer(bytes), milliseconds: milliseconds, time: 5, now: now, table: &table)
        }
    }

    /// A packet of about a kilobyte that says its number, on the control stream.
    static func kilobyte(_ number: Int) -> String { "\(number)\(String(repeating: "x", count: 1000))" }

    /// Such packets; `each` runs behind every one of them. Memory stays within its bound throughout.
    mutating func append(kilobytes numbers: ClosedRange<Int>, each: (inout SpillRig, Int) -> Void = { rig, _ in rig.workOff() }) {
        for number in numbers {
            append(Self.kilobyte(number), now: Int64(number))
            each(&self, number)
            #expect(machine.memoryBytes <= limits.ringBytes + 2 * limits.maxBytes)
            #expect(machine.spillUsedBytes <= limits.spillBytes)
        }
    }

    mutating func workOff(now: Int64 = 1) { disk.workOff(&machine, now: now) }

    /// Carries out one call, sent under `generation`.
    mutating func execute(_ send: PublishMachine.Send, generation: Int, now: Int64) {
        switch send {
        case .publish(let batch):
            _ = machine.replied(stored.publish(batch, epoch: stored.epoch), generation: generation, now: now)
        case .lost(let range):
            holes.append(range)
            _ = machine.lostReplied(stored.lost(range, epoch: stored.epoch), generation: generation, now: now)
        }
    }

    /// Sends everything, with the disk's help; the server answers at once.
    mutating func deliver(now: Int64) {
        var turns = 0
        repeat {
            workOff(now: now)
            while let send = machine.nextSend(now: now, flush: true) { execute(send, generation: machine.generation, now: now) }
            turns += 1
        } while !machine.isAllStored && turns < 10_000
        #expect(machine.isAllStored)
        #expect(stored.complaints == [])
        #expect(disk.complaints == [])
    }
}
