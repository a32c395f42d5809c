import Testing

@testable import ColonyExchanges

@Suite("Requests")
struct RequestTests {
    @Test(
        "subscriptions are written as the exchanges document them",
        arguments: [
            ("fcoin", ["trade btcusdt", "book btcusdt"], [#"{"cmd":"sub","args":["trade.btcusdt","depth.L20.btcusdt"],"id":"1"}"#]),
            ("fmex", ["candle.1h BTCUSD_P"], [#"{"cmd":"sub","args":["candle.H1.btcusd_p"],"id":"1"}"#]),
            (
                "gate", ["trade BTC_USDT", "ticker BTC_USDT", "trade ETH_USDT"],
                [
                    #"{"time":0,"id":1,"channel":"spot.trades","event":"subscribe","payload":["BTC_USDT","ETH_USDT"]}"#,
                    #"{"time":0,"id":2,"channel":"spot.tickers","event":"subscribe","payload":["BTC_USDT"]}"#,
                ]
            ),
            (
                "gate", ["book BTC_USDT", "book ETH_USDT", "book_snapshot BTC_USDT", "candle.1w BTC_USDT", "obu.400 BTC_USDT"],
                [
                    #"{"time":0,"id":1,"channel":"spot.order_book_update","event":"subscribe","payload":["BTC_USDT","100ms"]}"#,
                    #"{"time":0,"id":2,"channel":"spot.order_book_update","event":"subscribe","payload":["ETH_USDT","100ms"]}"#,
                    #"{"time":0,"id":3,"channel":"spot.order_book","event":"subscribe","payload":["BTC_USDT","20","1000ms"]}"#,
                    #"{"time":0,"id":4,"channel":"spot.candlesticks","event":"subscribe","payload":["7d","BTC_USDT"]}"#,
                    #"{"time":0,"id":5,"channel":"spot.obu","event":"subscribe","payload":["ob.BTC_USDT.400"]}"#,
                ]
            ),
            (
                "gate_swap", ["book BTC_USDT", "bbo BTC_USDT", "book_snapshot BTC_USDT", "futures.public_liquidates BTC_USDT"],
                [
                    #"{"time":0,"id":1,"channel":"futures.order_book_update","event":"subscribe","payload":["BTC_USDT","100ms","20"]}"#,
                    #"{"time":0,"id":2,"channel":"futures.book_ticker","event":"subscribe","payload":["BTC_USDT"]}"#,
                    #"{"time":0,"id":3,"channel":"futures.order_book","event":"subscribe","payload":["BTC_USDT","20","0"]}"#,
                    #"{"time":0,"id":4,"channel":"futures.public_liquidates","event":"subscribe","payload":["BTC_USDT"]}"#,
                ]
            ),
            (
                "liquid", ["trade btcjpy", "book btcjpy", "ticker btcjpy", "candle.1m btcjpy"],
                [
                    #"{"event":"pusher:subscribe","data":{"channel":"executions_cash_btcjpy"}}"#,
                    #"{"event":"pusher:subscribe","data":{"channel":"price_ladders_cash_btcjpy_buy"}}"#,
                    #"{"event":"pusher:subscribe","data":{"channel":"price_ladders_cash_btcjpy_sell"}}"#,
                    #"{"event":"pusher:subscribe","data":{"channel":"product_cash_btcjpy_5"}}"#,
                    #"{"event":"pusher:subscribe","data":{"channel":"product_5_resolution_60_tickers"}}"#,
                ]
            ),
            (
                "kucoin",
                ["trade BTC-USDT", "trade ETH-USDT", "book BTC-USDT", "book_snapshot BTC-USDT", "candle.1m BTC-USDT", "ticker _all"],
                [
                    #"{"id":"1","type":"subscribe","topic":"/market/match:BTC-USDT,ETH-USDT","privateChannel":false,"response":true}"#,
                    #"{"id":"2","type":"subscribe","topic":"/market/level2:BTC-USDT","privateChannel":false,"response":true}"#,
                    #"{"id":"3","type":"subscribe","topic":"/spotMarket/level2Depth5:BTC-USDT","privateChannel":false,"response":true}"#,
                    #"{"id":"4","type":"subscribe","topic":"/market/candles:BTC-USDT_1min","privateChannel":false,"response":true}"#,
                    #"{"id":"5","type":"subscribe","topic":"/market/ticker:all","privateChannel":false,"response":true}"#,
                ]
            ),
            (
                "kucoin_futures", ["trade XBTUSDTM", "ticker XBTUSDTM"],
                [
                    #"{"id":"1","type":"subscribe","topic":"/contractMarket/execution:XBTUSDTM","privateChannel":false,"response":true}"#,
                    #"{"id":"2","type":"subscribe","topic":"/contractMarket/tickerV2:XBTUSDTM","privateChannel":false,"response":true}"#,
                ]
            ),
            (
                "bitbank", ["trade btc_jpy", "ticker btc_jpy", "book btc_jpy", "book_snapshot btc_jpy"],
                [
                    #"42["join-room","transactions_btc_jpy"]"#, #"42["join-room","ticker_btc_jpy"]"#,
                    #"42["join-room","depth_diff_btc_jpy"]"#,
                    #"42["join-room","depth_whole_btc_jpy"]"#,
                ]
            ),
            (
                "ftx_swap", ["trade BTC-PERP", "book BTC/USD", "markets _all"],
                [
                    #"{"op":"subscribe","channel":"trades","market":"BTC-PERP"}"#,
                    #"{"op":"subscribe","channel":"orderbook","market":"BTC/USD"}"#, #"{"op":"subscribe","channel":"markets"}"#,
                ]
            ),
            ("ftx_futures", ["ticker BTC-0626"], [#"{"op":"subscribe","channel":"ticker","market":"BTC-0626"}"#]),
            (
                "bitmax", ["trade BTC/USDT", "trade ETH/USDT", "ticker BTC/USDT", "book_snapshot BTC/USDT", "candle.1m BTC-PERP"],
                [
                    #"{"op":"sub","id":"1","ch":"trades:BTC/USDT,ETH/USDT"}"#, #"{"op":"sub","id":"2","ch":"bbo:BTC/USDT"}"#,
                    #"{"op":"req","id":"3","action":"depth-snapshot","args":{"symbol":"BTC/USDT"}}"#,
                    #"{"op":"sub","id":"4","ch":"bar:1:BTC-PERP"}"#,
                ]
            ),
            (
                "upbit", ["trade KRW-BTC", "trade KRW-ETH", "book KRW-BTC", "candle.1h KRW-BTC"],
                [
                    #"[{"ticket":"colony-1"},{"type":"trade","codes":["KRW-BTC","KRW-ETH"],"is_only_realtime":true},"#
                        + #"{"type":"orderbook","codes":["KRW-BTC"]},{"type":"candle.60m","codes":["KRW-BTC"]},{"format":"DEFAULT"}]"#
                ]
            ),
            ("bithumb", ["trade KRW-BTC"], [#"[{"ticket":"colony-1"},{"type":"trade","codes":["KRW-BTC"]},{"format":"DEFAULT"}]"#]),
            (
                "bitstamp", ["trade btcusd", "book btcusd", "book_snapshot btcusd"],
                [
                    #"{"event":"bts:subscribe","data":{"channel":"live_trades_btcusd"}}"#,
                    #"{"event":"bts:subscribe","data":{"channel":"diff_order_book_btcusd"}}"#,
                    #"{"event":"bts:subscribe","data":{"channel":"order_book_btcusd"}}"#,
                ]
            ),
        ] as [(String, [String], [String])])
    func subscribes(id: String, topics: [String], texts: [String]) throws {
        #expect(try requests(id, topics).map(\.message) == texts.map(OutgoingMessage.text))
    }

    @Test(
        "subscriptions of the younger exchanges are written as they document them",
        arguments: [
            (
                "cryptocom", ["trade BTC_USDT", "book BTC_USDT", "candle.1d BTCUSD-PERP", "ticker BTC_USDT"],
                [
                    #"{"id":1,"method":"subscribe","params":{"channels":["trade.BTC_USDT","candlestick.1D.BTCUSD-PERP","#
                        + #""ticker.BTC_USDT"]},"nonce":0}"#,
                    #"{"id":2,"method":"subscribe","params":{"channels":["book.BTC_USDT.50"],"#
                        + #""book_subscription_type":"SNAPSHOT_AND_UPDATE","book_update_frequency":10},"nonce":0}"#,
                ]
            ),
            (
                "hyperliquid", ["trade BTC", "bbo BTC", "book BTC", "candle.1mon PURR/USDC", "allmids _all"],
                [
                    #"{"method":"subscribe","subscription":{"type":"trades","coin":"BTC"}}"#,
                    #"{"method":"subscribe","subscription":{"type":"bbo","coin":"BTC"}}"#,
                    #"{"method":"subscribe","subscription":{"type":"l2Book","coin":"BTC"}}"#,
                    #"{"method":"subscribe","subscription":{"type":"candle","coin":"PURR/USDC","interval":"1M"}}"#,
                    #"{"method":"subscribe","subscription":{"type":"allMids"}}"#,
                ]
            ),
            (
                "mexc",
                ["trade BTCUSDT", "ticker BTCUSDT", "bbo.10ms BTCUSDT", "book_snapshot BTCUSDT", "candle.1h BTCUSDT", "ticker _all"],
                [
                    #"{"method":"SUBSCRIPTION","params":["spot@public.aggre.deals.v3.api.pb@100ms@BTCUSDT","#
                        + #""spot@public.miniTicker.v3.api.pb@BTCUSDT@UTC+8","spot@public.aggre.bookTicker.v3.api.pb@10ms@BTCUSDT","#
                        + #""spot@public.limit.depth.v3.api.pb@BTCUSDT@5","spot@public.kline.v3.api.pb@BTCUSDT@Min60","#
                        + #""spot@public.miniTickers.v3.api.pb@UTC+8"]}"#
                ]
            ),
            (
                "mexc_swap", ["trade BTC_USDT", "book BTC_USDT", "book_snapshot BTC_USDT", "candle.1m BTC_USDT", "ticker _all"],
                [
                    #"{"method":"sub.deal","param":{"symbol":"BTC_USDT"},"gzip":false}"#,
                    #"{"method":"sub.depth","param":{"symbol":"BTC_USDT","compress":true},"gzip":false}"#,
                    #"{"method":"sub.depth.full","param":{"symbol":"BTC_USDT","limit":20},"gzip":false}"#,
                    #"{"method":"sub.kline","param":{"symbol":"BTC_USDT","interval":"Min1"},"gzip":false}"#,
                    #"{"method":"sub.tickers","param":{},"gzip":false}"#,
                ]
            ),
            (
                "dydx", ["trade BTC-USD", "ticker BTC-USD", "candle.1m BTC-USD"],
                [
                    #"{"type":"subscribe","channel":"v4_trades","id":"BTC-USD"}"#, #"{"type":"subscribe","channel":"v4_markets"}"#,
                    #"{"type":"subscribe","channel":"v4_candles","id":"BTC-USD/1MIN"}"#,
                ]
            ),
            (
                "coincheck", ["trade btc_jpy", "book btc_jpy"],
                [#"{"type":"subscribe","channel":"btc_jpy-trades"}"#, #"{"type":"subscribe","channel":"btc_jpy-orderbook"}"#]
            ),
        ] as [(String, [String], [String])])
    func subscribesToo(id: String, topics: [String], texts: [String]) throws {
        #expect(try requests(id, topics).map(\.message) == texts.map(OutgoingMessage.text))
    }

    @Test(
        "unsubscriptions end what was asked for",
        arguments: [
            ("fcoin", "trade btcusdt", [#"{"cmd":"unsub","args":["trade.btcusdt"],"id":"9"}"#]),
            (
                "gate", "trade BTC_USDT",
                [#"{"time":0,"id":9,"channel":"spot.trades","event":"unsubscribe","payload":["BTC_USDT"]}"#]
            ),
            ("liquid", "trade btcjpy", [#"{"event":"pusher:unsubscribe","data":{"channel":"executions_cash_btcjpy"}}"#]),
            (
                "kucoin", "trade BTC-USDT",
                [#"{"id":"9","type":"unsubscribe","topic":"/market/match:BTC-USDT","privateChannel":false,"response":true}"#]
            ),
            ("bitbank", "trade btc_jpy", [#"42["leave-room","transactions_btc_jpy"]"#]),
            ("ftx_swap", "trade BTC-PERP", [#"{"op":"unsubscribe","channel":"trades","market":"BTC-PERP"}"#]),
            ("bitmax", "trade BTC/USDT", [#"{"op":"unsub","id":"9","ch":"trades:BTC/USDT"}"#]),
            ("bitmax", "book_snapshot BTC/USDT", []),
            ("bitstamp", "trade btcusd", [#"{"event":"bts:unsubscribe","data":{"channel":"live_trades_btcusd"}}"#]),
            ("cryptocom", "book BTC_USDT", [#"{"id":9,"method":"unsubscribe","params":{"channels":["book.BTC_USDT.50"]},"nonce":0}"#]),
            ("hyperliquid", "trade BTC", [#"{"method":"unsubscribe","subscription":{"type":"trades","coin":"BTC"}}"#]),
            ("mexc", "trade BTCUSDT", [#"{"method":"UNSUBSCRIPTION","params":["spot@public.aggre.deals.v3.api.pb@100ms@BTCUSDT"]}"#]),
            ("mexc_swap", "book BTC_USDT", [#"{"method":"unsub.depth","param":{"symbol":"BTC_USDT"},"gzip":false}"#]),
            ("dydx", "trade BTC-USD", [#"{"type":"unsubscribe","channel":"v4_trades","id":"BTC-USD"}"#]),
            ("coincheck", "trade btc_jpy", []),
        ] as [(String, String, [String])])
    func unsubscribes(id: String, topic: String, texts: [String]) throws {
        let dialect = try Exchanges.dialect(id)
        let requests = dialect.unsubscribe([try dialect.canonical(Topic(parsing: topic))], remaining: [], firstID: 9)
        #expect(requests.map(\.message) == texts.map(OutgoingMessage.text))
    }

    @Test("where a request replaces the one before, unsubscribing asks for what remains", arguments: ["upbit", "bithumb"])
    func replacing(id: String) throws {
        let dialect = try Exchanges.dialect(id)
        #expect(dialect.profile.limits.subscriptionReplaces)
        let requests = dialect.unsubscribe([Topic("trade", "KRW-BTC")], remaining: [Topic("ticker", "KRW-ETH")], firstID: 3)
        let text = #"[{"ticket":"colony-3"},{"type":"ticker","codes":["KRW-ETH"]},{"format":"DEFAULT"}]"#
        #expect(requests == [Request(id: nil, topics: [Topic("ticker", "KRW-ETH")], message: .text(text))])
        #expect(dialect.unsubscribe([Topic("trade", "KRW-BTC")], remaining: [], firstID: 3).isEmpty)
    }

    @Test("batches keep to the limits and name every topic once", arguments: Self.ids)
    func batches(id: String) throws {
        let dialect = try Exchanges.dialect(id)
        let symbols = (0..<45).map { "\(dialect.profile.exampleSymbol)\($0)" }
        let topics = symbols.flatMap { [Topic("trade", $0), Topic("book", $0)] }
        let requests = dialect.subscribe(topics, firstID: 100)
        #expect(requests.allSatisfy { (1...dialect.profile.limits.topicsPerMessage).contains($0.topics.count) })
        // A book of two channels is asked for twice.
        #expect(Set(requests.flatMap(\.topics)) == Set(topics))
        if id != "liquid" { #expect(requests.flatMap(\.topics).count == topics.count) }
        let ids = requests.compactMap(\.id)
        #expect(ids.isEmpty || ids == (0..<requests.count).map { String(100 + $0) })
        for request in requests { #expect(request.text.contains(request.topics[0].symbol)) }
    }

    @Test(
        "the time of sending is written into the requests that carry one",
        arguments: [
            ("gate", #"{"time":1600000005,"id":5,"channel":"spot.trades","event":"subscribe","payload":["X"]}"#),
            ("cryptocom", #"{"id":5,"method":"subscribe","params":{"channels":["trade.X"]},"nonce":1600000005489}"#),
            ("ftx_swap", #"{"op":"subscribe","channel":"trades","market":"X"}"#),
        ])
    func stamping(id: String, text: String) throws {
        let dialect = try Exchanges.dialect(id)
        let request = try #require(dialect.subscribe([Topic("trade", "X")], firstID: 5).first)
        let stamped = dialect.stamped(request, wallMilliseconds: 1_600_000_005_489.7)
        #expect(stamped.text == text)
        #expect(stamped.id == request.id && stamped.topics == request.topics)
    }

    @Test("a symbol with characters of JSON stays inside its string", arguments: Self.ids)
    func quoting(id: String) throws {
        let dialect = try Exchanges.dialect(id)
        let topics = ["trade", "book", "candle.1m"].map { Topic($0, #"A"\B"#) }
        for request in dialect.subscribe(topics, firstID: 1) {
            let text = id == "bitbank" ? String(request.text.dropFirst(2)) : request.text
            #expect(throws: Never.self) { try json(text) }
        }
    }

    /// The ids whose dialects these tests are about.
    static let ids = [
        "fcoin", "fmex", "gate", "gate_swap", "liquid", "kucoin", "kucoin_futures", "bitbank", "ftx_swap", "ftx_futures", "bitmax", "upbit",
        "bithumb", "bitstamp", "cryptocom", "hyperliquid", "mexc", "mexc_swap", "dydx", "coincheck",
    ]

    private func requests(_ id: String, _ topics: [String]) throws -> [Request] {
        let dialect = try Exchanges.dialect(id)
        return dialect.subscribe(try topics.map { try dialect.canonical(Topic(parsing: $0)) }, firstID: 1)
    }
}

extension Topic {
    /// `trade BTC-USD`.
    init(parsing text: String) {
        let parts = text.split(separator: " ", maxSplits: 1)
        self.init(channel: String(parts[0]), symbol: String(parts[1]))
    }
}

extension Request {
    var text: String {
        if case .text(let text) = message { text } else { "" }
    }
}
