internal import ColonyExchanges

/// MEXC futures (family `mexc-contract`): acknowledgements name no symbol; a client silent for 60 s is cut.
package struct MEXCContractServer: ServerDialect {
    package let exchange = "mexc_swap"
    package let path = "/edge"
    package let listings: [String]

    package init(listings: [String]) { self.listings = listings }

    package var rules: ServerRules {
        var rules = ServerRules()
        rules.clientSilence = .seconds(60)
        return rules
    }

    package func answer(_ message: ClientMessage, _ socket: SocketView) -> Answer {
        let now = socket.wallMilliseconds
        func refuse(_ text: String) -> Answer { .reply(#"{"channel":"rs.error","data":\#(JSONValue.quoted(text)),"ts":\#(now)}"#) }
        guard let request = message.json, let method = request["method"]?.string else { return refuse("Invalid request") }
        if method == "ping" { return .reply(#"{"channel":"pong","data":\#(now)}"#) }
        let isSubscribe = method.hasPrefix("sub.")
        guard isSubscribe || method.hasPrefix("unsub.") else { return refuse("Unknown method \(method)") }
        guard request["gzip"]?.bool != true else { return refuse("gzip is not offered here") }
        let name = String(method.dropFirst(isSubscribe ? 4 : 6))
        let symbol = request["param"]?["symbol"]?.string ?? ""
        guard let channel = channel(name, request["param"]) else { return refuse("Unknown method \(method)") }
        guard socket.listings.contains(symbol) else { return refuse("Contract [\(symbol)] not exists") }
        let key = "\(channel) \(symbol)"
        var answer = Answer.reply(#"{"channel":"rs.\#(method)","data":"success","ts":\#(now)}"#)
        if isSubscribe {
            answer.subscribe = [Subscription(key: key, topic: Topic(channel: channel, symbol: symbol))]
        } else {
            answer.unsubscribe = [key]
        }
        return answer
    }

    private static let intervals = [
        "Min1": "1m", "Min5": "5m", "Min15": "15m", "Min30": "30m", "Min60": "1h", "Hour4": "4h", "Hour8": "8h", "Day1": "1d",
        "Week1": "1w", "Month1": "1mon",
    ]

    private func channel(_ name: String, _ parameters: JSONValue?) -> String? {
        if name == "kline" { return parameters?["interval"]?.string.flatMap { Self.intervals[$0] }.map { "candle." + $0 } }
        return ["deal": "trade", "ticker": "ticker", "depth": "book", "depth.full": "book_snapshot"][name]
    }

    package func data(_ subscription: Subscription, _ tick: Tick, _ socket: SocketView) -> ServerMessage {
        let time = tick.wallMilliseconds
        let channel: String
        let body: String
        switch subscription.topic.channel {
        case "trade":
            channel = "deal"
            body = #"{"M":1,"O":1,"T":\#(tick.isBuy ? 1 : 2),"p":\#(tick.price.shortest),"t":\#(time),"v":\#(tick.number)}"#
        case "ticker":
            channel = "ticker"
            body =
                #"{"symbol":"\#(subscription.topic.symbol)","lastPrice":\#(tick.price.shortest),"bid1":\#(tick.bid.shortest),"#
                + #""ask1":\#(tick.ask.shortest),"volume24":\#(tick.number),"timestamp":\#(time)}"#
        case "book", "book_snapshot":
            channel = subscription.topic.channel == "book" ? "depth" : "depth.full"
            let tail = ",1"
            body =
                #"{"asks":\#(tick.asks.pairs(quoted: false, tail: tail)),"bids":\#(tick.bids.pairs(quoted: false, tail: tail)),"#
                + #""version":\#(tick.number)}"#
        default:
            channel = "kline"
            let word = subscription.topic.channel.dropFirst("candle.".count)
            let interval = Self.intervals.first { $0.value == word }?.key ?? ""
            body =
                #"{"symbol":"\#(subscription.topic.symbol)","interval":"\#(interval)","t":\#(time / 60_000 * 60),"o":\#(tick.open.shortest),"#
                + #""c":\#(tick.price.shortest),"h":\#(tick.high.shortest),"l":\#(tick.low.shortest),"q":\#(tick.number)}"#
        }
        return ServerMessage(#"{"channel":"push.\#(channel)","data":\#(body),"symbol":"\#(subscription.topic.symbol)","ts":\#(time)}"#)
    }
}
