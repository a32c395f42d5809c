import ColonyExchanges

extension Sample {
    static let second: [Sample] =
        ofFtxSwap + ofFtxFutures + ofBitmax + ofUpbit + ofBithumb + ofBitstamp + ofCryptocom + ofHyperliquid + ofMexc + ofMexcSwap + ofDydx
        + ofCoincheck

    private static let ofFtxSwap: [Sample] = [
        Sample(
            "ftx_swap", "ack",
            #"{"type":"subscribed","channel":"trades","market":"BTC-PERP"}"#,
            .ack(Acknowledgement(.accepted, topics: [Topic("trade", "BTC-PERP")]))),
        Sample(
            "ftx_swap", "refusal",
            #"{"type":"error","code":404,"msg":"No such market: XXX-PERP"}"#,
            .ack(Acknowledgement(.rejected(#"404 No such market: XXX-PERP"#)))),
        Sample(
            "ftx_swap", "trade",
            #"""
            {"channel":"trades","market":"BTC-PERP","type":"update","data":[{"id":132141300,"price":9344.5,"size":0.25,"si\#
            de":"buy","liquidation":false,"time":"2020-06-22T09:00:38.933676+00:00"}]}
            """#,
            .packet(Topic("trade", "BTC-PERP"))),
        Sample(
            "ftx_swap", "book",
            #"""
            {"channel":"orderbook","market":"BTC-PERP","type":"update","data":{"time":1592816440.459102,"checksum":1276300\#
            912,"bids":[],"asks":[[9345.0,9.6]],"action":"update"}}
            """#,
            .packet(Topic("book", "BTC-PERP"))),
        Sample(
            "ftx_swap", "pong",
            #"{"type":"pong"}"#,
            .heartbeat),
        Sample(
            "ftx_swap", "restart",
            #"{"type":"info","code":20001,"msg":"Server is restarting, please reconnect"}"#,
            .notice(Notice(.reconnect, #"20001 Server is restarting, please reconnect"#))),
        Sample(
            "ftx_swap", "unsubscription",
            #"{"type":"unsubscribed","channel":"ticker","market":"BTC/USD"}"#,
            .ack(Acknowledgement(.accepted, topics: [Topic("ticker", "BTC/USD")], isUnsubscription: true))),
        Sample(
            "ftx_swap", "markets",
            #"{"channel":"markets","type":"partial","data":{"action":"partial","data":{}}}"#,
            .packet(Topic("markets", "_all"))),
        Sample(
            "ftx_swap", "information",
            #"{"type":"info","code":20002,"msg":"hello"}"#,
            .notice(Notice(.information, #"20002 hello"#))),
    ]

    private static let ofFtxFutures: [Sample] = [
        Sample(
            "ftx_futures", "ack",
            #"{"type":"subscribed","channel":"trades","market":"BTC-0626"}"#,
            .ack(Acknowledgement(.accepted, topics: [Topic("trade", "BTC-0626")]))),
        Sample(
            "ftx_futures", "refusal",
            #"{"type":"error","code":404,"msg":"No such market: BTC-0627"}"#,
            .ack(Acknowledgement(.rejected(#"404 No such market: BTC-0627"#)))),
        Sample(
            "ftx_futures", "trade",
            #"""
            {"channel":"trades","market":"BTC-0626","type":"update","data":[{"id":132137400,"price":9351.0,"size":0.14,"si\#
            de":"sell","liquidation":false,"time":"2020-06-22T08:58:26.498464+00:00"}]}
            """#,
            .packet(Topic("trade", "BTC-0626"))),
        Sample(
            "ftx_futures", "book",
            #"""
            {"channel":"orderbook","market":"BTC-0626","type":"partial","data":{"time":1592816669.5048,"checksum":17393998\#
            09,"bids":[[9343.0,2.7939],[9342.5,0.005]],"asks":[[9344.0,0.2474],[9345.5,0.0957]],"action":"partial"}}
            """#,
            .packet(Topic("book", "BTC-0626"))),
        Sample(
            "ftx_futures", "pong",
            #"{"type":"pong"}"#,
            .heartbeat),
        Sample(
            "ftx_futures", "restart",
            #"{"type":"info","code":20001,"msg":"Server is restarting, please reconnect"}"#,
            .notice(Notice(.reconnect, #"20001 Server is restarting, please reconnect"#))),
    ]

    private static let ofBitmax: [Sample] = [
        Sample(
            "bitmax", "greeting",
            #"{"m":"connected","type":"unauth"}"#,
            .heartbeat),
        Sample(
            "bitmax", "ack",
            #"{"m":"sub","id":"t1","ch":"trades:BTC/USDT","code":0}"#,
            .ack(Acknowledgement(.accepted, requestID: "t1", topics: [Topic("trade", "BTC/USDT")]))),
        Sample(
            "bitmax", "refusal",
            #"""
            {"m":"error","id":"t1","code":100005,"reason":"INVALID_WS_REQUEST_DATA","info":"Invalid channel: tradez:BTC/US\#
            DT"}
            """#,
            .ack(Acknowledgement(.rejected(#"100005 INVALID_WS_REQUEST_DATA Invalid channel: tradez:BTC/USDT"#), requestID: "t1"))),
        Sample(
            "bitmax", "ack of two",
            #"{"m":"sub","id":"7","ch":"depth:BTC/USDT,ETH/USDT","code":0}"#,
            .ack(Acknowledgement(.accepted, requestID: "7", topics: [Topic("book", "BTC/USDT"), Topic("book", "ETH/USDT")]))),
        Sample(
            "bitmax", "unsubscription",
            #"{"m":"unsub","id":"8","ch":"bar:1:BTC/USDT","code":0}"#,
            .ack(Acknowledgement(.accepted, requestID: "8", topics: [Topic("candle.1m", "BTC/USDT")], isUnsubscription: true))),
        Sample(
            "bitmax", "trade",
            #"""
            {"m":"trades","symbol":"BTC/USDT","data":[{"p":"97120.4","q":"0.0102","ts":1760000001732,"bm":true,"seqnum":14\#
            4115188077966308}]}
            """#,
            .packet(Topic("trade", "BTC/USDT"))),
        Sample(
            "bitmax", "book",
            #"""
            {"m":"depth","symbol":"BTC/USDT","data":{"ts":1760000001816,"seqnum":21034366119,"asks":[["97121.1","0.5799"],\#
            ["97122","0"]],"bids":[]}}
            """#,
            .packet(Topic("book", "BTC/USDT"))),
        Sample(
            "bitmax", "ping",
            #"{"m":"ping","hp":3}"#,
            .reply(.text(#"{"op":"pong"}"#))),
        Sample(
            "bitmax", "pong",
            #"{"m":"pong","code":0,"ts":1760000000259,"hp":3}"#,
            .heartbeat),
        Sample(
            "bitmax", "candle",
            #"""
            {"m":"bar","s":"BTC/USDT","data":{"i":"1m","ts":1575409260000,"o":"0.04993","c":"0.04970","h":"0.04993","l":"0\#
            .04970","v":"8052"}}
            """#,
            .packet(Topic("candle.1mon", "BTC/USDT"))),
        Sample(
            "bitmax", "snapshot",
            #"""
            {"m":"depth-snapshot","symbol":"BTC/USDT","data":{"seqnum":3167819629,"ts":1573142900389,"asks":[],"bids":[]}}
            """#,
            .packet(Topic("book_snapshot", "BTC/USDT"))),
        Sample(
            "bitmax", "last words",
            #"""
            {"m":"disconnected","code":100005,"reason":"INVALID_WS_REQUEST_DATA","info":"Session is disconnected due to mi\#
            ssing pong message from the client"}
            """#,
            .notice(
                Notice(.reconnect, #"100005 INVALID_WS_REQUEST_DATA Session is disconnected due to missing pong message from the client"#))),
    ]

    private static let ofUpbit: [Sample] = [
        Sample(
            "upbit", "ack",
            #"{"error":{"name":"NO_CODES","message":"codes field is required"}}"#,
            .ack(Acknowledgement(.rejected(#"NO_CODES codes field is required"#)))),
        Sample(
            "upbit", "trade",
            #"""
            {"type":"trade","code":"KRW-BTC","timestamp":1760000001712,"trade_date":"2025-10-09","trade_time":"08:53:21","\#
            trade_timestamp":1760000001685,"trade_price":145260000.0,"trade_volume":0.00648838,"ask_bid":"BID","prev_closi\#
            ng_price":144900000.0,"change":"RISE","change_price":360000.0,"sequential_id":17600000016850000,"stream_type":\#
            "REALTIME"}
            """#,
            .packet(Topic("trade", "KRW-BTC"))),
        Sample(
            "upbit", "book",
            #"""
            {"type":"orderbook","code":"KRW-BTC","timestamp":1760000001640,"total_ask_size":2.7522,"total_bid_size":1.4407\#
            ,"orderbook_units":[{"ask_price":145261000.0,"bid_price":145259000.0,"ask_size":0.28,"bid_size":0.68}],"stream\#
            _type":"REALTIME","level":0}
            """#,
            .packet(Topic("book_snapshot", "KRW-BTC"))),
        Sample(
            "upbit", "pong",
            #"{"status":"UP"}"#,
            .heartbeat),
        Sample(
            "upbit", "candle",
            #"{"type":"candle.60m","code":"KRW-BTC","opening_price":1.0}"#,
            .packet(Topic("candle.1h", "KRW-BTC"))),
        Sample(
            "upbit", "short trade",
            #"{"ty":"trade","cd":"KRW-BTC","tms":1760000001712,"tp":145260000.0,"ab":"BID"}"#,
            .packet(Topic("trade", "KRW-BTC"))),
    ]

    private static let ofBithumb: [Sample] = [
        Sample(
            "bithumb", "ack",
            #"{"error":{"name":"NO_CODES","message":"codes field is required"}}"#,
            .ack(Acknowledgement(.rejected(#"NO_CODES codes field is required"#)))),
        Sample(
            "bithumb", "trade",
            #"""
            {"type":"trade","code":"KRW-BTC","trade_price":145255000,"trade_volume":0.0069,"ask_bid":"ASK","prev_closing_p\#
            rice":144880000,"change":"RISE","change_price":375000,"trade_date":"2025-10-09","trade_time":"17:53:21","trade\#
            _timestamp":1760000001612,"sequential_id":17600000016120000,"timestamp":1760000001701,"stream_type":"REALTIME"\#
            }
            """#,
            .packet(Topic("trade", "KRW-BTC"))),
        Sample(
            "bithumb", "book",
            #"""
            {"type":"orderbook","code":"KRW-BTC","total_ask_size":2.41,"total_bid_size":3.02,"orderbook_units":[{"ask_pric\#
            e":145260000,"bid_price":145255000,"ask_size":0.21,"bid_size":0.12}],"timestamp":1760000001655,"level":1,"stre\#
            am_type":"REALTIME"}
            """#,
            .packet(Topic("book_snapshot", "KRW-BTC"))),
        Sample(
            "bithumb", "pong",
            #"{"status":"UP"}"#,
            .heartbeat),
    ]

    private static let ofBitstamp: [Sample] = [
        Sample(
            "bitstamp", "ack",
            #"{"event":"bts:subscription_succeeded","channel":"live_trades_btcusd","data":{}}"#,
            .ack(Acknowledgement(.accepted, topics: [Topic("trade", "btcusd")]))),
        Sample(
            "bitstamp", "refusal",
            #"{"event":"bts:error","channel":"","data":{"code":4009,"message":"Bad subscription string."}}"#,
            .ack(Acknowledgement(.rejected(#"4009 Bad subscription string."#)))),
        Sample(
            "bitstamp", "trade",
            #"""
            {"data":{"id":402112233,"timestamp":"1760000001","amount":0.0115,"amount_str":"0.01150000","price":97121,"pric\#
            e_str":"97121","type":0,"microtimestamp":"1760000001584587","buy_order_id":1884455667788800,"sell_order_id":18\#
            84455667788799},"channel":"live_trades_btcusd","event":"trade"}
            """#,
            .packet(Topic("trade", "btcusd"))),
        Sample(
            "bitstamp", "book",
            #"""
            {"data":{"timestamp":"1760000001","microtimestamp":"1760000001699100","bids":[["97120","0.51000000"]],"asks":[\#
            ["97125","0.00000000"]]},"channel":"diff_order_book_btcusd","event":"data"}
            """#,
            .packet(Topic("book", "btcusd"))),
        Sample(
            "bitstamp", "pong",
            #"{"event":"bts:heartbeat","channel":"","data":{"status":"success"}}"#,
            .heartbeat),
        Sample(
            "bitstamp", "reconnect",
            #"{"event":"bts:request_reconnect","channel":"","data":""}"#,
            .notice(Notice(.reconnect, #"maintenance: the exchange asks to reconnect and closes soon after"#))),
        Sample(
            "bitstamp", "unsubscription",
            #"{"event":"bts:unsubscription_succeeded","channel":"order_book_btcusd","data":{}}"#,
            .ack(Acknowledgement(.accepted, topics: [Topic("book_snapshot", "btcusd")], isUnsubscription: true))),
    ]

    private static let ofCryptocom: [Sample] = [
        Sample(
            "cryptocom", "ack",
            #"{"id":1,"method":"subscribe","code":0,"channel":"trade.BTC_USDT"}"#,
            .ack(Acknowledgement(.accepted, requestID: "1", topics: [Topic("trade", "BTC_USDT")]))),
        Sample(
            "cryptocom", "refusal",
            #"{"id":1,"method":"subscribe","code":40003,"message":"Unknown symbol","original":"{\"id\":1}"}"#,
            .ack(Acknowledgement(.rejected(#"40003 Unknown symbol"#), requestID: "1"))),
        Sample(
            "cryptocom", "trade",
            #"""
            {"id":-1,"method":"subscribe","code":0,"result":{"instrument_name":"BTC_USDT","subscription":"trade.BTC_USDT",\#
            "channel":"trade","data":[{"d":"4611686018455979970","t":1760000001592,"tn":"1760000001592000000","q":"0.0112"\#
            ,"p":"97120.41","s":"BUY","i":"BTC_USDT","m":"76423"}]}}
            """#,
            .packet(Topic("trade", "BTC_USDT"))),
        Sample(
            "cryptocom", "book",
            #"""
            {"id":-1,"method":"subscribe","code":0,"result":{"instrument_name":"BTC_USDT","subscription":"book.BTC_USDT.50\#
            ","channel":"book.update","depth":50,"data":[{"update":{"asks":[["97121.46","0.10000","1"]],"bids":[["97119.46\#
            ","0","0"]]},"t":1760000001898,"tt":1760000001892,"u":78795598253024,"pu":78795598162080,"cs":-781431132}]}}
            """#,
            .packet(Topic("book", "BTC_USDT"))),
        Sample(
            "cryptocom", "ping",
            #"{"id":1760000000344,"method":"public/heartbeat","code":0}"#,
            .reply(.text(#"{"id":1760000000344,"method":"public/respond-heartbeat"}"#))),
        Sample(
            "cryptocom", "candle",
            #"""
            {"id":-1,"method":"subscribe","code":0,"result":{"instrument_name":"BTCUSD-PERP","subscription":"candlestick.1\#
            D.BTCUSD-PERP","channel":"candlestick","interval":"1D","data":[]}}
            """#,
            .packet(Topic("candle.1d", "BTCUSD-PERP"))),
        Sample(
            "cryptocom", "unsubscription",
            #"{"id":5,"method":"unsubscribe","code":0}"#,
            .ack(Acknowledgement(.accepted, requestID: "5", isUnsubscription: true))),
    ]

    private static let ofHyperliquid: [Sample] = [
        Sample(
            "hyperliquid", "greeting",
            #"Websocket connection established."#,
            .heartbeat),
        Sample(
            "hyperliquid", "ack",
            #"""
            {"channel":"subscriptionResponse","data":{"method":"subscribe","subscription":{"type":"trades","coin":"BTC"}}}
            """#,
            .ack(Acknowledgement(.accepted, topics: [Topic("trade", "BTC")]))),
        Sample(
            "hyperliquid", "refusal",
            #"{"channel":"error","data":"Invalid subscription {\"type\":\"trades\",\"coin\":\"XXX\"}"}"#,
            .ack(Acknowledgement(.rejected(#"Invalid subscription {"type":"trades","coin":"XXX"}"#), topics: [Topic("trade", "XXX")]))),
        Sample(
            "hyperliquid", "trade",
            #"""
            {"channel":"trades","data":[{"coin":"BTC","side":"B","px":"97121.0","sz":"0.0115","time":1760000001684,"hash":\#
            "0x5a1f0c","tid":981122334455667,"users":["0x1111111111111111111111111111111111111111","0x22222222222222222222\#
            22222222222222222222"]}]}
            """#,
            .packet(Topic("trade", "BTC"))),
        Sample(
            "hyperliquid", "book",
            #"""
            {"channel":"l2Book","data":{"coin":"BTC","time":1760000001200,"levels":[[{"px":"97120.0","sz":"2.5","n":3},{"p\#
            x":"97119.0","sz":"1.8","n":2}],[{"px":"97121.0","sz":"1.5","n":2}]]}}
            """#,
            .packet(Topic("book_snapshot", "BTC"))),
        Sample(
            "hyperliquid", "pong",
            #"{"channel":"pong"}"#,
            .heartbeat),
        Sample(
            "hyperliquid", "trades of two coins",
            #"{"channel":"trades","data":[{"coin":"BTC","px":"1"},{"coin":"ETH","px":"2"}]}"#,
            .packet(Topic("trade", "_all"))),
        Sample(
            "hyperliquid", "candle",
            #"""
            {"channel":"candle","data":{"t":1760000000000,"T":1760000059999,"s":"BTC","i":"1m","o":"1","c":"1","h":"1","l"\#
            :"1","v":"0.0","n":1}}
            """#,
            .packet(Topic("candle.1m", "BTC"))),
        Sample(
            "hyperliquid", "bbo",
            #"{"channel":"bbo","data":{"coin":"kPEPE","time":1,"bbo":[null,null]}}"#,
            .packet(Topic("bbo", "kPEPE"))),
        Sample(
            "hyperliquid", "mids",
            #"{"channel":"allMids","data":{"mids":{"BTC":"97121.5"}}}"#,
            .packet(Topic("allmids", "_all"))),
        Sample(
            "hyperliquid", "limit",
            #"{"channel":"error","data":"Too many messages"}"#,
            .notice(Notice(.limit, #"Too many messages"#))),
        Sample(
            "hyperliquid", "candle unsubscription",
            #"""
            {"channel":"subscriptionResponse","data":{"method":"unsubscribe","subscription":{"type":"candle","coin":"ETH",\#
            "interval":"1h"}}}
            """#,
            .ack(Acknowledgement(.accepted, topics: [Topic("candle.1h", "ETH")], isUnsubscription: true))),
    ]

    private static let ofMexc: [Sample] = [
        Sample(
            "mexc", "ack",
            #"{"id":0,"code":0,"msg":"spot@public.aggre.deals.v3.api.pb@100ms@BTCUSDT"}"#,
            .ack(Acknowledgement(.accepted, topics: [Topic("trade", "BTCUSDT")]))),
        Sample(
            "mexc", "pong",
            #"{"id":0,"code":0,"msg":"PONG"}"#,
            .heartbeat),
        Sample(
            "mexc", "refusal",
            #"{"id":0,"code":0,"msg":"Not Subscribed successfully! [spot@public.xyz].  Reason： Blocked! "}"#,
            .ack(
                Acknowledgement(
                    .rejected(#"Not Subscribed successfully! [spot@public.xyz].  Reason： Blocked! "#),
                    topics: [Topic("spot-public.xyz", "_all")]))),
    ]

    private static let ofMexcSwap: [Sample] = [
        Sample(
            "mexc_swap", "ack",
            #"{"channel":"rs.sub.deal","data":"success","ts":1760000000600}"#,
            .ack(Acknowledgement(.accepted))),
        Sample(
            "mexc_swap", "refusal",
            #"{"channel":"rs.error","data":"Contract [XXX_USDT] not exists","ts":1760000000600}"#,
            .ack(Acknowledgement(.rejected(#"Contract [XXX_USDT] not exists"#)))),
        Sample(
            "mexc_swap", "trade",
            #"""
            {"channel":"push.deal","data":{"M":1,"O":1,"T":1,"p":97118.5,"t":1760000001632,"v":2096},"symbol":"BTC_USDT","\#
            ts":1760000001635}
            """#,
            .packet(Topic("trade", "BTC_USDT"))),
        Sample(
            "mexc_swap", "book",
            #"""
            {"channel":"push.depth","data":{"asks":[[97118.6,3251,1]],"bids":[],"version":29680192711},"symbol":"BTC_USDT"\#
            ,"ts":1760000001703}
            """#,
            .packet(Topic("book", "BTC_USDT"))),
        Sample(
            "mexc_swap", "pong",
            #"{"channel":"pong","data":1760000000581}"#,
            .heartbeat),
        Sample(
            "mexc_swap", "candle",
            #"""
            {"channel":"push.kline","data":{"a":233.7,"c":6885,"h":6910.5,"interval":"Min60","l":6885,"o":6894.5,"q":16117\#
            54,"symbol":"BTC_USDT","t":1587448800},"symbol":"BTC_USDT"}
            """#,
            .packet(Topic("candle.1h", "BTC_USDT"))),
        Sample(
            "mexc_swap", "tickers",
            #"{"channel":"push.tickers","data":[{"symbol":"BTC_USDT","lastPrice":1}],"ts":1587442022003}"#,
            .packet(Topic("tickers", "_all"))),
        Sample(
            "mexc_swap", "whole book",
            #"""
            {"channel":"push.depth.full","data":{"asks":[],"bids":[],"version":1},"symbol":"BTC_USDT","ts":1}
            """#,
            .packet(Topic("book_snapshot", "BTC_USDT"))),
        Sample(
            "mexc_swap", "unsubscription",
            #"{"channel":"rs.unsub.deal","data":"success","ts":1760000000600}"#,
            .ack(Acknowledgement(.accepted, isUnsubscription: true))),
    ]

    private static let ofDydx: [Sample] = [
        Sample(
            "dydx", "greeting",
            #"{"type":"connected","connection_id":"8d801d57-f8fd-36b3-ebbd-51d97444deb3","message_id":0}"#,
            .heartbeat),
        Sample(
            "dydx", "ack",
            #"""
            {"type":"subscribed","connection_id":"8d801d57-f8fd-36b3-ebbd-51d97444deb3","message_id":1,"channel":"v4_trade\#
            s","id":"BTC-USD","contents":{"trades":[{"id":"018a0f","side":"BUY","size":"0.5","price":"97119","type":"LIMIT\#
            ","createdAt":"2026-05-02T09:00:00.226Z","createdAtHeight":"49592123"}]}}
            """#,
            .packet(Topic("trade", "BTC-USD"))),
        Sample(
            "dydx", "refusal",
            #"""
            {"type":"error","message":"Invalid subscription id for channel: (v4_trades-XXX-USD)","connection_id":"8d801d57\#
            -f8fd-36b3-ebbd-51d97444deb3","message_id":1,"channel":"v4_trades","id":"XXX-USD"}
            """#,
            .ack(
                Acknowledgement(
                    .rejected(#"Invalid subscription id for channel: (v4_trades-XXX-USD)"#), topics: [Topic("trade", "XXX-USD")]))),
        Sample(
            "dydx", "trade",
            #"""
            {"type":"channel_data","connection_id":"8d801d57-f8fd-36b3-ebbd-51d97444deb3","message_id":4,"id":"BTC-USD","c\#
            hannel":"v4_trades","version":"2.1.0","contents":{"trades":[{"id":"8db8e93f-061b-6e54-6460-6910b18e039f","side\#
            ":"SELL","size":"0.0115","price":"97118","type":"LIMIT","createdAt":"2026-05-02T09:00:01.353Z"}]}}
            """#,
            .packet(Topic("trade", "BTC-USD"))),
        Sample(
            "dydx", "book",
            #"""
            {"type":"channel_data","connection_id":"8d801d57-f8fd-36b3-ebbd-51d97444deb3","message_id":5,"id":"BTC-USD","c\#
            hannel":"v4_orderbook","version":"1.0.0","contents":{"bids":[["97117","2.0"]],"asks":[["97119","0"]]}}
            """#,
            .packet(Topic("book", "BTC-USD"))),
        Sample(
            "dydx", "pong",
            #"{"type":"pong","connection_id":"8d801d57-f8fd-36b3-ebbd-51d97444deb3","message_id":9,"id":7}"#,
            .heartbeat),
        Sample(
            "dydx", "candle",
            #"""
            {"type":"channel_batch_data","connection_id":"8d80","message_id":5,"id":"BTC-USD/5MINS","channel":"v4_candles"\#
            ,"version":"1.0.0","contents":[{"low":"1"}]}
            """#,
            .packet(Topic("candle.5m", "BTC-USD"))),
        Sample(
            "dydx", "markets",
            #"""
            {"type":"channel_data","connection_id":"8d80","message_id":6,"channel":"v4_markets","version":"1.0.0","content\#
            s":{"oraclePrices":{"BTC-USD":{"oraclePrice":"1"}}}}
            """#,
            .packet(Topic("ticker", "_all"))),
        Sample(
            "dydx", "unsubscription",
            #"""
            {"type":"unsubscribed","connection_id":"8d80","message_id":7,"channel":"v4_orderbook","id":"BTC-USD"}
            """#,
            .ack(Acknowledgement(.accepted, topics: [Topic("book", "BTC-USD")], isUnsubscription: true))),
        Sample(
            "dydx", "error",
            #"{"type":"error","message":"Too many subscribe attempts","connection_id":"8d80","message_id":8}"#,
            .notice(Notice(.limit, #"Too many subscribe attempts"#))),
    ]

    private static let ofCoincheck: [Sample] = [
        Sample(
            "coincheck", "trade",
            #"[["1760000001","278512345","btc_jpy","14526930.0","0.0114","sell","7712345601","7712345522"]]"#,
            .packet(Topic("trade", "btc_jpy"))),
        Sample(
            "coincheck", "book",
            #"""
            ["btc_jpy",{"bids":[["14526500.0","0.12"]],"asks":[["14527400.0","0"]],"last_update_at":"1760000001"}]
            """#,
            .packet(Topic("book", "btc_jpy"))),
        Sample(
            "coincheck", "trade of 2020",
            #"["2357062","btc_jpy","1025148.0","0.00140000","buy"]"#,
            .packet(Topic("trade", "btc_jpy"))),
        Sample(
            "coincheck", "trades of two pairs",
            #"[["1","2","btc_jpy","3","4","sell","5","6"],["1","2","eth_jpy","3","4","sell","5","6"]]"#,
            .packet(Topic("trade", "_all"))),
    ]
}
