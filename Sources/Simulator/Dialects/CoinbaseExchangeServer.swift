internal import ColonyExchanges

/// Coinbase Exchange (family `coinbase-exchange`).
///
/// The acknowledgement lists everything subscribed; one invalid product fails the whole request. A `heartbeat` per product and second where
/// subscribed; cut when nothing was subscribed within 5 s; 100 messages and 8 connects a second.
package struct CoinbaseExchangeServer: ServerDialect {
    package let exchange = "coinbase"
    package let path = ""
    package let listings: [String]

    package init(listings: [String]) { self.listings = listings }

    package var rules: ServerRules {
        var rules = ServerRules()
        rules.heartbeat = .init(every: .seconds(1), owed: .nothing)
        rules.subscribeWithin = .seconds(5)
        rules.messages = .init(100, per: .seconds(1))
        rules.connects = .init(8, per: .seconds(1))
        return rules
    }

    package func serves(path: String) -> Bool { path == "/" || path.isEmpty }

    private static let words = [
        "matches": "trade", "ticker": "ticker", "level2": "book", "level2_batch": "book", "level2_50": "book",
        "ticker_batch": "ticker_batch",
    ]

    package func answer(_ message: ClientMessage, _ socket: SocketView) -> Answer {
        func refuse(_ reason: String) -> Answer {
            .reply(#"{"type":"error","message":"Failed to subscribe","reason":\#(JSONValue.quoted(reason))}"#)
        }
        guard let request = message.json, let type = request["type"]?.string else { return refuse("Malformed JSON") }
        guard type == "subscribe" || type == "unsubscribe" else { return refuse("\(type) is not a valid type") }
        let common = request["product_ids"]?.strings ?? []
        var asked: [Subscription] = []
        for entry in request["channels"]?.array ?? [] {
            guard let name = entry.string ?? entry["name"]?.string else { return refuse("channel without a name") }
            for product in entry["product_ids"]?.strings ?? common {
                guard socket.listings.contains(product) else { return refuse("\(product) is not a valid product") }
                let key = "\(name) \(product)"
                if name == "heartbeat" {
                    asked.append(Subscription(silent: key))
                } else {
                    guard let channel = Self.words[name] else { return refuse("\(name) is not a valid channel") }
                    asked.append(Subscription(key: key, topic: Topic(channel: channel, symbol: product)))
                }
            }
        }
        guard !asked.isEmpty || type == "unsubscribe" else { return refuse("no channels or products") }
        var keys = socket.subscriptions.keys
        var answer = Answer()
        if type == "subscribe" {
            answer.subscribe = asked
            keys += asked.map(\.key).filter { !keys.contains($0) }
        } else {
            answer.unsubscribe = asked.map(\.key)
            keys.removeAll { answer.unsubscribe.contains($0) }
        }
        answer.replies = [ServerMessage(list(keys))]
        return answer
    }

    private func list(_ keys: [String]) -> String {
        var names: [String] = []
        var products: [String: [String]] = [:]
        for key in keys {
            let parts = key.split(separator: " ").map(String.init)
            let name = parts[0] == "level2_batch" ? "level2_50" : parts[0]
            if products[name] == nil { names.append(name) }
            products[name, default: []].append(parts[1])
        }
        let channels = names.map { name in
            let ids = (products[name] ?? []).map(JSONValue.quoted).joined(separator: ",")
            return #"{"name":"\#(name)","product_ids":[\#(ids)],"account_ids":null}"#
        }
        return #"{"type":"subscriptions","channels":[\#(channels.joined(separator: ","))]}"#
    }

    package func heartbeat(_ socket: SocketView) -> Beat {
        Beat(
            messages: socket.subscriptions.keys.filter { $0.hasPrefix("heartbeat ") }.map { key in
                ServerMessage(
                    #"{"type":"heartbeat","sequence":\#(socket.messagesSent),"last_trade_id":0,"product_id":"\#(key.dropFirst(10))","#
                        + #""time":"\#(Timestamp.rfc3339(milliseconds: socket.wallMilliseconds))"}"#)
            })
    }

    package func data(_ subscription: Subscription, _ tick: Tick, _ socket: SocketView) -> ServerMessage {
        let product = subscription.topic.symbol
        let makerSide = tick.isBuy ? "sell" : "buy"
        switch subscription.topic.channel {
        case "trade":
            return ServerMessage(
                #"{"type":"\#(tick.isFirst ? "last_match" : "match")","trade_id":\#(tick.number),"maker_order_id":"1b58bd02","#
                    + #""taker_order_id":"38c768d3","side":"\#(makerSide)","size":"\#(tick.size)","price":"\#(tick.price)","#
                    + #""product_id":"\#(product)","sequence":\#(tick.number),"time":"\#(tick.timestamp)"}"#)
        case "book" where tick.isFirst:
            return ServerMessage(
                #"{"type":"snapshot","product_id":"\#(product)","asks":\#(tick.asks.pairs()),"bids":\#(tick.bids.pairs()),"#
                    + #""time":"\#(tick.timestamp)","sequence":\#(tick.number)}"#)
        case "book":
            return ServerMessage(
                #"{"type":"l2update","product_id":"\#(product)","changes":[["\#(makerSide)","\#(tick.price)","\#(tick.number)"]],"#
                    + #""time":"\#(tick.timestamp)"}"#)
        default:
            return ServerMessage(
                #"{"type":"ticker","sequence":\#(tick.number),"product_id":"\#(product)","price":"\#(tick.price)","open_24h":"\#(tick.open)","#
                    + #""volume_24h":"\#(tick.volume)","low_24h":"\#(tick.low)","high_24h":"\#(tick.high)","best_bid":"\#(tick.bid)","#
                    + #""best_ask":"\#(tick.ask)","side":"\#(makerSide)","time":"\#(tick.timestamp)","trade_id":\#(tick.number),"#
                    + #""last_size":"\#(tick.size)"}"#)
        }
    }
}
