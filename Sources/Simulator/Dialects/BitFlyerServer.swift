internal import ColonyExchanges

/// bitFlyer (family `jsonrpc`): one channel per request; a request without an id is a notification and not answered.
package struct BitFlyerServer: ServerDialect {
    package let exchange = "bitflyer"
    package let path = "/json-rpc"
    package let listings: [String]

    package init(listings: [String]) { self.listings = listings }

    package var rules: ServerRules { ServerRules() }

    package func answer(_ message: ClientMessage, _ socket: SocketView) -> Answer {
        guard let request = message.json, let method = request["method"]?.string else {
            return .reply(#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}"#)
        }
        let id = request["id"]
        func refuse(_ code: Int, _ text: String) -> Answer {
            guard let id else { return Answer() }
            return .reply(#"{"jsonrpc":"2.0","id":\#(id.text),"error":{"code":\#(code),"message":"\#(text)"}}"#)
        }
        guard method == "subscribe" || method == "unsubscribe" else { return refuse(-32601, "Method not found") }
        guard let channel = request["params"]?["channel"]?.string, let topic = topic(channel, socket) else {
            return refuse(-32602, "Invalid channel")
        }
        var answer = id.map { Answer.reply(#"{"jsonrpc":"2.0","id":\#($0.text),"result":true}"#) } ?? Answer()
        if method == "subscribe" { answer.subscribe = [Subscription(key: channel, topic: topic)] } else { answer.unsubscribe = [channel] }
        return answer
    }

    private func topic(_ channel: String, _ socket: SocketView) -> Topic? {
        for (prefix, word) in [
            ("lightning_board_snapshot_", "book_snapshot"), ("lightning_board_", "book"), ("lightning_executions_", "trade"),
            ("lightning_ticker_", "ticker"),
        ] where channel.hasPrefix(prefix) {
            let symbol = String(channel.dropFirst(prefix.count))
            return socket.listings.contains(symbol) ? Topic(channel: word, symbol: symbol) : nil
        }
        return nil
    }

    package func data(_ subscription: Subscription, _ tick: Tick, _ socket: SocketView) -> ServerMessage {
        let body: String
        switch subscription.topic.channel {
        case "trade":
            body =
                #"[{"id":\#(tick.number),"side":"\#(tick.isBuy ? "BUY" : "SELL")","price":\#(tick.price),"size":\#(tick.size.shortest),"#
                + #""exec_date":"\#(tick.timestamp.dropLast())0Z","buy_child_order_acceptance_id":"JRF1","sell_child_order_acceptance_id":"JRF2"}]"#
        case "ticker":
            body =
                #"{"product_code":"\#(subscription.topic.symbol)","state":"RUNNING","timestamp":"\#(tick.timestamp)","tick_id":\#(tick.number),"#
                + #""best_bid":\#(tick.bid.shortest),"best_ask":\#(tick.ask.shortest),"ltp":\#(tick.price.shortest),"volume":\#(tick.volume.shortest)}"#
        default:
            // Boards have no number; the middle price carries it behind its point.
            body =
                #"{"mid_price":\#(tick.price.units / 100).\#(tick.number),"bids":\#(tick.bids.objects("price", "size")),"#
                + #""asks":\#(tick.asks.objects("price", "size"))}"#
        }
        return ServerMessage(
            #"{"jsonrpc":"2.0","method":"channelMessage","params":{"channel":"\#(subscription.key)","message":\#(body)}}"#)
    }
}
