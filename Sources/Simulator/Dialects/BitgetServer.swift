internal import ColonyExchanges

/// Bitget v2 (family `op-args`), spot instruments.
///
/// Bare `ping`, bare `pong`; one acknowledgement per argument; 10 messages a second, the pings included; 1,000 topics; a client silent for
/// 120 s is cut; 300 connects in five minutes; 24 h.
package struct BitgetServer: ServerDialect {
    package let exchange = "bitget"
    package let path = "/v2/ws/public"
    package let listings: [String]

    package init(listings: [String]) { self.listings = listings }

    package var rules: ServerRules {
        var rules = ServerRules()
        rules.clientSilence = .seconds(120)
        rules.messages = .init(10, per: .seconds(1))
        rules.connects = .init(300, per: .seconds(300))
        rules.maxTopics = 1000
        rules.maxAge = .seconds(86_400)
        return rules
    }

    package func answer(_ message: ClientMessage, _ socket: SocketView) -> Answer {
        if message.text == "ping" { return .reply("pong") }
        guard let request = message.json, let operation = request["op"]?.string, operation == "subscribe" || operation == "unsubscribe",
            let arguments = request["args"]?.array, !arguments.isEmpty
        else { return .reply(#"{"event":"error","code":30003,"msg":"Illegal request"}"#) }
        var answer = Answer()
        for argument in arguments {
            let market = argument["instType"]?.string ?? ""
            let name = argument["channel"]?.string ?? ""
            let symbol = argument["instId"]?.string ?? ""
            guard market == "SPOT", let channel = Self.channel(name), socket.listings.contains(symbol) else {
                let text = JSONValue.quoted("instType:\(market),channel:\(name),instId:\(symbol) doesn't exist")
                answer.replies.append(
                    ServerMessage(#"{"event":"error","arg":\#(argument.text),"code":30001,"msg":\#(text),"op":"\#(operation)"}"#))
                continue
            }
            answer.replies.append(ServerMessage(#"{"event":"\#(operation)","arg":\#(argument.text)}"#))
            let subscription = Subscription(key: "\(name) \(symbol)", topic: Topic(channel: channel, symbol: symbol))
            if operation == "subscribe" { answer.subscribe.append(subscription) } else { answer.unsubscribe.append(subscription.key) }
        }
        return answer
    }

    private static func channel(_ name: String) -> String? {
        let intervals = [
            "1m": "1m", "5m": "5m", "15m": "15m", "30m": "30m", "1H": "1h", "4H": "4h", "6H": "6h", "12H": "12h", "1D": "1d", "3D": "3d",
            "1W": "1w", "1M": "1mon",
        ]
        if name.hasPrefix("candle") { return intervals[String(name.dropFirst("candle".count))].map { "candle." + $0 } }
        return [
            "trade": "trade", "ticker": "ticker", "books": "book", "books1": "bbo", "books5": "book_snapshot.5", "books15": "book_snapshot",
        ][
            name]
    }

    package func data(_ subscription: Subscription, _ tick: Tick, _ socket: SocketView) -> ServerMessage {
        let name = subscription.key.split(separator: " ")[0]
        let time = tick.wallMilliseconds
        let row: String
        switch subscription.topic.channel {
        case "trade":
            row =
                #"{"ts":"\#(time)","price":"\#(tick.price)","size":"\#(tick.size)","side":"\#(tick.isBuy ? "buy" : "sell")","#
                + #""tradeId":"\#(tick.number)"}"#
        case "ticker":
            row =
                #"{"instId":"\#(subscription.topic.symbol)","lastPr":"\#(tick.price)","open24h":"\#(tick.open)","high24h":"\#(tick.high)","#
                + #""low24h":"\#(tick.low)","bidPr":"\#(tick.bid)","askPr":"\#(tick.ask)","bidSz":"\#(tick.size)","askSz":"\#(tick.size)","#
                + #""baseVolume":"\#(tick.number)","quoteVolume":"\#(tick.volume)","ts":"\#(time)"}"#
        case "book", "bbo", "book_snapshot", "book_snapshot.5":
            row =
                #"{"asks":\#(tick.asks.pairs()),"bids":\#(tick.bids.pairs()),"checksum":-1423211982,"seq":\#(tick.number),"ts":"\#(time)"}"#
        default:
            let values = [tick.open, tick.high, tick.low, tick.price].map { "\"\($0)\"" }.joined(separator: ",")
            row = #"["\#(time / 60_000 * 60_000)",\#(values),"\#(tick.number)","\#(tick.volume)","\#(tick.volume)"]"#
        }
        let isSnapshot = tick.isFirst || subscription.topic.channel.hasPrefix("book_snapshot") || subscription.topic.channel == "ticker"
        return ServerMessage(
            #"{"action":"\#(isSnapshot ? "snapshot" : "update")","#
                + #""arg":{"instType":"SPOT","channel":"\#(name)","instId":"\#(subscription.topic.symbol)"},"data":[\#(row)],"ts":\#(time)}"#
        )
    }
}
