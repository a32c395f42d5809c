internal import ColonyExchanges

/// Bitfinex (family `bitfinex-array`); spot and swap symbols on one address with one connect budget.
///
/// Every subscription gets a channel number of its connection; data are arrays that begin with it. `[number,"hb"]` per channel when nothing
/// was said for 15 s; at most 25 channels; 20 connects a minute for both exchange ids together. Flags of `conf` are not offered.
package struct BitfinexServer: ServerDialect {
    package let exchange: String
    package let budgetGroup = "bitfinex"
    package let path = "/ws/2"
    package let listings: [String]

    package init(exchange: String, listings: [String]) {
        self.exchange = exchange
        self.listings = listings
    }

    package var rules: ServerRules {
        var rules = ServerRules()
        rules.heartbeat = .init(every: .seconds(15), owed: .nothing, onlyWhenQuiet: true, afterSubscription: true)
        rules.connects = .init(20, per: .seconds(60))
        rules.maxTopics = 25
        return rules
    }

    package func open(_ socket: SocketView) -> Answer {
        .reply(
            #"{"event":"info","version":2,"serverId":"9f5d7a64-1db4-f454-783b-31cb4d116a88","platform":{"status":1}}"#)
    }

    package func answer(_ message: ClientMessage, _ socket: SocketView) -> Answer {
        guard let request = message.json, let event = request["event"]?.string else {
            return .reply(#"{"event":"error","msg":"request: invalid","code":10000}"#)
        }
        switch event {
        case "ping":
            let cid = request["cid"].map { #","cid":\#($0.text)"# } ?? ""
            return .reply(#"{"event":"pong","ts":\#(socket.wallMilliseconds)\#(cid)}"#)
        case "subscribe": return subscribe(request, socket)
        case "unsubscribe":
            guard let number = request["chanId"]?.integer,
                let found = socket.subscriptions.all.first(where: { Int64($0.number) == number })
            else { return .reply(#"{"event":"error","msg":"unsubscribe: invalid","code":10400}"#) }
            return Answer(
                replies: [ServerMessage(#"{"event":"unsubscribed","status":"OK","chanId":\#(number)}"#)], unsubscribe: [found.key])
        default: return .reply(#"{"event":"error","msg":"unknown event","code":10000}"#)
        }
    }

    private func subscribe(_ request: JSONValue, _ socket: SocketView) -> Answer {
        let channel = request["channel"]?.string ?? ""
        let key = request["key"]?.string
        let keyParts = (key ?? "").split(separator: ":", maxSplits: 2).map(String.init)
        let symbol = channel == "candles" ? (keyParts.count == 3 ? keyParts[2] : "") : request["symbol"]?.string ?? ""
        let pair = symbol.dropFirst()
        func refuse(_ code: Int, _ text: String) -> Answer {
            .reply(
                #"{"channel":\#(JSONValue.quoted(channel)),"symbol":\#(JSONValue.quoted(symbol)),"event":"error","#
                    + #""msg":\#(JSONValue.quoted(text)),"code":\#(code),"pair":\#(JSONValue.quoted(String(pair)))}"#)
        }
        let word: String
        switch channel {
        case "trades": word = "trade"
        case "ticker": word = "ticker"
        case "book": word = "book"
        case "candles":
            let intervals = ["1m", "5m", "15m", "30m", "1h", "3h", "6h", "12h", "1D", "1W", "14D", "1M"]
            guard keyParts.count == 3, keyParts[0] == "trade", intervals.contains(keyParts[1]) else { return refuse(10300, "key: invalid") }
            word = "candle." + (keyParts[1] == "1M" ? "1mon" : keyParts[1].lowercased())
        default: return refuse(10302, "channel: unknown")
        }
        guard socket.listings.contains(symbol) else { return refuse(10300, "symbol: invalid") }
        var details = ""
        for name in ["prec", "freq", "len", "subId", "key"] {
            if let value = request[name] { details += #","\#(name)":\#(value.text)"# }
        }
        let subscriptionKey = [channel, symbol, key ?? "", request["prec"]?.string ?? "", request["freq"]?.string ?? ""].joined(
            separator: " ")
        guard socket.subscriptions[subscriptionKey] == nil else { return refuse(10301, "subscribe: dup") }
        // Unique on the connection, and another one on every connection.
        let number = 10_000 + Int(socket.number % 1000) * 1000 + socket.messagesSent
        let named = channel == "candles" ? "" : #","symbol":"\#(symbol)","pair":"\#(pair)""#
        return Answer(
            replies: [ServerMessage(#"{"event":"subscribed","channel":"\#(channel)","chanId":\#(number)\#(named)\#(details)}"#)],
            subscribe: [Subscription(key: subscriptionKey, topic: Topic(channel: word, symbol: symbol), number: number)])
    }

    package func tooManyTopics(_ refused: [Subscription], _ message: ClientMessage, _ socket: SocketView) -> Answer {
        let channel = message.json?["channel"]?.string ?? ""
        return .reply(#"{"channel":\#(JSONValue.quoted(channel)),"event":"error","msg":"channel limit reached","code":10305}"#)
    }

    package func heartbeat(_ socket: SocketView) -> Beat {
        Beat(messages: socket.subscriptions.all.map { ServerMessage(#"[\#($0.number),"hb"]"#) })
    }

    package func restartNotice(_ socket: SocketView) -> ServerMessage? {
        ServerMessage(#"{"event":"info","code":20051,"msg":"Stopping. Please try to reconnect"}"#)
    }

    package func data(_ subscription: Subscription, _ tick: Tick, _ socket: SocketView) -> ServerMessage {
        let amount = (tick.isBuy ? "" : "-") + tick.size.shortest
        let body: String
        switch subscription.topic.channel {
        case "trade":
            let trade = "[\(tick.number),\(tick.wallMilliseconds),\(amount),\(tick.price.shortest)]"
            body = tick.isFirst ? "[\(trade)]" : #""\#(tick.number % 2 == 0 ? "te" : "tu")",\#(trade)"#
        case "book":
            // The count of orders carries the number: books have no other.
            let level = "[\(tick.price.shortest),\(tick.number),\(amount)]"
            body = tick.isFirst ? "[\(level)]" : level
        case "ticker":
            let values = [tick.bid, tick.size, tick.ask, tick.size, Fixed(1, places: 2), Fixed(1, places: 4), tick.price]
            body = "[\(values.map(\.shortest).joined(separator: ",")),\(tick.number),\(tick.high.shortest),\(tick.low.shortest)]"
        default:
            let candle =
                "[\(tick.wallMilliseconds / 60_000 * 60_000),\(tick.open.shortest),\(tick.price.shortest),\(tick.high.shortest),"
                + "\(tick.low.shortest),\(tick.number)]"
            body = tick.isFirst ? "[\(candle)]" : candle
        }
        return ServerMessage("[\(subscription.number),\(body)]")
    }
}
