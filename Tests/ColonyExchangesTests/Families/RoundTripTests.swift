import Testing

@testable import ColonyExchanges

/// What a user asks for comes back under the very topic that `canonical` returned.
@Suite("From the topic asked for to the topic of the data")
struct RoundTripTests {
    /// For each exchange: the channels, the symbol, and a push of the channel with `$` for the exchange's own spelling of the channel.
    private static let gate = [
        ("trade", #"{"channel":"spot.trades","event":"update","result":{"currency_pair":"BTC_USDT"}}"#),
        ("ticker", #"{"channel":"spot.tickers","event":"update","result":{"currency_pair":"BTC_USDT"}}"#),
        ("bbo", #"{"channel":"spot.book_ticker","event":"update","result":{"s":"BTC_USDT"}}"#),
        ("book", #"{"channel":"spot.order_book_update","event":"update","result":{"s":"BTC_USDT"}}"#),
        ("book_snapshot", #"{"channel":"spot.order_book","event":"update","result":{"s":"BTC_USDT"}}"#),
        ("obu.400", #"{"channel":"spot.obu","event":"update","result":{"s":"ob.BTC_USDT.400"}}"#),
        ("candle.10s", #"{"channel":"spot.candlesticks","event":"update","result":{"n":"10s_BTC_USDT"}}"#),
    ]

    @Test("Gate spot", arguments: gate)
    func gateSpot(channel: String, push: String) throws { try check("gate", channel, "BTC_USDT", push) }

    private static let gateSwap = [
        ("trade", #"{"channel":"futures.trades","event":"update","result":[{"contract":"BTC_USDT"},{"contract":"BTC_USDT"}]}"#),
        ("ticker", #"{"channel":"futures.tickers","event":"update","result":[{"contract":"BTC_USDT"}]}"#),
        ("bbo", #"{"channel":"futures.book_ticker","event":"update","result":{"s":"BTC_USDT"}}"#),
        ("book_snapshot", #"{"channel":"futures.order_book","event":"all","result":{"contract":"BTC_USDT"}}"#),
        ("candle.1d", #"{"channel":"futures.candlesticks","event":"update","result":[{"n":"1d_BTC_USDT"}]}"#),
        ("futures.public_liquidates", #"{"channel":"futures.public_liquidates","event":"update","result":[{"contract":"BTC_USDT"}]}"#),
    ]

    @Test("Gate futures", arguments: gateSwap)
    func gateFutures(channel: String, push: String) throws { try check("gate_swap", channel, "BTC_USDT", push) }

    private static let kucoin = [
        ("trade", "/market/match:BTC-USDT"), ("ticker", "/market/ticker:BTC-USDT"), ("book", "/market/level2:BTC-USDT"),
        ("book_snapshot", "/spotMarket/level2Depth5:BTC-USDT"), ("book_snapshot.50", "/spotMarket/level2Depth50:BTC-USDT"),
        ("market-snapshot", "/market/snapshot:BTC-USDT"), ("indicator-markprice", "/indicator/markPrice:BTC-USDT"),
        ("candle.1w", "/market/candles:BTC-USDT_1week"),
    ]

    @Test("KuCoin", arguments: kucoin)
    func kucoinSpot(channel: String, topic: String) throws {
        try check("kucoin", channel, "BTC-USDT", #"{"data":{"topic":"no"},"topic":"\#(topic)","type":"message"}"#)
    }

    private static let others = [
        ("fcoin", "candle.1mon btcusdt", #"{"type":"candle.MN.btcusdt"}"#),
        ("fmex", "book_snapshot.100 btcusd_p", #"{"type":"depth.L100.btcusd_p"}"#),
        ("liquid", "ticker ethjpy_29", #"{"event":"updated","channel":"product_cash_ethjpy_29"}"#),
        ("liquid", "candle.1d 29", #"{"event":"updated","channel":"product_29_resolution_86400_tickers"}"#),
        ("liquid", "book_snapshot btcjpy", #"{"event":"updated","channel":"price_ladders_cash_btcjpy_sell","data":"[]"}"#),
        ("bitbank", "ticker btc_jpy", #"42["message",{"room_name":"ticker_btc_jpy"}]"#),
        ("bitmax", "bbo BTC/USDT", #"{"m":"bbo","symbol":"BTC/USDT"}"#),
        ("bitmax", "candle.1m BTC/USDT", #"{"m":"bar","s":"BTC/USDT","data":{"i":"1"}}"#),
        ("upbit", "ticker KRW-BTC", #"{"type":"ticker","code":"KRW-BTC"}"#),
        ("upbit", "candle.4h KRW-BTC", #"{"type":"candle.240m","code":"KRW-BTC"}"#),
        ("bitstamp", "live_orders btcusd", #"{"event":"order_created","channel":"live_orders_btcusd","data":{}}"#),
        ("bitstamp", "detail_order_book btcusd", #"{"event":"data","channel":"detail_order_book_btcusd","data":{}}"#),
        ("cryptocom", "book.10 BTCUSD-PERP", #"{"method":"subscribe","result":{"subscription":"book.BTCUSD-PERP.10"}}"#),
        ("cryptocom", "candle.1mon BTC_USDT", #"{"method":"subscribe","result":{"subscription":"candlestick.1M.BTC_USDT"}}"#),
        ("hyperliquid", "activeassetctx @107", #"{"channel":"activeSpotAssetCtx","data":{"coin":"@107"}}"#),
        ("hyperliquid", "activeassetctx BTC", #"{"channel":"activeAssetCtx","data":{"coin":"BTC"}}"#),
        ("mexc_swap", "funding.rate BTC_USDT", #"{"channel":"push.funding.rate","data":{},"symbol":"BTC_USDT"}"#),
        ("mexc_swap", "candle.1mon BTC_USDT", #"{"channel":"push.kline","data":{"interval":"Month1"},"symbol":"BTC_USDT"}"#),
        ("mexc_swap", "tickers _all", #"{"channel":"push.tickers","data":[]}"#),
        ("dydx", "candle.1d BTC-USD", #"{"type":"channel_data","channel":"v4_candles","id":"BTC-USD/1DAY"}"#),
        ("dydx", "ticker _all", #"{"type":"subscribed","channel":"v4_markets","contents":{}}"#),
    ]

    @Test("all others", arguments: others)
    func everyOther(id: String, topic: String, push: String) throws {
        let topic = Topic(parsing: topic)
        try check(id, topic.channel, topic.symbol, push)
    }

    private func check(_ id: String, _ channel: String, _ symbol: String, _ push: String) throws {
        var connection = try Connection(id)
        let topic = try connection.dialect.canonical(Topic(channel, symbol))
        #expect(topic == Topic(channel, symbol))
        #expect(connection.read(push) == .packet(topic))
        #expect(!connection.dialect.subscribe([topic], firstID: 1).isEmpty)
    }

    @Test("both sides of Liquid's book share one stream")
    func bothSides() throws {
        var connection = try Connection("liquid")
        let keys = ["buy", "sell"].map { side in
            connection.streamKey(#"{"channel":"price_ladders_cash_btcjpy_\#(side)","data":"[]","event":"updated"}"#)
        }
        #expect(keys[0] != nil && keys[0] == keys[1])
    }

    @Test("a KuCoin push for a list of symbols belongs to all of them")
    func symbolList() throws {
        var connection = try Connection("kucoin")
        let push = #"{"type":"message","topic":"/market/match:BTC-USDT,ETH-USDT","data":{}}"#
        #expect(connection.read(push) == .packet(Topic("trade", "_all")))
    }

    @Test("a symbol with an escaped slash is the symbol without the escape")
    func escapes() throws {
        var connection = try Connection("bitmax")
        #expect(connection.read(#"{"m":"trades","symbol":"BTC\/USDT","data":[]}"#) == .packet(Topic("trade", "BTC/USDT")))
    }

    @Test(
        "what cannot be routed stays data",
        arguments: [
            ("gate", #"{"channel":"spot.trades","event":"update","result":{}}"#), ("kucoin", #"{"type":"message"}"#),
            ("bitstamp", #"{"event":"trade","data":{}}"#), ("upbit", #"{"type":"trade"}"#), ("ftx_swap", #"{"type":"update","data":[]}"#),
            ("bitmax", #"{"m":"bar","data":{}}"#), ("bitbank", #"42["message",{}]"#), ("coincheck", #"["btc_jpy",7]"#),
            ("mexc_swap", #"{"channel":"push.kline","data":{},"symbol":"BTC_USDT"}"#), ("dydx", #"{"type":"channel_data"}"#),
        ])
    func unrouted(id: String, message: String) throws {
        var connection = try Connection(id)
        #expect(connection.read(message) == .unrouted)
    }

    @Test("what is not the exchange's protocol is malformed", arguments: RequestTests.ids)
    func malformed(id: String) throws {
        var connection = try Connection(id)
        let garbage = ["", "<html>", #"{"type":"trad"#, #"{"channel":"#, "9{}", #"42["message",{"room_name":"a_b"#]
        // An object is no data of Coincheck's, whatever is in it.
        let legal: [String: Set<String>] = ["coincheck": [#"{"type":"trad"#, #"{"channel":"#]]
        for message in garbage where !(legal[id]?.contains(message) ?? false) {
            #expect(connection.read(message).isMalformed, "\(message)")
        }
    }
}
