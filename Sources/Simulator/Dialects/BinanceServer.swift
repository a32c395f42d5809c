internal import ColonyExchanges

/// Binance's market streams (family `binance`), spot: combined at `/stream`, raw at `/ws` and `/ws/<stream>`.
///
/// PING control frames every 20 s, a PONG owed within 60 s; five messages a second, control frames included; unknown streams are
/// acknowledged and stay silent; 1,024 streams; 300 connects in five minutes; cut after 24 h.
package struct BinanceServer: ServerDialect {
    package let exchange: String
    package let path: String
    package let rules: ServerRules
    package let listings: [String]

    package init(exchange: String = "binance", path: String = "/stream", rules: ServerRules = Self.spotRules, listings: [String]) {
        self.exchange = exchange
        self.path = path
        self.rules = rules
        self.listings = listings
    }

    package static var spotRules: ServerRules {
        var rules = ServerRules()
        rules.heartbeat = .init(every: .seconds(20), owed: .pongFrame(within: .seconds(60)))
        rules.messages = .init(5, per: .seconds(1))
        rules.countsControlFrames = true
        rules.connects = .init(300, per: .seconds(300))
        rules.maxTopics = 1024
        rules.maxAge = .seconds(86_400)
        return rules
    }

    package func serves(path: String) -> Bool {
        let last = "/" + (path.split(separator: "/").last ?? "")
        return path == self.path || last == "/stream" || last == "/ws" || path.hasPrefix("/ws/")
    }

    package func open(_ socket: SocketView) -> Answer {
        var streams: [String] = []
        if isCombined(socket) {
            streams = (socket.queryValue("streams") ?? "").split(separator: "/").map(String.init)
        } else if let range = socket.path.firstRange(of: "/ws/") {
            streams = socket.path[range.upperBound...].split(separator: "/").map(String.init)
        }
        return Answer(subscribe: streams.compactMap { subscription($0, socket) })
    }

    package func answer(_ message: ClientMessage, _ socket: SocketView) -> Answer {
        guard let request = message.json, case .object = request else {
            return .reply(#"{"code":3,"msg":"Invalid JSON: expected value at line 1 column 1"}"#)
        }
        let id = request["id"]?.text ?? "null"
        func refuse(_ text: String) -> Answer { .reply(#"{"code":2,"msg":\#(JSONValue.quoted("Invalid request: " + text)),"id":\#(id)}"#) }
        guard let method = request["method"]?.string else { return refuse("missing field `method`") }
        let params = request["params"]
        switch method {
        case "SUBSCRIBE", "UNSUBSCRIBE":
            guard let streams = params?.strings else { return refuse("params must be an array of stream names") }
            var answer = Answer.reply(#"{"result":null,"id":\#(id)}"#)
            if method == "SUBSCRIBE" {
                answer.subscribe = streams.compactMap { subscription($0, socket) }
            } else {
                answer.unsubscribe = streams
            }
            return answer
        case "LIST_SUBSCRIPTIONS":
            let names = JSONValue.array(socket.subscriptions.all.map { .string($0.key) }).text
            return .reply(#"{"result":\#(names),"id":\#(id)}"#)
        default:
            return refuse(
                "unknown variant \(method), expected one of SUBSCRIBE, UNSUBSCRIBE, LIST_SUBSCRIPTIONS, SET_PROPERTY, GET_PROPERTY")
        }
    }

    package func heartbeat(_ socket: SocketView) -> Beat {
        let payload = String(socket.wallMilliseconds)
        return Beat(pingFrame: payload, token: payload)
    }

    package func data(_ subscription: Subscription, _ tick: Tick, _ socket: SocketView) -> ServerMessage {
        let event = event(subscription, tick)
        return ServerMessage(isCombined(socket) ? #"{"stream":"\#(subscription.key)","data":\#(event)}"# : event)
    }

    package func restartNotice(_ socket: SocketView) -> ServerMessage? {
        let event = #"{"e":"serverShutdown","E":\#(socket.wallMilliseconds)}"#
        return ServerMessage(isCombined(socket) ? #"{"stream":"!serverShutdown","data":\#(event)}"# : event)
    }

    private func isCombined(_ socket: SocketView) -> Bool { socket.path.hasSuffix("/stream") }

    /// nil for what does not exist: Binance stays silent about it.
    private func subscription(_ stream: String, _ socket: SocketView) -> Subscription? {
        let parts = stream.split(separator: "@", maxSplits: 1).map(String.init)
        guard parts.count == 2, parts[0] == parts[0].lowercased() else { return nil }
        let symbol = parts[0].uppercased()
        guard socket.listings.contains(symbol), let channel = Self.channel(parts[1]) else { return nil }
        return Subscription(key: stream, topic: Topic(channel: channel, symbol: symbol))
    }

    private static func channel(_ name: String) -> String? {
        switch name {
        case "trade": return "trade"
        case "aggTrade": return "agg_trade"
        case "ticker": return "ticker"
        case "miniTicker": return "mini_ticker"
        case "bookTicker": return "bbo"
        case "depth", "depth@100ms", "depth@500ms": return "book"
        case "depth5", "depth10", "depth20", "depth5@100ms", "depth10@100ms", "depth20@100ms": return "book_snapshot"
        default:
            let intervals = ["1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M"]
            guard name.hasPrefix("kline_"), intervals.contains(String(name.dropFirst(6))) else { return nil }
            return "candle." + name.dropFirst(6)
        }
    }

    private func event(_ subscription: Subscription, _ tick: Tick) -> String {
        let symbol = subscription.topic.symbol
        let time = tick.wallMilliseconds
        func levels(_ side: [(price: Fixed, size: Fixed)]) -> String {
            "[" + side.map { "[\"\($0.price)000000\",\"\($0.size)000\"]" }.joined(separator: ",") + "]"
        }
        let price = "\(tick.price)000000"
        let size = "\(tick.size)000"
        switch subscription.topic.channel {
        case "trade":
            return #"{"e":"trade","E":\#(time),"s":"\#(symbol)","t":\#(tick.number),"p":"\#(price)","q":"\#(size)","T":\#(time - 1),"#
                + #""m":\#(!tick.isBuy),"M":true}"#
        case "agg_trade":
            return #"{"e":"aggTrade","E":\#(time),"s":"\#(symbol)","a":\#(tick.number),"p":"\#(price)","q":"\#(size)","f":\#(tick.number),"#
                + #""l":\#(tick.number),"T":\#(time - 1),"m":\#(!tick.isBuy),"M":true}"#
        case "bbo":
            return
                #"{"u":\#(tick.number),"s":"\#(symbol)","b":"\#(tick.bid)000000","B":"\#(size)","a":"\#(tick.ask)000000","A":"\#(size)"}"#
        case "book":
            return #"{"e":"depthUpdate","E":\#(time),"s":"\#(symbol)","U":\#(tick.previous + 1),"u":\#(tick.number),"#
                + #""b":\#(levels(tick.bids)),"a":\#(levels(tick.asks))}"#
        case "book_snapshot":
            return #"{"lastUpdateId":\#(tick.number),"bids":\#(levels(tick.bids)),"asks":\#(levels(tick.asks))}"#
        case "ticker", "mini_ticker":
            let kind = subscription.topic.channel == "ticker" ? "24hrTicker" : "24hrMiniTicker"
            return #"{"e":"\#(kind)","E":\#(time),"s":"\#(symbol)","c":"\#(price)","o":"\#(tick.open)000000","h":"\#(tick.high)000000","#
                + #""l":"\#(tick.low)000000","v":"\#(tick.volume)000","b":"\#(tick.bid)000000","a":"\#(tick.ask)000000","L":\#(tick.number)}"#
        default:
            let interval = subscription.topic.channel.dropFirst("candle.".count)
            return
                #"{"e":"kline","E":\#(time),"s":"\#(symbol)","k":{"t":\#(time / 60_000 * 60_000),"T":\#(time / 60_000 * 60_000 + 59_999),"#
                + #""s":"\#(symbol)","i":"\#(interval)","f":\#(tick.number),"L":\#(tick.number),"o":"\#(tick.open)000000","c":"\#(price)","#
                + #""h":"\#(tick.high)000000","l":"\#(tick.low)000000","v":"\#(tick.volume)000","n":1,"x":false,"q":"0.0"}}"#
        }
    }
}
