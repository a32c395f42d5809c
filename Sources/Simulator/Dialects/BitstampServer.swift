internal import ColonyExchanges

/// Bitstamp (family `bitstamp`): one channel per request, heartbeat on the client's asking, `bts:request_reconnect` before maintenance.
package struct BitstampServer: ServerDialect {
    package let exchange = "bitstamp"
    package let path = ""
    package let listings: [String]

    package init(listings: [String]) { self.listings = listings }

    package var rules: ServerRules {
        var rules = ServerRules()
        rules.maxAge = .seconds(90 * 86_400)
        return rules
    }

    package func serves(path: String) -> Bool { path == "/" || path.isEmpty }

    package func answer(_ message: ClientMessage, _ socket: SocketView) -> Answer {
        func refuse(_ text: String) -> Answer {
            .reply(#"{"event":"bts:error","channel":"","data":{"code":4009,"message":"\#(text)"}}"#)
        }
        guard let request = message.json, let event = request["event"]?.string else { return refuse("Bad request.") }
        switch event {
        case "bts:heartbeat": return .reply(#"{"event":"bts:heartbeat","channel":"","data":{"status":"success"}}"#)
        case "bts:subscribe", "bts:unsubscribe": break
        default: return refuse("Unknown event.")
        }
        guard let channel = request["data"]?["channel"]?.string, let topic = topic(channel, socket) else {
            return refuse("Bad subscription string.")
        }
        let isSubscribe = event == "bts:subscribe"
        var answer = Answer.reply(
            #"{"event":"bts:\#(isSubscribe ? "subscription" : "unsubscription")_succeeded","channel":"\#(channel)","data":{}}"#)
        if isSubscribe { answer.subscribe = [Subscription(key: channel, topic: topic)] } else { answer.unsubscribe = [channel] }
        return answer
    }

    private func topic(_ channel: String, _ socket: SocketView) -> Topic? {
        guard let bar = channel.lastIndex(of: "_") else { return nil }
        let symbol = String(channel[channel.index(after: bar)...])
        let words = [
            "live_trades": "trade", "diff_order_book": "book", "order_book": "book_snapshot", "detail_order_book": "detail_order_book",
        ]
        guard let word = words[String(channel[..<bar])], socket.listings.contains(symbol) else { return nil }
        return Topic(channel: word, symbol: symbol)
    }

    package func restartNotice(_ socket: SocketView) -> ServerMessage? {
        ServerMessage(#"{"event":"bts:request_reconnect","channel":"","data":""}"#)
    }

    package func data(_ subscription: Subscription, _ tick: Tick, _ socket: SocketView) -> ServerMessage {
        let times = #""timestamp":"\#(tick.wallMilliseconds / 1000)","microtimestamp":"\#(tick.wallMilliseconds * 1000)""#
        if subscription.topic.channel == "trade" {
            return ServerMessage(
                #"{"data":{"id":\#(tick.number),"id_str":"\#(tick.number)",\#(times),"amount":\#(tick.size.shortest),"amount_str":"\#(tick.size)","#
                    + #""price":\#(tick.price.shortest),"price_str":"\#(tick.price)","type":\#(tick.isBuy ? 0 : 1),"buy_order_id":1,"#
                    + #""sell_order_id":2},"channel":"\#(subscription.key)","event":"trade"}"#)
        }
        // Books are numbered by their microseconds only; the last digits of the first bid's amount carry the number.
        let bids = tick.bids.pairs().replacing("\"]", with: "\(tick.number)\"]", maxReplacements: 1)
        return ServerMessage(
            #"{"data":{\#(times),"bids":\#(bids),"asks":\#(tick.asks.pairs())},"channel":"\#(subscription.key)","event":"data"}"#)
    }
}
