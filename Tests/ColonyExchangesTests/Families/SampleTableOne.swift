import ColonyExchanges

extension Sample {
    static let first: [Sample] = ofFcoin + ofFmex + ofGate + ofGateSwap + ofLiquid + ofKucoin + ofKucoinFutures + ofBitbank

    private static let ofFcoin: [Sample] = [
        Sample(
            "fcoin", "greeting",
            #"{"type":"hello","ts":1582000000000}"#,
            .heartbeat),
        Sample(
            "fcoin", "ack",
            #"{"type":"topics","topics":["trade.btcusdt","depth.L20.btcusdt"]}"#,
            .ack(Acknowledgement(.accepted, topics: [Topic("trade", "btcusdt"), Topic("book_snapshot", "btcusdt")]))),
        Sample(
            "fcoin", "refusal",
            #"{"id":"s1","status":41002,"msg":"invalid sub topic, trade.xxx"}"#,
            .ack(Acknowledgement(.rejected(#"41002 invalid sub topic, trade.xxx"#), requestID: "s1"))),
        Sample(
            "fcoin", "trade",
            #"""
            {"type":"trade.btcusdt","id":76000123,"amount":0.25,"ts":1581000123456,"side":"sell","price":9650.12}
            """#,
            .packet(Topic("trade", "btcusdt"))),
        Sample(
            "fcoin", "book",
            #"""
            {"type":"depth.L20.btcusdt","ts":1581000123500,"seq":120045,"bids":[9650.1,0.5,9649.8,1.2],"asks":[9650.3,0.4,\#
            9650.9,2.0]}
            """#,
            .packet(Topic("book_snapshot", "btcusdt"))),
        Sample(
            "fcoin", "pong",
            #"{"id":"4711","type":"ping","ts":1581000123090,"gap":90}"#,
            .heartbeat),
        Sample(
            "fcoin", "candle",
            #"""
            {"type":"candle.M1.btcusdt","id":1581000120,"seq":12,"open":9650.1,"close":9651.2,"high":9652.0,"low":9649.9,"\#
            count":3,"base_vol":1.5,"quote_vol":14475.3}
            """#,
            .packet(Topic("candle.1m", "btcusdt"))),
        Sample(
            "fcoin", "deep book",
            #"{"type":"depth.L150.btcusdt","ts":1581000123500,"seq":120045,"bids":[],"asks":[]}"#,
            .packet(Topic("book_snapshot.150", "btcusdt"))),
        Sample(
            "fcoin", "result of a query",
            #"{"id":"q1","data":[1,2]}"#,
            .unrouted),
    ]

    private static let ofFmex: [Sample] = [
        Sample(
            "fmex", "ack",
            #"{"type":"topics","topics":["trade.btcusd_p"]}"#,
            .ack(Acknowledgement(.accepted, topics: [Topic("trade", "btcusd_p")]))),
        Sample(
            "fmex", "trade",
            #"""
            {"type":"trade.btcusd_p","id":5500123,"amount":1200,"ts":1581000123456,"side":"buy","price":9651.5}
            """#,
            .packet(Topic("trade", "btcusd_p"))),
        Sample(
            "fmex", "book",
            #"""
            {"type":"depth.L20.btcusd_p","ts":1581000123500,"seq":88123,"bids":[9651.0,5000,9650.5,12000],"asks":[9651.5,3\#
            300,9652.0,800]}
            """#,
            .packet(Topic("book_snapshot", "btcusd_p"))),
        Sample(
            "fmex", "pong",
            #"{"id":"4712","type":"ping","ts":1581000123091,"gap":91}"#,
            .heartbeat),
    ]

    private static let ofGate: [Sample] = [
        Sample(
            "gate", "ack",
            #"""
            {"time":1760000000,"time_ms":1760000000121,"conn_id":"5c2d41aa90ff1b02","trace_id":"9b7f","channel":"spot.trad\#
            es","event":"subscribe","payload":["BTC_USDT","ETH_USDT"],"result":{"status":"success"}}
            """#,
            .ack(Acknowledgement(.accepted, topics: [Topic("trade", "BTC_USDT"), Topic("trade", "ETH_USDT")]))),
        Sample(
            "gate", "refusal",
            #"""
            {"time":1760000000,"channel":"spot.trades","event":"subscribe","error":{"code":2,"message":"unknown currency p\#
            air BTC_XXX"},"result":null}
            """#,
            .ack(Acknowledgement(.rejected(#"2 unknown currency pair BTC_XXX"#)))),
        Sample(
            "gate", "trade",
            #"""
            {"time":1760000001,"time_ms":1760000001713,"channel":"spot.trades","event":"update","result":{"id":8169957721,\#
            "create_time":1760000001,"create_time_ms":"1760000001708.264200","side":"sell","currency_pair":"BTC_USDT","amo\#
            unt":"0.0201","price":"97121.5"}}
            """#,
            .packet(Topic("trade", "BTC_USDT"))),
        Sample(
            "gate", "book",
            #"""
            {"time":1760000001,"time_ms":1760000001820,"channel":"spot.order_book_update","event":"update","result":{"t":1\#
            760000001816,"e":"depthUpdate","E":1760000001,"s":"BTC_USDT","U":26914460,"u":26914463,"b":[["97120.1","0.5"],\#
            ["97118","0"]],"a":[["97121.9","0.25"]]}}
            """#,
            .packet(Topic("book", "BTC_USDT"))),
        Sample(
            "gate", "pong",
            #"{"time":1760000002,"time_ms":1760000002033,"channel":"spot.pong","event":"","result":null}"#,
            .heartbeat),
        Sample(
            "gate", "candle",
            #"""
            {"time":1760000001,"channel":"spot.candlesticks","event":"update","result":{"t":"1760000000","v":"1","c":"2","\#
            h":"3","l":"1","o":"1","n":"7d_BTC_USDT"}}
            """#,
            .packet(Topic("candle.1w", "BTC_USDT"))),
        Sample(
            "gate", "ladder",
            #"""
            {"time":1760000001,"channel":"spot.obu","event":"update","result":{"t":1760000001816,"full":true,"s":"ob.BTC_U\#
            SDT.50","u":2,"b":[],"a":[]}}
            """#,
            .packet(Topic("obu.50", "BTC_USDT"))),
        Sample(
            "gate", "candle ack",
            #"""
            {"time":1760000000,"id":4,"channel":"spot.candlesticks","event":"subscribe","payload":["1m","BTC_USDT"],"resul\#
            t":{"status":"success"}}
            """#,
            .ack(Acknowledgement(.accepted, requestID: "4", topics: [Topic("candle.1m", "BTC_USDT")]))),
        Sample(
            "gate", "ladder ack",
            #"""
            {"time":1760000000,"channel":"spot.obu","event":"unsubscribe","payload":["ob.BTC_USDT.50"],"result":{"status":\#
            "success"}}
            """#,
            .ack(Acknowledgement(.accepted, topics: [Topic("obu.50", "BTC_USDT")], isUnsubscription: true))),
        Sample(
            "gate", "upgrade",
            #"{"time":1760000000,"channel":"spot.trades","event":"upgrade","result":null}"#,
            .notice(
                Notice(
                    .reconnect,
                    #"the exchange upgrades and asks to reconnect: {"time":1760000000,"channel":"spot.trades","event":"upgrade","result":null}"#
                ))),
        Sample(
            "gate", "own channel",
            #"""
            {"time":1760000001,"channel":"spot.pair_status","event":"update","result":{"currency_pair":"BTC_USDT","tradabl\#
            e":true}}
            """#,
            .packet(Topic("spot.pair_status", "BTC_USDT"))),
        Sample(
            "gate", "v3 pong",
            #"{"error":null,"result":"pong","id":31337}"#,
            .heartbeat),
        Sample(
            "gate", "v3 ack",
            #"{"error":null,"result":{"status":"success"},"id":1}"#,
            .ack(Acknowledgement(.accepted, requestID: "1"))),
        Sample(
            "gate", "v3 trade",
            #"""
            {"method":"trades.update","params":["BTC_USDT",[{"id":274655681,"time":1598060303.516,"price":"11449.69","amou\#
            nt":"0.0003","type":"buy"}]],"id":null}
            """#,
            .packet(Topic("trade", "BTC_USDT"))),
        Sample(
            "gate", "v3 book",
            #"""
            {"method":"depth.update","params":[true,{"asks":[["11681.19","0.15"]],"bids":[["11680.86","0.0089"]]},"BTC_USD\#
            T"],"id":null}
            """#,
            .packet(Topic("book", "BTC_USDT"))),
        Sample(
            "gate", "v3 candle",
            #"""
            {"method":"kline.update","params":[[1492358400,"7000.00","8000.0","8100.00","6800.00","123456.00","9876543.21"\#
            ,"BTC_USDT"]],"id":null}
            """#,
            .packet(Topic("candle", "BTC_USDT"))),
        Sample(
            "gate", "v3 refusal",
            #"{"error":{"code":1,"message":"invalid argument"},"result":null,"id":7}"#,
            .ack(Acknowledgement(.rejected(#"invalid argument"#), requestID: "7"))),
    ]

    private static let ofGateSwap: [Sample] = [
        Sample(
            "gate_swap", "ack",
            #"""
            {"time":1760000000,"time_ms":1760000000088,"channel":"futures.trades","event":"subscribe","result":{"status":"\#
            success"}}
            """#,
            .ack(Acknowledgement(.accepted))),
        Sample(
            "gate_swap", "trade",
            #"""
            {"time":1760000001,"time_ms":1760000001205,"channel":"futures.trades","event":"update","result":[{"id":2775347\#
            9,"size":-108,"create_time":1760000001,"create_time_ms":1760000001201,"price":"97115.4","contract":"BTC_USDT"}\#
            ]}
            """#,
            .packet(Topic("trade", "BTC_USDT"))),
        Sample(
            "gate_swap", "book",
            #"""
            {"time":1760000001,"time_ms":1760000001631,"channel":"futures.order_book_update","event":"update","result":{"t\#
            ":1760000001621,"s":"BTC_USDT","U":203083177,"u":203083180,"b":[{"p":"97115.3","s":412}],"a":[{"p":"97118","s"\#
            :0}]}}
            """#,
            .packet(Topic("book", "BTC_USDT"))),
        Sample(
            "gate_swap", "pong",
            #"""
            {"time":1760000002,"time_ms":1760000002019,"channel":"futures.pong","event":"","error":null,"result":null}
            """#,
            .heartbeat),
        Sample(
            "gate_swap", "refusal",
            #"""
            {"time":1760000000,"channel":"futures.trades","event":"subscribe","error":{"code":2,"message":"unknown contrac\#
            t BTC_XXX"},"result":null}
            """#,
            .ack(Acknowledgement(.rejected(#"2 unknown contract BTC_XXX"#)))),
        Sample(
            "gate_swap", "trades of two contracts",
            #"""
            {"time":1,"channel":"futures.trades","event":"update","result":[{"contract":"BTC_USDT","size":1},{"contract":"\#
            ETH_USDT","size":-1}]}
            """#,
            .packet(Topic("trade", "_all"))),
        Sample(
            "gate_swap", "old book update",
            #"""
            {"time":1,"channel":"futures.order_book","event":"update","result":[{"p":"1","s":2,"c":"BTC_USDT","id":3},{"p"\#
            :"2","s":0,"c":"BTC_USDT","id":4}]}
            """#,
            .packet(Topic("book_snapshot", "BTC_USDT"))),
        Sample(
            "gate_swap", "old book",
            #"""
            {"time":1,"channel":"futures.order_book","event":"all","result":{"t":1,"id":2,"contract":"BTC_USDT","asks":[],\#
            "bids":[]}}
            """#,
            .packet(Topic("book_snapshot", "BTC_USDT"))),
    ]

    private static let ofLiquid: [Sample] = [
        Sample(
            "liquid", "greeting",
            #"""
            {"event":"pusher:connection_established","data":"{\"activity_timeout\":120,\"socket_id\":\"4410023.7781\"}"}
            """#,
            .heartbeat),
        Sample(
            "liquid", "ack",
            #"{"channel":"executions_cash_btcjpy","data":{},"event":"pusher_internal:subscription_succeeded"}"#,
            .ack(Acknowledgement(.accepted, topics: [Topic("trade", "btcjpy")]))),
        Sample(
            "liquid", "trade",
            #"""
            {"channel":"executions_cash_btcjpy","data":"{\"id\":301290873,\"quantity\":\"0.002\",\"price\":\"1025217.88127\#
            \",\"taker_side\":\"buy\",\"created_at\":1592800123}","event":"created"}
            """#,
            .packet(Topic("trade", "btcjpy"))),
        Sample(
            "liquid", "book",
            #"""
            {"channel":"price_ladders_cash_btcjpy_buy","data":"[[\"1025089.00000\",\"0.03319269\"],[\"1025087.00000\",\"0.\#
            00593314\"]]","event":"updated"}
            """#,
            .packet(Topic("book_snapshot", "btcjpy"))),
        Sample(
            "liquid", "pong",
            #"{"event":"pusher:pong","data":"{}"}"#,
            .heartbeat),
        Sample(
            "liquid", "ping of the server",
            #"{"event":"pusher:ping","data":"{}"}"#,
            .reply(.text(#"{"event":"pusher:pong","data":{}}"#))),
        Sample(
            "liquid", "refusal",
            #"""
            {"event":"pusher:error","data":{"code":4009,"message":"Connection not authorized within timeout"}}
            """#,
            .notice(Notice(.error, #"4009 Connection not authorized within timeout"#))),
        Sample(
            "liquid", "forced reconnect",
            #"{"event":"pusher:error","data":{"code":4200,"message":"Please reconnect immediately"}}"#,
            .notice(Notice(.reconnect, #"4200 Please reconnect immediately"#))),
        Sample(
            "liquid", "ticker",
            #"{"channel":"product_cash_btcjpy_5","data":"{\"id\":\"5\"}","event":"updated"}"#,
            .packet(Topic("ticker", "btcjpy_5"))),
        Sample(
            "liquid", "candle",
            #"{"channel":"product_5_resolution_60_tickers","data":"{}","event":"updated"}"#,
            .packet(Topic("candle.1m", "5"))),
        Sample(
            "liquid", "refused channel",
            #"""
            {"event":"pusher:subscription_error","channel":"executions_cash_xxx","data":{"code":4009,"message":"no such ch\#
            annel"}}
            """#,
            .ack(Acknowledgement(.rejected(#"4009 no such channel"#), topics: [Topic("trade", "xxx")]))),
    ]

    private static let ofKucoin: [Sample] = [
        Sample(
            "kucoin", "greeting",
            #"{"id":"c0nn-1","type":"welcome"}"#,
            .heartbeat),
        Sample(
            "kucoin", "ack",
            #"{"id":"1760000000100","type":"ack"}"#,
            .ack(Acknowledgement(.accepted, requestID: "1760000000100"))),
        Sample(
            "kucoin", "refusal",
            #"{"id":"s1","type":"error","code":404,"data":"topic /market/xyz:BTC-USDT is not found"}"#,
            .ack(Acknowledgement(.rejected(#"404 topic /market/xyz:BTC-USDT is not found"#), requestID: "s1"))),
        Sample(
            "kucoin", "trade",
            #"""
            {"topic":"/market/match:BTC-USDT","type":"message","subject":"trade.l3match","data":{"symbol":"BTC-USDT","sequ\#
            ence":"11067996711960577","side":"buy","size":"0.0112","price":"97121.4","takerOrderId":"6711a5c1","makerOrder\#
            Id":"6711a5b2","tradeId":"11067996711960577","type":"match","time":"1760000001739050725"}}
            """#,
            .packet(Topic("trade", "BTC-USDT"))),
        Sample(
            "kucoin", "book",
            #"""
            {"topic":"/market/level2:BTC-USDT","type":"message","subject":"trade.l2update","data":{"changes":{"asks":[["97\#
            122","0.00331","14103845"]],"bids":[["97119.9","0.15688","14103847"]]},"sequenceStart":14103844,"sequenceEnd":\#
            14103847,"symbol":"BTC-USDT","time":1760000001970}}
            """#,
            .packet(Topic("book", "BTC-USDT"))),
        Sample(
            "kucoin", "pong",
            #"{"id":"1760000010000","type":"pong"}"#,
            .heartbeat),
        Sample(
            "kucoin", "maintenance",
            #"{"type":"notice","topic":"/system","subject":"maintenance","data":{}}"#,
            .notice(Notice(.maintenance, #"{"type":"notice","topic":"/system","subject":"maintenance","data":{}}"#))),
        Sample(
            "kucoin", "candle",
            #"""
            {"type":"message","topic":"/market/candles:BTC-USDT_1min","subject":"trade.candles.update","data":{"symbol":"B\#
            TC-USDT","candles":[],"time":1}}
            """#,
            .packet(Topic("candle.1m", "BTC-USDT"))),
        Sample(
            "kucoin", "ticker of all",
            #"""
            {"type":"message","topic":"/market/ticker:all","subject":"FTM-ETH","data":{"price":"0.0002894"}}
            """#,
            .packet(Topic("ticker", "_all"))),
        Sample(
            "kucoin", "own channel",
            #"""
            {"id":"","type":"message","topic":"/indicator/index:USDT-BTC","subject":"tick","data":{"symbol":"USDT-BTC","va\#
            lue":0.0001092}}
            """#,
            .packet(Topic("indicator-index", "USDT-BTC"))),
        Sample(
            "kucoin", "error without id",
            #"{"type":"error","code":401,"data":"token is expired"}"#,
            .notice(Notice(.error, #"401 token is expired"#))),
    ]

    private static let ofKucoinFutures: [Sample] = [
        Sample(
            "kucoin_futures", "greeting",
            #"{"id":"c0nn-2","type":"welcome"}"#,
            .heartbeat),
        Sample(
            "kucoin_futures", "ack",
            #"{"id":"1760000000200","type":"ack"}"#,
            .ack(Acknowledgement(.accepted, requestID: "1760000000200"))),
        Sample(
            "kucoin_futures", "trade",
            #"""
            {"topic":"/contractMarket/execution:XBTUSDTM","type":"message","subject":"match","sn":1817022,"data":{"symbol"\#
            :"XBTUSDTM","sequence":1817022,"side":"sell","size":12,"price":"97110.1","tradeId":"1817022","takerOrderId":"7\#
            7a1","makerOrderId":"77a0","ts":1760000001739050725}}
            """#,
            .packet(Topic("trade", "XBTUSDTM"))),
        Sample(
            "kucoin_futures", "book",
            #"""
            {"topic":"/contractMarket/level2:XBTUSDTM","type":"message","subject":"level2","data":{"sequence":1817030,"cha\#
            nge":"97110.0,buy,140","timestamp":1760000001750}}
            """#,
            .packet(Topic("book", "XBTUSDTM"))),
        Sample(
            "kucoin_futures", "pong",
            #"{"id":"1760000010001","type":"pong"}"#,
            .heartbeat),
        Sample(
            "kucoin_futures", "push without type",
            #"""
            {"subject":"tickerV2","topic":"/contractMarket/tickerV2:XBTUSDTM","data":{"symbol":"XBTUSDTM","bestBidSize":79\#
            5}}
            """#,
            .packet(Topic("ticker", "XBTUSDTM"))),
        Sample(
            "kucoin_futures", "candle",
            #"""
            {"topic":"/contractMarket/limitCandle:XBTUSDTM_1hour","type":"message","data":{"symbol":"XBTUSDTM"}}
            """#,
            .packet(Topic("candle.1h", "XBTUSDTM"))),
    ]

    private static let ofBitbank: [Sample] = [
        Sample(
            "bitbank", "open packet",
            #"""
            0{"sid":"k3Qd81LmVxPz04RtAA7c","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
            """#,
            .reply(.text(#"40"#))),
        Sample(
            "bitbank", "ack",
            #"40{"sid":"p7Xw55NcYbHj20UeMd1k"}"#,
            .heartbeat),
        Sample(
            "bitbank", "trade",
            #"""
            42["message",{"room_name":"transactions_btc_jpy","message":{"pid":851205254,"data":{"transactions":[{"transact\#
            ion_id":1345047123,"side":"sell","price":"14526930","amount":"0.0071","executed_at":1760000001855}]}}}]
            """#,
            .packet(Topic("trade", "btc_jpy"))),
        Sample(
            "bitbank", "book",
            #"""
            42["message",{"room_name":"depth_diff_btc_jpy","message":{"data":{"a":[["14527000","0"]],"b":[["14526758","0.2\#
            000"]],"t":1760000001909,"s":"9234567890"}}}]
            """#,
            .packet(Topic("book", "btc_jpy"))),
        Sample(
            "bitbank", "ping",
            #"2"#,
            .reply(.text(#"3"#))),
        Sample(
            "bitbank", "pong",
            #"3"#,
            .heartbeat),
        Sample(
            "bitbank", "disconnect",
            #"41"#,
            .notice(Notice(.reconnect, #"the exchange closed the namespace"#))),
        Sample(
            "bitbank", "close",
            #"1"#,
            .notice(Notice(.reconnect, #"engine.io close packet"#))),
        Sample(
            "bitbank", "refused namespace",
            #"44{"message":"Invalid namespace"}"#,
            .notice(Notice(.error, #"44{"message":"Invalid namespace"}"#))),
        Sample(
            "bitbank", "whole book",
            #"""
            42["message",{"room_name":"depth_whole_xrp_jpy","message":{"data":{"asks":[],"bids":[],"timestamp":1,"sequence\#
            Id":"2"}}}]
            """#,
            .packet(Topic("book_snapshot", "xrp_jpy"))),
    ]
}
