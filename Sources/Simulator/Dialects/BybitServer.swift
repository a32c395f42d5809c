internal import ColonyExchanges

/// Bybit v5 (family `bybit`), inverse and linear, with one connect budget.
///
/// One acknowledgement per request; one bad topic fails the whole request. The pong has `op` ping. A client silent for 600 s is cut; the
/// topics of a connection may not exceed 21,000 characters; 500 connects in five minutes.
package struct BybitServer: ServerDialect {
    package let exchange: String
    package let budgetGroup = "bybit"
    package let path: String
    package let listings: [String]

    package init(exchange: String, path: String, listings: [String]) {
        self.exchange = exchange
        self.path = path
        self.listings = listings
    }

    package var rules: ServerRules {
        var rules = ServerRules()
        rules.clientSilence = .seconds(600)
        rules.connects = .init(500, per: .seconds(300))
        return rules
    }

    package func answer(_ message: ClientMessage, _ socket: SocketView) -> Answer {
        let connection = #""conn_id":"fe2f534d-e719-0ebb-d7bd-\#(100_000_000_000 + socket.number)""#
        guard let request = message.json, let operation = request["op"]?.string else {
            return .reply(#"{"success":false,"ret_msg":"Invalid request",\#(connection),"req_id":"","op":""}"#)
        }
        let tail = #"\#(connection),"req_id":\#(request["req_id"]?.text ?? "\"\""),"op":\#(JSONValue.quoted(operation))}"#
        func refuse(_ text: String) -> Answer { .reply(#"{"success":false,"ret_msg":\#(JSONValue.quoted(text)),"# + tail) }
        switch operation {
        case "ping": return .reply(#"{"success":true,"ret_msg":"pong","# + tail)
        case "subscribe", "unsubscribe": break
        default: return refuse("error:handler not found,op:\(operation)")
        }
        guard let names = request["args"]?.strings, !names.isEmpty else { return refuse("error:args is empty") }
        var answer = Answer.reply(#"{"success":true,"ret_msg":"","# + tail)
        for name in names {
            guard let topic = topic(name, socket) else { return refuse("error:handler not found,topic:\(name)") }
            if operation == "subscribe" {
                answer.subscribe.append(Subscription(key: name, topic: topic))
            } else {
                answer.unsubscribe.append(name)
            }
        }
        let characters = (socket.subscriptions.all.map(\.key) + names).reduce(0) { $0 + $1.utf8.count }
        guard operation == "unsubscribe" || characters <= 21_000 else { return refuse("error:args size >21000") }
        return answer
    }

    private func topic(_ name: String, _ socket: SocketView) -> Topic? {
        let parts = name.split(separator: ".").map(String.init)
        guard let symbol = parts.last, socket.listings.contains(symbol) else { return nil }
        switch (parts[0], parts.count) {
        case ("publicTrade", 2): return Topic(channel: "trade", symbol: symbol)
        case ("tickers", 2): return Topic(channel: "ticker", symbol: symbol)
        case ("orderbook", 3) where parts[1] == "1": return Topic(channel: "bbo", symbol: symbol)
        case ("orderbook", 3) where ["50", "200", "500", "1000"].contains(parts[1]): return Topic(channel: "book", symbol: symbol)
        case ("kline", 3):
            let intervals = [
                "1": "1m", "3": "3m", "5": "5m", "15": "15m", "30": "30m", "60": "1h", "120": "2h", "240": "4h", "360": "6h", "720": "12h",
                "D": "1d", "W": "1w", "M": "1mon",
            ]
            return intervals[parts[1]].map { Topic(channel: "candle." + $0, symbol: symbol) }
        default: return nil
        }
    }

    package func data(_ subscription: Subscription, _ tick: Tick, _ socket: SocketView) -> ServerMessage {
        let symbol = subscription.topic.symbol
        let time = tick.wallMilliseconds
        let kind = tick.isFirst ? "snapshot" : "delta"
        func message(_ type: String, _ body: String, _ tail: String = "") -> ServerMessage {
            ServerMessage(#"{"topic":"\#(subscription.key)","type":"\#(type)","ts":\#(time),"data":\#(body)\#(tail)}"#)
        }
        switch subscription.topic.channel {
        case "trade":
            return message(
                "snapshot",
                #"[{"T":\#(time),"s":"\#(symbol)","S":"\#(tick.isBuy ? "Buy" : "Sell")","v":"\#(tick.size)","p":"\#(tick.price)","#
                    + #""L":"PlusTick","i":"\#(tick.number)","BT":false,"seq":\#(tick.number)}]"#)
        case "ticker":
            return message(
                kind,
                #"{"symbol":"\#(symbol)","lastPrice":"\#(tick.price)","bid1Price":"\#(tick.bid)","bid1Size":"\#(tick.size)","#
                    + #""ask1Price":"\#(tick.ask)","ask1Size":"\#(tick.size)","markPrice":"\#(tick.price)"}"#, #","cs":\#(tick.number)"#)
        case "bbo", "book":
            return message(
                subscription.topic.channel == "bbo" ? "snapshot" : kind,
                #"{"s":"\#(symbol)","b":\#(tick.bids.pairs()),"a":\#(tick.asks.pairs()),"u":\#(tick.number),"seq":\#(tick.number)}"#,
                #","cts":\#(time - 2)"#)
        default:
            let start = time / 60_000 * 60_000
            return message(
                "snapshot",
                #"[{"start":\#(start),"end":\#(start + 59_999),"interval":"\#(subscription.key.split(separator: ".")[1])","#
                    + #""open":"\#(tick.open)","close":"\#(tick.price)","high":"\#(tick.high)","low":"\#(tick.low)","#
                    + #""volume":"\#(tick.number)","turnover":"\#(tick.volume)","confirm":false,"timestamp":\#(time)}]"#)
        }
    }
}
