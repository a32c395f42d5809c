import ColonyExchanges
import Testing

@Suite("Bybit")
struct BybitTests {
    @Test(
        "every offered topic comes back under its own name",
        arguments: [
            ("trade", "publicTrade"), ("ticker", "tickers"), ("bbo", "orderbook.1"), ("book", "orderbook.50"),
            ("book.200", "orderbook.200"),
            ("candle.1m", "kline.1"), ("candle.4h", "kline.240"), ("candle.1d", "kline.D"), ("candle.1mon", "kline.M"),
            ("liquidation", "allLiquidation"),
        ])
    func roundTrip(channel: String, own: String) throws {
        for (id, symbol) in [("bybit_swap", "BTCUSD"), ("bybit_uswap", "BTCUSDT")] {
            var connection = try Connection(id)
            let topic = try connection.dialect.canonical(channel, symbol.lowercased())
            #expect(topic == Topic(channel, symbol))
            #expect(try connection.subscribe(topic, firstID: 7) == [#"{"req_id":"7","op":"subscribe","args":["\#(own).\#(symbol)"]}"#])
            #expect(connection.read(#"{"topic":"\#(own).\#(symbol)","type":"snapshot","ts":1,"data":[]}"#) == .packet(topic))
            #expect(connection.unsubscribe(topic, firstID: 8) == [#"{"req_id":"8","op":"unsubscribe","args":["\#(own).\#(symbol)"]}"#])
        }
    }

    @Test("pushes of both versions are read")
    func pushes() throws {
        var connection = try Connection("bybit_swap")
        let trade =
            #"{"topic":"publicTrade.BTCUSD","type":"snapshot","ts":1760000001868,"data":[{"T":1760000001865,"s":"BTCUSD","S":"Buy","#
            + #""v":"1200","p":"97110.50","L":"PlusTick","i":"3c1e1a58","BT":false,"seq":1783284617}]}"#
        #expect(connection.read(trade) == .packet(Topic("trade", "BTCUSD")))
        let book =
            #"{"topic":"orderbook.50.BTCUSD","type":"delta","ts":1760000001966,"data":{"s":"BTCUSD","b":[["97110.00","30028"]],"#
            + #""a":[["97111.00","892"]],"u":177400507,"seq":66544703342},"cts":1760000001964}"#
        #expect(connection.read(book) == .packet(Topic("book", "BTCUSD")))
        let old =
            #"{"topic":"orderBookL2_25.BTCUSD","type":"delta","data":{"delete":[],"update":[],"insert":[],"transactTimeE6":0},"#
            + #""cross_seq":11519,"timestamp_e6":1592816673461673}"#
        #expect(connection.read(old) == .packet(Topic("book.25", "BTCUSD")))
        #expect(connection.read(#"{"topic":"trade.BTCUSD","data":[]}"#) == .packet(Topic("trade", "BTCUSD")))
        #expect(connection.read(#"{"topic":"instrument_info.100ms.BTCUSD","data":{}}"#) == .packet(Topic("ticker", "BTCUSD")))
        #expect(connection.read(#"{"topic":"klineV2.1.BTCUSD","data":[]}"#) == .packet(Topic("candle.1m", "BTCUSD")))
        #expect(connection.read(#"{"topic":"candle.5.BTCUSD","data":[]}"#) == .packet(Topic("candle.5m", "BTCUSD")))
    }

    @Test("answers of both versions are matched, refusals carry the exchange's words")
    func answers() throws {
        var connection = try Connection("bybit_uswap")
        let accepted = #"{"success":true,"ret_msg":"","conn_id":"524f941a","req_id":"s1","op":"subscribe"}"#
        #expect(connection.read(accepted) == .ack(Acknowledgement(.accepted, requestID: "s1")))
        let refused =
            #"{"success":false,"ret_msg":"error:handler not found,topic:publicTrade.XXXUSDT","conn_id":"fe2f534d","req_id":"s1","op":"subscribe"}"#
        #expect(
            connection.read(refused)
                == .ack(
                    Acknowledgement(.rejected("error:handler not found,topic:publicTrade.XXXUSDT"), requestID: "s1")))
        let unsubscribed = #"{"success":true,"ret_msg":"","conn_id":"1","req_id":"u1","op":"unsubscribe"}"#
        #expect(connection.read(unsubscribed) == .ack(Acknowledgement(.accepted, requestID: "u1", isUnsubscription: true)))
        let old = #"{"success":true,"ret_msg":"","conn_id":"38cf0ac3-af67","request":{"op":"subscribe","args":["trade.BTCUSDT"]}}"#
        #expect(connection.read(old) == .ack(Acknowledgement(.accepted, topics: [Topic("trade", "BTCUSDT")])))
    }

    @Test("answers to pings of both versions are signs of life though they say ping")
    func heartbeats() throws {
        var connection = try Connection("bybit_swap")
        for text in [
            #"{"success":true,"ret_msg":"pong","conn_id":"a733b666","req_id":"100001","op":"ping"}"#,
            #"{"req_id":"1","op":"pong","args":["1760000000000"],"conn_id":"a733b666"}"#,
            #"{"success":true,"ret_msg":"pong","conn_id":"38cf0ac3-af67","request":{"op":"ping","args":null}}"#,
        ] {
            #expect(connection.read(text) == .heartbeat)
        }
        let ping = connection.dialect.ping(.documented, PingContext(wallMilliseconds: 0, random: 100_001))
        #expect(ping == .text(#"{"req_id":"100001","op":"ping"}"#))
    }

    @Test("maintenance is a notice")
    func notices() throws {
        var connection = try Connection("bybit_swap")
        let status =
            #"{"topic":"system.status","ts":1760000000649,"data":[{"id":"4d95b2a0","title":"maintenance","state":"ongoing","#
            + #""begin":"1760000000000","end":"1760003600000"}]}"#
        #expect(connection.read(status) == .notice(Notice(.maintenance, "maintenance ongoing")))
    }
}
