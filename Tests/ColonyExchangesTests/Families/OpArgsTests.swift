import ColonyExchanges
import Testing

@Suite("OKX")
struct OKXTests {
    @Test(
        "every offered topic comes back under its own name",
        arguments: [
            ("trade", "trades"), ("trade.all", "trades-all"), ("ticker", "tickers"), ("bbo", "bbo-tbt"), ("book", "books"),
            ("book_snapshot", "books5"), ("book.l2-tbt", "books-l2-tbt"), ("candle.1m", "candle1m"), ("candle.1h", "candle1H"),
            ("candle.1mon", "candle1M"), ("candle.1dutc", "candle1Dutc"), ("candle.1monutc", "candle1Mutc"),
            ("funding-rate", "funding-rate"),
        ])
    func roundTrip(channel: String, own: String) throws {
        var connection = try Connection("okx")
        let topic = try connection.dialect.canonical(channel, "btc/usdt")
        #expect(topic == Topic(channel, "BTC-USDT"))
        let argument = #"{"channel":"\#(own)","instId":"BTC-USDT"}"#
        #expect(try connection.subscribe(topic, firstID: 3) == [#"{"id":"3","op":"subscribe","args":[\#(argument)]}"#])
        #expect(connection.read(#"{"arg":\#(argument),"data":[{"instId":"BTC-USDT"}]}"#) == .packet(topic))
        #expect(
            connection.read(#"{"id":"3","event":"subscribe","arg":\#(argument),"connId":"b7e01c42"}"#)
                == .ack(Acknowledgement(.accepted, requestID: "3", topics: [topic])))
        // Whatever the order of the members, an answer is no market data.
        #expect(
            connection.read(#"{"arg":\#(argument),"connId":"b7e01c42","event":"unsubscribe"}"#)
                == .ack(Acknowledgement(.accepted, topics: [topic], isUnsubscription: true)))
    }

    @Test("books and trades go to their symbol")
    func pushes() throws {
        var connection = try Connection("okx")
        let trade =
            #"{"arg":{"channel":"trades","instId":"BTC-USDT"},"data":[{"instId":"BTC-USDT","tradeId":"830639474","px":"97120.4","#
            + #""sz":"0.0120603","side":"buy","ts":"1760000001897","count":"3","seqId":66123456789}]}"#
        #expect(connection.read(trade) == .packet(Topic("trade", "BTC-USDT")))
        let book =
            #"{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"update","data":[{"asks":[["97121.1","0","0","0"]],"#
            + #""bids":[["97120.3","1.25","0","7"]],"ts":"1760000001985","checksum":-855196043,"prevSeqId":1,"seqId":2}]}"#
        #expect(connection.read(book) == .packet(Topic("book", "BTC-USDT")))
        #expect(connection.read(#"{"arg":{"channel":"instruments","instType":"SPOT"},"data":[]}"#) == .packet(Topic("instruments", "_all")))
    }

    @Test("version 3 is read: tables, answers and refusals")
    func version3() throws {
        var connection = try Connection("okx")
        let trade =
            #"{"table":"spot/trade","data":[{"instrument_id":"BTC-USDT","price":"9353.4","side":"buy","size":"0.02","#
            + #""timestamp":"2020-06-22T09:04:33.461Z","trade_id":"2712345678"}]}"#
        #expect(connection.read(trade) == .packet(Topic("trade", "BTC-USDT")))
        let several = #"{"table":"spot/ticker","data":[{"instrument_id":"BTC-USDT"},{"instrument_id":"ETH-USDT"}]}"#
        #expect(connection.read(several) == .packet(Topic("ticker", "_all")))
        #expect(
            connection.read(#"{"table":"spot/candle60s","data":[{"instrument_id":"BTC-USDT"}]}"#) == .packet(Topic("candle.1m", "BTC-USDT"))
        )
        #expect(
            connection.read(#"{"table":"spot/depth","action":"partial","data":[{"instrument_id":"BTC-USDT"}]}"#)
                == .packet(Topic("book", "BTC-USDT")))
        #expect(
            connection.read(#"{"event":"subscribe","channel":"spot/trade:BTC-USDT"}"#)
                == .ack(Acknowledgement(.accepted, topics: [Topic("trade", "BTC-USDT")])))
        #expect(
            connection.read(#"{"event":"error","message":"Channel spot/trade:XXX does not exist","errorCode":30040}"#)
                == .ack(Acknowledgement(.rejected("30040 Channel spot/trade:XXX does not exist"))))
    }

    @Test("a refusal names its topic; an announced close asks for a new connection; pong is bare text")
    func control() throws {
        var connection = try Connection("okx")
        let refused =
            #"{"id":"t1","event":"error","code":"60018","msg":"Wrong URL or channel:trades,instId:XXX-USDT does not exist","connId":"b7e01c42"}"#
        #expect(
            connection.read(refused)
                == .ack(
                    Acknowledgement(
                        .rejected("60018 Wrong URL or channel:trades,instId:XXX-USDT does not exist"), requestID: "t1",
                        topics: [Topic("trade", "XXX-USDT")])))
        let words = "The connection will soon be closed for a service upgrade. Please reconnect."
        #expect(
            connection.read(#"{"event":"notice","code":"64008","msg":"\#(words)","connId":"b7e01c42"}"#)
                == .notice(Notice(.reconnect, "64008 \(words)")))
        #expect(connection.read("pong") == .heartbeat)
        #expect(connection.read("pang").isMalformed)
        #expect(connection.dialect.ping(.documented, PingContext(wallMilliseconds: 0, random: 0)) == .text("ping"))
    }

    @Test("candles and single trades connect to their own address")
    func addresses() throws {
        let dialect = try Exchanges.dialect("okx")
        let candles = [Topic("candle.1m", "BTC-USDT"), Topic("trade.all", "BTC-USDT")]
        #expect(dialect.connection(topics: candles, random: 0) == .url("wss://ws.okx.com:8443/ws/v5/business"))
        #expect(dialect.connection(topics: candles + [Topic("trade", "BTC-USDT")], random: 0) == .url("wss://ws.okx.com:8443/ws/v5/public"))
    }
}

@Suite("Bitget")
struct BitgetTests {
    @Test(
        "every offered topic comes back under its own name, futures under their product type",
        arguments: [
            ("trade", "trade"), ("ticker", "ticker"), ("bbo", "books1"), ("book", "books"), ("book_snapshot", "books15"),
            ("book_snapshot.5", "books5"), ("candle.1m", "candle1m"), ("candle.1d", "candle1D"), ("candle.1wutc", "candle1Wutc"),
        ])
    func roundTrip(channel: String, own: String) throws {
        for (symbol, product) in [("BTCUSDT", "SPOT"), ("USDT-FUTURES:BTCUSDT", "USDT-FUTURES"), ("USDC-FUTURES:BTCUSDT", "USDC-FUTURES")] {
            var connection = try Connection("bitget")
            let topic = try connection.dialect.canonical(channel, symbol.lowercased())
            #expect(topic == Topic(channel, symbol))
            let argument = #"{"instType":"\#(product)","channel":"\#(own)","instId":"BTCUSDT"}"#
            #expect(try connection.subscribe(topic) == [#"{"op":"subscribe","args":[\#(argument)]}"#])
            #expect(connection.unsubscribe(topic) == [#"{"op":"unsubscribe","args":[\#(argument)]}"#])
            #expect(connection.read(#"{"action":"update","arg":\#(argument),"data":[],"ts":1760000001712}"#) == .packet(topic))
            #expect(connection.read(#"{"event":"subscribe","arg":\#(argument)}"#) == .ack(Acknowledgement(.accepted, topics: [topic])))
        }
        #expect(throws: DialectError.self) { try Exchanges.dialect("bitget").canonical("trade", "MOON-FUTURES:BTCUSDT") }
    }

    @Test("refusals name their topic; versions 1 and 3 are read")
    func otherVersions() throws {
        var connection = try Connection("bitget")
        let words = "instType:SPOT,channel:trade,instId:XXXUSDT doesn't exist"
        let refused =
            #"{"event":"error","arg":{"instType":"SPOT","channel":"trade","instId":"XXXUSDT"},"code":30001,"msg":"\#(words)","op":"subscribe"}"#
        #expect(connection.read(refused) == .ack(Acknowledgement(.rejected("30001 \(words)"), topics: [Topic("trade", "XXXUSDT")])))
        #expect(
            connection.read(#"{"action":"snapshot","arg":{"instType":"mc","channel":"books","instId":"BTCUSDT"},"data":[]}"#)
                == .packet(Topic("book", "BTCUSDT")))
        #expect(
            connection.read(#"{"action":"update","arg":{"instType":"usdt-futures","topic":"publicTrade","symbol":"BTCUSDT"},"data":[]}"#)
                == .packet(Topic("trade", "USDT-FUTURES:BTCUSDT")))
        #expect(connection.read("pong") == .heartbeat)
    }
}

@Suite("BitMEX")
struct BitMEXTests {
    @Test(
        "every offered topic comes back under its own name",
        arguments: [
            ("trade", "trade"), ("ticker", "instrument"), ("bbo", "quote"), ("book", "orderBookL2_25"), ("book.full", "orderBookL2"),
            ("book_snapshot", "orderBook10"), ("candle.1m", "tradeBin1m"), ("candle.1d", "tradeBin1d"), ("funding", "funding"),
        ])
    func roundTrip(channel: String, table: String) throws {
        var connection = try Connection("bitmex")
        let topic = try connection.dialect.canonical(channel, "xbtusd")
        #expect(topic == Topic(channel, "XBTUSD"))
        #expect(try connection.subscribe(topic) == [#"{"op":"subscribe","args":["\#(table):XBTUSD"]}"#])
        #expect(connection.unsubscribe(topic) == [#"{"op":"unsubscribe","args":["\#(table):XBTUSD"]}"#])
        #expect(
            connection.read(#"{"table":"\#(table)","action":"insert","data":[{"symbol":"XBTUSD"},{"symbol":"XBTUSD"}]}"#) == .packet(topic))
        let accepted = #"{"success":true,"subscribe":"\#(table):XBTUSD","request":{"op":"subscribe","args":["\#(table):XBTUSD"]}}"#
        #expect(connection.read(accepted) == .ack(Acknowledgement(.accepted, topics: [topic])))
    }

    @Test("a table without rows belongs to the symbol of its filter, rows of several symbols to _all")
    func partials() throws {
        var connection = try Connection("bitmex")
        let empty = #"{"table":"trade","action":"partial","keys":[],"types":{"symbol":"symbol"},"filter":{"symbol":"XBTUSD"},"data":[]}"#
        #expect(connection.read(empty) == .packet(Topic("trade", "XBTUSD")))
        #expect(
            connection.read(#"{"table":"trade","action":"insert","data":[{"symbol":"XBTUSD"},{"symbol":"ETHUSD"}]}"#)
                == .packet(Topic("trade", "_all")))
        let book =
            #"{"table":"orderBookL2_25","action":"update","data":[{"symbol":"XBTUSD","id":62400580205,"side":"Sell","size":33000,"#
            + #""price":97121.5,"timestamp":"2026-05-02T09:00:02.356Z"}]}"#
        #expect(connection.read(book) == .packet(Topic("book", "XBTUSD")))
        #expect(throws: DialectError.self) { try connection.dialect.canonical("trade", "_all") }
    }

    @Test("refusals name their topics, limits are notices, the greeting and pong are signs of life")
    func control() throws {
        var connection = try Connection("bitmex")
        let refused =
            #"{"status":400,"error":"Unknown or expired symbol.","meta":{},"request":{"op":"subscribe","args":["trade:XXXUSD"]}}"#
        #expect(
            connection.read(refused)
                == .ack(
                    Acknowledgement(.rejected("400 Unknown or expired symbol."), topics: [Topic("trade", "XXXUSD")])))
        let limit =
            #"{"status":429,"error":"Rate limit exceeded, retry in 1 seconds.","meta":{"retryAfter":1},"request":{"op":"subscribe"}}"#
        #expect(connection.read(limit) == .notice(Notice(.limit, "429 Rate limit exceeded, retry in 1 seconds.")))
        let greeting =
            #"{"info":"Welcome to the BitMEX Realtime API.","version":"2.0.0","timestamp":"2026-05-02T09:00:00.865Z","#
            + #""docs":"https://www.bitmex.com/app/wsAPI","limit":{"remaining":39}}"#
        #expect(connection.read(greeting) == .heartbeat)
        #expect(connection.read("pong") == .heartbeat)
        #expect(connection.dialect.ping(.documented, PingContext(wallMilliseconds: 0, random: 0)) == .text("ping"))
    }
}
