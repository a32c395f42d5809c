import Coordination
import Testing

@Suite struct FeedLayoutTests {
    private let symbols = (0..<2000).map { "SYM\($0)USDT" }

    private func layout(_ shards: Int, branches: [String] = []) -> FeedLayout {
        FeedLayout(exchange: "binance", branches: branches, shards: shards)
    }

    @Test func `one feed per address and shard, named after the exchange`() {
        #expect(layout(1).feeds.map(\.text) == ["binance"])
        #expect(layout(3).feeds.map(\.text) == ["binance", "binance/2", "binance/3"])
        #expect(
            layout(2, branches: ["public"]).feeds.map(\.text) == ["binance", "binance/2", "binance/public", "binance/public-2"])
    }

    @Test func `a feed knows its branch by its name, whatever the number of shards`() {
        let layout = layout(1, branches: ["public", "pub"])
        let expected: [(String, String?)] = [
            ("binance", nil), ("binance/7", nil), ("binance/public", "public"), ("binance/public-12", "public"), ("binance/pub-3", "pub"),
            ("binance/publicity", nil),
        ]
        for (feed, branch) in expected { #expect(layout.branch(of: FeedName(feed)) == branch, "\(feed)") }
    }

    @Test func `a topic of a branch goes to the branch's feed, one of an unknown branch to the main address`() {
        let layout = layout(1, branches: ["public"])
        #expect(layout.feed(of: "BTCUSDT", branch: "public").text == "binance/public")
        #expect(layout.feed(of: "BTCUSDT", branch: "private").text == "binance")
        #expect(layout.feed(of: "BTCUSDT", branch: nil).text == "binance")
    }

    @Test(arguments: 1...8)
    func `when a shard is added only the symbols move that it takes, about its share`(shards: Int) {
        let before = layout(shards)
        let after = layout(shards + 1)
        var moved = 0
        for symbol in symbols where before.feed(of: symbol, branch: nil) != after.feed(of: symbol, branch: nil) {
            moved += 1
            #expect(after.feed(of: symbol, branch: nil).text == "binance/\(shards + 1)")
        }
        let share = symbols.count / (shards + 1)
        #expect(moved > share / 2 && moved < share * 2, "\(moved) of \(symbols.count) moved")
    }

    @Test func `every shard gets about its share, and all channels of a symbol go together`() {
        let layout = layout(4)
        let counts = Dictionary(grouping: symbols) { layout.feed(of: $0, branch: nil) }.mapValues(\.count)
        #expect(counts.count == 4)
        #expect(counts.values.allSatisfy { $0 > 400 && $0 < 600 }, "\(counts)")
    }

    @Test func `the split is part of the contract between versions`() {
        // Changing it would move every stream of a sharded exchange.
        let found = ["BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "ADAUSDT"].map { layout(4).feed(of: $0, branch: nil).text }
        #expect(found == ["binance/4", "binance/4", "binance/4", "binance/3", "binance"])
    }
}
