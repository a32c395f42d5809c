import ColonyExchanges
import Testing

@Suite("Deribit")
struct DeribitTests {
    @Test(
        "every offered topic comes back under its own name",
        arguments: [
            ("trade", "trades.BTC-PERPETUAL.100ms"), ("trade.agg2", "trades.BTC-PERPETUAL.agg2"), ("ticker", "ticker.BTC-PERPETUAL.100ms"),
            ("bbo", "quote.BTC-PERPETUAL"), ("book", "book.BTC-PERPETUAL.100ms"), ("book.raw", "book.BTC-PERPETUAL.raw"),
            ("book_snapshot", "book.BTC-PERPETUAL.none.10.100ms"), ("book_snapshot.20", "book.BTC-PERPETUAL.none.20.100ms"),
            ("candle.1m", "chart.trades.BTC-PERPETUAL.1"), ("candle.1d", "chart.trades.BTC-PERPETUAL.1D"),
        ])
    func roundTrip(channel: String, own: String) throws {
        var connection = try Connection("deribit")
        let topic = try connection.dialect.canonical(channel, "btc-perpetual")
        #expect(topic == Topic(channel, "BTC-PERPETUAL"))
        #expect(
            try connection.subscribe(topic, firstID: 4) == [
                #"{"jsonrpc":"2.0","id":4,"method":"public/set_heartbeat","params":{"interval":30}}"#,
                #"{"jsonrpc":"2.0","id":5,"method":"public/subscribe","params":{"channels":["\#(own)"]}}"#,
            ])
        #expect(
            connection.unsubscribe(topic, firstID: 6) == [
                #"{"jsonrpc":"2.0","id":6,"method":"public/unsubscribe","params":{"channels":["\#(own)"]}}"#
            ])
        let push = #"{"jsonrpc":"2.0","method":"subscription","params":{"channel":"\#(own)","data":{"instrument_name":"BTC-PERPETUAL"}}}"#
        #expect(connection.read(push) == .packet(topic))
        #expect(
            connection.read(#"{"jsonrpc":"2.0","id":5,"result":["\#(own)"],"usIn":1,"usOut":2,"usDiff":1,"testnet":false}"#)
                == .ack(Acknowledgement(.accepted, requestID: "5", topics: [topic])))
    }

    @Test("a test request is answered at once, and the answer to ours is a sign of life")
    func heartbeats() throws {
        var connection = try Connection("deribit")
        #expect(
            connection.read(#"{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"test_request"}}"#)
                == .reply(.text(#"{"jsonrpc":"2.0","id":999999999,"method":"public/test","params":{}}"#)))
        #expect(connection.read(#"{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"heartbeat"}}"#) == .heartbeat)
        #expect(connection.read(#"{"jsonrpc":"2.0","id":999999999,"result":{"version":"1.2.26"},"testnet":false}"#) == .heartbeat)
        #expect(
            connection.read(#"{"jsonrpc":"2.0","id":9,"result":"ok","usDiff":100,"testnet":false}"#)
                == .ack(Acknowledgement(.accepted, requestID: "9")))
    }

    @Test("refusals, limits and the state of the platform are told apart")
    func control() throws {
        var connection = try Connection("deribit")
        #expect(
            connection.read(#"{"jsonrpc":"2.0","id":1,"error":{"code":10028,"message":"too_many_requests","data":null}}"#)
                == .notice(Notice(.limit, "10028 too_many_requests")))
        #expect(
            connection.read(#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"Invalid params"}}"#)
                == .ack(Acknowledgement(.rejected("-32602 Invalid params"), requestID: "1")))
        #expect(
            connection.read(#"{"jsonrpc":"2.0","id":1,"result":[],"testnet":false}"#)
                == .ack(Acknowledgement(.rejected("no such channel: the answer names none"), requestID: "1")))
        let locked = #"{"jsonrpc":"2.0","method":"subscription","params":{"channel":"platform_state","data":{"locked":"true"}}}"#
        #expect(connection.read(locked) == .notice(Notice(.maintenance, "the platform is locked")))
    }
}

@Suite("bitFlyer")
struct BitFlyerTests {
    @Test(
        "every offered topic comes back under its own name",
        arguments: [
            ("trade", "lightning_executions_"), ("ticker", "lightning_ticker_"), ("book", "lightning_board_"),
            ("book_snapshot", "lightning_board_snapshot_"),
        ])
    func roundTrip(channel: String, prefix: String) throws {
        for symbol in ["BTC_JPY", "FX_BTC_JPY"] {
            var connection = try Connection("bitflyer")
            let topic = try connection.dialect.canonical(channel, symbol.lowercased())
            #expect(topic == Topic(channel, symbol))
            #expect(
                try connection.subscribe(topic, firstID: 2) == [
                    #"{"jsonrpc":"2.0","id":2,"method":"subscribe","params":{"channel":"\#(prefix)\#(symbol)"}}"#
                ])
            let push =
                #"{"jsonrpc":"2.0","method":"channelMessage","params":{"channel":"\#(prefix)\#(symbol)","message":{"mid_price":1.0}}}"#
            #expect(connection.read(push) == .packet(topic))
        }
    }

    @Test("answers are matched by their id")
    func answers() throws {
        var connection = try Connection("bitflyer")
        #expect(connection.read(#"{"jsonrpc":"2.0","id":1,"result":true}"#) == .ack(Acknowledgement(.accepted, requestID: "1")))
        #expect(
            connection.read(#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"Invalid channel"}}"#)
                == .ack(Acknowledgement(.rejected("-32602 Invalid channel"), requestID: "1")))
        #expect(connection.read(#"{"jsonrpc":"2.0","method":"channelMessage","params":{"channel":"chat","message":{}}}"#) == .unrouted)
        #expect(connection.dialect.ping(.documented, PingContext(wallMilliseconds: 0, random: 0)) == .ping([]))
    }
}
