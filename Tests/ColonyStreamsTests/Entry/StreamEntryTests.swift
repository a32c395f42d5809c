import ColonyStreams
import Coordination
import NIOCore
import RedisClient
import Testing

@Suite("Entries as Redis returns them")
struct StreamEntryTests {
    static func value(_ text: String) -> RedisValue { .bytes(ByteBuffer(string: text)) }

    static func entry(_ id: String, _ fields: String...) -> RedisValue { .array([value(id), .array(fields.map { value($0) })]) }

    @Test("A packet has time, prev and data; the first of an epoch also after")
    func packetsAreRead() throws {
        let reply = Self.entry("1763812345678-42000000000017", "time", "1763812345678123456", "prev", "16", "data", "{}")
        let entry = try StreamEntry(reply: reply, stream: "s")
        #expect(entry.id == EntryID(milliseconds: 1_763_812_345_678, epoch: 42, sequence: 17))
        #expect(entry.previous == 16 && entry.after == nil)
        #expect(entry.content == .packet(timeNanoseconds: 1_763_812_345_678_123_456, data: ByteBuffer(string: "{}")))
        let first = try StreamEntry(reply: Self.entry("5-1000000000001", "time", "1", "prev", "0", "after", "0-0", "data", ""), stream: "s")
        #expect(first.after == EntryID(milliseconds: 0, epoch: 0, sequence: 0))
    }

    @Test("A payload that is not text keeps its bytes")
    func binaryPayloadsAreKept() throws {
        let bytes = ByteBuffer(bytes: [0xff, 0x00, 0x1f, 0x8b])
        let fields: [RedisValue] = [
            Self.value("time"), Self.value("1"), Self.value("prev"), Self.value("0"), Self.value("data"), .bytes(bytes),
        ]
        let entry = try StreamEntry(reply: .array([Self.value("5-1000000000001"), .array(fields)]), stream: "s")
        #expect(entry.content == .packet(timeNanoseconds: 1, data: bytes))
    }

    @Test("A marker keeps its fields in their order", arguments: Marker.Kind.allCases)
    func markersAreRead(kind: Marker.Kind) throws {
        let reply = Self.entry(
            "5-1000000000000", "marker", kind.rawValue, "at", "5", "worker", "w.1", "previous_epoch", "7", "after", "4-1")
        let entry = try StreamEntry(reply: reply, stream: "s")
        let expected = Marker(
            kind, fields: [.init("at", "5"), .init("worker", "w.1"), .init("previous_epoch", "7"), .init("after", "4-1")])
        #expect(entry.content == .marker(expected))
        #expect(expected.atMilliseconds == 5 && expected.worker == "w.1" && expected.previousEpoch == 7 && expected.previousNext == nil)
        #expect(entry.after == EntryID("4-1"))
    }

    @Test(
        "Entries without the fields of a packet or a known marker are foreign, not refused",
        arguments: [["note", "hello"], ["marker", "party", "at", "5"], ["data", "x"], ["time", "no number", "data", "x"]])
    func foreignEntriesAreKept(fields: [String]) throws {
        let reply = RedisValue.array([Self.value("5-1000000000001"), .array(fields.map { Self.value($0) })])
        let entry = try StreamEntry(reply: reply, stream: "s")
        let expected = stride(from: 0, to: fields.count, by: 2).map { Marker.Field(fields[$0], fields[$0 + 1]) }
        #expect(entry.content == .foreign(expected))
    }

    @Test(
        "Replies of another shape are errors that show the reply",
        arguments: [
            .integer(3), .array([.integer(1)]), .array([value("5-1"), .array([value("odd")])]), .array([value("no id"), .array([])]),
            .array([value("5-1"), .null]),
        ] as [RedisValue])
    func oddRepliesAreErrors(reply: RedisValue) {
        let error = #expect(throws: StreamsError.self) { try StreamReply.parse(.array([.array([Self.value("s"), .array([reply])])])) }
        #expect(error?.code == .unexpectedReply)
    }

    @Test("An XREAD that found nothing answers null")
    func nullMeansNothing() throws {
        #expect(try StreamReply.parse(.null).isEmpty)
        #expect(throws: StreamsError.self) { try StreamReply.parse(.integer(1)) }
    }

    @Test("XREADGROUP and XAUTOCLAIM tell entries that were deleted while pending")
    func deletedEntriesAreTold() throws {
        let reply = RedisValue.array([
            .array([Self.value("s"), .array([.array([Self.value("5-1000000000001"), .null]), Self.entry("5-1000000000002", "a", "b")])])
        ])
        let read = try GroupReply.reading(reply)
        #expect(read.count == 1 && read[0].deleted == [EntryID("5-1000000000001")!] && read[0].entries.count == 1)
        let claim = RedisValue.array([Self.value("7-0"), .array([]), .array([Self.value("5-1000000000001")])])
        let claimed = try GroupReply.claiming(claim, stream: "s")
        #expect(claimed.deleted == [EntryID("5-1000000000001")!] && claimed.next == "7-0")
        #expect(try GroupReply.claiming(.array([Self.value("0-0"), .array([])]), stream: "s").next == nil)
    }
}
