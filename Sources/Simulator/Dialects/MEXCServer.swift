internal import ColonyExchanges

/// MEXC spot (family `mexc-protobuf`): JSON in text frames for control, protobuf in binary frames for data.
///
/// At most 30 topics; a refused topic is told in words with code 0; cut after 30 s without a subscription and after 60 s without any traffic;
/// 100 messages a second; 24 h.
package struct MEXCServer: ServerDialect {
    package let exchange = "mexc"
    package let path = "/ws"
    package let listings: [String]

    package init(listings: [String]) { self.listings = listings }

    package var rules: ServerRules {
        var rules = ServerRules()
        rules.subscribeWithin = .seconds(30)
        rules.trafficSilence = .seconds(60)
        rules.messages = .init(100, per: .seconds(1))
        rules.maxTopics = 30
        rules.maxAge = .seconds(86_400)
        return rules
    }

    package func answer(_ message: ClientMessage, _ socket: SocketView) -> Answer {
        guard let request = message.json, let method = request["method"]?.string else {
            return .reply(#"{"id":0,"code":0,"msg":"Invalid request"}"#)
        }
        let id = request["id"]?.text ?? "0"
        func say(_ text: String) -> ServerMessage { ServerMessage(#"{"id":\#(id),"code":0,"msg":\#(JSONValue.quoted(text))}"#) }
        switch method {
        case "PING": return Answer(replies: [say("PONG")])
        case "SUBSCRIPTION", "UNSUBSCRIPTION": break
        default: return Answer(replies: [say("Unknown method \(method)")])
        }
        var answer = Answer()
        var taken: [String] = []
        var refused: [String] = []
        for name in request["params"]?.strings ?? [] {
            guard let topic = topic(name, socket) else {
                refused.append(name)
                continue
            }
            taken.append(name)
            if method == "SUBSCRIPTION" {
                answer.subscribe.append(Subscription(key: name, topic: topic))
            } else {
                answer.unsubscribe.append(name)
            }
        }
        if !taken.isEmpty { answer.replies.append(say(taken.joined(separator: ","))) }
        if !refused.isEmpty {
            answer.replies.append(say("Not Subscribed successfully! [\(refused.joined(separator: ","))].  Reason： Blocked! "))
        }
        return answer
    }

    package func tooManyTopics(_ refused: [Subscription], _ message: ClientMessage, _ socket: SocketView) -> Answer {
        let names = refused.map(\.key).joined(separator: ",")
        return .reply(
            #"{"id":0,"code":0,"msg":\#(JSONValue.quoted("Not Subscribed successfully! [\(names)].  Reason： the maximum is 30! "))}"#)
    }

    private func topic(_ name: String, _ socket: SocketView) -> Topic? {
        let parts = name.split(separator: "@").map(String.init)
        guard parts.count >= 3, parts[0] == "spot", parts[1].hasPrefix("public."), parts[1].hasSuffix(".v3.api.pb") else { return nil }
        let kind = parts[1].dropFirst("public.".count).dropLast(".v3.api.pb".count)
        func listed(_ channel: String, _ symbol: String) -> Topic? {
            socket.listings.contains(symbol) ? Topic(channel: channel, symbol: symbol) : nil
        }
        func speed(_ word: String) -> Topic? {
            guard parts.count == 4, parts[2] == "100ms" || parts[2] == "10ms" else { return nil }
            return listed(parts[2] == "100ms" ? word : word + ".10ms", parts[3])
        }
        switch kind {
        case "aggre.deals": return speed("trade")
        case "aggre.bookTicker": return speed("bbo")
        case "aggre.depth": return speed("book")
        case "miniTicker": return listed("ticker", parts[2])
        case "limit.depth":
            guard parts.count == 4, ["5", "10", "20"].contains(parts[3]) else { return nil }
            return listed(parts[3] == "5" ? "book_snapshot" : "book_snapshot.\(parts[3])", parts[2])
        case "kline":
            let intervals = [
                "Min1": "1m", "Min5": "5m", "Min15": "15m", "Min30": "30m", "Min60": "1h", "Hour4": "4h", "Hour8": "8h", "Day1": "1d",
                "Week1": "1w", "Month1": "1mon",
            ]
            guard parts.count == 4, let interval = intervals[parts[3]] else { return nil }
            return listed("candle." + interval, parts[2])
        default: return nil
        }
    }

    package func data(_ subscription: Subscription, _ tick: Tick, _ socket: SocketView) -> ServerMessage {
        let time = tick.wallMilliseconds
        let eventType = subscription.key.split(separator: "@").prefix(2).joined(separator: "@")
        func level(_ writer: inout ProtobufWriter, _ level: BookLevel) {
            writer.string(1, level.price.description)
            writer.string(2, level.size.description)
        }
        var wrapper = ProtobufWriter()
        wrapper.string(1, subscription.key)
        wrapper.string(3, subscription.topic.symbol)
        wrapper.integer(6, time)
        switch subscription.topic.channel.split(separator: ".").first ?? "" {
        case "trade":
            wrapper.message(314) { deals in
                deals.message(1) { deal in
                    deal.string(1, tick.price.description)
                    deal.string(2, tick.size.description)
                    deal.integer(3, tick.isBuy ? 1 : 2)
                    deal.integer(4, time)
                    deal.string(5, String(tick.number))
                }
                deals.string(2, eventType)
            }
        case "bbo":
            wrapper.message(315) { best in
                best.string(1, tick.bid.description)
                best.string(2, String(tick.number))
                best.string(3, tick.ask.description)
                best.string(4, tick.size.description)
            }
        case "book":
            wrapper.message(313) { depth in
                for ask in tick.asks { depth.message(1) { level(&$0, ask) } }
                for bid in tick.bids { depth.message(2) { level(&$0, bid) } }
                depth.string(3, eventType)
                depth.string(4, String(tick.previous + 1))
                depth.string(5, String(tick.number))
            }
        case "book_snapshot":
            wrapper.message(303) { depth in
                for ask in tick.asks { depth.message(1) { level(&$0, ask) } }
                for bid in tick.bids { depth.message(2) { level(&$0, bid) } }
                depth.string(3, eventType)
                depth.string(4, String(tick.number))
            }
        case "ticker":
            wrapper.message(309) { ticker in
                ticker.string(1, subscription.topic.symbol)
                ticker.string(2, tick.price.description)
                ticker.string(3, "0.01")
                ticker.string(5, tick.high.description)
                ticker.string(6, tick.low.description)
                ticker.string(7, String(tick.number))
                ticker.string(8, tick.volume.description)
            }
        default:
            wrapper.message(308) { candle in
                candle.string(1, String(subscription.key.split(separator: "@")[3]))
                candle.integer(2, time / 60_000 * 60)
                candle.string(3, tick.open.description)
                candle.string(4, tick.price.description)
                candle.string(5, tick.high.description)
                candle.string(6, tick.low.description)
                candle.string(7, String(tick.number))
                candle.string(8, tick.volume.description)
                candle.integer(9, time / 60_000 * 60 + 60)
            }
        }
        return ServerMessage(binary: wrapper.bytes)
    }
}
