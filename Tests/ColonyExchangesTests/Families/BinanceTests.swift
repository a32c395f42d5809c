import ColonyExchanges
import Testing

@Suite("Binance and Gemini")
struct BinanceTests {
    @Test("subscriptions name streams and come back under the topics asked for")
    func subscribes() throws {
        var connection = try Connection("binance")
        let topics = [Topic("trades", "btc-usdt"), Topic("book", "BTCUSDT"), Topic("candles.1M", "BTCUSDT")]
        let sent = try connection.subscribe(topics[0], topics[1], topics[2], firstID: 7)
        #expect(sent == [#"{"method":"SUBSCRIBE","params":["btcusdt@trade","btcusdt@depth@100ms","btcusdt@kline_1M"],"id":7}"#])
        #expect(connection.read(#"{"result":null,"id":7}"#) == .ack(Acknowledgement(.accepted, requestID: "7")))
        let trade =
            #"{"stream":"btcusdt@trade","data":{"e":"trade","E":1760000001712,"s":"BTCUSDT","t":5312345678,"p":"97120.40000000","#
            + #""q":"0.01210000","T":1760000001711,"m":true,"M":true}}"#
        #expect(connection.read(trade) == .packet(Topic("trade", "BTCUSDT")))
        let book =
            #"{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1760000001814,"s":"BTCUSDT","U":79912345001,"u":79912345017,"#
            + #""b":[["97120.30000000","1.20400000"]],"a":[["97121.00000000","0.00000000"]]}}"#
        #expect(connection.read(book) == .packet(Topic("book", "BTCUSDT")))
        #expect(connection.read(#"{"stream":"btcusdt@kline_1M","data":{"e":"kline"}}"#) == .packet(Topic("candle.1mon", "BTCUSDT")))
        let unsubscribe = connection.dialect.unsubscribe([Topic("trade", "BTCUSDT")], remaining: [], firstID: 6)
        #expect(unsubscribe.map(\.message) == [.text(#"{"method":"UNSUBSCRIBE","params":["btcusdt@trade"],"id":6}"#)])
    }

    @Test(
        "every offered topic is its stream's topic again",
        arguments: [
            ("binance", "trade", "btcusdt@trade"), ("binance", "aggtrade", "btcusdt@aggTrade"), ("binance", "ticker", "btcusdt@ticker"),
            ("binance", "bbo", "btcusdt@bookTicker"), ("binance", "book.1000ms", "btcusdt@depth"),
            ("binance", "book_snapshot", "btcusdt@depth20@100ms"), ("binance", "book_snapshot.5", "btcusdt@depth5@100ms"),
            ("binance", "book_snapshot.10.1000ms", "btcusdt@depth10"), ("binance", "candle.1h", "btcusdt@kline_1h"),
            ("binance", "miniticker", "btcusdt@miniTicker"), ("binance", "ticker.4h", "btcusdt@ticker_4h"),
            ("binance_usdm", "trade", "btcusdt@aggTrade"), ("binance_usdm", "trade.raw", "btcusdt@trade"),
            ("binance_usdm", "book", "btcusdt@depth@100ms"), ("binance_usdm", "book.250ms", "btcusdt@depth"),
            ("binance_usdm", "markprice", "btcusdt@markPrice"), ("binance_usdm", "markprice.1s", "btcusdt@markPrice@1s"),
            ("binance_usdm", "book_snapshot.5.500ms", "btcusdt@depth5@500ms"),
        ])
    func roundTrip(id: String, channel: String, stream: String) throws {
        var connection = try Connection(id)
        let topic = try connection.dialect.canonical(channel, "btcusdt")
        #expect(topic == Topic(channel, "BTCUSDT"))
        #expect(try connection.subscribe(topic) == [#"{"method":"SUBSCRIBE","params":["\#(stream)"],"id":1}"#])
        #expect(connection.read(#"{"stream":"\#(stream)","data":{}}"#) == .packet(topic))
    }

    @Test("streams of all symbols have the symbol _all")
    func allSymbols() throws {
        var connection = try Connection("binance_usdm")
        #expect(
            try connection.subscribe(Topic("ticker", "_all"), Topic("bbo", "_all")) == [
                #"{"method":"SUBSCRIBE","params":["!ticker@arr","!bookTicker"],"id":1}"#
            ])
        #expect(connection.read(#"{"stream":"!ticker@arr","data":[{"s":"A"},{"s":"B"}]}"#) == .packet(Topic("ticker", "_all")))
        #expect(connection.read(#"{"stream":"!bookTicker","data":{"s":"A"}}"#) == .packet(Topic("bbo", "_all")))
        #expect(throws: DialectError.self) { try connection.dialect.canonical("trade", "_all") }
    }

    @Test("raw pushes are read by event and symbol")
    func rawPushes() throws {
        var connection = try Connection("binance_usdm")
        let trade =
            #"{"e":"aggTrade","E":1760000001720,"a":2812345678,"s":"BTCUSDT","p":"97118.10","q":"0.035","f":6312345670,"l":6312345672,"#
            + #""T":1760000001717,"m":false}"#
        #expect(connection.read(trade) == .packet(Topic("trade", "BTCUSDT")))
        let book =
            #"{"e":"depthUpdate","E":1760000001812,"T":1760000001806,"s":"BTCUSDT","U":8891234500100,"u":8891234500169,"pu":8891234500099,"#
            + #""b":[["97118.00","3.412"]],"a":[["97118.10","0.000"]]}"#
        #expect(connection.read(book) == .packet(Topic("book", "BTCUSDT")))
        #expect(connection.read(#"{"e":"kline","s":"BTCUSDT","k":{"t":1,"i":"1h"}}"#) == .packet(Topic("candle.1h", "BTCUSDT")))
        #expect(connection.read(#"[{"e":"24hrTicker","s":"A"},{"e":"24hrTicker","s":"B"}]"#) == .packet(Topic("ticker", "_all")))
        var spot = try Connection("binance")
        #expect(
            spot.read(#"{"u":400900217,"s":"BNBUSDT","b":"25.3","B":"31.2","a":"25.4","A":"40.6"}"#) == .packet(Topic("bbo", "BNBUSDT")))
        #expect(spot.read(#"{"lastUpdateId":160,"bids":[],"asks":[]}"#) == .unrouted)
        var coin = try Connection("binance_coinm")
        let perpetual =
            #"{"e":"aggTrade","E":1760000001591,"a":424951234,"s":"BTCUSD_PERP","p":"97115.3","q":"24","f":606073100,"l":606073101,"#
            + #""T":1760000001586,"m":true}"#
        #expect(coin.read(perpetual) == .packet(Topic("trade", "BTCUSD_PERP")))
        #expect(
            try coin.subscribe(Topic("trade", "btcusd_perp"), Topic("book", "BTCUSD_PERP")) == [
                #"{"method":"SUBSCRIBE","params":["btcusd_perp@aggTrade","btcusd_perp@depth@100ms"],"id":1}"#
            ])
    }

    @Test("refusals carry the request and the exchange's words in both shapes")
    func refusals() throws {
        var connection = try Connection("binance")
        let top = #"{"code":2,"msg":"Invalid request: unknown variant SUBSRIBE","id":1}"#
        #expect(connection.read(top) == .ack(Acknowledgement(.rejected("2 Invalid request: unknown variant SUBSRIBE"), requestID: "1")))
        let nested = #"{"error":{"code":2,"msg":"Invalid request"},"id":9}"#
        #expect(connection.read(nested) == .ack(Acknowledgement(.rejected("2 Invalid request"), requestID: "9")))
        #expect(connection.read(#"{"error":{"code":3,"msg":"Invalid JSON"}}"#) == .notice(Notice(.error, "3 Invalid JSON")))
    }

    @Test("a stream's strange name becomes a channel in the allowed characters")
    func strangeNames() throws {
        var connection = try Connection("binance")
        #expect(connection.read(#"{"stream":"btcusdt@depth@1`0ms","data":{}}"#) == .packet(Topic("book.1-0ms", "BTCUSDT")))
        #expect(connection.read(#"{"stream":"btcusdt@New Thing@x","data":{}}"#) == .packet(Topic("new-thing-x", "BTCUSDT")))
        #expect(connection.read(#"{"stream":"aListenKey","data":{}}"#) == .unrouted)
    }

    @Test("an announced shutdown asks for a new connection, in both forms")
    func shutdown() throws {
        var connection = try Connection("binance")
        let notice = Connection.Meaning.notice(Notice(.reconnect, "serverShutdown"))
        #expect(connection.read(#"{"e":"serverShutdown","E":1770123456789}"#) == notice)
        #expect(connection.read(#"{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}"#) == notice)
    }

    @Test("futures serve books and best prices at an address of their own, derived from the configured one")
    func branches() throws {
        var dialect = try Exchanges.dialect("binance_usdm")
        #expect(dialect.connection(topics: [], random: 0) == .url("wss://fstream.binance.com/market/stream"))
        #expect(dialect.branches == [Branch(name: "public", url: "wss://fstream.binance.com/public/stream")])
        for channel in ["book", "book.500ms", "book_snapshot", "bbo"] {
            #expect(dialect.branch(of: Topic(channel, "BTCUSDT")) == "public")
        }
        for channel in ["trade", "ticker", "markprice", "candle.1m"] { #expect(dialect.branch(of: Topic(channel, "BTCUSDT")) == nil) }
        dialect.profile.url = "ws://127.0.0.1:1/market/stream?timeUnit=MICROSECOND"
        #expect(dialect.branches == [Branch(name: "public", url: "ws://127.0.0.1:1/public/stream?timeUnit=MICROSECOND")])
    }

    @Test("a gateway with one address serves everything there")
    func noBranches() throws {
        var dialect = try Exchanges.dialect("binance_usdm")
        dialect.profile.url = "ws://127.0.0.1:1/stream"
        #expect(dialect.branches == [])
        #expect(dialect.branch(of: Topic("book", "BTCUSDT")) == nil)
    }

    @Test("requests are batched")
    func batches() throws {
        var dialect = try Exchanges.dialect("binance")
        dialect.profile.limits.topicsPerMessage = 2
        let topics = ["A", "B", "C"].map { Topic("trade", $0 + "USDT") }
        let requests = dialect.subscribe(topics, firstID: 3)
        #expect(requests.map(\.id) == ["3", "4"])
        #expect(requests.map(\.topics) == [Array(topics[..<2]), [topics[2]]])
        #expect(requests[1].message == .text(#"{"method":"SUBSCRIBE","params":["cusdt@trade"],"id":4}"#))
    }

    @Test("Gemini's pushes are told apart by their members, and symbols stay in lower case")
    func gemini() throws {
        var connection = try Connection("gemini")
        #expect(
            try connection.subscribe(Topic("trade", "BTC-USD"), Topic("book", "btcusd")) == [
                #"{"method":"SUBSCRIBE","params":["btcusd@trade","btcusd@depth@100ms"],"id":1}"#
            ])
        #expect(connection.read(#"{"id":1,"status":200,"result":null}"#) == .ack(Acknowledgement(.accepted, requestID: "1")))
        let refusal = #"{"id":1,"status":400,"error":{"code":-1013,"msg":"Invalid symbol"}}"#
        #expect(connection.read(refusal) == .ack(Acknowledgement(.rejected("-1013 Invalid symbol"), requestID: "1")))
        let trade = #"{"E":1760000001712345678,"s":"btcusd","t":2840141234567890,"p":"97120.41","q":"0.0115","m":true}"#
        #expect(connection.read(trade) == .packet(Topic("trade", "btcusd")))
        let book =
            #"{"e":"depthUpdate","E":1760000001812345678,"s":"btcusd","U":90812345,"u":90812347,"b":[["97120.40","0.52"]],"#
            + #""a":[["97121.02","0"]]}"#
        #expect(connection.read(book) == .packet(Topic("book", "btcusd")))
        let best = #"{"u":90812348,"E":1760000001812345678,"s":"btcusd","b":"97120.40","B":"0.52","a":"97121.02","A":"1"}"#
        #expect(connection.read(best) == .packet(Topic("bbo", "btcusd")))
        #expect(throws: DialectError.self) { try connection.dialect.canonical("candle.1m", "btcusd") }
        #expect(connection.dialect.ping(.documented, PingContext(wallMilliseconds: 0, random: 0)) == .ping([]))
    }

    @Test("what is no JSON is malformed, and unknown channels are refused with those there are")
    func refusesNonsense() throws {
        var connection = try Connection("binance")
        #expect(connection.read("{\"stream\":\"x@y\" ").isMalformed == false)
        #expect(connection.read("{\"stream\" \"x\"}").isMalformed)
        #expect(connection.read("").isMalformed)
        #expect(connection.read("pong").isMalformed)
        #expect { try connection.dialect.canonical("nothing", "BTCUSDT") } throws: { error in
            (error as? DialectError)?.code == .unknownChannel && "\(error)".contains("book_snapshot")
        }
    }
}
