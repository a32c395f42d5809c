internal import ColonyExchanges

/// FTX (family `ftx`), as documented until its end; one address for all markets.
///
/// One channel and market per request; errors name neither. What happens to a client that does not ping was never documented.
package struct FTXServer: ServerDialect {
    package let exchange: String
    package let budgetGroup = "ftx"
    package let path = "/ws/"
    package let listings: [String]

    package init(exchange: String, listings: [String]) {
        self.exchange = exchange
        self.listings = listings
    }

    package var rules: ServerRules { ServerRules() }

    package func serves(path: String) -> Bool { path == "/ws/" || path == "/ws" }

    package func answer(_ message: ClientMessage, _ socket: SocketView) -> Answer {
        func refuse(_ code: Int, _ text: String) -> Answer {
            .reply(#"{"type":"error","code":\#(code),"msg":\#(JSONValue.quoted(text))}"#)
        }
        guard let request = message.json else { return refuse(400, "Invalid JSON") }
        let operation = request["op"]?.string ?? ""
        if operation == "ping" { return .reply(#"{"type":"pong"}"#) }
        guard operation == "subscribe" || operation == "unsubscribe" else { return refuse(400, "Invalid op: \(operation)") }
        let name = request["channel"]?.string ?? ""
        let market = request["market"]?.string ?? ""
        guard let channel = ["trades": "trade", "ticker": "ticker", "orderbook": "book"][name] else {
            return refuse(400, "Invalid channel: \(name)")
        }
        guard socket.listings.contains(market) else { return refuse(404, "No such market: \(market)") }
        let key = "\(name) \(market)"
        if operation == "unsubscribe" {
            guard socket.subscriptions[key] != nil else { return refuse(400, "Not subscribed") }
            return Answer(
                replies: [ServerMessage(#"{"type":"unsubscribed","channel":"\#(name)","market":"\#(market)"}"#)], unsubscribe: [key])
        }
        guard socket.subscriptions[key] == nil else { return refuse(400, "Already subscribed") }
        return Answer(
            replies: [ServerMessage(#"{"type":"subscribed","channel":"\#(name)","market":"\#(market)"}"#)],
            subscribe: [Subscription(key: key, topic: Topic(channel: channel, symbol: market))])
    }

    package func restartNotice(_ socket: SocketView) -> ServerMessage? {
        ServerMessage(#"{"type":"info","code":20001,"msg":"Server is restarting, please reconnect"}"#)
    }

    package func data(_ subscription: Subscription, _ tick: Tick, _ socket: SocketView) -> ServerMessage {
        let name = subscription.key.split(separator: " ")[0]
        let seconds = Fixed(tick.wallMilliseconds, places: 3)
        let head = #"{"channel":"\#(name)","market":"\#(subscription.topic.symbol)","#
        switch subscription.topic.channel {
        case "trade":
            return ServerMessage(
                head + #""type":"update","data":[{"id":\#(tick.number),"price":\#(tick.price.shortest),"size":\#(tick.size.shortest),"#
                    + #""side":"\#(tick.isBuy ? "buy" : "sell")","liquidation":false,"time":"\#(tick.timestamp.dropLast())+00:00"}]}"#)
        case "ticker":
            return ServerMessage(
                head + #""type":"update","data":{"bid":\#(tick.bid.shortest),"ask":\#(tick.ask.shortest),"bidSize":\#(tick.number),"#
                    + #""askSize":\#(tick.size.shortest),"last":\#(tick.price.shortest),"time":\#(seconds)}}"#)
        default:
            let kind = tick.isFirst ? "partial" : "update"
            return ServerMessage(
                head + #""type":"\#(kind)","data":{"time":\#(seconds),"checksum":\#(tick.number),"#
                    + #""bids":\#(tick.bids.pairs(quoted: false)),"asks":\#(tick.asks.pairs(quoted: false)),"action":"\#(kind)"}}"#)
        }
    }
}
