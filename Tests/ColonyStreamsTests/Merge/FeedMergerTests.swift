import ColonyStreams
import Coordination
import NIOCore
import Testing

@Suite("The merger of a feed")
struct FeedMergerTests {
    static let keys = Keys().feed(FeedName("binance"), group: "binance")
    static let (a, b) = (keys.data(channel: "trade", symbol: "A"), keys.data(channel: "trade", symbol: "B"))

    static func merger(_ symbols: String..., from cut: EntryID = StreamChainTests.id(1, 0), count: Int = 2) -> StreamMerger {
        let subscription = Subscription(feed: keys.feed, patterns: symbols.map { .init(channel: "trade", symbol: $0) })
        return StreamMerger(feeds: [FeedMerger(subscription: subscription, keys: keys, cut: cut)], limits: .init(perStream: count))
    }

    static func reply(_ key: String, _ entries: StreamEntry...) -> StreamReply { StreamReply(stream: key, entries: entries) }

    static func packet(_ sequence: Int, prev: Int, after: EntryID? = nil, epoch: Int = 1) -> StreamEntry {
        StreamChainTests.packet(epoch, sequence, prev: prev, after: after)
    }

    static func marker(_ kind: Marker.Kind, _ epoch: Int, _ sequence: Int = 0, _ fields: [String: String] = [:]) -> StreamEntry {
        StreamEntry(
            id: StreamChainTests.id(epoch, sequence), previous: sequence == 0 ? nil : 0,
            after: sequence == 0 ? StreamChainTests.id(epoch - 1, 0) : nil,
            content: .marker(Marker(kind, fields: fields.map { .init($0.key, $0.value) })))
    }

    @Test("A stream that returned as many entries as asked for limits what is delivered of all streams")
    func fullStreamsLimit() {
        var merger = Self.merger("A", "B")
        let plan = merger.plan
        #expect(plan.streams == [Self.keys.control, Self.a, Self.b] && plan.count == 2)
        merger.receive(
            [Self.reply(Self.a, Self.packet(1, prev: 0), Self.packet(2, prev: 1)), Self.reply(Self.b, Self.packet(5, prev: 0))], to: plan)
        #expect(merger.drain().map(\.id.sequence) == [1, 2])
        // What is left of B is held and not asked for again.
        #expect(merger.plan.streams == [Self.keys.control, Self.a])
        let next = merger.plan
        merger.receive([Self.reply(Self.a, Self.packet(3, prev: 2))], to: next)
        #expect(merger.drain().map(\.id.sequence) == [3, 5])
        #expect(merger.position[Self.keys.feed] == StreamChainTests.id(1, 5))
    }

    @Test("Without full streams one snapshot is delivered whole, in the order of ids")
    func snapshotsAreMerged() {
        var merger = Self.merger("A", "B", count: 10)
        let plan = merger.plan
        merger.receive(
            [
                Self.reply(Self.b, Self.packet(2, prev: 0), Self.packet(3, prev: 2)),
                Self.reply(Self.a, Self.packet(1, prev: 0), Self.packet(4, prev: 1)),
            ],
            to: plan)
        #expect(merger.drain().map(\.id.sequence) == [1, 2, 3, 4])
    }

    @Test("After a reset, what was read ahead is read again from the position")
    func resetForgetsReadAhead() {
        var merger = Self.merger("A", "B")
        merger.receive(
            [Self.reply(Self.a, Self.packet(1, prev: 0), Self.packet(2, prev: 1)), Self.reply(Self.b, Self.packet(5, prev: 0))],
            to: merger.plan)
        _ = merger.drain()
        merger.reset()
        #expect(merger.plan.streams.count == 3 && merger.plan.cursors.allSatisfy { $0 == StreamChainTests.id(1, 2) })
    }

    @Test("COUNT shrinks with the number of streams, so that one read is bounded")
    func countIsBounded() {
        let limits = StreamMerger.Limits(perStream: 500, perRead: 10_000)
        #expect(limits.count(for: 1) == 500 && limits.count(for: 100) == 100 && limits.count(for: 100_000) == 8)
    }

    @Test("An epoch whose marker was not seen is told before its first packet")
    func unseenEpochsAreTold() throws {
        var merger = Self.merger("A", from: StreamChainTests.id(1, 3))
        merger.receive([Self.reply(Self.a, Self.packet(1, prev: 0, after: StreamChainTests.id(1, 2), epoch: 4))], to: merger.plan)
        let events = merger.drain()
        #expect(events.count == 2 && events[0].change == .unannounced && events[1].packet?.whole == true)
    }

    @Test("What an epoch ended with decides whether its tail is complete")
    func tailsAreJudged() {
        var merger = Self.merger("A", count: 20)
        merger.receive(
            [
                Self.reply(
                    Self.keys.control, Self.marker(.down, 1, 3, ["complete": "yes", "admitted": "1"]), Self.marker(.up, 2),
                    Self.marker(.fence, 3), Self.marker(.up, 4)),
                Self.reply(Self.a, Self.packet(1, prev: 0, after: StreamChainTests.id(1, 0), epoch: 2)),
            ], to: merger.plan)
        let changes = merger.drain().compactMap(\.change)
        #expect(
            changes == [
                .down(reason: "", complete: true, admitted: true), .up(worker: "", tailComplete: true),
                .fenced(worker: "", reason: "", tailComplete: false), .up(worker: "", tailComplete: true),
            ])
    }

    @Test("Packets repeated under a new epoch are marked, others are not")
    func repeatsAreMarked() {
        var merger = Self.merger("A", count: 20)
        merger.receive(
            [
                Self.reply(
                    Self.keys.control, Self.marker(.rollback, 2, 0, ["reason": "lost", "previous_epoch": "1", "previous_next": "2"])),
                Self.reply(
                    Self.a, Self.packet(1, prev: 0), Self.packet(2, prev: 1), Self.packet(3, prev: 2),
                    Self.packet(1, prev: 0, after: StreamChainTests.id(1, 3), epoch: 2), Self.packet(2, prev: 1, epoch: 2),
                    Self.packet(3, prev: 2, epoch: 2)),
            ], to: merger.plan)
        #expect(merger.drain().compactMap(\.packet).map(\.isRepeat) == [false, false, false, true, true, false])
    }

    @Test("A stream whose last id falls behind what was read is told once, until it grows past it")
    func rollbackIsToldOnce() {
        var merger = Self.merger("A", count: 20)
        merger.receive([Self.reply(Self.a, Self.packet(1, prev: 0), Self.packet(2, prev: 1))], to: merger.plan)
        _ = merger.drain()
        let behind = [Self.a: Optional(StreamChainTests.id(1, 1))]
        #expect(merger.inspect(lastGenerated: behind).count == 1)
        #expect(merger.inspect(lastGenerated: behind).isEmpty)
        #expect(merger.inspect(lastGenerated: [Self.a: StreamChainTests.id(1, 2)]).isEmpty)
        #expect(merger.inspect(lastGenerated: behind).count == 1)
    }

    @Test("An id that a stream is known to have had and that cannot be read was trimmed")
    func witnessesOfTrimming() throws {
        var merger = Self.merger("A", count: 20)
        merger.receive([Self.reply(Self.a, Self.packet(1, prev: 0), Self.packet(2, prev: 1))], to: merger.plan)
        _ = merger.drain()
        #expect(merger.inspect(lastGenerated: [Self.a: StreamChainTests.id(1, 6)]).isEmpty)
        merger.receive([], to: merger.plan)
        let trimmed = try #require(merger.drain().first?.trimmed)
        #expect(trimmed.after == StreamChainTests.id(1, 2) && trimmed.before == StreamChainTests.id(1, 6))
        merger.receive([Self.reply(Self.a, Self.packet(7, prev: 6))], to: merger.plan)
        #expect(merger.drain().first?.packet?.whole == true)
    }

    @Test("Feeds are interleaved by time, each in its own order")
    func feedsAreInterleaved() {
        let feeds = ["x", "y"].map { name in
            FeedMerger(
                subscription: .everything(FeedName(name)), keys: Keys().feed(FeedName(name), group: name),
                cut: EntryID(milliseconds: 0, epoch: 1, sequence: 0))
        }
        var merger = StreamMerger(feeds: feeds)
        func entry(_ milliseconds: Int64, _ sequence: Int) -> StreamEntry {
            StreamEntry(
                id: EntryID(milliseconds: milliseconds, epoch: 1, sequence: sequence), previous: sequence - 1, after: nil,
                content: .packet(timeNanoseconds: 0, data: ByteBuffer()))
        }
        merger.receive(
            [
                Self.reply("colony:{x}:feed:x", entry(10, 1), entry(10, 2), entry(30, 3)),
                Self.reply("colony:{y}:feed:y", entry(5, 1), entry(20, 2)),
            ], to: merger.plan)
        #expect(merger.drain().map { "\($0.feed)\($0.id.sequence)" } == ["y1", "x1", "x2", "y2", "x3"])
    }
}
