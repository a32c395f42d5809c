internal import ColonyExchanges

/// Gate's websocket v4 (family `gate-channel-event`), spot (`spot.`) and futures (`futures.`).
///
/// Trades and tickers take many symbols in a request, books and candles one with its parameters; the acknowledgement repeats the payload.
/// Any unknown symbol refuses the whole request. Ping is a channel of its own.
package struct GateServer: ServerDialect {
    package let exchange: String
    package let path: String
    package let listings: [String]
    private let prefix: String

    package init(exchange: String, path: String, prefix: String, listings: [String]) {
        self.exchange = exchange
        self.path = path
        self.prefix = prefix
        self.listings = listings
    }

    private var isSpot: Bool { prefix == "spot." }

    package var rules: ServerRules { ServerRules() }

    package func serves(path: String) -> Bool { path == self.path || path + "/" == self.path }

    package func answer(_ message: ClientMessage, _ socket: SocketView) -> Answer {
        let times = #""time":\#(socket.wallMilliseconds / 1000),"time_ms":\#(socket.wallMilliseconds)"#
        guard let request = message.json, let channel = request["channel"]?.string else {
            return .reply(#"{\#(times),"channel":"","event":"","error":{"code":1,"message":"invalid request body"},"result":null}"#)
        }
        if channel == prefix + "ping" {
            return .reply(#"{\#(times),"channel":"\#(prefix)pong","event":"",\#(isSpot ? "" : #""error":null,"#)"result":null}"#)
        }
        let event = request["event"]?.string ?? ""
        let id = request["id"].map { #""id":\#($0.text),"# } ?? ""
        let head = #"{\#(times),\#(id)"channel":\#(JSONValue.quoted(channel)),"event":\#(JSONValue.quoted(event)),"#
        func refuse(_ text: String) -> Answer { .reply(head + #""error":{"code":2,"message":\#(JSONValue.quoted(text))},"result":null}"#) }
        guard event == "subscribe" || event == "unsubscribe" else { return refuse("unknown event \(event)") }
        guard let payload = request["payload"]?.strings, !payload.isEmpty else { return refuse("payload is empty") }
        guard channel.hasPrefix(prefix) else { return refuse("unknown channel \(channel)") }
        var subscriptions: [Subscription] = []
        switch String(channel.dropFirst(prefix.count)) {
        case let name where ["trades", "tickers", "book_ticker"].contains(name):
            let word = ["trades": "trade", "tickers": "ticker", "book_ticker": "bbo"][name] ?? name
            subscriptions = payload.map { Subscription(key: channel + " " + $0, topic: Topic(channel: word, symbol: $0)) }
        case "order_book_update":
            subscriptions = [one(channel, payload, Topic(channel: "book", symbol: payload[0]))]
        case "order_book":
            subscriptions = [one(channel, payload, Topic(channel: "book_snapshot", symbol: payload[0]))]
        case "obu":
            let parts = payload[0].split(separator: ".").map(String.init)
            guard parts.count == 3, parts[0] == "ob" else { return refuse("unknown stream \(payload[0])") }
            subscriptions = [one(channel, payload, Topic(channel: "book.obu", symbol: parts[1]))]
        case "candlesticks":
            let intervals = ["10s", "1m", "5m", "15m", "30m", "1h", "4h", "8h", "1d", "7d", "30d"]
            guard payload.count == 2, intervals.contains(payload[0]) else { return refuse("unknown interval \(payload[0])") }
            let interval = ["7d": "1w", "30d": "1mon"][payload[0]] ?? payload[0]
            subscriptions = [one(channel, payload, Topic(channel: "candle." + interval, symbol: payload[1]))]
        default: return refuse("unknown channel \(channel)")
        }
        if let bad = subscriptions.first(where: { !socket.listings.contains($0.topic.symbol) }) {
            return refuse("unknown \(isSpot ? "currency pair" : "contract") \(bad.topic.symbol)")
        }
        let echo = #""payload":\#(JSONValue.array(payload.map { .string($0) }).text),"#
        var answer = Answer.reply(head + echo + #""result":{"status":"success"}}"#)
        if event == "subscribe" { answer.subscribe = subscriptions } else { answer.unsubscribe = subscriptions.map(\.key) }
        return answer
    }

    private func one(_ channel: String, _ payload: [String], _ topic: Topic) -> Subscription {
        Subscription(key: ([channel] + payload).joined(separator: " "), topic: topic)
    }

    package func restartNotice(_ socket: SocketView) -> ServerMessage? {
        ServerMessage(#"{"time":\#(socket.wallMilliseconds / 1000),"channel":"\#(prefix)trades","event":"upgrade","result":null}"#)
    }

    package func data(_ subscription: Subscription, _ tick: Tick, _ socket: SocketView) -> ServerMessage {
        let parts = subscription.key.split(separator: " ").map(String.init)
        let milliseconds = tick.wallMilliseconds
        let head = #"{"time":\#(milliseconds / 1000),"time_ms":\#(milliseconds),"channel":"\#(parts[0])","event":"update","result":"#
        return ServerMessage(head + (isSpot ? spot(subscription, parts, tick) : futures(subscription, parts, tick)) + "}")
    }

    private func spot(_ subscription: Subscription, _ parts: [String], _ tick: Tick) -> String {
        let symbol = subscription.topic.symbol
        let time = tick.wallMilliseconds
        let range = #""U":\#(tick.previous + 1),"u":\#(tick.number),"b":\#(tick.bids.pairs()),"a":\#(tick.asks.pairs())"#
        switch subscription.topic.channel {
        case "trade":
            return #"{"id":\#(tick.number),"create_time":\#(time / 1000),"create_time_ms":"\#(time).264200","#
                + #""side":"\#(tick.isBuy ? "buy" : "sell")","currency_pair":"\#(symbol)","amount":"\#(tick.size)","price":"\#(tick.price)"}"#
        case "ticker":
            return #"{"currency_pair":"\#(symbol)","last":"\#(tick.price)","lowest_ask":"\#(tick.ask)","highest_bid":"\#(tick.bid)","#
                + #""change_percentage":"0.1","base_volume":"\#(tick.number)","quote_volume":"\#(tick.volume)","high_24h":"\#(tick.high)","#
                + #""low_24h":"\#(tick.low)"}"#
        case "bbo":
            return #"{"t":\#(time),"u":\#(tick.number),"s":"\#(symbol)","b":"\#(tick.bid)","B":"\#(tick.size)","a":"\#(tick.ask)","#
                + #""A":"\#(tick.size)"}"#
        case "book": return #"{"t":\#(time),"e":"depthUpdate","E":\#(time / 1000),"s":"\#(symbol)",\#(range)}"#
        case "book.obu": return #"{"t":\#(time),\#(tick.isFirst ? #""full":true,"# : "")"s":"\#(parts[1])",\#(range)}"#
        case "book_snapshot":
            return
                #"{"t":\#(time),"lastUpdateId":\#(tick.number),"s":"\#(symbol)","bids":\#(tick.bids.pairs()),"asks":\#(tick.asks.pairs())}"#
        default: return candle(parts, symbol, tick)
        }
    }

    private func futures(_ subscription: Subscription, _ parts: [String], _ tick: Tick) -> String {
        let symbol = subscription.topic.symbol
        let time = tick.wallMilliseconds
        func levels(_ side: [BookLevel]) -> String {
            "[" + side.map { #"{"p":"\#($0.price)","s":\#($0.size.units)}"# }.joined(separator: ",") + "]"
        }
        let range = #""U":\#(tick.previous + 1),"u":\#(tick.number),"b":\#(levels(tick.bids)),"a":\#(levels(tick.asks))"#
        switch subscription.topic.channel {
        case "trade":
            return #"[{"id":\#(tick.number),"size":\#(tick.isBuy ? tick.size.units : -tick.size.units),"create_time":\#(time / 1000),"#
                + #""create_time_ms":\#(time),"price":"\#(tick.price)","contract":"\#(symbol)"}]"#
        case "ticker":
            return #"[{"contract":"\#(symbol)","last":"\#(tick.price)","mark_price":"\#(tick.price)","index_price":"\#(tick.price)","#
                + #""funding_rate":"0.0001","volume_24h":"\#(tick.number)","total_size":"\#(tick.volume.units)"}]"#
        case "bbo":
            return #"{"t":\#(time),"u":\#(tick.number),"s":"\#(symbol)","b":"\#(tick.bid)","B":\#(tick.size.units),"a":"\#(tick.ask)","#
                + #""A":\#(tick.size.units)}"#
        case "book": return #"{"t":\#(time),"s":"\#(symbol)",\#(range)}"#
        case "book.obu": return #"{"t":\#(time),\#(tick.isFirst ? #""full":true,"# : "")"s":"\#(parts[1])",\#(range)}"#
        case "book_snapshot":
            return #"{"t":\#(time),"id":\#(tick.number),"contract":"\#(symbol)","bids":\#(levels(tick.bids)),"asks":\#(levels(tick.asks))}"#
        default: return "[" + candle(parts, symbol, tick) + "]"
        }
    }

    private func candle(_ parts: [String], _ symbol: String, _ tick: Tick) -> String {
        #"{"t":"\#(tick.wallMilliseconds / 60_000 * 60)","v":"\#(tick.number)","c":"\#(tick.price)","h":"\#(tick.high)","l":"\#(tick.low)","#
            + #""o":"\#(tick.open)","n":"\#(parts[1])_\#(symbol)"}"#
    }
}
