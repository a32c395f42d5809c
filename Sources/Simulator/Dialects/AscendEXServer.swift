internal import ColonyExchanges

/// BitMax, later AscendEX (family `ascendex`).
///
/// Either side may ping; a client that leaves two server pings unanswered is told so and cut. Up to ten symbols in a channel, separated by
/// commas, acknowledged as asked.
package struct AscendEXServer: ServerDialect {
    package let exchange = "bitmax"
    package let path = "/0/api/pro/v1/stream"
    package let listings: [String]

    package init(listings: [String]) { self.listings = listings }

    package var rules: ServerRules {
        var rules = ServerRules()
        rules.heartbeat = .init(every: .seconds(15), owed: .message(unanswered: 2))
        return rules
    }

    package func serves(path: String) -> Bool { path.hasSuffix("/api/pro/v1/stream") }

    package func open(_ socket: SocketView) -> Answer { .reply(#"{"m":"connected","type":"unauth"}"#) }

    package func answer(_ message: ClientMessage, _ socket: SocketView) -> Answer {
        guard let request = message.json, let operation = request["op"]?.string else {
            return .reply(#"{"m":"error","code":100005,"reason":"INVALID_WS_REQUEST_DATA","info":"Invalid request"}"#)
        }
        let id = request["id"].map { #""id":\#($0.text),"# } ?? ""
        func refuse(_ text: String) -> Answer {
            .reply(#"{"m":"error",\#(id)"code":100005,"reason":"INVALID_WS_REQUEST_DATA","info":\#(JSONValue.quoted(text))}"#)
        }
        switch operation {
        // A client's ping counts as a sign of life like a pong.
        case "ping":
            return Answer(
                replies: [ServerMessage(#"{"m":"pong","code":0,"ts":\#(socket.wallMilliseconds),"hp":3}"#)], answered: "ascendex")
        case "pong": return Answer(answered: "ascendex")
        case "req":
            guard request["action"]?.string == "depth-snapshot", let symbol = request["args"]?["symbol"]?.string,
                socket.listings.contains(symbol)
            else { return refuse("Invalid request action") }
            return .reply(
                #"{"m":"depth-snapshot","symbol":"\#(symbol)","data":{"seqnum":0,"ts":\#(socket.wallMilliseconds),"asks":[],"bids":[]}}"#)
        case "sub", "unsub": break
        default: return refuse("Invalid op: \(operation)")
        }
        let name = request["ch"]?.string ?? ""
        guard let colon = name.lastIndex(of: ":") else { return refuse("Invalid channel: \(name)") }
        let symbols = name[name.index(after: colon)...].split(separator: ",").map(String.init)
        let head = String(name[..<colon])
        guard let channel = Self.channel(head), (1...10).contains(symbols.count), symbols.allSatisfy(socket.listings.contains) else {
            return refuse("Invalid channel: \(name)")
        }
        var answer = Answer.reply(#"{"m":"\#(operation)",\#(id)"ch":"\#(name)","code":0}"#)
        let subscriptions = symbols.map { Subscription(key: "\(head):\($0)", topic: Topic(channel: channel, symbol: $0)) }
        if operation == "sub" { answer.subscribe = subscriptions } else { answer.unsubscribe = subscriptions.map(\.key) }
        return answer
    }

    private static func channel(_ name: String) -> String? {
        let intervals = [
            "1": "1m", "5": "5m", "15": "15m", "30": "30m", "60": "1h", "120": "2h", "240": "4h", "360": "6h", "720": "12h", "1d": "1d",
            "1w": "1w", "1m": "1mon",
        ]
        if name.hasPrefix("bar:") { return intervals[String(name.dropFirst(4))].map { "candle." + $0 } }
        return ["trades": "trade", "bbo": "bbo", "depth": "book"][name]
    }

    package func heartbeat(_ socket: SocketView) -> Beat { Beat(messages: [ServerMessage(#"{"m":"ping","hp":3}"#)], token: "ascendex") }

    package func restartNotice(_ socket: SocketView) -> ServerMessage? {
        ServerMessage(#"{"m":"disconnected","code":100005,"reason":"INVALID_WS_REQUEST_DATA","info":"Session is disconnected"}"#)
    }

    package func data(_ subscription: Subscription, _ tick: Tick, _ socket: SocketView) -> ServerMessage {
        let symbol = subscription.topic.symbol
        let time = tick.wallMilliseconds
        switch subscription.topic.channel {
        case "trade":
            return ServerMessage(
                #"{"m":"trades","symbol":"\#(symbol)","data":[{"p":"\#(tick.price)","q":"\#(tick.size)","ts":\#(time),"bm":\#(!tick.isBuy),"#
                    + #""seqnum":\#(tick.number)}]}"#)
        case "bbo":
            return ServerMessage(
                #"{"m":"bbo","symbol":"\#(symbol)","data":{"ts":\#(time),"bid":["\#(tick.bid)","\#(tick.number)"],"#
                    + #""ask":["\#(tick.ask)","\#(tick.size)"]}}"#)
        case "book":
            return ServerMessage(
                #"{"m":"depth","symbol":"\#(symbol)","data":{"ts":\#(time),"seqnum":\#(tick.number),"asks":\#(tick.asks.pairs()),"#
                    + #""bids":\#(tick.bids.pairs())}}"#)
        default:
            return ServerMessage(
                #"{"m":"bar","s":"\#(symbol)","data":{"i":"\#(subscription.key.split(separator: ":")[1])","ts":\#(time / 60_000 * 60_000),"#
                    + #""o":"\#(tick.open)","c":"\#(tick.price)","h":"\#(tick.high)","l":"\#(tick.low)","v":"\#(tick.number)"}}"#)
        }
    }
}
