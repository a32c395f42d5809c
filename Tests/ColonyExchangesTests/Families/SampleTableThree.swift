import ColonyExchanges

extension Sample {
    /// Messages of the families whose exchanges are asked in Binance's, Huobi's, Kraken's, Bybit's, OKX's, Bitfinex's, Coinbase's and
    /// JSON-RPC ways.
    static let third: [Sample] = [
        Sample(
            "kraken", "answer",
            #"{"method":"subscribe","result":{"channel":"trade","symbol":"BTC/USD","snapshot":false},"success":true,"time_in":"2026-"#
                + #"05-02T09:00:00.742599Z","time_out":"2026-05-02T09:00:00.742648Z","req_id":1}"#,
            .ack(Acknowledgement(.accepted, requestID: "1", topics: [Topic("trade", "BTC/USD")]))),
        Sample(
            "kraken", "trade",
            #"{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"sell","price":97120.4,"qty":0.01276,"ord_type":"#
                + #""market","trade_id":82200139,"timestamp":"2026-05-02T09:00:01.123456Z"}]}"#,
            .packet(Topic("trade", "BTC/USD"))),
        Sample(
            "kraken", "book",
            #"{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[{"price":97120.3,"qty":0.25}],"asks":[],"checksu"#
                + #"m":2114181697,"timestamp":"2026-05-02T09:00:01.200000Z"}]}"#,
            .packet(Topic("book", "BTC/USD"))),
        Sample(
            "kraken", "pong",
            #"{"method":"pong","req_id":101,"time_in":"2026-05-02T09:00:05.123456Z","time_out":"2026-05-02T09:00:05.123500Z"}"#,
            .heartbeat),
        Sample(
            "bitfinex", "answer", #"{"event":"subscribed","channel":"trades","chanId":17470,"symbol":"tBTCUSD","pair":"BTCUSD"}"#,
            .ack(Acknowledgement(.accepted, topics: [Topic("trade", "tBTCUSD")]))),
        Sample(
            "bitfinex", "trade", #"[17470,"te",[1801995733,1760000001722,-0.00543,97121]]"#,
            .unrouted),
        Sample(
            "bitfinex", "book", #"[17471,[97120,2,0.48403686]]"#,
            .unrouted),
        Sample(
            "bitfinex", "pong", #"{"event":"pong","ts":1760000010123,"cid":1234}"#,
            .heartbeat),
        Sample(
            "bitfinex_swap", "answer",
            #"{"event":"subscribed","channel":"trades","chanId":20112,"symbol":"tBTCF0:USTF0","pair":"BTCF0:USTF0"}"#,
            .ack(Acknowledgement(.accepted, topics: [Topic("trade", "tBTCF0:USTF0")]))),
        Sample(
            "bitfinex_swap", "trade", #"[20112,"te",[1801999911,1760000001336,0.00020449,97118]]"#,
            .unrouted),
        Sample(
            "bitfinex_swap", "book", #"[20113,[97117,2,2.27726294]]"#,
            .unrouted),
        Sample(
            "bitfinex_swap", "pong", #"{"event":"pong","ts":1760000010123,"cid":1234}"#,
            .heartbeat),
        Sample(
            "bybit_swap", "answer",
            #"{"success":true,"ret_msg":"","conn_id":"fe2f534d-e719-0ebb-d7bd-390dc837a61b","req_id":"s1","op":"subscribe"}"#,
            .ack(Acknowledgement(.accepted, requestID: "s1"))),
        Sample(
            "bybit_swap", "trade",
            #"{"topic":"publicTrade.BTCUSD","type":"snapshot","ts":1760000001868,"data":[{"T":1760000001865,"s":"BTCUSD","S":"Buy",""#
                + #"v":"1200","p":"97110.50","L":"PlusTick","i":"3c1e1a58-3412-fe3d-962a-6a06218eefec","BT":false,"seq":1783284617}]}"#,
            .packet(Topic("trade", "BTCUSD"))),
        Sample(
            "bybit_swap", "book",
            #"{"topic":"orderbook.50.BTCUSD","type":"delta","ts":1760000001966,"data":{"s":"BTCUSD","b":[["97110.00","30028"],["9710"#
                + #"1.00","0"]],"a":[["97111.00","892"]],"u":177400507,"seq":66544703342},"cts":1760000001964}"#,
            .packet(Topic("book", "BTCUSD"))),
        Sample(
            "bybit_swap", "pong",
            #"{"success":true,"ret_msg":"pong","conn_id":"a733b666-2226-6dd2-d693-7cfe589f19d8","req_id":"100001","op":"ping"}"#,
            .heartbeat),
        Sample(
            "bybit_uswap", "answer",
            #"{"success":true,"ret_msg":"","conn_id":"524f941a-a4fc-1167-272b-1f72985cfba3","req_id":"s1","op":"subscribe"}"#,
            .ack(Acknowledgement(.accepted, requestID: "s1"))),
        Sample(
            "bybit_uswap", "trade",
            #"{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1760000001868,"data":[{"T":1760000001865,"s":"BTCUSDT","S":"Sell"#
                + #"","v":"0.012","p":"97120.10","L":"MinusTick","i":"4c43c220-211c-db10-5960-b0a38671fbb5","BT":false,"seq":398812345671}"#
                + #"]}"#,
            .packet(Topic("trade", "BTCUSDT"))),
        Sample(
            "bybit_uswap", "book",
            #"{"topic":"orderbook.50.BTCUSDT","type":"snapshot","ts":1760000000978,"data":{"s":"BTCUSDT","b":[["97120.00","3.006"],["#
                + #""97119.50","0.100"]],"a":[["97120.10","1.029"],["97120.50","0.213"]],"u":18521288,"seq":7961638724},"cts":176000000097"#
                + #"6}"#,
            .packet(Topic("book", "BTCUSDT"))),
        Sample(
            "bybit_uswap", "pong",
            #"{"success":true,"ret_msg":"pong","conn_id":"524f941a-a4fc-1167-272b-1f72985cfba3","req_id":"100002","op":"ping"}"#,
            .heartbeat),
        Sample(
            "huobi", "answer", #"{"id":"t1","status":"ok","subbed":"market.btcusdt.trade.detail","ts":1760000000653}"#,
            .ack(Acknowledgement(.accepted, requestID: "t1", topics: [Topic("trade", "btcusdt")]))),
        Sample(
            "huobi", "trade",
            #"{"ch":"market.btcusdt.trade.detail","ts":1760000001842,"tick":{"id":170182534526,"ts":1760000001840,"data":[{"id":1701"#
                + #"82534526255757567432481,"ts":1760000001840,"tradeId":102745088885,"amount":0.0209,"price":97120.4,"direction":"buy"}]}"#
                + #"}"#,
            .packet(Topic("trade", "btcusdt"))),
        Sample(
            "huobi", "book",
            #"{"ch":"market.btcusdt.mbp.150","ts":1760000001908,"tick":{"seqNum":100020146795,"prevSeqNum":100020146794,"bids":[],"a"#
                + #"sks":[[97121.14,0.2675]]}}"#,
            .packet(Topic("book", "btcusdt"))),
        Sample(
            "huobi", "ping", #"{"ping":1760000003643}"#,
            .reply(.text(#"{"pong":1760000003643}"#))),
        Sample(
            "huobi_futures", "answer", #"{"id":"t1","status":"ok","subbed":"market.BTC_CQ.trade.detail","ts":1760000000874}"#,
            .ack(Acknowledgement(.accepted, requestID: "t1", topics: [Topic("trade", "BTC_CQ")]))),
        Sample(
            "huobi_futures", "trade",
            #"{"ch":"market.BTC_CQ.trade.detail","ts":1760000001136,"tick":{"id":213843672389,"ts":1760000001123,"data":[{"amount":1"#
                + #"20,"ts":1760000001123,"id":2138436723890000,"price":97362.5,"direction":"sell","quantity":0.1232}]}}"#,
            .packet(Topic("trade", "BTC_CQ"))),
        Sample(
            "huobi_futures", "book",
            #"{"ch":"market.BTC_CQ.depth.size_150.high_freq","tick":{"asks":[[97376.41,2627]],"bids":[],"ch":"market.BTC_CQ.depth.si"#
                + #"ze_150.high_freq","event":"update","id":213842925649,"mrid":213842925649,"ts":1760000001838,"version":330099155},"ts":"#
                + #"1760000001838}"#,
            .packet(Topic("book", "BTC_CQ"))),
        Sample(
            "huobi_futures", "ping", #"{"ping":1760000005619}"#,
            .reply(.text(#"{"pong":1760000005619}"#))),
        Sample(
            "huobi_swap", "answer", #"{"id":"t1","subbed":"market.BTC-USD.trade.detail","ts":1760000000874,"status":"ok"}"#,
            .ack(Acknowledgement(.accepted, requestID: "t1", topics: [Topic("trade", "BTC-USD")]))),
        Sample(
            "huobi_swap", "trade",
            #"{"ch":"market.BTC-USD.trade.detail","ts":1760000001234,"tick":{"id":84377471712,"ts":1760000001216,"data":[{"amount":6"#
                + #","quantity":0.0061778,"ts":1760000001216,"id":843774717120000,"price":97122.1,"direction":"buy"}]}}"#,
            .packet(Topic("trade", "BTC-USD"))),
        Sample(
            "huobi_swap", "book",
            #"{"ch":"market.BTC-USD.depth.step0","ts":1760000001843,"tick":{"mrid":84377472700,"id":1760000001,"bids":[[97120.6,50],"#
                + #"[97119.9,152]],"asks":[[97121.2,31]],"ts":1760000001841,"version":1760000001,"ch":"market.BTC-USD.depth.step0"}}"#,
            .packet(Topic("book_snapshot", "BTC-USD"))),
        Sample(
            "huobi_swap", "ping", #"{"ping":1760000005619}"#,
            .reply(.text(#"{"pong":1760000005619}"#))),
        Sample(
            "huobi_uswap", "answer", #"{"id":"t1","status":"ok","subbed":"market.BTC-USDT.trade.detail","ts":1760000000874}"#,
            .ack(Acknowledgement(.accepted, requestID: "t1", topics: [Topic("trade", "BTC-USDT")]))),
        Sample(
            "huobi_uswap", "trade",
            #"{"ch":"market.BTC-USDT.trade.detail","ts":1760000001959,"tick":{"id":53131183313,"ts":1760000001927,"data":[{"amount":"#
                + #"4,"quantity":0.004,"trade_turnover":388.4848,"ts":1760000001927,"id":531311833130000,"price":97121.2,"direction":"buy""#
                + #"}]}}"#,
            .packet(Topic("trade", "BTC-USDT"))),
        Sample(
            "huobi_uswap", "book",
            #"{"ch":"market.BTC-USDT.depth.size_150.high_freq","tick":{"asks":[[97121.3,0]],"bids":[[97120.9,250]],"ch":"market.BTC-"#
                + #"USDT.depth.size_150.high_freq","event":"update","id":53131188379,"mrid":53131188379,"ts":1760000001831,"version":17002"#
                + #"31},"ts":1760000001831}"#,
            .packet(Topic("book", "BTC-USDT"))),
        Sample(
            "huobi_uswap", "ping", #"{"ping":1760000005594}"#,
            .reply(.text(#"{"pong":1760000005594}"#))),
        Sample(
            "binance", "answer", #"{"result":null,"id":1}"#,
            .ack(Acknowledgement(.accepted, requestID: "1"))),
        Sample(
            "binance", "trade",
            #"{"stream":"btcusdt@trade","data":{"e":"trade","E":1760000001712,"s":"BTCUSDT","t":5312345678,"p":"97120.40000000","q":"#
                + #""0.01210000","T":1760000001711,"m":true,"M":true}}"#,
            .packet(Topic("trade", "BTCUSDT"))),
        Sample(
            "binance", "book",
            #"{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1760000001814,"s":"BTCUSDT","U":79912345001,"u":79912345"#
                + #"017,"b":[["97120.30000000","1.20400000"]],"a":[["97121.00000000","0.00000000"]]}}"#,
            .packet(Topic("book", "BTCUSDT"))),
        Sample(
            "binance_usdm", "answer", #"{"result":null,"id":1}"#,
            .ack(Acknowledgement(.accepted, requestID: "1"))),
        Sample(
            "binance_usdm", "trade",
            #"{"e":"aggTrade","E":1760000001720,"a":2812345678,"s":"BTCUSDT","p":"97118.10","q":"0.035","f":6312345670,"l":631234567"#
                + #"2,"T":1760000001717,"m":false}"#,
            .packet(Topic("trade", "BTCUSDT"))),
        Sample(
            "binance_usdm", "book",
            #"{"e":"depthUpdate","E":1760000001812,"T":1760000001806,"s":"BTCUSDT","U":8891234500100,"u":8891234500169,"pu":88912345"#
                + #"00099,"b":[["97118.00","3.412"]],"a":[["97118.10","0.000"]]}"#,
            .packet(Topic("book", "BTCUSDT"))),
        Sample(
            "binance_coinm", "answer", #"{"result":null,"id":1}"#,
            .ack(Acknowledgement(.accepted, requestID: "1"))),
        Sample(
            "binance_coinm", "trade",
            #"{"e":"aggTrade","E":1760000001591,"a":424951234,"s":"BTCUSD_PERP","p":"97115.3","q":"24","f":606073100,"l":606073101,""#
                + #"T":1760000001586,"m":true}"#,
            .packet(Topic("trade", "BTCUSD_PERP"))),
        Sample(
            "binance_coinm", "book",
            #"{"e":"depthUpdate","E":1760000001785,"T":1760000001778,"s":"BTCUSD_PERP","ps":"BTCUSD","U":1670060849030,"u":167006084"#
                + #"9121,"pu":1670060849029,"b":[["97115.2","1209"]],"a":[["97115.9","0"]]}"#,
            .packet(Topic("book", "BTCUSD_PERP"))),
        Sample(
            "okx", "answer", #"{"id":"t1","event":"subscribe","arg":{"channel":"trades","instId":"BTC-USDT"},"connId":"b7e01c42"}"#,
            .ack(Acknowledgement(.accepted, requestID: "t1", topics: [Topic("trade", "BTC-USDT")]))),
        Sample(
            "okx", "trade",
            #"{"arg":{"channel":"trades","instId":"BTC-USDT"},"data":[{"instId":"BTC-USDT","tradeId":"830639474","px":"97120.4","sz""#
                + #":"0.0120603","side":"buy","ts":"1760000001897","count":"3","seqId":66123456789}]}"#,
            .packet(Topic("trade", "BTC-USDT"))),
        Sample(
            "okx", "book",
            #"{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"update","data":[{"asks":[["97121.1","0","0","0"]],"bids":[["9"#
                + #"7120.3","1.25","0","7"]],"ts":"1760000001985","checksum":-855196043,"prevSeqId":66123456788,"seqId":66123456790}]}"#,
            .packet(Topic("book", "BTC-USDT"))),
        Sample(
            "okx", "pong", #"pong"#,
            .heartbeat),
        Sample(
            "coinbase", "answer",
            #"{"type":"subscriptions","channels":[{"name":"matches","product_ids":["BTC-USD"],"account_ids":null},{"name":"level2_50"#
                + #"","product_ids":["BTC-USD"],"account_ids":null},{"name":"heartbeat","product_ids":["BTC-USD"],"account_ids":null}]}"#,
            .ack(Acknowledgement(.accepted, topics: [Topic("trade", "BTC-USD"), Topic("book", "BTC-USD"), Topic("heartbeat", "BTC-USD")]))),
        Sample(
            "coinbase", "trade",
            #"{"type":"match","trade_id":881613455,"maker_order_id":"1b58bd02-34af-083b-2c04-ffc8da897a87","taker_order_id":"38c768d"#
                + #"3-2f54-5eca-57a0-72c931b81e8c","side":"sell","size":"0.0114","price":"97120.41","product_id":"BTC-USD","sequence":1033"#
                + #"39387981,"time":"2026-05-02T09:00:01.244075Z"}"#,
            .packet(Topic("trade", "BTC-USD"))),
        Sample(
            "coinbase", "book",
            #"{"type":"l2update","product_id":"BTC-USD","changes":[["buy","97120.40","0.51"],["sell","97121.07","0.00000000"]],"time"#
                + #"":"2026-05-02T09:00:01.275687Z"}"#,
            .packet(Topic("book", "BTC-USD"))),
        Sample(
            "coinbase_advanced", "answer",
            #"{"channel":"subscriptions","client_id":"","timestamp":"2026-05-02T09:00:00.000000Z","sequence_num":0,"events":[{"subsc"#
                + #"riptions":{"market_trades":["BTC-USD"]}}]}"#,
            .ack(Acknowledgement(.accepted, topics: [Topic("trade", "BTC-USD")]))),
        Sample(
            "coinbase_advanced", "trade",
            #"{"channel":"market_trades","client_id":"","timestamp":"2026-05-02T09:00:02.789012Z","sequence_num":5,"events":[{"type""#
                + #":"update","trades":[{"trade_id":"995098700","product_id":"BTC-USD","price":"97120.50","size":"0.0015","side":"BUY","ti"#
                + #"me":"2026-05-02T09:00:02.781012Z"}]}]}"#,
            .packet(Topic("trade", "BTC-USD"))),
        Sample(
            "coinbase_advanced", "book",
            #"{"channel":"l2_data","client_id":"","timestamp":"2026-05-02T09:00:01.456789Z","sequence_num":4,"events":[{"type":"upda"#
                + #"te","product_id":"BTC-USD","updates":[{"side":"bid","event_time":"2026-05-02T09:00:01.451789Z","price_level":"97120.00"#
                + #"","new_quantity":"2.0"},{"side":"offer","event_time":"2026-05-02T09:00:01.451789Z","price_level":"97121.00","new_quant"#
                + #"ity":"0"}]}]}"#,
            .packet(Topic("book", "BTC-USD"))),
        Sample(
            "bitmex", "answer",
            #"{"success":true,"subscribe":"trade:XBTUSD","request":{"op":"subscribe","args":["trade:XBTUSD","orderBookL2_25:XBTUSD"]"#
                + #"}}"#,
            .ack(Acknowledgement(.accepted, topics: [Topic("trade", "XBTUSD")]))),
        Sample(
            "bitmex", "trade",
            #"{"table":"trade","action":"insert","data":[{"timestamp":"2026-05-02T09:00:01.704Z","symbol":"XBTUSD","side":"Sell","si"#
                + #"ze":100,"price":97120.5,"tickDirection":"ZeroMinusTick","trdMatchID":"cdc5f280-4916-7195-438d-361f8c49cf3c","grossValu"#
                + #"e":102965,"homeNotional":0.00102965,"foreignNotional":100,"trdType":"Regular"}]}"#,
            .packet(Topic("trade", "XBTUSD"))),
        Sample(
            "bitmex", "book",
            #"{"table":"orderBookL2_25","action":"update","data":[{"symbol":"XBTUSD","id":62400580205,"side":"Sell","size":33000,"pr"#
                + #"ice":97121.5,"timestamp":"2026-05-02T09:00:02.356Z"}]}"#,
            .packet(Topic("book", "XBTUSD"))),
        Sample(
            "bitmex", "pong", #"pong"#,
            .heartbeat),
        Sample(
            "deribit", "answer",
            #"{"jsonrpc":"2.0","id":1,"result":["trades.BTC-PERPETUAL.100ms","book.BTC-PERPETUAL.100ms"],"usIn":1760000000000000,"us"#
                + #"Out":1760000000001000,"usDiff":1000,"testnet":false}"#,
            .ack(Acknowledgement(.accepted, requestID: "1", topics: [Topic("trade", "BTC-PERPETUAL"), Topic("book", "BTC-PERPETUAL")]))),
        Sample(
            "deribit", "trade",
            #"{"jsonrpc":"2.0","method":"subscription","params":{"channel":"trades.BTC-PERPETUAL.100ms","data":[{"timestamp":1760000"#
                + #"001452,"price":97119.5,"amount":750.0,"direction":"sell","index_price":97101.75,"instrument_name":"BTC-PERPETUAL","tra"#
                + #"de_seq":281252900,"mark_price":97112.11,"tick_direction":2,"contracts":75.0,"trade_id":"443691002"}]}}"#,
            .packet(Topic("trade", "BTC-PERPETUAL"))),
        Sample(
            "deribit", "book",
            #"{"jsonrpc":"2.0","method":"subscription","params":{"channel":"book.BTC-PERPETUAL.100ms","data":{"type":"change","instr"#
                + #"ument_name":"BTC-PERPETUAL","timestamp":1760000001500,"change_id":88123456790,"prev_change_id":88123456789,"bids":[["c"#
                + #"hange",97119.5,950.0],["new",97118.0,300.0]],"asks":[["delete",97121.0,0.0]]}}}"#,
            .packet(Topic("book", "BTC-PERPETUAL"))),
        Sample(
            "deribit", "ping", #"{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"test_request"}}"#,
            .reply(.text(#"{"jsonrpc":"2.0","id":999999999,"method":"public/test","params":{}}"#))),
        Sample(
            "kraken_futures", "answer", #"{"event":"subscribed","feed":"trade","product_ids":["PI_XBTUSD"]}"#,
            .ack(Acknowledgement(.accepted, topics: [Topic("trade", "PI_XBTUSD")]))),
        Sample(
            "kraken_futures", "trade",
            #"{"feed":"trade","product_id":"PI_XBTUSD","uid":"fe72c7b8-f122-cc98-c686-1ceb19eaae79","side":"sell","type":"fill","seq"#
                + #"":653355,"time":1760000001519,"qty":1500,"price":97118.5}"#,
            .packet(Topic("trade", "PI_XBTUSD"))),
        Sample(
            "kraken_futures", "book",
            #"{"feed":"book","product_id":"PI_XBTUSD","side":"sell","seq":326094134,"price":97121,"qty":0,"timestamp":1760000001629}"#,
            .packet(Topic("book", "PI_XBTUSD"))),
        Sample(
            "bitget", "answer", #"{"event":"subscribe","arg":{"instType":"SPOT","channel":"trade","instId":"BTCUSDT"}}"#,
            .ack(Acknowledgement(.accepted, topics: [Topic("trade", "BTCUSDT")]))),
        Sample(
            "bitget", "trade",
            #"{"action":"update","arg":{"instType":"SPOT","channel":"trade","instId":"BTCUSDT"},"data":[{"ts":"1760000001709","price"#
                + #"":"97120.41","size":"0.0115","side":"sell","tradeId":"1359123456789012345"}],"ts":1760000001712}"#,
            .packet(Topic("trade", "BTCUSDT"))),
        Sample(
            "bitget", "book",
            #"{"action":"update","arg":{"instType":"SPOT","channel":"books","instId":"BTCUSDT"},"data":[{"asks":[["97121.02","0"]],""#
                + #"bids":[["97120.40","0.52"]],"checksum":-1423211982,"seq":1359123456789,"ts":"1760000001806"}],"ts":1760000001809}"#,
            .packet(Topic("book", "BTCUSDT"))),
        Sample(
            "bitget", "pong", #"pong"#,
            .heartbeat),
        Sample(
            "gemini", "answer", #"{"id":1,"status":200,"result":null}"#,
            .ack(Acknowledgement(.accepted, requestID: "1"))),
        Sample(
            "gemini", "trade", #"{"E":1760000001712345678,"s":"btcusd","t":2840141234567890,"p":"97120.41","q":"0.0115","m":true}"#,
            .packet(Topic("trade", "btcusd"))),
        Sample(
            "gemini", "book",
            #"{"e":"depthUpdate","E":1760000001812345678,"s":"btcusd","U":90812345,"u":90812347,"b":[["97120.40","0.52"]],"a":[["971"#
                + #"21.02","0"]]}"#,
            .packet(Topic("book", "btcusd"))),
        Sample(
            "bitflyer", "answer", #"{"jsonrpc":"2.0","id":1,"result":true}"#,
            .ack(Acknowledgement(.accepted, requestID: "1"))),
        Sample(
            "bitflyer", "trade",
            #"{"jsonrpc":"2.0","method":"channelMessage","params":{"channel":"lightning_executions_BTC_JPY","message":[{"id":2584079"#
                + #"807,"side":"BUY","price":14526930.0,"size":0.01,"exec_date":"2026-05-02T09:00:01.9692063Z","buy_child_order_acceptance"#
                + #"_id":"JRF20260502-090001-223057","sell_child_order_acceptance_id":"JRF20260502-090000-081757"}]}}"#,
            .packet(Topic("trade", "BTC_JPY"))),
        Sample(
            "bitflyer", "book",
            #"{"jsonrpc":"2.0","method":"channelMessage","params":{"channel":"lightning_board_BTC_JPY","message":{"mid_price":145269"#
                + #"00.0,"bids":[{"price":14526500.0,"size":0.12}],"asks":[{"price":14527400.0,"size":0}]}}}"#,
            .packet(Topic("book", "BTC_JPY"))),
    ]
}
