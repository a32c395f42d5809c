internal import ColonyExchanges

/// Deribit (family `jsonrpc`).
///
/// JSON-RPC 2.0; unknown channels are missing from the answer's list. After `public/set_heartbeat` the exchange asks with `test_request` at
/// the interval asked for, and cuts a client that has not called `public/test` within 10 s. About 20 requests a second.
package struct DeribitServer: ServerDialect {
    package let exchange = "deribit"
    package let path = "/ws/api/v2"
    package let listings: [String]

    package init(listings: [String]) { self.listings = listings }

    package var rules: ServerRules {
        var rules = ServerRules()
        rules.heartbeat = .init(every: .seconds(30), owed: .messageWithin(.seconds(10)), onlyWhenAsked: true)
        rules.messages = .init(20, per: .seconds(1))
        return rules
    }

    package func answer(_ message: ClientMessage, _ socket: SocketView) -> Answer {
        let now = socket.wallMilliseconds * 1000
        guard let request = message.json, let method = request["method"]?.string else {
            return .reply(#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error"},"testnet":false}"#)
        }
        let id = request["id"].map { #""id":\#($0.text),"# } ?? ""
        func result(_ text: String) -> ServerMessage {
            ServerMessage(#"{"jsonrpc":"2.0",\#(id)"result":\#(text),"usIn":\#(now),"usOut":\#(now + 100),"usDiff":100,"testnet":false}"#)
        }
        func refuse(_ code: Int, _ text: String) -> Answer {
            .reply(#"{"jsonrpc":"2.0",\#(id)"error":{"code":\#(code),"message":"\#(text)"},"testnet":false}"#)
        }
        switch method {
        case "public/test": return Answer(replies: [result(#"{"version":"1.2.26"}"#)], answered: "test_request")
        case "public/set_heartbeat":
            guard let interval = request["params"]?["interval"]?.integer, interval >= 10, interval <= 3600 else {
                return refuse(-32602, "Invalid params")
            }
            return Answer(replies: [result("\"ok\"")], heartbeatInterval: .seconds(interval))
        case "public/subscribe", "public/unsubscribe":
            guard let names = request["params"]?["channels"]?.strings else { return refuse(-32602, "Invalid params") }
            var answer = Answer()
            var taken: [String] = []
            for name in names {
                guard let topic = topic(name, socket) else { continue }
                taken.append(name)
                if method == "public/subscribe" {
                    answer.subscribe.append(Subscription(key: name, topic: topic))
                } else {
                    answer.unsubscribe.append(name)
                }
            }
            answer.replies = [result(JSONValue.array(taken.map { .string($0) }).text)]
            return answer
        default: return refuse(-32601, "Method not found")
        }
    }

    private func topic(_ name: String, _ socket: SocketView) -> Topic? {
        let parts = name.split(separator: ".").map(String.init)
        guard parts.count >= 2 else { return nil }
        func listed(_ channel: String, _ symbol: String) -> Topic? {
            socket.listings.contains(symbol) ? Topic(channel: channel, symbol: symbol) : nil
        }
        // Raw channels need a login, which nobody has here.
        switch (parts[0], parts.count) {
        case ("trades", 3) where parts[2] != "raw": return listed(parts[2] == "100ms" ? "trade" : "trade.\(parts[2])", parts[1])
        case ("ticker", 3) where parts[2] != "raw": return listed(parts[2] == "100ms" ? "ticker" : "ticker.\(parts[2])", parts[1])
        case ("quote", 2): return listed("bbo", parts[1])
        case ("book", 3) where parts[2] != "raw": return listed(parts[2] == "100ms" ? "book" : "book.\(parts[2])", parts[1])
        case ("book", 5): return listed(parts[3] == "10" ? "book_snapshot" : "book_snapshot.\(parts[3])", parts[1])
        case ("chart", 4) where parts[1] == "trades":
            let intervals = [
                "1": "1m", "3": "3m", "5": "5m", "10": "10m", "15": "15m", "30": "30m", "60": "1h", "120": "2h", "180": "3h", "360": "6h",
                "720": "12h", "1D": "1d",
            ]
            return intervals[parts[3]].flatMap { listed("candle." + $0, parts[2]) }
        default: return nil
        }
    }

    package func heartbeat(_ socket: SocketView) -> Beat {
        Beat(
            messages: [ServerMessage(#"{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"test_request"}}"#)], token: "test_request")
    }

    package func data(_ subscription: Subscription, _ tick: Tick, _ socket: SocketView) -> ServerMessage {
        let symbol = subscription.topic.symbol
        let time = tick.wallMilliseconds
        let body: String
        switch subscription.topic.channel.split(separator: ".").first ?? "" {
        case "trade":
            body =
                #"[{"timestamp":\#(time),"price":\#(tick.price.shortest),"amount":\#(tick.size.shortest),"#
                + #""direction":"\#(tick.isBuy ? "buy" : "sell")","index_price":\#(tick.price.shortest),"instrument_name":"\#(symbol)","#
                + #""trade_seq":\#(tick.number),"mark_price":\#(tick.price.shortest),"tick_direction":2,"trade_id":"\#(tick.number)"}]"#
        case "ticker", "bbo":
            body =
                #"{"timestamp":\#(time),"instrument_name":"\#(symbol)","best_bid_price":\#(tick.bid.shortest),"best_bid_amount":\#(tick.number),"#
                + #""best_ask_price":\#(tick.ask.shortest),"best_ask_amount":\#(tick.size.shortest),"last_price":\#(tick.price.shortest)}"#
        case "book":
            func levels(_ side: [BookLevel]) -> String {
                "["
                    + side.map { #"["\#(tick.isFirst ? "new" : "change")",\#($0.price.shortest),\#($0.size.shortest)]"# }.joined(
                        separator: ",") + "]"
            }
            let link = tick.isFirst ? "" : #""prev_change_id":\#(tick.previous),"#
            body =
                #"{"type":"\#(tick.isFirst ? "snapshot" : "change")","instrument_name":"\#(symbol)","timestamp":\#(time),"#
                + #""change_id":\#(tick.number),\#(link)"bids":\#(levels(tick.bids)),"asks":\#(levels(tick.asks))}"#
        case "book_snapshot":
            body =
                #"{"timestamp":\#(time),"instrument_name":"\#(symbol)","change_id":\#(tick.number),"bids":\#(tick.bids.pairs(quoted: false)),"#
                + #""asks":\#(tick.asks.pairs(quoted: false))}"#
        default:
            body =
                #"{"tick":\#(time / 60_000 * 60_000),"open":\#(tick.open.shortest),"high":\#(tick.high.shortest),"low":\#(tick.low.shortest),"#
                + #""close":\#(tick.price.shortest),"volume":\#(tick.number),"cost":\#(tick.volume.shortest)}"#
        }
        return ServerMessage(
            #"{"jsonrpc":"2.0","method":"subscription","params":{"channel":"\#(subscription.key)","data":\#(body)}}"#)
    }
}
