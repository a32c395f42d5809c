import Coordination
import NIOCore
import RedisClient
import Testing

@testable import History

@Suite struct FeedReaderTests {
    private static func id(_ time: Int64, _ sequence: Int) -> String {
        EntryID(milliseconds: time, epoch: 1, sequence: sequence).description
    }

    private static func reply(_ streams: [(key: String, ids: [String])]) -> RedisValue {
        .array(
            streams.map { stream in
                .array([
                    .bytes(ByteBuffer(string: stream.key)),
                    .array(stream.ids.map { .array([.bytes(ByteBuffer(string: $0)), .array([])]) }),
                ])
            })
    }

    @Test func `entries of all streams come in the order of their ids`() throws {
        var reader = FeedReader(control: "c")
        _ = reader.learn(["a", "b"])
        let entries = try reader.take(
            Self.reply([("c", [Self.id(1, 0)]), ("a", [Self.id(2, 1), Self.id(5, 4)]), ("b", [Self.id(3, 2), Self.id(4, 3)])]))
        #expect(entries.map(\.id.sequence) == [0, 1, 2, 3, 4])
        #expect(entries.map(\.stream) == ["c", "a", "b", "b", "a"])
        #expect(reader.cursors["a"]?.sequence == 4)
    }

    @Test func `nothing is told behind the end of a stream that may have more`() throws {
        var reader = FeedReader(control: "c", limit: 32)
        _ = reader.learn(["a"])
        #expect(reader.count == 16)
        let full = (1...16).map { Self.id(Int64($0), $0) }
        let entries = try reader.take(
            Self.reply([("c", [Self.id(15, 15), Self.id(40, 40)]), ("a", full.filter { $0 != Self.id(15, 15) } + [Self.id(17, 17)])]))
        #expect(entries.count == 17)
        #expect(entries.last?.id.sequence == 17)
        #expect(reader.cursors["c"]?.sequence == 15)
    }

    @Test func `a stream that was not known makes the answer incomplete, once`() {
        var reader = FeedReader(control: "c")
        let isNew = reader.learn(["a"])
        let isNewAgain = reader.learn(["a"])
        #expect(isNew && !isNewAgain)
        #expect(reader.keys == ["c", "a"])
    }
}
