import ColonyExchanges
import Testing

@Suite("Bitfinex")
struct BitfinexTests {
    @Test("channel numbers are learned from the answers and forgotten with the connection")
    func channelNumbers() throws {
        var connection = try Connection("bitfinex")
        #expect(try connection.subscribe(Topic("trades", "BTC/USD")) == [#"{"event":"subscribe","channel":"trades","symbol":"tBTCUSD"}"#])
        let trade = #"[17470,"te",[1801995733,1760000001722,-0.00543,97121]]"#
        #expect(connection.read(trade) == .unrouted)
        let accepted = #"{"event":"subscribed","channel":"trades","chanId":17470,"symbol":"tBTCUSD","pair":"BTCUSD"}"#
        #expect(connection.read(accepted) == .ack(Acknowledgement(.accepted, topics: [Topic("trade", "tBTCUSD")])))
        #expect(connection.read(trade) == .packet(Topic("trade", "tBTCUSD")))
        #expect(connection.read("[ 17470 , [[1,2,3,4]], 12]") == .packet(Topic("trade", "tBTCUSD")))
        #expect(connection.read(#"[17470,"hb"]"#) == .heartbeat)
        #expect(connection.read(#"[204928,"hb",127]"#) == .heartbeat)
        #expect(connection.unsubscribe(Topic("trade", "tBTCUSD")) == [#"{"event":"unsubscribe","chanId":17470}"#])
        #expect(
            connection.read(#"{"event":"unsubscribed","status":"OK","chanId":17470}"#)
                == .ack(Acknowledgement(.accepted, topics: [Topic("trade", "tBTCUSD")], isUnsubscription: true)))
        #expect(connection.read(trade) == .unrouted)
        var next = try Connection("bitfinex")
        #expect(next.read(trade) == .unrouted)
    }

    @Test(
        "every offered topic is answered under its own name",
        arguments: [
            ("ticker", #""channel":"ticker","symbol":"tBTCF0:USTF0""#),
            ("book", #""channel":"book","symbol":"tBTCF0:USTF0","prec":"P0","freq":"F0","len":"25""#),
            ("book.100", #""channel":"book","symbol":"tBTCF0:USTF0","prec":"P0","freq":"F0","len":"100""#),
            ("book.p1.f1", #""channel":"book","symbol":"tBTCF0:USTF0","prec":"P1","freq":"F1","len":"25""#),
            ("book.r0.250", #""channel":"book","symbol":"tBTCF0:USTF0","prec":"R0","freq":"F0","len":"250""#),
            ("candle.1m", #""channel":"candles","key":"trade:1m:tBTCF0:USTF0""#),
            ("candle.1mon", #""channel":"candles","key":"trade:1M:tBTCF0:USTF0""#),
            ("status", #""channel":"status","key":"deriv:tBTCF0:USTF0""#),
        ])
    func roundTrip(channel: String, parameters: String) throws {
        var connection = try Connection("bitfinex_swap")
        let topic = try connection.dialect.canonical(channel, "BTCF0:USTF0")
        #expect(topic == Topic(channel, "tBTCF0:USTF0"))
        #expect(try connection.subscribe(topic) == [#"{"event":"subscribe",\#(parameters)}"#])
        #expect(
            connection.read(#"{"event":"subscribed","chanId":20112,\#(parameters)}"#) == .ack(Acknowledgement(.accepted, topics: [topic])))
        #expect(connection.read("[20112,[97117,2,2.27726294]]") == .packet(topic))
    }

    @Test("symbols take the exchange's form")
    func symbols() throws {
        let dialect = try Exchanges.dialect("bitfinex")
        for (written, symbol) in [
            ("tBTCUSD", "tBTCUSD"), ("btcusd", "tBTCUSD"), ("BTC-USDT", "tBTCUST"), ("BTCUSDT", "tBTCUST"), ("doge/usd", "tDOGE:USD"),
            ("tDOGE:USD", "tDOGE:USD"), ("fUSD", "fUSD"),
        ] {
            #expect(try dialect.canonical("trade", written).symbol == symbol)
        }
    }

    @Test("refusals carry the exchange's words and the topic, except that what is subscribed already is well")
    func refusals() throws {
        var connection = try Connection("bitfinex")
        let invalid = #"{"channel":"trades","symbol":"tXXXUSD","event":"error","msg":"symbol: invalid","code":10300,"pair":"XXXUSD"}"#
        #expect(connection.read(invalid) == .ack(Acknowledgement(.rejected("10300 symbol: invalid"), topics: [Topic("trade", "tXXXUSD")])))
        let twice = #"{"channel":"trades","symbol":"tBTCUSD","event":"error","msg":"subscribe: dup","code":10301,"pair":"BTCUSD"}"#
        #expect(connection.read(twice) == .ack(Acknowledgement(.accepted, topics: [Topic("trade", "tBTCUSD")])))
        #expect(connection.read(#"{"event":"error","msg":"unknown event","code":10000}"#) == .notice(Notice(.error, "10000 unknown event")))
        #expect(
            connection.read(#"{"event":"error","msg":"not subscribed","code":10401}"#)
                == .ack(Acknowledgement(.rejected("10401 not subscribed"), isUnsubscription: true)))
    }

    @Test("announcements are notices, the greeting and pongs signs of life")
    func notices() throws {
        var connection = try Connection("bitfinex")
        let id = "9f5d7a64-1db4-f454-783b-31cb4d116a88"
        #expect(connection.read(#"{"event":"info","version":2,"serverId":"\#(id)","platform":{"status":1}}"#) == .heartbeat)
        #expect(
            connection.read(#"{"event":"info","version":2,"serverId":"\#(id)","platform":{"status":0}}"#)
                == .notice(Notice(.maintenance, "the platform is in maintenance")))
        for (code, kind) in [(20051, Notice.Kind.reconnect), (20060, .maintenance), (20061, .reconnect)] {
            #expect(connection.read(#"{"event":"info","code":\#(code),"msg":"words"}"#) == .notice(Notice(kind, "words")))
        }
        #expect(connection.read(#"{"event":"pong","ts":1760000010123,"cid":1234}"#) == .heartbeat)
        #expect(connection.read("[17470,").isMalformed == false)
        #expect(connection.read("[17470").isMalformed)
        let ping = connection.dialect.ping(.documented, PingContext(wallMilliseconds: 0, random: 1234))
        #expect(ping == .text(#"{"event":"ping","cid":1234}"#))
    }

    @Test("an endless list of channels is not kept")
    func channelLimit() throws {
        var connection = try Connection("bitfinex")
        for id in 1...1_000 { _ = connection.read(#"{"event":"subscribed","channel":"ticker","chanId":\#(id),"symbol":"tBTCUSD"}"#) }
        #expect(
            connection.read(#"{"event":"subscribed","channel":"ticker","chanId":1001,"symbol":"tBTCUSD"}"#)
                == .notice(Notice(.limit, "more than 1000 channels on one connection")))
    }
}
