internal import ColonyExchanges

/// Upbit, and Bithumb's newer service of the same protocol (family `upbit-ticket`).
///
/// A request is an array of ticket, types and format, and replaces the one before; nothing is acknowledged but errors. Answers come in binary
/// frames. The text `PING` is answered with `{"status":"UP"}`; a client silent for 120 s is cut; 5 messages and 5 connects a second.
package struct UpbitServer: ServerDialect {
    package let exchange: String
    package let path = "/websocket/v1"
    package let listings: [String]

    package init(exchange: String, listings: [String]) {
        self.exchange = exchange
        self.listings = listings
    }

    package var rules: ServerRules {
        var rules = ServerRules()
        rules.clientSilence = .seconds(120)
        rules.messages = .init(5, per: .seconds(1))
        rules.connects = .init(5, per: .seconds(1))
        return rules
    }

    private func message(_ text: String) -> ServerMessage { ServerMessage(binary: Array(text.utf8)) }

    package func answer(_ request: ClientMessage, _ socket: SocketView) -> Answer {
        if request.text == "PING" { return Answer(replies: [message(#"{"status":"UP"}"#)]) }
        func refuse(_ name: String, _ text: String) -> Answer {
            Answer(replies: [message(#"{"error":{"name":"\#(name)","message":"\#(text)"}}"#)])
        }
        guard let parts = request.json?.array else { return refuse("WRONG_FORMAT", "Format is wrong") }
        guard parts.contains(where: { $0["ticket"]?.string != nil }) else { return refuse("NO_TICKET", "ticket field is required") }
        guard !parts.contains(where: { $0["format"] != nil && $0["format"]?.string != "DEFAULT" }) else {
            return refuse("WRONG_FORMAT", "only the format DEFAULT is offered here")
        }
        var answer = Answer(replacesAll: true)
        for part in parts where part["type"] != nil || part["codes"] != nil {
            guard let type = part["type"]?.string else { return refuse("NO_TYPE", "type field is required") }
            guard let codes = part["codes"]?.strings, !codes.isEmpty else { return refuse("NO_CODES", "codes field is required") }
            guard let channel = channel(type) else { return refuse("INVALID_PARAM", "type is not valid") }
            for code in codes {
                guard socket.listings.contains(code) else { return refuse("INVALID_PARAM", "code is not valid") }
                answer.subscribe.append(Subscription(key: "\(type) \(code)", topic: Topic(channel: channel, symbol: code)))
            }
        }
        guard !answer.subscribe.isEmpty else { return refuse("NO_TYPE", "type field is required") }
        return answer
    }

    private func channel(_ type: String) -> String? {
        if type.hasPrefix("candle."), exchange == "upbit" {
            let minutes = ["1": "1m", "3": "3m", "5": "5m", "10": "10m", "15": "15m", "30": "30m", "60": "1h", "240": "4h"]
            if type == "candle.1s" { return type }
            return type.hasSuffix("m") ? minutes[String(type.dropFirst(7).dropLast())].map { "candle." + $0 } : nil
        }
        return ["trade": "trade", "ticker": "ticker", "orderbook": "book_snapshot"][type]
    }

    package func data(_ subscription: Subscription, _ tick: Tick, _ socket: SocketView) -> ServerMessage {
        let type = subscription.key.split(separator: " ")[0]
        let code = subscription.topic.symbol
        let time = tick.wallMilliseconds
        let head = #"{"type":"\#(type)","code":"\#(code)","timestamp":\#(time),"#
        let tail = #""stream_type":"\#(tick.isFirst ? "SNAPSHOT" : "REALTIME")"}"#
        let prices =
            #""opening_price":\#(tick.open.shortest),"high_price":\#(tick.high.shortest),"low_price":\#(tick.low.shortest),"#
            + #""trade_price":\#(tick.price.shortest),"#
        switch subscription.topic.channel {
        case "trade":
            return message(
                head + #""trade_timestamp":\#(time),"trade_price":\#(tick.price.shortest),"trade_volume":\#(tick.size.shortest),"#
                    + #""ask_bid":"\#(tick.isBuy ? "BID" : "ASK")","sequential_id":\#(tick.number),"# + tail)
        case "ticker": return message(head + prices + #""acc_trade_volume_24h":\#(tick.number),"# + tail)
        case "book_snapshot":
            let units = zip(tick.bids, tick.asks).map { bid, ask in
                #"{"ask_price":\#(ask.price.shortest),"bid_price":\#(bid.price.shortest),"ask_size":\#(ask.size.shortest),"#
                    + #""bid_size":\#(bid.size.shortest)}"#
            }.joined(separator: ",")
            return message(
                head + #""total_ask_size":\#(tick.number),"total_bid_size":\#(tick.size.shortest),"orderbook_units":[\#(units)],"#
                    + tail
                    .replacing("}", with: #","level":0}"#))
        default: return message(head + prices + #""candle_acc_trade_volume":\#(tick.number),"# + tail)
        }
    }
}
