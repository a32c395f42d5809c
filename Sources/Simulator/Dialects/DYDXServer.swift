internal import ColonyExchanges

/// dYdX v4 (family `dydx`).
///
/// Every message of the connection has the next `message_id`. PING control frames every 30 s, PONG owed within 10 s. 32 topics per channel.
/// The limit of two subscribes a second for one topic is not enforced.
package struct DYDXServer: ServerDialect {
    package let exchange = "dydx"
    package let path = "/v4/ws"
    package let listings: [String]

    package init(listings: [String]) { self.listings = listings }

    package var rules: ServerRules {
        var rules = ServerRules()
        rules.heartbeat = .init(every: .seconds(30), owed: .pongFrame(within: .seconds(10)))
        return rules
    }

    private func stamp(_ socket: SocketView) -> String {
        #""connection_id":"8d801d57-f8fd-36b3-ebbd-\#(100_000_000_000 + socket.number)","message_id":\#(socket.messagesSent)"#
    }

    package func open(_ socket: SocketView) -> Answer { .reply(#"{"type":"connected",\#(stamp(socket))}"#) }

    package func answer(_ message: ClientMessage, _ socket: SocketView) -> Answer {
        guard let request = message.json, let type = request["type"]?.string else {
            return .reply(#"{"type":"error","message":"Invalid message: could not parse",\#(stamp(socket))}"#)
        }
        if type == "ping" { return .reply(#"{"type":"pong",\#(stamp(socket)),"id":\#(request["id"]?.text ?? "null")}"#) }
        let name = request["channel"]?.string ?? ""
        let id = request["id"]?.string ?? ""
        func refuse(_ text: String) -> Answer {
            .reply(
                #"{"type":"error","message":\#(JSONValue.quoted(text)),\#(stamp(socket)),"channel":\#(JSONValue.quoted(name)),"#
                    + #""id":\#(JSONValue.quoted(id))}"#)
        }
        guard type == "subscribe" || type == "unsubscribe" else { return refuse("Invalid message type") }
        guard let topic = topic(name, id, socket) else { return refuse("Invalid subscription id for channel: (\(name)-\(id))") }
        let key = "\(name) \(id)"
        let named = name == "v4_markets" ? #""channel":"\#(name)""# : #""channel":"\#(name)","id":"\#(id)""#
        guard type == "subscribe" else {
            return Answer(replies: [ServerMessage(#"{"type":"unsubscribed",\#(stamp(socket)),\#(named)}"#)], unsubscribe: [key])
        }
        guard socket.subscriptions[key] == nil else { return refuse("Invalid subscribe message: already subscribed (\(name)-\(id))") }
        guard socket.subscriptions.all.count(where: { $0.key.hasPrefix(name + " ") }) < 32 else {
            return refuse("Per-connection subscription limit reached for \(name)")
        }
        let contents = ["v4_trades": #"{"trades":[]}"#, "v4_orderbook": #"{"bids":[],"asks":[]}"#, "v4_markets": #"{"markets":{}}"#][name]
        return Answer(
            replies: [ServerMessage(#"{"type":"subscribed",\#(stamp(socket)),\#(named),"contents":\#(contents ?? #"{"candles":[]}"#)}"#)],
            subscribe: [Subscription(key: key, topic: topic)])
    }

    private func topic(_ name: String, _ id: String, _ socket: SocketView) -> Topic? {
        func listed(_ channel: String, _ symbol: String) -> Topic? {
            socket.listings.contains(symbol) ? Topic(channel: channel, symbol: symbol) : nil
        }
        switch name {
        case "v4_trades": return listed("trade", id)
        case "v4_orderbook": return listed("book", id)
        case "v4_markets": return id.isEmpty ? Topic(channel: "ticker", symbol: Topic.allSymbols) : nil
        case "v4_candles":
            let parts = id.split(separator: "/").map(String.init)
            let intervals = [
                "1MIN": "1m", "5MINS": "5m", "15MINS": "15m", "30MINS": "30m", "1HOUR": "1h", "4HOURS": "4h", "1DAY": "1d",
            ]
            guard parts.count == 2, let interval = intervals[parts[1]] else { return nil }
            return listed("candle." + interval, parts[0])
        default: return nil
        }
    }

    package func heartbeat(_ socket: SocketView) -> Beat {
        let payload = String(socket.wallMilliseconds)
        return Beat(pingFrame: payload, token: payload)
    }

    package func data(_ subscription: Subscription, _ tick: Tick, _ socket: SocketView) -> ServerMessage {
        let parts = subscription.key.split(separator: " ").map(String.init)
        let id = parts.count > 1 ? #""id":"\#(parts[1])","# : ""
        let head = #"{"type":"channel_data",\#(stamp(socket)),\#(id)"channel":"\#(parts[0])","version":"2.1.0","contents":"#
        let time = Timestamp.rfc3339(milliseconds: tick.wallMilliseconds, places: 3)
        switch parts[0] {
        case "v4_trades":
            return ServerMessage(
                head + #"{"trades":[{"id":"\#(tick.number)","side":"\#(tick.isBuy ? "BUY" : "SELL")","size":"\#(tick.size)","#
                    + #""price":"\#(tick.price)","type":"LIMIT","createdAt":"\#(time)"}]}}"#)
        case "v4_orderbook":
            let bids = tick.bids.pairs().replacing("\"]", with: "\(tick.number)\"]", maxReplacements: 1)
            return ServerMessage(head + #"{"bids":\#(bids),"asks":\#(tick.asks.pairs())}}"#)
        case "v4_markets":
            return ServerMessage(
                head
                    + #"{"oraclePrices":{"BTC-USD":{"oraclePrice":"\#(tick.price)","effectiveAt":"\#(time)","effectiveAtHeight":"\#(tick.number)"}}}}"#
            )
        default:
            return ServerMessage(
                head + #"{"startedAt":"\#(time)","ticker":"\#(subscription.topic.symbol)","resolution":"1MIN","open":"\#(tick.open)","#
                    + #""high":"\#(tick.high)","low":"\#(tick.low)","close":"\#(tick.price)","trades":\#(tick.number)}}"#)
        }
    }
}
