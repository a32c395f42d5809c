internal import ColonyExchanges

/// Liquid, on the Pusher protocol (family `pusher`), as documented until its end.
///
/// `data` is JSON inside a string; either side may ping, and a client that leaves the server's ping unanswered for 30 s is cut. Pusher knows
/// nothing of symbols: an unknown channel is acknowledged and stays silent.
package struct LiquidServer: ServerDialect {
    package let exchange = "liquid"
    package let path = "/app/LiquidTapClient"
    package let listings: [String]

    package init(listings: [String]) { self.listings = listings }

    package var rules: ServerRules {
        var rules = ServerRules()
        rules.heartbeat = .init(every: .seconds(300), owed: .messageWithin(.seconds(30)))
        return rules
    }

    package func open(_ socket: SocketView) -> Answer {
        .reply(
            #"{"event":"pusher:connection_established","data":"{\"activity_timeout\":120,\"socket_id\":\"4410023.\#(socket.number)\"}"}"#)
    }

    package var unknownSymbols: UnknownSymbolAnswer { .acknowledged }

    package func answer(_ message: ClientMessage, _ socket: SocketView) -> Answer {
        guard let request = message.json, let event = request["event"]?.string else {
            return .reply(#"{"event":"pusher:error","data":{"code":4200,"message":"not a Pusher event"}}"#)
        }
        switch event {
        case "pusher:ping": return .reply(#"{"event":"pusher:pong","data":"{}"}"#)
        case "pusher:pong": return Answer(answered: "pusher")
        case "pusher:subscribe", "pusher:unsubscribe":
            guard let channel = request["data"]?["channel"]?.string else {
                return .reply(#"{"event":"pusher:error","data":{"code":4200,"message":"no channel"}}"#)
            }
            guard event == "pusher:subscribe" else { return Answer(unsubscribe: [channel]) }
            var answer = Answer.reply(
                #"{"channel":\#(JSONValue.quoted(channel)),"data":{},"event":"pusher_internal:subscription_succeeded"}"#)
            if let topic = topic(channel, socket) { answer.subscribe = [Subscription(key: channel, topic: topic)] }
            return answer
        default: return .reply(#"{"event":"pusher:error","data":{"code":4200,"message":"unknown event"}}"#)
        }
    }

    private func topic(_ channel: String, _ socket: SocketView) -> Topic? {
        let parts = channel.split(separator: "_").map(String.init)
        func listed(_ name: String, _ pair: String, as symbol: String? = nil) -> Topic? {
            socket.listings.contains(pair) ? Topic(channel: name, symbol: symbol ?? pair) : nil
        }
        switch (parts.first, parts.count) {
        case ("executions", 3): return listed("trade", parts[2])
        case ("product", 4): return listed("ticker", parts[2], as: "\(parts[2])_\(parts[3])")
        case ("product", 5) where parts[2] == "resolution" && parts[4] == "tickers":
            // Candles name the product by its number alone.
            let intervals = ["60": "1m", "300": "5m", "900": "15m", "1800": "30m", "3600": "1h", "14400": "4h", "86400": "1d"]
            guard Int(parts[1]) != nil, let interval = intervals[parts[3]] else { return nil }
            return Topic(channel: "candle." + interval, symbol: parts[1])
        case ("price", 5) where parts[4] == "buy" || parts[4] == "sell": return listed("book_snapshot", parts[3])
        default: return nil
        }
    }

    package func heartbeat(_ socket: SocketView) -> Beat {
        Beat(messages: [ServerMessage(#"{"event":"pusher:ping","data":"{}"}"#)], token: "pusher")
    }

    package func restartNotice(_ socket: SocketView) -> ServerMessage? {
        ServerMessage(#"{"event":"pusher:error","data":{"code":4200,"message":"Please reconnect immediately"}}"#)
    }

    package func data(_ subscription: Subscription, _ tick: Tick, _ socket: SocketView) -> ServerMessage {
        let inner: String
        switch subscription.topic.channel {
        case "trade":
            inner =
                #"{"id":\#(tick.number),"quantity":"\#(tick.size)","price":"\#(tick.price)","taker_side":"\#(tick.isBuy ? "buy" : "sell")","#
                + #""created_at":\#(tick.wallMilliseconds / 1000)}"#
        case "ticker":
            inner =
                #"{"id":"5","last_traded_price":"\#(tick.price)","market_bid":"\#(tick.bid)","market_ask":"\#(tick.ask)","#
                + #""volume_24h":"\#(tick.volume)","last_event_timestamp":"\#(tick.wallMilliseconds / 1000).\#(tick.number)"}"#
        case let channel where channel.hasPrefix("candle."):
            inner =
                #"{"id":\#(tick.number),"open":"\#(tick.open)","high":"\#(tick.high)","low":"\#(tick.low)","close":"\#(tick.price)","#
                + #""volume":"\#(tick.volume)","time":\#(tick.wallMilliseconds / 60_000 * 60)}"#
        default:
            // Ladders have no number of their own: the last digits of the first quantity carry it.
            let side = subscription.key.hasSuffix("buy") ? tick.bids : tick.asks
            inner = side.pairs().replacing("\"]", with: "\(tick.number)\"]", maxReplacements: 1)
        }
        let event = subscription.topic.channel == "trade" ? "created" : "updated"
        return ServerMessage(#"{"channel":"\#(subscription.key)","data":\#(JSONValue.quoted(inner)),"event":"\#(event)"}"#)
    }
}
