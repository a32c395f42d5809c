import ColonyExchanges
import Testing

@Suite("Coinbase Exchange")
struct CoinbaseExchangeTests {
    @Test("the types of one stream share it")
    func streams() throws {
        var connection = try Connection("coinbase")
        #expect(
            try connection.subscribe(Topic("trades", "btc-usd"), Topic("level2", "BTC/USD"), Topic("trade", "ETH-USD")) == [
                #"{"type":"subscribe","product_ids":["BTC-USD","ETH-USD"],"channels":["matches"]}"#,
                #"{"type":"subscribe","product_ids":["BTC-USD"],"channels":["level2_batch"]}"#,
            ])
        let match =
            #"{"type":"match","trade_id":881613455,"maker_order_id":"1b58bd02","taker_order_id":"38c768d3","side":"sell","#
            + #""size":"0.0114","price":"97120.41","product_id":"BTC-USD","sequence":103339387981,"time":"2026-05-02T09:00:01.244075Z"}"#
        let last = #"{"type":"last_match","trade_id":1,"product_id":"BTC-USD"}"#
        #expect(connection.read(match) == .packet(Topic("trade", "BTC-USD")))
        #expect(connection.streamKey(match) == connection.streamKey(last))
        let change =
            #"{"type":"l2update","product_id":"BTC-USD","changes":[["buy","97120.40","0.51"],["sell","97121.07","0.00000000"]],"#
            + #""time":"2026-05-02T09:00:01.275687Z"}"#
        let whole = #"{"type":"snapshot","product_id":"BTC-USD","asks":[],"bids":[]}"#
        #expect(connection.read(change) == .packet(Topic("book", "BTC-USD")))
        #expect(connection.streamKey(change) == connection.streamKey(whole))
        #expect(connection.read(#"{"type":"ticker","sequence":1,"product_id":"BTC-USD"}"#) == .packet(Topic("ticker", "BTC-USD")))
        #expect(connection.read(#"{"type":"status","products":[],"currencies":[]}"#) == .packet(Topic("status", "_all")))
        #expect(try connection.subscribe(Topic("status", "BTC-USD")) == [#"{"type":"subscribe","channels":["status"]}"#])
    }

    @Test("answers list everything subscribed; refusals carry both sentences")
    func control() throws {
        var connection = try Connection("coinbase")
        let accepted =
            #"{"type":"subscriptions","channels":[{"name":"matches","product_ids":["BTC-USD"],"account_ids":null},"#
            + #"{"name":"level2_50","product_ids":["BTC-USD","ETH-USD"],"account_ids":null}]}"#
        let topics = [Topic("trade", "BTC-USD"), Topic("book", "BTC-USD"), Topic("book", "ETH-USD")]
        #expect(connection.read(accepted) == .ack(Acknowledgement(.accepted, topics: topics)))
        #expect(
            connection.read(#"{"type":"error","message":"Failed to subscribe","reason":"XXX-USD is not a valid product"}"#)
                == .ack(Acknowledgement(.rejected("Failed to subscribe: XXX-USD is not a valid product"))))
        let heartbeat =
            #"{"type":"heartbeat","sequence":90,"last_trade_id":20,"product_id":"BTC-USD","time":"2026-05-02T09:00:00.464937Z"}"#
        #expect(connection.read(heartbeat) == .heartbeat)
        #expect(connection.dialect.ping(.documented, PingContext(wallMilliseconds: 0, random: 0)) == .ping([]))
    }
}

@Suite("Coinbase Advanced Trade")
struct CoinbaseAdvancedTests {
    @Test(
        "every offered topic comes back under its own name",
        arguments: [
            ("trade", "market_trades", #""channel":"market_trades","events":[{"type":"update","trades":[{"product_id":"BTC-USD"}]}]"#),
            ("ticker", "ticker", #""channel":"ticker","events":[{"type":"update","tickers":[{"product_id":"BTC-USD"}]}]"#),
            (
                "ticker_batch", "ticker_batch",
                #""channel":"ticker_batch","events":[{"type":"update","tickers":[{"product_id":"BTC-USD"}]}]"#
            ),
            ("book", "level2", #""channel":"l2_data","events":[{"type":"update","product_id":"BTC-USD","updates":[]}]"#),
            ("candle.5m", "candles", #""channel":"candles","events":[{"type":"update","candles":[{"product_id":"BTC-USD"}]}]"#),
        ])
    func roundTrip(channel: String, own: String, push: String) throws {
        var connection = try Connection("coinbase_advanced")
        let topic = try connection.dialect.canonical(channel, "btcusd")
        #expect(topic == Topic(channel, "BTC-USD"))
        #expect(
            try connection.subscribe(topic) == [
                #"{"type":"subscribe","channel":"heartbeats"}"#, #"{"type":"subscribe","product_ids":["BTC-USD"],"channel":"\#(own)"}"#,
            ])
        #expect(connection.unsubscribe(topic) == [#"{"type":"unsubscribe","product_ids":["BTC-USD"],"channel":"\#(own)"}"#])
        #expect(connection.read("{\(push)}") == .packet(topic))
    }

    @Test("packets of several products go to _all")
    func several() throws {
        var connection = try Connection("coinbase_advanced")
        let trades =
            #"{"channel":"market_trades","client_id":"","timestamp":"2026-05-02T09:00:02.789012Z","sequence_num":5,"events":[{"type":"#
            + #""update","trades":[{"trade_id":"995098700","product_id":"BTC-USD"}]},{"type":"update","trades":[{"product_id":"ETH-USD"}]}]}"#
        #expect(connection.read(trades) == .packet(Topic("trade", "_all")))
    }

    @Test("answers list everything subscribed, heartbeats are signs of life")
    func control() throws {
        var connection = try Connection("coinbase_advanced")
        let accepted =
            #"{"channel":"subscriptions","client_id":"","timestamp":"2026-05-02T09:00:00.000000Z","sequence_num":0,"events":["#
            + #"{"subscriptions":{"market_trades":["BTC-USD","ETH-USD"],"heartbeats":["heartbeats"],"level2":["BTC-USD"]}}]}"#
        let topics = [Topic("trade", "BTC-USD"), Topic("trade", "ETH-USD"), Topic("book", "BTC-USD")]
        #expect(connection.read(accepted) == .ack(Acknowledgement(.accepted, topics: topics)))
        let heartbeat =
            #"{"channel":"heartbeats","client_id":"","timestamp":"2026-05-02T09:00:10.000000Z","sequence_num":3,"events":["#
            + #"{"current_time":"2026-05-02 09:00:10.000000000+00:00","heartbeat_counter":42}]}"#
        #expect(connection.read(heartbeat) == .heartbeat)
        #expect(
            connection.read(#"{"type":"error","message":"channel must be one of level2, ticker, ..."}"#)
                == .ack(Acknowledgement(.rejected("channel must be one of level2, ticker, ..."))))
    }
}
