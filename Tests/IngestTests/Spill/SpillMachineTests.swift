import Coordination
import Testing

@testable import Ingest

struct SpillMachineTests {
    @Test("An outage much larger than the ring loses nothing: the ring is sent first, then the segments, then what came meanwhile")
    func outage() throws {
        var rig = SpillRig(SpillRig.limits(spill: 16 << 20))
        rig.append(kilobytes: 1...2000)
        #expect(rig.disk.records.count > 100)
        // The ring keeps the beginning; only what came later is on disk, all of it but the newest.
        let onDisk = rig.disk.records.values.map { $0.first..<($0.first + $0.count) }.sorted { $0.lowerBound < $1.lowerBound }
        #expect(onDisk.first.map { $0.lowerBound > 150 } == true)
        #expect(zip(onDisk, onDisk.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound })
        #expect(onDisk.last.map { $0.upperBound > 1950 } == true)
        rig.machine.linkUp()
        rig.append(kilobytes: 2001...2010) { _, _ in }
        rig.deliver(now: 3)
        #expect(rig.stored.next == 2011)
        #expect((1...2010).allSatisfy { rig.stored.packets[$0] == SpillRig.kilobyte($0) })
        #expect(rig.machine.counters.droppedPackets == 0)
        // Once the server cannot lose it any more, nothing is left on disk.
        for second in [10, 20] as [Int64] {
            rig.append("last", now: second * 1_000_000_000)
            rig.deliver(now: second * 1_000_000_000)
            rig.workOff(now: second * 1_000_000_000)
        }
        #expect(rig.disk.records.count == 0)
        #expect(rig.machine.spillUsedBytes == 0)
    }

    @Test("A feed that makes room for another spills what stands before the packets on disk, and keeps the beginning")
    func giveRoom() throws {
        var rig = SpillRig(SpillRig.limits(ring: 2 << 20, spill: 16 << 20))
        rig.append(kilobytes: 1...2500)
        let before = rig.disk.records.values.map(\.first).min() ?? 0
        rig.machine.spillDown(to: 1 << 20, 1)
        rig.workOff()
        // In turns, since no more than a sixteenth of the ring is in the disk's hands at once.
        for _ in 0..<20 {
            rig.machine.spillDown(to: 1 << 20, 1)
            rig.workOff()
        }
        #expect(rig.machine.memoryBytes <= (1 << 20) + 2 * rig.limits.maxBytes)
        let after = rig.disk.records.values.map(\.first).min() ?? 0
        #expect(after < before && after > 500)
        rig.machine.linkUp()
        rig.deliver(now: 3)
        #expect((1...2500).allSatisfy { rig.stored.packets[$0] == SpillRig.kilobyte($0) })
    }

    @Test("With ring and spill full the oldest give way, in one hole, and the disk goes on being used")
    func overflow() throws {
        var rig = SpillRig(SpillRig.limits(spill: 1 << 20))
        rig.append(kilobytes: 1...5000)
        rig.machine.linkUp()
        rig.deliver(now: 3)
        #expect(rig.holes.count == 1)
        let hole = try #require(rig.holes.first)
        #expect(hole.first == 1)
        #expect(hole.last == rig.machine.counters.droppedPackets)
        #expect(rig.machine.counters.overflowedPackets == hole.last)
        // Ring and spill together hold about 1,200 of these.
        #expect((3500...4200).contains(hole.last))
        #expect(((hole.last + 1)...5000).allSatisfy { rig.stored.packets[$0] == SpillRig.kilobyte($0) })
    }

    @Test("A disk that answers nothing, or only errors, leaves the ring to itself", arguments: [true, false])
    func deadDisk(fails: Bool) throws {
        var rig = SpillRig(SpillRig.limits(spill: 16 << 20))
        rig.append(kilobytes: 1...2000) { rig, number in
            rig.disk.take(&rig.machine)
            if fails { rig.disk.work(&rig.machine, now: Int64(number), fails: true) }
        }
        rig.machine.linkUp()
        if fails { rig.disk.waiting = [] }
        rig.deliver(now: 3_000_000_000)
        #expect(rig.stored.next == 2001)
        let lost = rig.stored.packets.values.count { $0 == nil }
        #expect(lost == rig.machine.counters.droppedPackets)
        #expect(lost > 1400 && lost < 1900)
    }

    @Test("What is on disk when the token ends is deleted and counted")
    func tokenEnds() throws {
        var rig = SpillRig(SpillRig.limits(spill: 16 << 20))
        rig.append(kilobytes: 1...500)
        let onDisk = rig.disk.records.values.reduce(0) { $0 + $1.count }
        #expect(onDisk > 150)
        let dropped = rig.machine.drop()
        #expect(dropped == 500)
        rig.workOff(now: 2)
        #expect(rig.disk.records.count == 0)
        #expect(rig.machine.counters.spillDiscardedPackets == onDisk)
        #expect(rig.machine.memoryBytes == 0)
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
        var rig = SpillRig(limits)
        rig.machine.linkUp()
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
                    let slot = rig.slots.randomElement(using: &random) ?? 0
                    received.append((name, slot))
                    rig.append(name, slot: slot, milliseconds: now / 1_000_000, now: now)
                }
                #expect(rig.machine.memoryBytes <= limits.ringBytes / 2 * 3 + 16 << 10, "seed \(seed)")
                #expect(rig.machine.spillUsedBytes <= limits.spillBytes, "seed \(seed)")
            case 9...10:
                while isUp, let send = rig.machine.nextSend(now: now) { flight.append((send, rig.machine.generation)) }
            case 11...13:
                if !flight.isEmpty {
                    let item = flight.removeFirst()
                    rig.execute(item.send, generation: item.generation, now: now)
                }
            case 14...16:
                rig.disk.take(&rig.machine)
                let fails = Int.random(in: 0..<30, using: &random) == 0
                if case .read? = rig.disk.waiting.first, fails, !forgets { continue }
                rig.disk.work(&rig.machine, now: now, fails: fails)
            case 17:
                for _ in 0..<Int.random(in: 0...flight.count, using: &random) {
                    switch flight.removeFirst().send {
                    case .publish(let batch): _ = rig.stored.publish(batch, epoch: rig.stored.epoch)
                    case .lost(let range): _ = rig.stored.lost(range, epoch: rig.stored.epoch)
                    }
                }
                flight = []
                isUp = false
                rig.machine.linkLost()
            case 18:
                if !isUp {
                    isUp = true
                    rig.machine.linkUp()
                } else if Bool.random(using: &random), rig.stored.next > 1 {
                    rig.stored.goBack(to: Int.random(in: max(1, rig.stored.next - 5)...rig.stored.next, using: &random))
                }
            default:
                // The data set is lost: the record is restored under a new epoch, and the rest numbered anew.
                guard isUp, Int.random(in: 0..<4, using: &random) == 0 else { continue }
                flight = []
                let next = rig.machine.firstUnstored
                let epoch = rig.stored.epoch + 1
                rig.machine.renumber(SpillRig.token(epoch), from: next, lastMilliseconds: now / 1_000_000, now: now, table: &rig.table)
                received.removeFirst(next - 1)
                rig.stored = StoredFeed(epoch: epoch, complaints: rig.stored.complaints)
            }
        }
        if !isUp { rig.machine.linkUp() }
        for item in flight { rig.execute(item.send, generation: item.generation, now: now) }
        rig.deliver(now: now + 2_000_000_000)
        #expect(rig.stored.next == rig.machine.nextSequence, "seed \(seed)")
        #expect(rig.stored.next == received.count + 1, "seed \(seed)")
        var previous: [Int: Int] = [:]
        for (index, packet) in received.enumerated() {
            let sequence = index + 1
            let found = try #require(rig.stored.packets[sequence], "seed \(seed): \(sequence) is neither stored nor declared")
            if let found {
                #expect(found == packet.name, "seed \(seed): \(sequence)")
                #expect(rig.stored.links[sequence] == previous[packet.slot, default: 0], "seed \(seed): link of \(sequence)")
            }
            previous[packet.slot] = sequence
        }
    }
}
