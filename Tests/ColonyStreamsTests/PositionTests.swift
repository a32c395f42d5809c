import ColonyStreams
import Coordination
import Foundation
import Testing

@Suite("Positions, starts and subscriptions")
struct PositionTests {
    static let position = Position([
        FeedName("binance/1"): EntryID(milliseconds: 1_763_812_345_678, epoch: 42, sequence: 17), FeedName("kraken"): EntryID("5-0")!,
    ])

    @Test("A position survives its text and its JSON")
    func positionsArePrintable() throws {
        #expect(Self.position.description == "binance/1=1763812345678-42000000000017 kraken=5-0")
        #expect(Position(Self.position.description) == Self.position)
        let json = try JSONEncoder().encode(Self.position)
        #expect(try JSONDecoder().decode(Position.self, from: json) == Self.position)
    }

    @Test("Text that is no position is refused", arguments: ["binance", "binance=", "=5-1", "binance=5", "binance=5-1 kraken=x"])
    func nonsenseIsNoPosition(text: String) { #expect(Position(text) == nil) }

    @Test(
        "Starts become cuts",
        arguments: [
            (.now, nil), (.id("5-1000000000002"), "5-1000000000002"), (.id("5"), "5-0"), (.time(milliseconds: 77), "77-0"),
            (.age(.seconds(2)), "8000-0"), (.age(.seconds(20)), "0-0"),
            (.position(Position([FeedName("binance"): EntryID("9-1")!])), "9-1"),
            (.position(Position([FeedName("kraken"): EntryID("9-1")!])), nil),
        ] as [(StartPoint, String?)])
    func startsBecomeCuts(start: StartPoint, cut: String?) throws {
        #expect(try start.cut(of: FeedName("binance"), wallClockMilliseconds: 10_000)?.description == cut)
    }

    @Test("Keys of data streams give back channel and symbol, also escaped ones, also of shards")
    func keysGiveBackTopics() {
        for (feed, group) in [("binance", "binance"), ("binance/1", "binance"), ("bitfinex_swap", "bitfinex")] {
            let keys = Keys().feed(FeedName(feed), group: group)
            for symbol in ["BTCUSDT", "tBTC:USD", "a b%c", "ü", "_all", "%"] {
                #expect(keys.topic(of: keys.data(channel: "trade", symbol: symbol)) == StreamTopic(channel: "trade", symbol: symbol))
            }
            #expect(keys.topic(of: "colony:{other}:trade:BTCUSDT") == nil)
        }
    }

    @Test(
        "Patterns match what they leave open",
        arguments: [("*", "*", true), ("trade", "*", true), ("*", "A", true), ("trade", "B", false), ("book", "*", false)])
    func patternsMatch(channel: String, symbol: String, matches: Bool) {
        let subscription = Subscription(feed: FeedName("binance"), patterns: [.init(channel: channel, symbol: symbol)])
        #expect(subscription.matches(StreamTopic(channel: "trade", symbol: "A")) == matches)
    }

    @Test("Lag is told in time, and in sequences as long as the epoch is the same")
    func lagIsComputedFromIds() {
        let position = EntryID(milliseconds: 100, epoch: 3, sequence: 7)
        #expect(Lag(position: position, newest: position).isZero)
        let same = Lag(position: position, newest: EntryID(milliseconds: 150, epoch: 3, sequence: 12))
        #expect(same.milliseconds == 50 && same.sequences == 5 && !same.isZero)
        let other = Lag(position: position, newest: EntryID(milliseconds: 150, epoch: 4, sequence: 2))
        #expect(other.milliseconds == 50 && other.sequences == nil && !other.isZero)
    }

    @Test("The back-off starts at once, grows, and stays below its cap")
    func backoffIsBounded() {
        var random = SeededGenerator(seed: 7)
        var backoff = Backoff()
        #expect(backoff.failed(using: &random) == .zero)
        var waits: [Duration] = []
        for _ in 0..<20 { waits.append(backoff.failed(using: &random)) }
        #expect(waits[0] >= .milliseconds(25) && waits[0] <= .milliseconds(50))
        #expect(waits.last! >= .seconds(1) && waits.allSatisfy { $0 <= .seconds(2) })
        backoff.succeeded()
        #expect(backoff.failed(using: &random) == .zero)
    }

    @Test("The window of handled entries forgets the oldest and tells streams apart")
    func windowIsBounded() {
        var window = DedupeWindow(capacity: 2)
        for sequence in 1...3 { window.insert(EntryID(milliseconds: 1, epoch: 1, sequence: sequence), of: "a") }
        #expect(!window.contains(EntryID(milliseconds: 1, epoch: 1, sequence: 1), of: "a"))
        #expect(window.contains(EntryID(milliseconds: 1, epoch: 1, sequence: 3), of: "a"))
        #expect(!window.contains(EntryID(milliseconds: 1, epoch: 1, sequence: 3), of: "b"))
    }
}
