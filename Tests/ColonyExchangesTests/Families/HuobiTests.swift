import ColonyExchanges
import Testing

@Suite("Huobi")
struct HuobiTests {
    @Test("a ping is answered with its own number")
    func ping() throws {
        var connection = try Connection("huobi")
        #expect(connection.read(#"{"ping":1760000003643}"#) == .reply(.text(#"{"pong":1760000003643}"#)))
        #expect(connection.read(#"{"op":"ping","ts":"17"}"#) == .reply(.text(#"{"op":"pong","ts":17}"#)))
        #expect(connection.read(#"{"action":"ping","data":{"ts":17}}"#) == .reply(.text(#"{"action":"pong","data":{"ts":17}}"#)))
        #expect(connection.read(#"{"pong":1}"#) == .heartbeat)
        #expect(connection.dialect.ping(.documented, PingContext(wallMilliseconds: 0, random: 0)) == nil)
    }

    @Test(
        "every offered topic comes back under its own name",
        arguments: [
            ("huobi", "trade", "btcusdt", "trade.detail"), ("huobi", "ticker", "btcusdt", "detail"), ("huobi", "bbo", "btcusdt", "bbo"),
            ("huobi", "book.5", "btcusdt", "mbp.5"), ("huobi", "book_snapshot", "btcusdt", "depth.step0"),
            ("huobi", "book_snapshot.step1", "btcusdt", "depth.step1"), ("huobi", "book_snapshot.refresh.20", "btcusdt", "mbp.refresh.20"),
            ("huobi", "candle.1m", "btcusdt", "kline.1min"), ("huobi", "candle.1h", "btcusdt", "kline.60min"),
            ("huobi_futures", "trade", "BTC_CQ", "trade.detail"), ("huobi_futures", "book", "BTC_CQ", "depth.size_150.high_freq"),
            ("huobi_swap", "book.20", "BTC-USD", "depth.size_20.high_freq"),
            ("huobi_swap", "book_snapshot.step6", "BTC-USD", "depth.step6"),
            ("huobi_uswap", "candle.1mon", "BTC-USDT", "kline.1mon"), ("huobi_uswap", "bbo", "BTC-USDT", "bbo"),
        ])
    func roundTrip(id: String, channel: String, symbol: String, own: String) throws {
        var connection = try Connection(id)
        let topic = try connection.dialect.canonical(channel, symbol.lowercased())
        #expect(topic == Topic(channel, symbol))
        let name = "market.\(symbol).\(own)"
        let kind = own.hasSuffix("high_freq") ? #","data_type":"incremental""# : ""
        #expect(try connection.subscribe(topic, firstID: 4).first == #"{"sub":"\#(name)"\#(kind),"id":"4"}"#)
        #expect(connection.read(#"{"ch":"\#(name)","ts":1,"tick":{}}"#) == .packet(topic))
        #expect(
            connection.read(#"{"id":"4","status":"ok","subbed":"\#(name)","ts":1}"#)
                == .ack(Acknowledgement(.accepted, requestID: "4", topics: [topic])))
        #expect(
            connection.read(#"{"id":"5","status":"ok","unsubbed":"\#(name)","ts":1}"#)
                == .ack(Acknowledgement(.accepted, requestID: "5", topics: [topic], isUnsubscription: true)))
    }

    @Test("a spot book is asked for as a whole, too, and the answer belongs to its stream")
    func wholeBook() throws {
        var connection = try Connection("huobi")
        #expect(
            try connection.subscribe(Topic("book", "BTCUSDT"), Topic("trade", "btcusdt")) == [
                #"{"sub":"market.btcusdt.mbp.150","id":"1"}"#, #"{"req":"market.btcusdt.mbp.150","id":"2"}"#,
                #"{"sub":"market.btcusdt.trade.detail","id":"3"}"#,
            ])
        let change =
            #"{"ch":"market.btcusdt.mbp.150","ts":1760000001908,"tick":{"seqNum":100020146795,"prevSeqNum":100020146794,"bids":[],"#
            + #""asks":[[97121.14,0.2675]]}}"#
        let whole = #"{"id":"2","rep":"market.btcusdt.mbp.150","status":"ok","data":{"seqNum":100020146794,"bids":[],"asks":[]}}"#
        #expect(connection.read(change) == .packet(Topic("book", "btcusdt")))
        #expect(connection.read(whole) == .packet(Topic("book", "btcusdt")))
        #expect(connection.streamKey(change) == connection.streamKey(whole))
    }

    @Test("incremental books of spot have an address of their own")
    func branches() throws {
        let dialect = try Exchanges.dialect("huobi")
        #expect(dialect.branches == [Branch(name: "feed", url: "wss://api.huobi.pro/feed")])
        #expect(dialect.branch(of: Topic("book", "btcusdt")) == "feed")
        #expect(dialect.branch(of: Topic("book_snapshot", "btcusdt")) == nil)
        #expect(dialect.branch(of: Topic("trade", "btcusdt")) == nil)
        #expect(dialect.connection(topics: [], random: 0) == .url("wss://api.huobi.pro/ws"))
        #expect(try Exchanges.dialect("huobi_swap").branches == [])
    }

    @Test("trades of every market go to the stream of their symbol")
    func trades() throws {
        let samples = [
            (
                "huobi", "btcusdt",
                #""data":[{"id":170182534526255757567432481,"ts":1760000001840,"amount":0.0209,"price":97120.4,"direction":"buy"}]"#
            ),
            (
                "huobi_futures", "BTC_CQ",
                #""data":[{"amount":120,"ts":1760000001123,"id":2138436723890000,"price":97362.5,"direction":"sell"}]"#
            ),
            ("huobi_swap", "BTC-USD", #""data":[{"amount":6,"quantity":0.0061778,"ts":1760000001216,"price":97122.1,"direction":"buy"}]"#),
            (
                "huobi_uswap", "BTC-USDT",
                #""data":[{"amount":4,"quantity":0.004,"trade_turnover":388.4848,"price":97121.2,"direction":"buy"}]"#
            ),
        ]
        for (id, symbol, data) in samples {
            var connection = try Connection(id)
            let text = #"{"ch":"market.\#(symbol).trade.detail","ts":1760000001842,"tick":{"id":170182534526,"ts":1760000001840,\#(data)}}"#
            #expect(connection.read(text) == .packet(Topic("trade", symbol)))
        }
        var futures = try Connection("huobi_futures")
        let book =
            #"{"ch":"market.BTC_CQ.depth.size_150.high_freq","tick":{"asks":[[97376.41,2627]],"bids":[],"ch":"#
            + #""market.BTC_CQ.depth.size_150.high_freq","event":"update","id":213842925649,"version":330099155},"ts":1760000001838}"#
        #expect(futures.read(book) == .packet(Topic("book", "BTC_CQ")))
    }

    @Test("refusals carry the exchange's words; a broken limit is a notice")
    func refusals() throws {
        var connection = try Connection("huobi")
        let invalid = #"{"id":"t1","status":"error","err-code":"bad-request","err-msg":"invalid symbol","ts":1760000000653}"#
        #expect(connection.read(invalid) == .ack(Acknowledgement(.rejected("bad-request: invalid symbol"), requestID: "t1")))
        let tooMany = #"{"id":"t1","status":"error","err-code":"bad-request","err-msg":"429 too many request","ts":1}"#
        #expect(connection.read(tooMany) == .notice(Notice(.limit, "bad-request: 429 too many request")))
    }

    @Test("the state of the system is a notice")
    func notices() throws {
        var connection = try Connection("huobi_futures")
        let down =
            #"{"op":"notify","topic":"public.futures.heartbeat","event":"init","ts":1760000000403,"data":{"heartbeat":0,"#
            + #""estimated_recovery_time":1760003600000}}"#
        #expect(connection.read(down) == .notice(Notice(.maintenance, "the system is in maintenance")))
        let up = #"{"op":"notify","topic":"public.swap.heartbeat","event":"update","data":{"heartbeat":1,"estimated_recovery_time":null}}"#
        #expect(connection.read(up) == .notice(Notice(.information, "the system is up")))
        #expect(connection.read(#"{"op":"close","ts":1760000000403}"#) == .notice(Notice(.reconnect, "the server closes the connection")))
    }

    @Test("a channel name that is none goes to the control stream")
    func strangeNames() throws {
        var connection = try Connection("huobi")
        #expect(connection.read(#"{"ch":"accounts","tick":{}}"#) == .unrouted)
        #expect(connection.read(#"{"ch":7}"#) == .unrouted)
        #expect(connection.read(#"{"ch":"market.x.y"#).isMalformed)
    }
}
