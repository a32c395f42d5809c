internal import ColonyExchanges

/// Crypto.com Exchange (family `cryptocom`).
///
/// `public/heartbeat` every 30 s, to be answered with the same id as `public/respond-heartbeat` within 5 s; 400 channels; 100 requests a second.
package struct CryptoComServer: ServerDialect {
    package let exchange = "cryptocom"
    package let path = "/exchange/v1/market"
    package let listings: [String]

    package init(listings: [String]) { self.listings = listings }

    package var rules: ServerRules {
        var rules = ServerRules()
        rules.heartbeat = .init(every: .seconds(30), owed: .messageWithin(.seconds(5)))
        rules.messages = .init(100, per: .seconds(1))
        rules.maxTopics = 400
        return rules
    }

    package func answer(_ message: ClientMessage, _ socket: SocketView) -> Answer {
        guard let request = message.json, let method = request["method"]?.string else {
            return .reply(#"{"id":-1,"code":40003,"message":"Invalid request"}"#)
        }
        let id = request["id"]?.text ?? "-1"
        if method == "public/respond-heartbeat" { return Answer(answered: id) }
        guard method == "subscribe" || method == "unsubscribe", let names = request["params"]?["channels"]?.strings, !names.isEmpty else {
            return .reply(#"{"id":\#(id),"method":\#(JSONValue.quoted(method)),"code":40003,"message":"Invalid request"}"#)
        }
        let isDelta = request["params"]?["book_subscription_type"]?.string == "SNAPSHOT_AND_UPDATE"
        var answer = Answer()
        for name in names {
            guard let topic = topic(name, socket) else {
                answer.replies.append(
                    ServerMessage(
                        #"{"id":\#(id),"method":"\#(method)","code":40003,"message":"Unknown symbol","channel":\#(JSONValue.quoted(name)),"#
                            + #""original":\#(JSONValue.quoted(request.text))}"#))
                continue
            }
            answer.replies.append(ServerMessage(#"{"id":\#(id),"method":"\#(method)","code":0,"channel":"\#(name)"}"#))
            if method == "subscribe" {
                answer.subscribe.append(Subscription(key: name, topic: topic, number: isDelta ? 1 : 0))
            } else {
                answer.unsubscribe.append(name)
            }
        }
        return answer
    }

    package func tooManyTopics(_ refused: [Subscription], _ message: ClientMessage, _ socket: SocketView) -> Answer {
        .reply(#"{"id":\#(message.json?["id"]?.text ?? "-1"),"method":"subscribe","code":40005,"message":"EXCEED_MAX_SUBSCRIPTIONS"}"#)
    }

    private func topic(_ name: String, _ socket: SocketView) -> Topic? {
        let parts = name.split(separator: ".").map(String.init)
        func listed(_ channel: String, _ symbol: String) -> Topic? {
            socket.listings.contains(symbol) ? Topic(channel: channel, symbol: symbol) : nil
        }
        switch (parts.first, parts.count) {
        case ("trade", 2): return listed("trade", parts[1])
        case ("ticker", 2): return listed("ticker", parts[1])
        case ("book", 3) where parts[2] == "50": return listed("book", parts[1])
        case ("book", 3) where parts[2] == "10": return listed("book.10", parts[1])
        case ("candlestick", 3):
            let intervals = ["1m", "5m", "15m", "30m", "1h", "2h", "4h", "12h", "1D", "7D", "14D", "1M"]
            guard intervals.contains(parts[1]) else { return nil }
            let word = ["7D": "1w", "14D": "2w", "1M": "1mon"][parts[1]] ?? parts[1].lowercased()
            return listed("candle." + word, parts[2])
        default: return nil
        }
    }

    package func heartbeat(_ socket: SocketView) -> Beat {
        let id = String(socket.wallMilliseconds)
        return Beat(messages: [ServerMessage(#"{"id":\#(id),"method":"public/heartbeat","code":0}"#)], token: id)
    }

    package func data(_ subscription: Subscription, _ tick: Tick, _ socket: SocketView) -> ServerMessage {
        let symbol = subscription.topic.symbol
        let time = tick.wallMilliseconds
        let parts = subscription.key.split(separator: ".").map(String.init)
        func message(_ channel: String, _ details: String, _ data: String) -> ServerMessage {
            ServerMessage(
                #"{"id":-1,"method":"subscribe","code":0,"result":{"instrument_name":"\#(symbol)","subscription":"\#(subscription.key)","#
                    + #""channel":"\#(channel)",\#(details)"data":[\#(data)]}}"#)
        }
        switch parts[0] {
        case "trade":
            return message(
                "trade", "",
                #"{"d":"\#(tick.number)","t":\#(time),"tn":"\#(time)000000","q":"\#(tick.size)","p":"\#(tick.price)","#
                    + #""s":"\#(tick.isBuy ? "BUY" : "SELL")","i":"\#(symbol)","m":"76423"}"#)
        case "ticker":
            return message(
                "ticker", "",
                #"{"h":"\#(tick.high)","l":"\#(tick.low)","a":"\#(tick.price)","i":"\#(symbol)","v":"\#(tick.number)","b":"\#(tick.bid)","#
                    + #""bs":"\#(tick.size)","k":"\#(tick.ask)","ks":"\#(tick.size)","c":"0.01","t":\#(time)}"#)
        case "book":
            let tail = #","1""#
            let sides = #""asks":\#(tick.asks.pairs(tail: tail)),"bids":\#(tick.bids.pairs(tail: tail))"#
            let depth = #""depth":\#(parts[2]),"#
            guard subscription.number == 1, !tick.isFirst else {
                return message("book", depth, #"{\#(sides),"t":\#(time),"tt":\#(time),"u":\#(tick.number),"cs":0}"#)
            }
            return message(
                "book.update", depth,
                #"{"update":{\#(sides)},"t":\#(time),"tt":\#(time),"u":\#(tick.number),"pu":\#(tick.previous),"cs":0}"#)
        default:
            return message(
                "candlestick", #""interval":"\#(parts[1])","#,
                #"{"o":"\#(tick.open)","h":"\#(tick.high)","l":"\#(tick.low)","c":"\#(tick.price)","v":"\#(tick.number)","t":\#(time / 60_000 * 60_000)}"#
            )
        }
    }
}
