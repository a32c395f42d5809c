internal import ColonyExchanges

/// Binance's market streams (family `binance`): spot, USD-M and COIN-M futures, and Gemini's service of the same protocol.
///
/// Combined streams at `.../stream`, subscribed by messages or named in the query (`?streams=a/b`, which nothing confirms); raw ones at `.../ws`
/// and `.../ws/<stream>`. PING control frames every 20 s with a PONG owed within 60 s (futures: 180 s and 600 s); 5 messages a second
/// (futures: 10), control frames included; unknown streams are acknowledged and stay silent (Gemini refuses them); 1,024 streams; 300 connects
/// in five minutes; cut after 24 h. USD-M serves books and best prices at `/public` and the rest at `/market`; a stream of the other category
/// stays silent.
package struct BinanceServer: ServerDialect {
    package enum Variant: Sendable { case spot, usdm, coinm, gemini }

    package let listings: [String]
    private let variant: Variant

    package init(_ variant: Variant, listings: [String]) {
        self.variant = variant
        self.listings = listings
    }

    package var exchange: String {
        switch variant {
        case .spot: "binance"
        case .usdm: "binance_usdm"
        case .coinm: "binance_coinm"
        case .gemini: "gemini"
        }
    }

    package var path: String { variant == .gemini ? "?snapshot=-1" : "/stream" }

    private var isFutures: Bool { variant == .usdm || variant == .coinm }

    package var rules: ServerRules {
        var rules = ServerRules()
        guard variant != .gemini else { return rules }
        rules.heartbeat =
            isFutures
            ? .init(every: .seconds(180), owed: .pongFrame(within: .seconds(600)))
            : .init(every: .seconds(20), owed: .pongFrame(within: .seconds(60)))
        rules.messages = .init(isFutures ? 10 : 5, per: .seconds(1))
        rules.countsControlFrames = true
        rules.connects = .init(300, per: .seconds(300))
        rules.maxTopics = 1024
        rules.maxAge = .seconds(86_400)
        return rules
    }

    package func serves(path: String) -> Bool {
        guard variant != .gemini else { return path == "/" }
        var rest = path[...]
        if variant == .usdm {
            for category in ["/public", "/market"] where rest.hasPrefix(category + "/") { rest = rest.dropFirst(category.count) }
        }
        return rest == "/stream" || rest == "/ws" || rest.hasPrefix("/ws/")
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

    package var unknownSymbols: UnknownSymbolAnswer { variant == .gemini ? .refused : .acknowledged }

    package func answer(_ message: ClientMessage, _ socket: SocketView) -> Answer {
        guard let request = message.json, case .object = request else {
            return refusal(3, "Invalid JSON: expected value at line 1 column 1", id: nil)
        }
        let id = request["id"]?.text ?? "null"
        func refuse(_ text: String) -> Answer { refusal(2, "Invalid request: " + text, id: id) }
        guard let method = request["method"]?.string else { return refuse("missing field `method`") }
        let params = request["params"]
        switch method {
        case "SUBSCRIBE", "UNSUBSCRIBE":
            guard let streams = params?.strings else { return refuse("params must be an array of stream names") }
            if variant == .gemini, streams.contains(where: { subscription($0, socket) == nil }) {
                return .reply(#"{"id":\#(id),"status":400,"error":{"code":-1013,"msg":"Invalid symbol"}}"#)
            }
            var answer = Answer.reply(
                variant == .gemini ? #"{"id":\#(id),"status":200,"result":null}"# : #"{"result":null,"id":\#(id)}"#)
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

    private func refusal(_ code: Int, _ text: String, id: String?) -> Answer {
        let tail = id.map { #","id":\#($0)"# } ?? ""
        switch variant {
        case .spot: return .reply(#"{"code":\#(code),"msg":\#(JSONValue.quoted(text))\#(tail)}"#)
        case .usdm, .coinm: return .reply(#"{"error":{"code":\#(code),"msg":\#(JSONValue.quoted(text))}\#(tail)}"#)
        case .gemini: return .reply(#"{"id":\#(id ?? "null"),"status":400,"error":{"code":-\#(code),"msg":\#(JSONValue.quoted(text))}}"#)
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
        guard variant == .spot else { return nil }
        let event = #"{"e":"serverShutdown","E":\#(socket.wallMilliseconds)}"#
        return ServerMessage(isCombined(socket) ? #"{"stream":"!serverShutdown","data":\#(event)}"# : event)
    }

    private func isCombined(_ socket: SocketView) -> Bool { socket.path.hasSuffix("/stream") }

    /// nil for what does not exist: Binance stays silent about it.
    private func subscription(_ stream: String, _ socket: SocketView) -> Subscription? {
        let parts = stream.split(separator: "@", maxSplits: 1).map(String.init)
        guard parts.count == 2, parts[0] == parts[0].lowercased() else { return nil }
        let symbol = variant == .gemini ? parts[0] : parts[0].uppercased()
        guard socket.listings.contains(symbol), let channel = channel(parts[1]) else { return nil }
        let isPublic = ["book", "book_snapshot", "bbo"].contains { channel.hasPrefix($0) }
        if socket.path.hasPrefix("/public/") && !isPublic || socket.path.hasPrefix("/market/") && isPublic { return nil }
        return Subscription(key: stream, topic: Topic(channel: channel, symbol: symbol))
    }

    private func channel(_ name: String) -> String? {
        switch name {
        case "trade": return isFutures ? "trade.raw" : "trade"
        case "aggTrade" where variant != .gemini: return isFutures ? "trade" : "aggtrade"
        case "ticker" where variant != .gemini: return "ticker"
        case "miniTicker" where variant != .gemini: return "miniticker"
        case "bookTicker": return "bbo"
        case "depth@100ms": return "book"
        case "depth": return isFutures ? "book.250ms" : "book.1000ms"
        case "depth@500ms" where isFutures: return "book.500ms"
        case "depth20@100ms": return "book_snapshot"
        case "depth5@100ms": return "book_snapshot.5"
        case "depth10@100ms": return "book_snapshot.10"
        case "depth5", "depth10", "depth20": return "book_snapshot.\(name.dropFirst(5)).\(isFutures ? "250ms" : "1000ms")"
        default:
            let intervals = ["1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M"]
            guard variant != .gemini, name.hasPrefix("kline_"), intervals.contains(String(name.dropFirst(6))) else { return nil }
            return "candle." + (name == "kline_1M" ? "1mon" : name.dropFirst(6))
        }
    }

    private func event(_ subscription: Subscription, _ tick: Tick) -> String {
        let symbol = subscription.topic.symbol
        let time = tick.wallMilliseconds
        func levels(_ side: [BookLevel]) -> String {
            "[" + side.map { "[\"\($0.price)000000\",\"\($0.size)000\"]" }.joined(separator: ",") + "]"
        }
        let price = "\(tick.price)000000"
        let size = "\(tick.size)000"
        let pair = variant == .coinm ? #""ps":"\#(symbol.prefix { $0 != "_" })","# : ""
        let eventTime = variant == .gemini ? "\(time)345678" : "\(time)"
        let engineTime = isFutures ? #""T":\#(time - 1),"# : ""
        switch subscription.topic.channel.split(separator: ".").first ?? "" {
        case "trade" where variant == .gemini:
            return #"{"E":\#(eventTime),"s":"\#(symbol)","t":\#(tick.number),"p":"\#(price)","q":"\#(size)","m":\#(!tick.isBuy)}"#
        case "trade" where !isFutures || subscription.topic.channel == "trade.raw":
            return #"{"e":"trade","E":\#(time),"s":"\#(symbol)","t":\#(tick.number),"p":"\#(price)","q":"\#(size)","T":\#(time - 1),"#
                + #""m":\#(!tick.isBuy),"M":true}"#
        case "trade", "aggtrade":
            return #"{"e":"aggTrade","E":\#(time),"s":"\#(symbol)","a":\#(tick.number),"p":"\#(price)","q":"\#(size)","f":\#(tick.number),"#
                + #""l":\#(tick.number),"T":\#(time - 1),"m":\#(!tick.isBuy)}"#
        case "bbo":
            let kind =
                isFutures ? #""e":"bookTicker",\#(pair)"E":\#(time),\#(engineTime)"# : variant == .gemini ? #""E":\#(eventTime),"# : ""
            return
                #"{\#(kind)"u":\#(tick.number),"s":"\#(symbol)","b":"\#(tick.bid)000000","B":"\#(size)","a":"\#(tick.ask)000000","A":"\#(size)"}"#
        case "book_snapshot" where isFutures:
            return #"{"e":"depthUpdate","E":\#(time),\#(engineTime)"s":"\#(symbol)",\#(pair)"U":\#(tick.number),"u":\#(tick.number),"#
                + #""pu":\#(tick.previous),"b":\#(levels(tick.bids)),"a":\#(levels(tick.asks))}"#
        case "book_snapshot":
            return #"{"lastUpdateId":\#(tick.number),"bids":\#(levels(tick.bids)),"asks":\#(levels(tick.asks))}"#
        case "book":
            let link = isFutures ? #""pu":\#(tick.previous),"# : ""
            return
                #"{"e":"depthUpdate","E":\#(eventTime),\#(engineTime)"s":"\#(symbol)",\#(pair)"U":\#(tick.previous + 1),"u":\#(tick.number),"#
                + link + #""b":\#(levels(tick.bids)),"a":\#(levels(tick.asks))}"#
        case "ticker", "miniticker":
            let kind = subscription.topic.channel == "ticker" ? "24hrTicker" : "24hrMiniTicker"
            return
                #"{"e":"\#(kind)","E":\#(time),"s":"\#(symbol)",\#(pair)"c":"\#(price)","o":"\#(tick.open)000000","h":"\#(tick.high)000000","#
                + #""l":"\#(tick.low)000000","v":"\#(tick.volume)000","b":"\#(tick.bid)000000","a":"\#(tick.ask)000000","L":\#(tick.number)}"#
        default:
            let interval = subscription.key[(subscription.key.firstRange(of: "kline_")?.upperBound ?? subscription.key.startIndex)...]
            let start = time / 60_000 * 60_000
            return
                #"{"e":"kline","E":\#(time),"s":"\#(symbol)","k":{"t":\#(start),"T":\#(start + 59_999),"s":"\#(symbol)","i":"\#(interval)","#
                + #""f":\#(tick.number),"L":\#(tick.number),"o":"\#(tick.open)000000","c":"\#(price)","h":"\#(tick.high)000000","#
                + #""l":"\#(tick.low)000000","v":"\#(tick.volume)000","n":1,"x":false,"q":"0.0"}}"#
        }
    }
}
