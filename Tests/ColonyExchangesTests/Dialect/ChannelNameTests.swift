import ColonyExchanges
import Testing

@Suite("Channel names")
struct ChannelNameTests {
    @Test(
        "usual names become Colony's words, everything else keeps its own in the allowed characters",
        arguments: [
            ("trade", "trade"), ("Trades", "trade"), ("tickers", "ticker"), ("quotes", "bbo"), ("bookTicker", "bbo"), ("orderbook", "book"),
            ("order_book.20", "book.20"), ("depth.100ms", "book.100ms"), ("snapshot", "book_snapshot"), ("candles.1m", "candle.1m"),
            ("kline.1min", "candle.1m"), ("ohlc.60", "candle.1h"), ("candle", "candle.1m"), ("candle.1M", "candle.1mon"),
            ("candle.1D", "candle.1d"), ("candle.7d", "candle.1w"), ("markPrice@1s", "markprice-1s"),
            ("lightning board/x", "lightning-board-x"),
        ])
    func words(written: String, word: String) {
        #expect(ChannelName(written).description == word)
    }

    @Test(
        "candle intervals are read in the exchanges' spellings",
        arguments: [
            ("1m", "1m"), ("1min", "1m"), ("60min", "1h"), ("240", "4h"), ("1H", "1h"), ("4hour", "4h"), ("1day", "1d"), ("10080", "1w"),
            ("21600", "15d"), ("1mon", "1mon"), ("1M", "1mon"), ("1year", "12mon"), ("1s", "1s"), ("90m", "90m"), ("1w", "1w"),
        ])
    func intervals(written: String, word: String) {
        #expect(CandleInterval(written)?.word == word)
    }

    @Test("only names that fit a stream's key name one")
    func namesStream() {
        #expect(Topic("book_snapshot.20", "BTC/USD").namesStream)
        #expect(Topic("trade", "_all").namesStream)
        let long = String(repeating: "x", count: 65)
        for channel in ["", "Trade", "a b", "a:b", "subscriptions", "lease", "events", "\u{E9}", long] {
            #expect(!Topic(channel, "BTC").namesStream, "\(channel)")
        }
        #expect(!Topic("trade", "").namesStream)
        #expect(!Topic("trade", String(repeating: "x", count: 257)).namesStream)
    }

    @Test("what is no interval is refused", arguments: ["", "m", "0m", "-1m", "1x", "1mm", "99999999999999999999m"])
    func noIntervals(written: String) {
        #expect(CandleInterval(written) == nil)
    }

    @Test("symbols take the exchange's style where that is unambiguous")
    func symbols() throws {
        let slashed = SymbolStyle(.upper, separator: "/")
        #expect(try slashed.canonical("btc-usd") == "BTC/USD")
        #expect(try slashed.canonical("BTCUSDT") == "BTC/USDT")
        #expect(try slashed.canonical("BTC/USD") == "BTC/USD")
        #expect(try slashed.canonical("FOOBAR") == "FOOBAR")
        let joined = SymbolStyle(.lower, separator: "")
        #expect(try joined.canonical("BTC-USDT") == "btcusdt")
        #expect(try joined.canonical("btcusdt") == "btcusdt")
        #expect(try SymbolStyle(.upper, separator: nil).canonical("btcusd_210625") == "BTCUSD_210625")
        #expect(try SymbolStyle(.upper, separator: "/").canonical("_all") == "_all")
        for wrong in ["", "BTC USD", "BTC\"USD", "BTC{USD}", "a\u{0}b", String(repeating: "x", count: 65)] {
            #expect(throws: DialectError.self) { try slashed.canonical(wrong) }
        }
    }
}
