internal import ColonyExchanges

/// Hyperliquid (family `hyperliquid`): a bare line before the first JSON; a client silent for 60 s is cut; 2,000 messages a minute; 1,000 topics.
package struct HyperliquidServer: ServerDialect {
    package let exchange = "hyperliquid"
    package let path = "/ws"
    package let listings: [String]

    package init(listings: [String]) { self.listings = listings }

    package var rules: ServerRules {
        var rules = ServerRules()
        rules.clientSilence = .seconds(60)
        rules.messages = .init(2000, per: .seconds(60))
        rules.maxTopics = 1000
        return rules
    }

    package func open(_ socket: SocketView) -> Answer { .reply("Websocket connection established.") }

    package func answer(_ message: ClientMessage, _ socket: SocketView) -> Answer {
        func refuse(_ text: String) -> Answer { .reply(#"{"channel":"error","data":\#(JSONValue.quoted(text))}"#) }
        guard let request = message.json, let method = request["method"]?.string else {
            return refuse("Error parsing JSON into valid websocket request")
        }
        if method == "ping" { return .reply(#"{"channel":"pong"}"#) }
        guard method == "subscribe" || method == "unsubscribe", let subscription = request["subscription"] else {
            return refuse("Invalid request")
        }
        let coin = subscription["coin"]?.string ?? ""
        guard let channel = channel(subscription), socket.listings.contains(coin) else {
            return refuse("Invalid subscription \(subscription.text)")
        }
        let key = subscription.text
        guard method == "unsubscribe" || socket.subscriptions[key] == nil else { return refuse("Already subscribed: \(key)") }
        var answer = Answer.reply(
            #"{"channel":"subscriptionResponse","data":{"method":"\#(method)","subscription":\#(key)}}"#)
        if method == "subscribe" {
            answer.subscribe = [Subscription(key: key, topic: Topic(channel: channel, symbol: coin))]
        } else {
            answer.unsubscribe = [key]
        }
        return answer
    }

    private func channel(_ subscription: JSONValue) -> String? {
        switch subscription["type"]?.string {
        case "trades": return "trade"
        case "bbo": return "bbo"
        case "l2Book": return "book_snapshot"
        case "candle":
            let intervals = ["1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "8h", "12h", "1d", "3d", "1w", "1M"]
            guard let interval = subscription["interval"]?.string, intervals.contains(interval) else { return nil }
            return "candle." + (interval == "1M" ? "1mon" : interval)
        default: return nil
        }
    }

    package func data(_ subscription: Subscription, _ tick: Tick, _ socket: SocketView) -> ServerMessage {
        let coin = subscription.topic.symbol
        let time = tick.wallMilliseconds
        // The number of orders on the best bid carries the number of books.
        func levels(_ side: [BookLevel]) -> String { side.objects("px", "sz", quoted: true, tail: #","n":\#(tick.number)"#) }
        switch subscription.topic.channel {
        case "trade":
            return ServerMessage(
                #"{"channel":"trades","data":[{"coin":"\#(coin)","side":"\#(tick.isBuy ? "B" : "A")","px":"\#(tick.price)","sz":"\#(tick.size)","#
                    + #""time":\#(time),"hash":"0x5a1f0c","tid":\#(tick.number),"users":["0x11","0x22"]}]}"#)
        case "bbo":
            return ServerMessage(
                #"{"channel":"bbo","data":{"coin":"\#(coin)","time":\#(time),"bbo":[{"px":"\#(tick.bid)","sz":"\#(tick.size)","n":\#(tick.number)},"#
                    + #"{"px":"\#(tick.ask)","sz":"\#(tick.size)","n":1}]}}"#)
        case "book_snapshot":
            return ServerMessage(
                #"{"channel":"l2Book","data":{"coin":"\#(coin)","time":\#(time),"levels":[\#(levels(tick.bids)),\#(levels(tick.asks))]}}"#)
        default:
            let start = time / 60_000 * 60_000
            let interval = (try? JSONValue(parsing: subscription.key))?["interval"]?.string ?? ""
            return ServerMessage(
                #"{"channel":"candle","data":{"t":\#(start),"T":\#(start + 59_999),"s":"\#(coin)","i":"\#(interval)","o":"\#(tick.open)","#
                    + #""c":"\#(tick.price)","h":"\#(tick.high)","l":"\#(tick.low)","v":"\#(tick.volume)","n":\#(tick.number)}}"#)
        }
    }
}
