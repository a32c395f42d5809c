import Testing

@testable import ColonyExchanges

@Suite("Topics as the exchanges name them")
struct CanonicalTopicTests {
    @Test(
        "what users write becomes what the exchange writes",
        arguments: [
            ("fcoin", "trades BTC-USDT", "trade btcusdt"), ("fcoin", "orderbook btcusdt", "book_snapshot btcusdt"),
            ("fmex", "candles.60min BTCUSD_P", "candle.1h btcusd_p"), ("gate", "trades btcusdt", "trade BTC_USDT"),
            ("gate", "kline.1m BTC/USDT", "candle.1m BTC_USDT"), ("gate", "order_book.100ms BTC_USDT", "book BTC_USDT"),
            ("gate", "spot.trades BTC_USDT", "trade BTC_USDT"), ("liquid", "ticker BTC/JPY", "ticker btcjpy_5"),
            ("liquid", "candles btcjpy_5", "candle.1m 5"), ("liquid", "ticker ethjpy_29", "ticker ethjpy_29"),
            ("kucoin", "trade btc_usdt", "trade BTC-USDT"), ("kucoin", "bbo BTCUSDT", "ticker BTC-USDT"),
            ("kucoin", "/market/snapshot BTC-USDT", "market-snapshot BTC-USDT"), ("kucoin_futures", "trade xbtusdtm", "trade XBTUSDTM"),
            ("bitbank", "transactions BTC-JPY", "trade btc_jpy"), ("ftx_swap", "orderbook btc-perp", "book BTC-PERP"),
            ("bitmax", "ticker btc-usdt", "bbo BTC/USDT"), ("bitmax", "trade btc-perp", "trade BTC-PERP"),
            ("bitmax", "candle.1M BTC/USDT", "candle.1mon BTC/USDT"), ("upbit", "trades BTC-KRW", "trade KRW-BTC"),
            ("upbit", "book BTC-ETH", "book_snapshot BTC-ETH"), ("upbit", "candle.60m KRW-BTC", "candle.1h KRW-BTC"),
            ("bitstamp", "book BTC/USD", "book btcusd"), ("bitstamp", "diff_order_book btcusd", "book btcusd"),
            ("cryptocom", "trade BTC-USDT", "trade BTC_USDT"), ("cryptocom", "trade btcusd-perp", "trade BTCUSD-PERP"),
            ("cryptocom", "book.50 BTCUSD-250926", "book BTCUSD-250926"), ("hyperliquid", "trades btc", "trade BTC"),
            ("hyperliquid", "l2Book kPEPE", "book_snapshot kPEPE"), ("hyperliquid", "ticker ETH", "bbo ETH"),
            ("hyperliquid", "allMids BTC", "allmids _all"), ("mexc", "trade btc_usdt", "trade BTCUSDT"),
            ("mexc", "depth.10ms BTCUSDT", "book.10ms BTCUSDT"), ("mexc_swap", "ticker _all", "tickers _all"),
            ("mexc_swap", "fair.price btc-usdt", "fair.price BTC_USDT"), ("dydx", "ticker BTC-USD", "ticker _all"),
            ("dydx", "candle.5min btc/usd", "candle.5m BTC-USD"), ("coincheck", "orderbook BTC/JPY", "book btc_jpy"),
        ])
    func canonical(id: String, written: String, expected: String) throws {
        let dialect = try Exchanges.dialect(id)
        let topic = try dialect.canonical(Topic(parsing: written))
        #expect(topic == Topic(parsing: expected))
        #expect(try dialect.canonical(topic) == topic, "a canonical topic stays as it is")
    }

    @Test("every channel an exchange offers is its own canonical name", arguments: RequestTests.ids)
    func offered(id: String) throws {
        let dialect = try #require(try Exchanges.dialect(id) as? any TableDialect)
        for row in dialect.offer.rows {
            let symbol = dialect.offer.wholeExchange.contains(row.word) ? Topic.allSymbols : dialect.profile.exampleSymbol
            let topic = try dialect.canonical(Topic(row.word, symbol))
            #expect(topic.channel == row.word)
            #expect(ChannelName.own(row.word) == row.word, "a word is part of a key")
            #expect(dialect.offer.word(row.native) == row.word)
            // A request with a space would hold a native name that was not taken apart.
            for request in dialect.subscribe([topic], firstID: 1) { #expect(!request.text.contains(" ")) }
        }
    }

    @Test("an unknown channel is refused with what the exchange offers", arguments: RequestTests.ids)
    func unknownChannel(id: String) throws {
        let dialect = try Exchanges.dialect(id)
        let error = #expect(throws: DialectError.self) { try dialect.canonical(Topic("weather", dialect.profile.exampleSymbol)) }
        #expect(error?.code == .unknownChannel)
        #expect(error?.description.contains("trade") ?? false)
        #expect(error?.description.contains(id) ?? false)
    }

    @Test("a symbol that cannot be one is refused", arguments: RequestTests.ids)
    func badSymbol(id: String) throws {
        let dialect = try Exchanges.dialect(id)
        for symbol in ["", "BTC USDT", "BTC\"", "\u{1}", "A,B", Topic.allSymbols] {
            let error = #expect(throws: DialectError.self, "\(symbol)") { try dialect.canonical(Topic("trade", symbol)) }
            #expect(error?.code == .badSymbol)
            #expect(error?.description.contains(id) ?? false)
        }
    }

    @Test("Liquid asks for the product number it does not know")
    func productNumber() throws {
        let dialect = try Exchanges.dialect("liquid")
        let error = #expect(throws: DialectError.self) { try dialect.canonical(Topic("ticker", "ethjpy")) }
        #expect(error?.code == .badSymbol)
        #expect(throws: DialectError.self) { try dialect.canonical(Topic("ticker", "29")) }
    }
}
