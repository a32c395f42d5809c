import ColonyExchanges
import Testing

@Suite("Kraken")
struct KrakenTests {
    @Test("one message asks for many symbols of one channel, and is answered for each symbol")
    func subscribes() throws {
        var connection = try Connection("kraken")
        let sent = try connection.subscribe(
            Topic("trades", "xbt/usd"), Topic("trade", "ETH-USD"), Topic("book.25", "BTCUSD"), Topic("candle.1h", "BTC/USD"))
        #expect(
            sent == [
                #"{"method":"subscribe","params":{"channel":"trade","symbol":["BTC/USD","ETH/USD"],"snapshot":false},"req_id":1}"#,
                #"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":25},"req_id":2}"#,
                #"{"method":"subscribe","params":{"channel":"ohlc","symbol":["BTC/USD"],"interval":60},"req_id":3}"#,
            ])
        let accepted =
            #"{"method":"subscribe","result":{"channel":"trade","symbol":"BTC/USD","snapshot":false},"success":true,"#
            + #""time_in":"2026-05-02T09:00:00.742599Z","time_out":"2026-05-02T09:00:00.742648Z","req_id":1}"#
        #expect(connection.read(accepted) == .ack(Acknowledgement(.accepted, requestID: "1", topics: [Topic("trade", "BTC/USD")])))
        let refused =
            #"{"error":"Currency pair not supported ETH/USD","method":"subscribe","success":false,"symbol":"ETH/USD","#
            + #""time_in":"2026-05-02T09:00:00.100200Z","time_out":"2026-05-02T09:00:00.100260Z","req_id":1}"#
        #expect(
            connection.read(refused)
                == .ack(
                    Acknowledgement(.rejected("Currency pair not supported ETH/USD"), requestID: "1", topics: [Topic("trade", "ETH/USD")])))
        let candle = #"{"channel":"ohlc","type":"update","data":[{"symbol":"BTC/USD","open":1.0,"interval":60}]}"#
        #expect(connection.read(candle) == .packet(Topic("candle.1h", "BTC/USD")))
    }

    @Test("a book comes back under the depth that was asked for, before and after the answer")
    func bookDepth() throws {
        let book =
            #"{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[{"price":97120.3,"qty":0.25}],"asks":[],"#
            + #""checksum":2114181697,"timestamp":"2026-05-02T09:00:01.200000Z"}]}"#
        var connection = try Connection("kraken")
        #expect(connection.read(book) == .packet(Topic("book", "BTC/USD")))
        _ = try connection.subscribe(Topic("book.100", "BTC/USD"))
        #expect(connection.read(book) == .packet(Topic("book.100", "BTC/USD")))
        // Without the request, the answer tells.
        var other = try Connection("kraken")
        let answer = #"{"method":"subscribe","result":{"channel":"book","symbol":"BTC/USD","depth":25},"success":true,"req_id":2}"#
        #expect(other.read(answer) == .ack(Acknowledgement(.accepted, requestID: "2", topics: [Topic("book.25", "BTC/USD")])))
        #expect(other.read(book) == .packet(Topic("book.25", "BTC/USD")))
        #expect(try other.dialect.canonical("book.10", "BTC/USD") == Topic("book", "BTC/USD"))
        #expect(throws: DialectError.self) { try other.dialect.canonical("book.7", "BTC/USD") }
    }

    @Test("a packet of one symbol goes to it, one of several to _all")
    func routes() throws {
        var connection = try Connection("kraken")
        let trade =
            #"{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"sell","price":97120.4,"qty":0.01276,"#
            + #""ord_type":"market","trade_id":82200139,"timestamp":"2026-05-02T09:00:01.123456Z"}]}"#
        #expect(connection.read(trade) == .packet(Topic("trade", "BTC/USD")))
        let several = #"{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD"},{"symbol":"ETH/USD"}]}"#
        #expect(connection.read(several) == .packet(Topic("trade", "_all")))
        #expect(
            connection.read(#"{"channel":"instrument","type":"snapshot","data":{"assets":[],"pairs":[]}}"#)
                == .packet(Topic("instrument", "_all")))
    }

    @Test("heartbeats, pongs and the greeting are signs of life, maintenance is a notice")
    func signsOfLife() throws {
        var connection = try Connection("kraken")
        for text in [
            #"{"channel":"heartbeat"}"#, #"{"event":"heartbeat"}"#, #"{"event":"pong","reqid":42}"#,
            #"{"method":"pong","req_id":101,"time_in":"2026-05-02T09:00:05.123456Z","time_out":"2026-05-02T09:00:05.123500Z"}"#,
            #"{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"online","api_version":"v2","connection_id":1}]}"#,
            #"{"connectionID":17100001230987654321,"event":"systemStatus","status":"online","version":"1.8.3"}"#,
        ] {
            #expect(connection.read(text) == .heartbeat)
        }
        let maintenance =
            #"{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"maintenance","api_version":"v2","connection_id":1}]}"#
        #expect(connection.read(maintenance) == .notice(Notice(.maintenance, "system maintenance")))
        #expect(connection.read(#"{"Error":"Exceeded msg rate"}"#) == .notice(Notice(.limit, "Exceeded msg rate")))
        let ping = connection.dialect.ping(.documented, PingContext(wallMilliseconds: 0, random: 1_000_101))
        #expect(ping == .text(#"{"method":"ping","req_id":101}"#))
    }

    @Test("version 1 is read: arrays from their end, answers with their pair")
    func version1() throws {
        var connection = try Connection("kraken")
        let trade = #"[321,[["57126.70000","0.02063928","1616333924.737428","b","m",""]],"trade","XBT/USD"]"#
        #expect(connection.read(trade) == .packet(Topic("trade", "XBT/USD")))
        let book =
            #"[320,{"a":[["38800.00000","0.02203518","1622766170.577187"]]},{"b":[["38800.00000","0.03017320","1622766170.577304"]],"#
            + #""c":"2479000840"},"book-25","XBT/USD"]"#
        #expect(connection.read(book) == .packet(Topic("book.25", "XBT/USD")))
        let accepted =
            #"{"channelID":321,"channelName":"trade","event":"subscriptionStatus","pair":"XBT/USD","status":"subscribed","#
            + #""subscription":{"name":"trade"}}"#
        #expect(connection.read(accepted) == .ack(Acknowledgement(.accepted, topics: [Topic("trade", "XBT/USD")])))
        let refused =
            #"{"errorMessage":"Currency pair not supported XBT/XXX","event":"subscriptionStatus","pair":"XBT/XXX","status":"error","#
            + #""subscription":{"name":"trade"}}"#
        #expect(
            connection.read(refused)
                == .ack(
                    Acknowledgement(.rejected("Currency pair not supported XBT/XXX"), topics: [Topic("trade", "XBT/XXX")])))
        #expect(connection.read(#"[321,[["57126.70000"#).isMalformed)
    }
}

@Suite("Kraken futures")
struct KrakenFuturesTests {
    @Test("feeds come back under their topic, the first message of a feed too")
    func data() throws {
        var connection = try Connection("kraken_futures")
        #expect(
            try connection.subscribe(Topic("trades", "pi_xbtusd"), Topic("book", "PI_XBTUSD")) == [
                #"{"event":"subscribe","feed":"trade","product_ids":["PI_XBTUSD"]}"#,
                #"{"event":"subscribe","feed":"book","product_ids":["PI_XBTUSD"]}"#,
            ])
        #expect(connection.read(#"{"event":"info","version":1}"#) == .heartbeat)
        #expect(
            connection.read(#"{"event":"subscribed","feed":"trade","product_ids":["PI_XBTUSD"]}"#)
                == .ack(Acknowledgement(.accepted, topics: [Topic("trade", "PI_XBTUSD")])))
        #expect(
            connection.read(#"{"event":"unsubscribed","feed":"trade","product_ids":["pi_xbtusd"]}"#)
                == .ack(Acknowledgement(.accepted, topics: [Topic("trade", "PI_XBTUSD")], isUnsubscription: true)))
        let snapshot = #"{"feed":"book_snapshot","product_id":"PI_XBTUSD","timestamp":1,"seq":1,"bids":[],"asks":[]}"#
        let change =
            #"{"feed":"book","product_id":"PI_XBTUSD","side":"sell","seq":326094134,"price":97121,"qty":0,"timestamp":1760000001629}"#
        #expect(connection.read(change) == .packet(Topic("book", "PI_XBTUSD")))
        #expect(connection.read(snapshot) == .packet(Topic("book", "PI_XBTUSD")))
        #expect(connection.streamKey(change) == connection.streamKey(snapshot))
        let trade =
            #"{"feed":"trade","product_id":"PI_XBTUSD","uid":"fe72c7b8-f122-cc98-c686-1ceb19eaae79","side":"sell","type":"fill","#
            + #""seq":653355,"time":1760000001519,"qty":1500,"price":97118.5}"#
        #expect(connection.read(trade) == .packet(Topic("trade", "PI_XBTUSD")))
    }

    @Test("refusals, alerts and heartbeats are told apart")
    func control() throws {
        var connection = try Connection("kraken_futures")
        #expect(
            connection.read(#"{"event":"error","message":"Invalid product id"}"#) == .ack(Acknowledgement(.rejected("Invalid product id"))))
        #expect(connection.read(#"{"event":"alert","message":"Bad request"}"#) == .notice(Notice(.error, "Bad request")))
        #expect(connection.read(#"{"feed":"heartbeat","time":1760000000000}"#) == .heartbeat)
        #expect(connection.dialect.ping(.documented, PingContext(wallMilliseconds: 0, random: 0)) == .ping([]))
        #expect(throws: DialectError.self) { try connection.dialect.canonical("candle.1m", "PI_XBTUSD") }
    }
}
