import NIOCore
import TestSupport
import Testing

@testable import Ingest

struct SpillRecordTests {
    private let record = SpillRecord(
        first: 123_456_789_012, count: 3, epoch: 17_999_999, firstMilliseconds: 1_763_812_345_678, lastMilliseconds: 1_763_812_345_999,
        streams: [4, 1, 70_000], body: ByteBuffer(string: "$1\r\n1\r\n and whatever else \u{0} there is"))

    private func bytes(_ record: SpillRecord) -> ByteBuffer {
        var bytes = record.head()
        bytes.writeImmutableBuffer(record.body)
        return bytes
    }

    @Test("A record is read back as it was written, and takes the room that was planned for it")
    func roundTrip() throws {
        var written = bytes(record)
        #expect(written.readableBytes == SpillRecord.length(streams: 3, body: record.body.readableBytes))
        written.writeImmutableBuffer(bytes(record))
        #expect(try SpillRecord(&written) == record)
        #expect(try SpillRecord(&written) == record)
        #expect(written.readableBytes == 0)
    }

    @Test("A record that ends anywhere before its end is called truncated and left in place")
    func truncated() throws {
        let whole = bytes(record)
        for length in 0..<whole.readableBytes {
            var part = try #require(whole.getSlice(at: 0, length: length))
            #expect(throws: SpillRecord.Damage.truncated) { try SpillRecord(&part) }
            #expect(part.readableBytes == length)
        }
    }

    @Test("No single bit of a record can be changed unnoticed")
    func bitFlips() throws {
        let whole = bytes(record)
        for bit in 0..<(whole.readableBytes * 8) {
            // Two bytes of the header are reserved.
            if (6 * 8..<8 * 8).contains(bit) { continue }
            var damaged = whole
            let byte = try #require(whole.getInteger(at: bit / 8, as: UInt8.self))
            damaged.setInteger(byte ^ (1 << (bit % 8)), at: bit / 8)
            #expect(throws: SpillRecord.Damage.self, "bit \(bit)") { try SpillRecord(&damaged) }
        }
    }

    @Test("Runs of zeros of different length differ in their checksum")
    func zeros() {
        var seen: Set<UInt64> = []
        for count in 0...64 {
            var checksum = SpillChecksum()
            [UInt8](repeating: 0, count: count).withUnsafeBytes { checksum.add($0) }
            seen.insert(checksum.value)
        }
        #expect(seen.count == 65)
    }
}

struct SpillPlanTests {
    @Test("Segments are filled one after the other and deleted when nothing in them is needed")
    func segments() throws {
        var plan = SpillPlan(maxBytes: 1000, segmentBytes: 100)
        let places = try (0..<5).map { _ in try plan.placed(60) }
        #expect(places.map(\.segment) == [0, 0, 1, 1, 2])
        #expect(places.map(\.offset) == [0, 60, 0, 60, 0])
        #expect(plan.usedBytes == 300)
        expect(plan.release(places[2]), nil)
        expect(plan.release(places[0]), nil)
        expect(plan.release(places[1]), 0)
        #expect(plan.usedBytes == 180)
        expect(plan.release(places[3]), 1)
        // The last one too: what comes next goes to a new file.
        expect(plan.release(places[4]), 2)
        #expect(plan.usedBytes == 0)
        let next = try plan.placed(10)
        #expect(next.segment == 3)
    }

    @Test("Nothing is placed beyond the bound, and what is freed may be used again")
    func bound() throws {
        var plan = SpillPlan(maxBytes: 250, segmentBytes: 100)
        let first = try plan.placed(100)
        _ = try plan.placed(100)
        let refused = plan.place(100)
        #expect(refused == nil)
        expect(plan.release(first), first.segment)
        _ = try plan.placed(100)
    }

    @Test("Whatever is discarded is deleted, and its numbers are not used again")
    func discard() throws {
        var plan = SpillPlan(maxBytes: 1000, segmentBytes: 100)
        let old = try (0..<3).map { _ in try plan.placed(90) }
        let gone = plan.discard()
        #expect(gone == Array(Set(old.map(\.segment))).sorted())
        #expect(plan.usedBytes == 0)
        let fresh = try plan.placed(90)
        #expect(!old.map(\.segment).contains(fresh.segment))
        expect(plan.release(old[0]), nil)
    }
}

extension SpillPlan {
    fileprivate mutating func placed(_ length: Int) throws -> SpillPlace {
        guard let place = place(length) else { throw TestFailure("no room for \(length) bytes") }
        return place
    }
}

private func expect(_ found: Int?, _ wanted: Int?, at location: SourceLocation = #_sourceLocation) {
    #expect(found == wanted, sourceLocation: location)
}
