internal import ColonyExchanges

/// Kraken's websocket v2 (family `kraken`).
///
/// Greets with its status; a `heartbeat` message about once a second once something is subscribed and nothing else is said; one
/// acknowledgement per symbol; unknown pairs are refused in words; a client silent for a minute is cut. About 150 connects in ten minutes.
package struct KrakenServer: ServerDialect {
    package let exchange = "kraken"
    package let path = "/v2"
    package let listings: [String]

    package init(listings: [String]) { self.listings = listings }

    package var rules: ServerRules {
        var rules = ServerRules()
        rules.heartbeat = .init(every: .seconds(1), owed: .nothing, onlyWhenQuiet: true, afterSubscription: true)
        rules.trafficSilence = .seconds(60)
        rules.connects = .init(150, per: .seconds(600))
        return rules
    }

    package func open(_ socket: SocketView) -> Answer { Answer(replies: [status("online", socket)]) }

    package func answer(_ message: ClientMessage, _ socket: SocketView) -> Answer {
        let times =
            #""time_in":"\#(Timestamp.rfc3339(milliseconds: socket.wallMilliseconds))","#
            + #""time_out":"\#(Timestamp.rfc3339(milliseconds: socket.wallMilliseconds))""#
        guard let request = message.json, case .object = request else {
            return .reply(#"{"error":"Malformed request","success":false,\#(times)}"#)
        }
        let id = request["req_id"].map { #","req_id":\#($0.text)"# } ?? ""
        let method = request["method"]?.string ?? ""
        switch method {
        case "ping": return .reply(#"{"method":"pong",\#(times)\#(id)}"#)
        case "subscribe", "unsubscribe": break
        default: return .reply(#"{"error":"Unsupported method","method":\#(JSONValue.quoted(method)),"success":false,\#(times)\#(id)}"#)
        }
        guard let params = request["params"], let name = params["channel"]?.string, let channel = Self.channel(name, params) else {
            return .reply(#"{"error":"Unsupported channel","method":"\#(method)","success":false,\#(times)\#(id)}"#)
        }
        guard let symbols = params["symbol"]?.strings, !symbols.isEmpty else {
            return .reply(#"{"error":"Symbol(s) missing","method":"\#(method)","success":false,\#(times)\#(id)}"#)
        }
        var answer = Answer()
        for symbol in symbols {
            let key = channel + " " + symbol
            func refuse(_ text: String) {
                answer.replies.append(
                    ServerMessage(
                        #"{"error":\#(JSONValue.quoted(text)),"method":"\#(method)","success":false,"symbol":\#(JSONValue.quoted(symbol)),"#
                            + #"\#(times)\#(id)}"#))
            }
            guard socket.listings.contains(symbol) else {
                refuse("Currency pair not supported \(symbol)")
                continue
            }
            let known = socket.subscriptions[key] != nil
            if method == "subscribe" && known {
                refuse("Already subscribed")
                continue
            }
            if method == "unsubscribe" && !known {
                refuse("Subscription Not Found")
                continue
            }
            var result = #""channel":"\#(name)","symbol":"\#(symbol)""#
            for extra in ["snapshot", "depth", "interval"] {
                if let value = params[extra] { result += #","\#(extra)":\#(value.text)"# }
            }
            answer.replies.append(
                ServerMessage(#"{"method":"\#(method)","result":{\#(result)},"success":true,\#(times)\#(id)}"#))
            if method == "subscribe" {
                answer.subscribe.append(Subscription(key: key, topic: Topic(channel: channel, symbol: symbol)))
            } else {
                answer.unsubscribe.append(key)
            }
        }
        return answer
    }

    package func heartbeat(_ socket: SocketView) -> Beat { Beat(messages: [ServerMessage(#"{"channel":"heartbeat"}"#)]) }

    package func restartNotice(_ socket: SocketView) -> ServerMessage? { status("maintenance", socket) }

    private func status(_ system: String, _ socket: SocketView) -> ServerMessage {
        ServerMessage(
            #"{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"\#(system)","api_version":"v2","#
                + #""connection_id":\#(14_411_188_075_855_872_100 + socket.number)}]}"#)
    }

    private static func channel(_ name: String, _ params: JSONValue) -> String? {
        switch name {
        case "trade": return "trade"
        case "ticker": return params["event_trigger"]?.string == "bbo" ? "bbo" : "ticker"
        case "book": return "book"
        case "ohlc":
            let intervals: [Int64: String] = [
                1: "1m", 5: "5m", 15: "15m", 30: "30m", 60: "1h", 240: "4h", 1440: "1d", 10_080: "1w", 21_600: "15d",
            ]
            return intervals[params["interval"]?.integer ?? 1].map { "candle." + $0 }
        default: return nil
        }
    }

    package func data(_ subscription: Subscription, _ tick: Tick, _ socket: SocketView) -> ServerMessage {
        let symbol = subscription.topic.symbol
        func levels(_ side: [BookLevel]) -> String {
            "[" + side.map { #"{"price":\#($0.price.shortest),"qty":\#($0.size.shortest)}"# }.joined(separator: ",") + "]"
        }
        let kind = tick.isFirst ? "snapshot" : "update"
        switch subscription.topic.channel {
        case "trade":
            return ServerMessage(
                #"{"channel":"trade","type":"update","data":[{"symbol":"\#(symbol)","side":"\#(tick.isBuy ? "buy" : "sell")","#
                    + #""price":\#(tick.price.shortest),"qty":\#(tick.size.shortest),"ord_type":"market","trade_id":\#(tick.number),"#
                    + #""timestamp":"\#(tick.timestamp)"}]}"#)
        case "book":
            // The checksum is the only number of a book message.
            return ServerMessage(
                #"{"channel":"book","type":"\#(kind)","data":[{"symbol":"\#(symbol)","bids":\#(levels(tick.bids)),"#
                    + #""asks":\#(levels(tick.asks)),"checksum":\#(tick.number),"timestamp":"\#(tick.timestamp)"}]}"#)
        case "ticker", "bbo":
            return ServerMessage(
                #"{"channel":"ticker","type":"\#(kind)","data":[{"symbol":"\#(symbol)","bid":\#(tick.bid.shortest),"#
                    + #""bid_qty":\#(tick.size.shortest),"ask":\#(tick.ask.shortest),"ask_qty":\#(tick.size.shortest),"#
                    + #""last":\#(tick.price.shortest),"volume":\#(tick.number),"vwap":\#(tick.price.shortest),"low":\#(tick.low.shortest),"#
                    + #""high":\#(tick.high.shortest),"change":0.0,"change_pct":0.0,"timestamp":"\#(tick.timestamp)"}]}"#)
        default:
            return ServerMessage(
                #"{"channel":"ohlc","type":"\#(kind)","timestamp":"\#(tick.timestamp)","data":[{"symbol":"\#(symbol)","#
                    + #""open":\#(tick.open.shortest),"high":\#(tick.high.shortest),"low":\#(tick.low.shortest),"#
                    + #""close":\#(tick.price.shortest),"trades":\#(tick.number),"volume":\#(tick.volume.shortest),"#
                    + #""vwap":\#(tick.price.shortest),"interval_begin":"\#(tick.timestamp)","interval":1}]}"#)
        }
    }
}
