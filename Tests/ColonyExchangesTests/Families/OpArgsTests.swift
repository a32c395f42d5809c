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

    @Test("candles and single trades have their own address")
    func branches() throws {
        let dialect = try Exchanges.dialect("okx")
        #expect(dialect.branches == [Branch(name: "business", url: "wss://ws.okx.com:8443/ws/v5/business")])
        #expect(dialect.branch(of: Topic("candle.1m", "BTC-USDT")) == "business")
        #expect(dialect.branch(of: Topic("trade.all", "BTC-USDT")) == "business")
        #expect(dialect.branch(of: Topic("trade", "BTC-USDT")) == nil)
        #expect(dialect.connection(topics: [Topic("trade", "BTC-USDT")], random: 0) == .url("wss://ws.okx.com:8443/ws/v5/public"))
    }
}
