internal import ColonyExchanges

/// Coinbase Advanced Trade (family `coinbase-advanced`).
///
/// One channel per request; every message of the connection has the next `sequence_num`; acknowledgements list everything. `heartbeats` every
/// second where subscribed; cut when nothing was subscribed within 5 s; 8 messages and 8 connects a second.
package struct CoinbaseAdvancedServer: ServerDialect {
    package let exchange = "coinbase_advanced"
    package let path = ""
    package let listings: [String]

    package init(listings: [String]) { self.listings = listings }

    package var rules: ServerRules {
        var rules = ServerRules()
        rules.heartbeat = .init(every: .seconds(1), owed: .nothing)
        rules.subscribeWithin = .seconds(5)
        rules.messages = .init(8, per: .seconds(1))
        rules.connects = .init(8, per: .seconds(1))
        return rules
    }

    package func serves(path: String) -> Bool { path == "/" || path.isEmpty }

    private static let words = [
        "market_trades": "trade", "ticker": "ticker", "ticker_batch": "ticker_batch", "level2": "book", "candles": "candle.5m",
    ]

    private func head(_ channel: String, _ socket: SocketView) -> String {
        #"{"channel":"\#(channel)","client_id":"","timestamp":"\#(Timestamp.rfc3339(milliseconds: socket.wallMilliseconds))","#
            + #""sequence_num":\#(socket.messagesSent),"events":[{"#
    }

    package func answer(_ message: ClientMessage, _ socket: SocketView) -> Answer {
        func refuse(_ text: String) -> Answer { .reply(#"{"type":"error","message":\#(JSONValue.quoted(text))}"#) }
        guard let request = message.json, let type = request["type"]?.string, type == "subscribe" || type == "unsubscribe" else {
            return refuse("type must be one of subscribe, unsubscribe")
        }
        let name = request["channel"]?.string ?? ""
        var asked: [Subscription] = []
        if name == "heartbeats" {
            asked = [Subscription(silent: "heartbeats heartbeats")]
        } else {
            guard let channel = Self.words[name] else {
                return refuse("channel must be one of level2, ticker, market_trades, candles, heartbeats")
            }
            for product in request["product_ids"]?.strings ?? [] {
                guard socket.listings.contains(product) else { return refuse("\(product) is not a valid product") }
                asked.append(Subscription(key: "\(name) \(product)", topic: Topic(channel: channel, symbol: product)))
            }
        }
        guard !asked.isEmpty else { return refuse("product_ids must not be empty") }
        var answer = Answer()
        var keys = socket.subscriptions.keys
        if type == "subscribe" {
            answer.subscribe = asked
            keys += asked.map(\.key).filter { !keys.contains($0) }
        } else {
            answer.unsubscribe = asked.map(\.key)
            keys.removeAll { answer.unsubscribe.contains($0) }
        }
        let pairs = keys.map { $0.split(separator: " ").map(String.init) }
        let channels = Dictionary(grouping: pairs, by: { $0[0] }).sorted { $0.key < $1.key }.map { name, entries in
            #""\#(name)":[\#(entries.map { JSONValue.quoted($0[1]) }.joined(separator: ","))]"#
        }
        answer.replies = [ServerMessage(head("subscriptions", socket) + #""subscriptions":{\#(channels.joined(separator: ","))}}]}"#)]
        return answer
    }

    package func heartbeat(_ socket: SocketView) -> Beat {
        guard socket.subscriptions["heartbeats heartbeats"] != nil else { return Beat() }
        let time = Timestamp.rfc3339(milliseconds: socket.wallMilliseconds)
        return Beat(
            messages: [
                ServerMessage(head("heartbeats", socket) + #""current_time":"\#(time)","heartbeat_counter":\#(socket.messagesSent)}]}"#)
            ])
    }

    package func data(_ subscription: Subscription, _ tick: Tick, _ socket: SocketView) -> ServerMessage {
        let product = subscription.topic.symbol
        let kind = #""type":"\#(tick.isFirst ? "snapshot" : "update")","#
        switch subscription.topic.channel {
        case "trade":
            return ServerMessage(
                head("market_trades", socket) + kind + #""trades":[{"trade_id":"\#(tick.number)","product_id":"\#(product)","#
                    + #""price":"\#(tick.price)","size":"\#(tick.size)","side":"\#(tick.isBuy ? "SELL" : "BUY")","time":"\#(tick.timestamp)"}]}]}"#
            )
        case "book":
            return ServerMessage(
                head("l2_data", socket) + kind + #""product_id":"\#(product)","updates":[{"side":"\#(tick.isBuy ? "bid" : "offer")","#
                    + #""event_time":"\#(tick.timestamp)","price_level":"\#(tick.price)","new_quantity":"\#(tick.number)"}]}]}"#)
        case "candle.5m":
            return ServerMessage(
                head("candles", socket) + kind + #""candles":[{"start":"\#(tick.wallMilliseconds / 300_000 * 300)","high":"\#(tick.high)","#
                    + #""low":"\#(tick.low)","open":"\#(tick.open)","close":"\#(tick.price)","volume":"\#(tick.number)","product_id":"\#(product)"}]}]}"#
            )
        default:
            return ServerMessage(
                head(subscription.topic.channel, socket) + kind + #""tickers":[{"type":"ticker","product_id":"\#(product)","#
                    + #""price":"\#(tick.price)","volume_24_h":"\#(tick.number)","low_24_h":"\#(tick.low)","high_24_h":"\#(tick.high)","#
                    + #""best_bid":"\#(tick.bid)","best_ask":"\#(tick.ask)"}]}]}"#)
        }
    }
}
