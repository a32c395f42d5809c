import ColonyExchanges
import Coordination
import NIOCore
import Testing

@testable import Ingest

struct PublishMachineTests {
    private static let keys = Keys().feed(FeedName("binance"), group: "binance")

    private static func token(_ epoch: Int) -> Token { Token(incarnation: Incarnation("w.0000000000000001"), epoch: epoch) }

    /// A machine with a small ring, in its first epoch and without a connection, and the streams of its feed.
    private static func begun(ringBytes: Int, maxPackets: Int? = nil) -> (PublishMachine, StreamTable) {
        var limits = PublishMachine.Limits()
        limits.ringBytes = ringBytes
        if let maxPackets { limits.maxPackets = maxPackets }
        var table = StreamTable(keys: keys) { _ in 100 }
        var machine = PublishMachine(limits: limits)
        machine.begin(token(1), lastMilliseconds: 0, table: &table)
        return (machine, table)
    }

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

    @Test("A packet is sent at once while few batches are in flight, and the next ones are gathered until a reply", arguments: [1, 2, 3])
    func gathersByRoundTrip(atOnce: Int) throws {
        var table = StreamTable(keys: Self.keys) { _ in 100 }
        var limits = PublishMachine.Limits()
        limits.atOnceBatches = atOnce
        var machine = PublishMachine(limits: limits)
        machine.begin(Self.token(2), lastMilliseconds: 900, table: &table)
        machine.linkUp()
        for number in 1...atOnce {
            Self.append("a", &machine, &table)
            guard case .publish(let batch)? = machine.nextSend(now: 1) else { throw Unexpected("nothing sent") }
            #expect((batch.first, batch.count) == (number, 1))
        }
        for text in ["b", "c", "d"] { Self.append(text, &machine, &table) }
        #expect(machine.nextSend(now: 2) == nil)
        _ = machine.replied(.next(2), generation: machine.generation, now: 3)
        guard case .publish(let gathered)? = machine.nextSend(now: 3) else { throw Unexpected("nothing sent") }
        #expect((gathered.first, gathered.count) == (atOnce + 1, 3))
    }

    @Test("Ids never go back in time, and links name the entry before in the same stream")
    func idsAndLinks() throws {
        var table = StreamTable(keys: Self.keys) { _ in 100 }
        let trades = table.slot(of: Topic(channel: "trade", symbol: "BTCUSDT"))
        var machine = PublishMachine()
        machine.begin(Self.token(2), lastMilliseconds: 5000, table: &table)
        machine.linkUp()
        Self.append("a", &machine, &table, slot: trades, milliseconds: 4000)
        Self.append("b", &machine, &table, slot: 0, milliseconds: 6000)
        Self.append("c", &machine, &table, slot: trades, milliseconds: 5500)
        guard case .publish(let batch)? = machine.nextSend(now: 1) else { throw Unexpected("nothing sent") }
        #expect(batch.streams == [trades])
        let text = String(buffer: batch.body)
        let arguments = text.split(separator: "\r\n", omittingEmptySubsequences: false).enumerated().filter { $0.offset % 2 == 1 }.map {
            String($0.element)
        }
        #expect(
            arguments == [
                "1", "5000-2000000000001", "5", "0", "a", "0", "6000-2000000000002", "5", "0", "b", "1", "6000-2000000000003", "5", "1",
                "c",
            ])
    }

    @Test("A server that went back is healed with the same ids, and what is no longer held is declared lost")
    func healsAfterRollback() throws {
        var table = StreamTable(keys: Self.keys) { _ in 100 }
        var machine = PublishMachine()
        machine.begin(Self.token(1), lastMilliseconds: 0, table: &table)
        machine.linkUp()
        var stored = StoredFeed()
        for number in 1...10 {
            Self.append("p\(number)", &machine, &table, now: Int64(number))
            while case .publish(let batch)? = machine.nextSend(now: Int64(number), flush: true) {
                _ = machine.replied(stored.publish(batch, epoch: 1), generation: machine.generation, now: Int64(number))
            }
        }
        // Everything older than the durable time is forgotten; the server then loses the last eight.
        let later = PublishMachine.Limits().durableAfter.wholeNanoseconds + 5
        Self.append("p11", &machine, &table, now: later)
        drain(&machine, &stored, now: later)
        stored.goBack(to: 3)
        Self.append("p12", &machine, &table, now: later)
        drain(&machine, &stored, now: later)
        #expect(stored.next == 13)
        #expect(stored.packets[12] == "p12")
        // 3 to 5 were acknowledged so long before the last answer: they are in the gap.
        #expect((3...5).allSatisfy { stored.packets[$0] == .some(nil) })
        #expect((6...11).allSatisfy { stored.packets[$0] == "p\($0)" })
    }

    @Test("What was acknowledged shortly before Redis died is kept for as long as it is away, and heals what it has lost of it")
    func keepsThroughOutage() throws {
        var table = StreamTable(keys: Self.keys) { _ in 100 }
        var machine = PublishMachine()
        machine.begin(Self.token(1), lastMilliseconds: 0, table: &table)
        machine.linkUp()
        var stored = StoredFeed()
        let second: Int64 = 1_000_000_000
        for number in 1...4 {
            Self.append("p\(number)", &machine, &table, now: Int64(number) * second)
            drain(&machine, &stored, now: Int64(number) * second)
        }
        machine.linkLost()
        // A minute without Redis, every second of which a batch is closed.
        for number in 5...64 {
            Self.append("p\(number)", &machine, &table, now: Int64(number) * second)
            machine.linkUp()
            while machine.nextSend(now: Int64(number) * second, flush: true) != nil {}
            machine.linkLost()
        }
        // It comes back without what it acknowledged in the last two seconds.
        stored.goBack(to: 3)
        machine.linkUp()
        Self.append("p65", &machine, &table, now: 65 * second)
        drain(&machine, &stored, now: 65 * second)
        #expect(stored.next == 66)
        #expect((1...65).allSatisfy { stored.packets[$0] == "p\($0)" })
    }

    @Test("Resuming numbers the unstored rest from 1 on under the new epoch, holes included")
    func renumbers() throws {
        var table = StreamTable(keys: Self.keys) { _ in 100 }
        var machine = PublishMachine()
        machine.begin(Self.token(1), lastMilliseconds: 0, table: &table)
        machine.linkUp()
        for number in 1...6 { Self.append("p\(number)", &machine, &table) }
        machine.renumber(Self.token(7), from: 4, lastMilliseconds: 9000, now: 2, table: &table)
        var stored = StoredFeed(epoch: 7, next: 1, packets: [:])
        drain(&machine, &stored, now: 3)
        #expect(stored.packets == [1: "p4", 2: "p5", 3: "p6"])
        #expect(machine.lastMilliseconds >= 9000)
    }

    @Test("What is answered to older calls while the record is being restored does not change where the new numbers begin")
    func numbersFromWhatResumeWasTold() throws {
        var table = StreamTable(keys: Self.keys) { _ in 100 }
        var machine = PublishMachine()
        machine.begin(Self.token(1), lastMilliseconds: 0, table: &table)
        machine.linkUp()
        for number in 1...3 { Self.append("p\(number)", &machine, &table) }
        guard case .publish? = machine.nextSend(now: 1) else { throw Unexpected("nothing sent") }
        let sentUnder = machine.generation
        machine.hold()
        let told = machine.firstUnstored
        // It was stored in the data set that is lost now.
        #expect(machine.replied(.next(4), generation: sentUnder, now: 2) == .progress)
        #expect(told == 1)
        #expect(machine.firstUnstored == told)
        Self.append("p4", &machine, &table)
        #expect(machine.nextSend(now: 3) == nil)
        machine.renumber(Self.token(7), from: machine.firstUnstored, lastMilliseconds: 9000, now: 3, table: &table)
        var stored = StoredFeed(epoch: 7, next: 1, packets: [:])
        drain(&machine, &stored, now: 4)
        #expect(stored.packets == [1: "p1", 2: "p2", 3: "p3", 4: "p4"])
    }

    @Test("What a refused batch had already stored, its reply lost, is not numbered again")
    func keepsWhatIsStored() throws {
        var table = StreamTable(keys: Self.keys) { _ in 100 }
        var machine = PublishMachine()
        machine.begin(Self.token(1), lastMilliseconds: 0, table: &table)
        machine.linkUp()
        for number in 1...5 { Self.append("p\(number)", &machine, &table) }
        guard case .publish(let batch)? = machine.nextSend(now: 1) else { throw Unexpected("nothing sent") }
        #expect(batch.count == 5)
        let top = EntryID(milliseconds: 8000, epoch: 0, sequence: 0)
        let outcome = machine.replied(.order(next: 4, top: top), generation: machine.generation, now: 2)
        #expect(outcome == .disordered(topMilliseconds: 8000))
        #expect(machine.firstUnstored == 4)
        machine.renumber(Self.token(7), from: machine.firstUnstored, lastMilliseconds: 9000, now: 2, table: &table)
        var stored = StoredFeed(epoch: 7, next: 1, packets: [:])
        drain(&machine, &stored, now: 3)
        #expect(stored.packets == [1: "p4", 2: "p5"])
    }

    @Test("A batch behind the recorded end of its websocket is dropped")
    func dropsBehindTheEnd() throws {
        var table = StreamTable(keys: Self.keys) { _ in 100 }
        var machine = PublishMachine()
        machine.begin(Self.token(1), lastMilliseconds: 0, table: &table)
        machine.linkUp()
        Self.append("p", &machine, &table)
        guard case .publish? = machine.nextSend(now: 1) else { throw Unexpected("nothing sent") }
        Self.append("q", &machine, &table)
        #expect(machine.replied(.ended, generation: machine.generation, now: 2) == .ended)
        // A disconnect that waits for everything to be sent waits no longer.
        #expect(machine.isAllSent && machine.token == nil)
    }

    @Test("When the buffer is full the oldest packets give way and are declared in one range")
    func overflows() throws {
        var (machine, table) = Self.begun(ringBytes: 64 << 10, maxPackets: 10)
        let text = String(repeating: "x", count: 1000)
        for number in 1...500 { Self.append("\(number)\(text)", &machine, &table) }
        #expect(machine.memoryBytes <= 2 * machine.limits.ringBytes)
        machine.linkUp()
        var stored = StoredFeed()
        var ranges: [LostRange] = []
        drain(&machine, &stored, now: 3) { ranges.append($0) }
        #expect(ranges.count == 1)
        #expect(stored.next == 501)
        let lost = stored.packets.filter { $0.value == nil }.count
        #expect(lost == machine.counters.droppedPackets)
        #expect(lost > 400 && lost < 500)
        #expect(ranges.first.map { $0.last - $0.first + 1 } == lost)
    }

    @Test("What comes in while Redis is back and catching up tears no second hole")
    func roomForTheBurst() throws {
        var (machine, table) = Self.begun(ringBytes: 1 << 20)
        let text = String(repeating: "x", count: 1000)
        for number in 1...3000 { Self.append("\(number)\(text)", &machine, &table) }
        machine.linkUp()
        guard case .lost(let hole)? = machine.nextSend(now: 2, flush: true) else { throw Unexpected("no hole") }
        // As much as a socket may bring before reading stops, while the hole is being announced, and then while the ring is being sent.
        for number in 1...60 { Self.append("a\(number)\(text)", &machine, &table) }
        var stored = StoredFeed()
        execute((.lost(hole), machine.generation), &machine, &stored, 3)
        var flight: [PublishMachine.Send] = []
        while let send = machine.nextSend(now: 4, flush: true) { flight.append(send) }
        #expect(flight.count > 1)
        for number in 1...60 { Self.append("b\(number)\(text)", &machine, &table) }
        for send in flight { execute((send, machine.generation), &machine, &stored, 5) }
        var ranges: [LostRange] = []
        drain(&machine, &stored, now: 6) { ranges.append($0) }
        #expect(ranges.isEmpty)
        #expect(stored.next == 3121)
        #expect(machine.counters.droppedPackets == hole.last - hole.first + 1)
    }

    @Test("What Redis stored last and lost is sent again after an outage that filled the ring, within half of it", arguments: [5, 800])
    func lostTail(stored count: Int) throws {
        var (machine, table) = Self.begun(ringBytes: 1 << 20)
        machine.linkUp()
        let text = String(repeating: "x", count: 1000)
        var stored = StoredFeed()
        for number in 1...count {
            Self.append("\(number)\(text)", &machine, &table)
            drain(&machine, &stored, now: 2)
        }
        machine.linkLost()
        for number in 1...3000 { Self.append("\(number)\(text)", &machine, &table) }
        #expect(machine.memoryBytes <= machine.limits.ringBytes)
        // The server is back without what it wrote last.
        stored.goBack(to: 1)
        machine.linkUp()
        var ranges: [LostRange] = []
        drain(&machine, &stored, now: 3) { ranges.append($0) }
        #expect(stored.next == count + 3001)
        // What was kept is there again, and there is one hole, or two where packets lie between them.
        let kept = (1...count).filter { stored.packets[$0] != .some(nil) }
        let holes = Set(ranges.map(\.first))
        #expect(count == 5 ? kept.count == 5 && holes == [6] : kept.count > 100 && holes == [1, 801], "\(kept.count) \(ranges)")
    }

    @Test("Two holes side by side are announced as one")
    func joinsHoles() throws {
        var (machine, table) = Self.begun(ringBytes: 64 << 10, maxPackets: 10)
        machine.linkUp()
        var stored = StoredFeed()
        for number in 1...10 { Self.append("\(number)", &machine, &table) }
        drain(&machine, &stored, now: 2)
        // So long ago that no server loses them; this one does.
        Self.append("later", &machine, &table)
        drain(&machine, &stored, now: 9_000_000_000)
        drain(&machine, &stored, now: 18_000_000_000)
        machine.linkLost()
        let text = String(repeating: "x", count: 1000)
        for number in 1...500 { Self.append("\(number)\(text)", &machine, &table) }
        machine.shrink(to: 0, 3)
        stored.goBack(to: 4)
        machine.linkUp()
        var ranges: [LostRange] = []
        drain(&machine, &stored, now: 19_000_000_000) { ranges.append($0) }
        // The server says how far it is when the first is announced.
        #expect(ranges.map(\.first) == [12, 4])
        #expect(ranges.last?.reason == "no longer held after Redis lost it; buffer full while Redis was away")
    }

    @Test("While Redis refuses, nothing is taken from the room that its return needs")
    func refusalIsNoReturn() throws {
        var (machine, table) = Self.begun(ringBytes: 1 << 20)
        let text = String(repeating: "x", count: 1000)
        machine.linkUp()
        Self.append("first", &machine, &table)
        #expect(machine.nextSend(now: 1, flush: true) != nil && machine.isTaking)
        machine.refused(generation: machine.generation, now: 2)
        #expect(!machine.isTaking)
        for number in 1...3000 { Self.append("\(number)\(text)", &machine, &table) }
        #expect(machine.memoryBytes < machine.limits.ringBytes - machine.limits.ringBytes / 8)
        machine.linkUp()
        #expect(machine.isTaking)
    }

    @Test("Whatever breaks, every packet is stored once, in order, or declared", arguments: [UInt64](1...60))
    func survivesEverything(seed: UInt64) throws {
        var random = SplitMix(seed)
        var limits = PublishMachine.Limits()
        limits.gatherPackets = Int.random(in: 1...8, using: &random)
        limits.atOnceBatches = Int.random(in: 1...3, using: &random)
        limits.maxPackets = Int.random(in: limits.gatherPackets...20, using: &random)
        limits.inFlightBatches = Int.random(in: 1...4, using: &random)
        limits.ringBytes = [8 << 10, 1 << 20].randomElement(using: &random) ?? 1 << 20
        var table = StreamTable(keys: Self.keys) { _ in 100 }
        let slots = [0] + ["A", "B"].map { table.slot(of: Topic(channel: "trade", symbol: $0)) }
        var machine = PublishMachine(limits: limits)
        machine.begin(Self.token(1), lastMilliseconds: 0, table: &table)
        machine.linkUp()
        var stored = StoredFeed()
        var isUp = true
        var flight: [(send: PublishMachine.Send, generation: Int)] = []
        var names: [Int: String] = [:]
        var now: Int64 = 1
        for step in 0..<800 {
            now += Int64.random(in: 1...400_000_000, using: &random)
            switch Int.random(in: 0..<10, using: &random) {
            case 0...3:
                let name = "s\(seed)-\(step)"
                names[machine.nextSequence] = name
                Self.append(name, &machine, &table, slot: slots.randomElement(using: &random) ?? 0, now: now)
            case 4...5:
                while isUp, let send = machine.nextSend(now: now) { flight.append((send, machine.generation)) }
            case 6...7:
                if !flight.isEmpty { execute(flight.removeFirst(), &machine, &stored, now) }
            case 8:
                // The connection breaks: the server has executed some of what is in flight, its replies are lost.
                for _ in 0..<Int.random(in: 0...flight.count, using: &random) {
                    switch flight.removeFirst().send {
                    case .publish(let batch): _ = stored.publish(batch, epoch: 1)
                    case .lost(let range): _ = stored.lost(range, epoch: 1)
                    }
                }
                flight = []
                isUp = false
                machine.linkLost()
            default:
                if !isUp {
                    isUp = true
                    machine.linkUp()
                } else if Bool.random(using: &random), stored.next > 1 {
                    // A failover: the server is back at an earlier cursor.
                    stored.goBack(to: Int.random(in: max(1, stored.next - 5)...stored.next, using: &random))
                }
            }
        }
        if !isUp { machine.linkUp() }
        for item in flight { execute(item, &machine, &stored, now) }
        drain(&machine, &stored, now: now + 1_000_000_000)
        #expect(stored.next == machine.nextSequence, "seed \(seed)")
        for (sequence, name) in names {
            let found = try #require(stored.packets[sequence], "seed \(seed): \(sequence) is neither stored nor declared")
            #expect(found == nil || found == name, "seed \(seed): \(sequence)")
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

    private func drain(
        _ machine: inout PublishMachine, _ stored: inout StoredFeed, now: Int64, onLost: (LostRange) -> Void = { _ in }
    ) {
        var turns = 0
        while let send = machine.nextSend(now: now, flush: true), turns < 10_000 {
            if case .lost(let range) = send { onLost(range) }
            execute((send, machine.generation), &machine, &stored, now)
            turns += 1
        }
        #expect(machine.isAllStored)
    }
}

private struct Unexpected: Error {
    var text: String
    init(_ text: String) { self.text = text }
}
