internal import ColonyExchanges

/// bitbank, on engine.io and socket.io (family `socketio`).
///
/// With `EIO=4` the server pings (`2` every 25 s, `3` owed within 20 s) and the client opens the namespace with `40`; with `EIO=3` the client
/// pings and the server opens it. Rooms are joined without an acknowledgement; unknown rooms stay silent.
package struct BitbankServer: ServerDialect {
    package let exchange = "bitbank"
    package let path = "/socket.io/?EIO=4&transport=websocket"
    package let listings: [String]

    package init(listings: [String]) { self.listings = listings }

    package var rules: ServerRules {
        var rules = ServerRules()
        rules.heartbeat = .init(every: .seconds(25), owed: .messageWithin(.seconds(20)))
        return rules
    }

    package func serves(path: String) -> Bool { path == "/socket.io/" || path == "/socket.io" }

    private func isOld(_ socket: SocketView) -> Bool { socket.queryValue("EIO") == "3" }

    /// Kept as a silent subscription: the namespace is open.
    private static let namespace = "40"

    package func open(_ socket: SocketView) -> Answer {
        var answer = Answer.reply(
            #"0{"sid":"k3Qd81LmVxPz04RtAA\#(socket.number)","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#)
        if isOld(socket) {
            answer.replies.append(ServerMessage("40"))
            answer.subscribe = [Subscription(silent: Self.namespace)]
        }
        return answer
    }

    package var unknownSymbols: UnknownSymbolAnswer { .ignored }

    package func answer(_ message: ClientMessage, _ socket: SocketView) -> Answer {
        guard let text = message.text else { return Answer(close: Close(code: 1003, reason: "text only")) }
        switch text {
        case "40":
            return Answer(
                replies: [ServerMessage(#"40{"sid":"p7Xw55NcYbHj20UeMd\#(socket.number)"}"#)],
                subscribe: [Subscription(silent: Self.namespace)])
        case "2": return isOld(socket) ? .reply("3") : Answer(close: Close(code: 1000, reason: "unexpected ping"))
        case "3": return Answer(answered: "engine.io")
        default: break
        }
        guard text.hasPrefix("42"), socket.subscriptions[Self.namespace] != nil,
            let event = try? JSONValue(parsing: String(text.dropFirst(2))), let words = event.strings, words.count == 2
        else { return Answer() }
        switch words[0] {
        case "join-room":
            guard let topic = topic(words[1], socket) else { return Answer() }
            return Answer(subscribe: [Subscription(key: words[1], topic: topic)])
        case "leave-room": return Answer(unsubscribe: [words[1]])
        default: return Answer()
        }
    }

    private func topic(_ room: String, _ socket: SocketView) -> Topic? {
        for (prefix, channel) in [
            ("transactions_", "trade"), ("ticker_", "ticker"), ("depth_diff_", "book"), ("depth_whole_", "book_snapshot"),
        ] where room.hasPrefix(prefix) {
            let symbol = String(room.dropFirst(prefix.count))
            return socket.listings.contains(symbol) ? Topic(channel: channel, symbol: symbol) : nil
        }
        return nil
    }

    package func heartbeat(_ socket: SocketView) -> Beat {
        isOld(socket) ? Beat() : Beat(messages: [ServerMessage("2")], token: "engine.io")
    }

    package func restartNotice(_ socket: SocketView) -> ServerMessage? { ServerMessage("41") }

    package func data(_ subscription: Subscription, _ tick: Tick, _ socket: SocketView) -> ServerMessage {
        let time = tick.wallMilliseconds
        let body: String
        switch subscription.topic.channel {
        case "trade":
            body =
                #"{"transactions":[{"transaction_id":\#(tick.number),"side":"\#(tick.isBuy ? "buy" : "sell")","price":"\#(tick.price)","#
                + #""amount":"\#(tick.size)","executed_at":\#(time)}]}"#
        case "ticker":
            body =
                #"{"sell":"\#(tick.ask)","buy":"\#(tick.bid)","high":"\#(tick.high)","low":"\#(tick.low)","open":"\#(tick.open)","#
                + #""last":"\#(tick.price)","vol":"\#(tick.number)","timestamp":\#(time)}"#
        case "book": body = #"{"a":\#(tick.asks.pairs()),"b":\#(tick.bids.pairs()),"t":\#(time),"s":"\#(tick.number)"}"#
        default:
            body = #"{"asks":\#(tick.asks.pairs()),"bids":\#(tick.bids.pairs()),"timestamp":\#(time),"sequenceId":"\#(tick.number)"}"#
        }
        return ServerMessage(#"42["message",{"room_name":"\#(subscription.key)","message":{"data":\#(body)}}]"#)
    }
}
