internal import ColonyExchanges

/// Kraken Futures (family `kraken-futures`).
///
/// One acknowledgement per product, products in upper case whatever was asked; the `heartbeat` feed beats every second once subscribed; a
/// client silent for 60 s is cut (PING frames count as a sign); 100 requests a second.
package struct KrakenFuturesServer: ServerDialect {
    package let exchange = "kraken_futures"
    package let path = "/ws/v1"
    package let listings: [String]

    package init(listings: [String]) { self.listings = listings }

    package var rules: ServerRules {
        var rules = ServerRules()
        rules.heartbeat = .init(every: .seconds(1), owed: .nothing)
        rules.clientSilence = .seconds(60)
        rules.messages = .init(100, per: .seconds(1))
        return rules
    }

    package func open(_ socket: SocketView) -> Answer { .reply(#"{"event":"info","version":1}"#) }

    package func answer(_ message: ClientMessage, _ socket: SocketView) -> Answer {
        guard let request = message.json, let event = request["event"]?.string else {
            return .reply(#"{"event":"alert","message":"Bad request"}"#)
        }
        guard event == "subscribe" || event == "unsubscribe" else { return .reply(#"{"event":"error","message":"Invalid event"}"#) }
        let feed = request["feed"]?.string ?? ""
        if feed == "heartbeat" {
            var answer = Answer.reply(#"{"event":"\#(event)d","feed":"heartbeat"}"#)
            if event == "subscribe" { answer.subscribe = [Subscription(silent: "heartbeat")] } else { answer.unsubscribe = ["heartbeat"] }
            return answer
        }
        guard let channel = ["trade": "trade", "ticker": "ticker", "book": "book", "ticker_lite": "ticker_lite"][feed] else {
            return .reply(#"{"event":"error","message":"Invalid feed"}"#)
        }
        var answer = Answer()
        for product in (request["product_ids"]?.strings ?? []).map({ $0.uppercased() }) {
            guard socket.listings.contains(product) else {
                answer.replies.append(ServerMessage(#"{"event":"error","message":"Invalid product id"}"#))
                continue
            }
            answer.replies.append(ServerMessage(#"{"event":"\#(event)d","feed":"\#(feed)","product_ids":["\#(product)"]}"#))
            let subscription = Subscription(key: "\(feed) \(product)", topic: Topic(channel: channel, symbol: product))
            if event == "subscribe" { answer.subscribe.append(subscription) } else { answer.unsubscribe.append(subscription.key) }
        }
        return answer
    }

    package func heartbeat(_ socket: SocketView) -> Beat {
        guard socket.subscriptions["heartbeat"] != nil else { return Beat() }
        return Beat(messages: [ServerMessage(#"{"feed":"heartbeat","time":\#(socket.wallMilliseconds)}"#)])
    }

    package func data(_ subscription: Subscription, _ tick: Tick, _ socket: SocketView) -> ServerMessage {
        let product = subscription.topic.symbol
        let time = tick.wallMilliseconds
        let side = tick.isBuy ? "buy" : "sell"
        switch subscription.topic.channel {
        case "trade":
            return ServerMessage(
                #"{"feed":"trade","product_id":"\#(product)","uid":"fe72c7b8-f122-cc98-c686-1ceb19eaae79","side":"\#(side)","type":"fill","#
                    + #""seq":\#(tick.number),"time":\#(time),"qty":\#(tick.size.units),"price":\#(tick.price.shortest)}"#)
        case "book" where tick.isFirst:
            return ServerMessage(
                #"{"feed":"book_snapshot","product_id":"\#(product)","timestamp":\#(time),"seq":\#(tick.number),"#
                    + #""bids":\#(tick.bids.objects("price", "qty")),"asks":\#(tick.asks.objects("price", "qty"))}"#)
        case "book":
            return ServerMessage(
                #"{"feed":"book","product_id":"\#(product)","side":"\#(side)","seq":\#(tick.number),"price":\#(tick.price.shortest),"#
                    + #""qty":\#(tick.size.units),"timestamp":\#(time)}"#)
        default:
            return ServerMessage(
                #"{"time":\#(time),"product_id":"\#(product)","feed":"\#(subscription.topic.channel)","bid":\#(tick.bid.shortest),"#
                    + #""ask":\#(tick.ask.shortest),"bid_size":\#(tick.size.units),"ask_size":\#(tick.size.units),"volume":\#(tick.number),"#
                    + #""last":\#(tick.price.shortest),"markPrice":\#(tick.price.shortest)}"#)
        }
    }
}
