internal import ColonyExchanges

/// FCoin and FMEX (family `fcoin-cmd`), as documented in 2020.
///
/// Greets with `hello`; the pong is spelled `ping`; at most 20 topics a message; a client silent for 300 s is cut. How to unsubscribe was
/// never documented: `unsub` is refused.
package struct FCoinServer: ServerDialect {
    package let exchange: String
    package let path = "/v2/ws"
    package let listings: [String]

    package init(exchange: String, listings: [String]) {
        self.exchange = exchange
        self.listings = listings
    }

    package var rules: ServerRules {
        var rules = ServerRules()
        rules.clientSilence = .seconds(300)
        rules.maxTopics = 20
        return rules
    }

    package func open(_ socket: SocketView) -> Answer { .reply(#"{"type":"hello","ts":\#(socket.wallMilliseconds)}"#) }

    package func answer(_ message: ClientMessage, _ socket: SocketView) -> Answer {
        guard let request = message.json, let command = request["cmd"]?.string else {
            return .reply(#"{"status":40003,"msg":"bad request"}"#)
        }
        let id = request["id"].map { #""id":\#($0.text),"# } ?? ""
        switch command {
        case "ping":
            let sent = request["args"]?.array?.first?.integer ?? socket.wallMilliseconds
            return .reply(#"{\#(id)"type":"ping","ts":\#(socket.wallMilliseconds),"gap":\#(socket.wallMilliseconds - sent)}"#)
        case "sub":
            let names = request["args"]?.strings ?? []
            var answer = Answer()
            for name in names {
                guard let topic = topic(name, socket) else {
                    return .reply(#"{\#(id)"status":41002,"msg":\#(JSONValue.quoted("invalid sub topic, " + name))}"#)
                }
                answer.subscribe.append(Subscription(key: name, topic: topic))
            }
            guard (1...20).contains(names.count) else {
                return .reply(#"{\#(id)"status":41002,"msg":"invalid sub topic, 1 to 20 are allowed"}"#)
            }
            answer.replies = [ServerMessage(#"{"type":"topics","topics":\#(JSONValue.array(names.map { .string($0) }).text)}"#)]
            return answer
        default: return .reply(#"{\#(id)"status":40003,"msg":\#(JSONValue.quoted("unknown command " + command))}"#)
        }
    }

    package func tooManyTopics(_ refused: [Subscription], _ message: ClientMessage, _ socket: SocketView) -> Answer {
        let id = message.json?["id"].map { #""id":\#($0.text),"# } ?? ""
        return .reply(#"{\#(id)"status":41002,"msg":"invalid sub topic, more than 20"}"#)
    }

    private func topic(_ name: String, _ socket: SocketView) -> Topic? {
        let parts = name.split(separator: ".").map(String.init)
        guard let symbol = parts.last, socket.listings.contains(symbol) else { return nil }
        switch (parts.first, parts.count) {
        case ("trade", 2): return Topic(channel: "trade", symbol: symbol)
        case ("ticker", 2): return Topic(channel: "ticker", symbol: symbol)
        case ("depth", 3) where ["L20", "L100", "L150"].contains(parts[1]): return Topic(channel: "book_snapshot", symbol: symbol)
        case ("candle", 3):
            let intervals = [
                "M1": "1m", "M3": "3m", "M5": "5m", "M15": "15m", "M30": "30m", "H1": "1h", "H4": "4h", "H6": "6h", "D1": "1d", "W1": "1w",
                "MN": "1mon",
            ]
            return intervals[parts[1]].map { Topic(channel: "candle." + $0, symbol: symbol) }
        default: return nil
        }
    }

    package func data(_ subscription: Subscription, _ tick: Tick, _ socket: SocketView) -> ServerMessage {
        let head = #"{"type":"\#(subscription.key)","#
        let size = tick.size.shortest
        func flat(_ side: [BookLevel]) -> String { side.map { "\($0.price.shortest),\($0.size.shortest)" }.joined(separator: ",") }
        switch subscription.topic.channel {
        case "trade":
            return ServerMessage(
                head + #""id":\#(tick.number),"amount":\#(size),"ts":\#(tick.wallMilliseconds),"side":"\#(tick.isBuy ? "buy" : "sell")","#
                    + #""price":\#(tick.price.shortest)}"#)
        case "ticker":
            let numbers = [
                tick.price, tick.size, tick.bid, tick.size, tick.ask, tick.size, tick.open, tick.high, tick.low, tick.volume, tick.volume,
            ]
            return ServerMessage(head + #""seq":\#(tick.number),"ticker":[\#(numbers.map(\.shortest).joined(separator: ","))]}"#)
        case "book_snapshot":
            return ServerMessage(
                head + #""ts":\#(tick.wallMilliseconds),"seq":\#(tick.number),"bids":[\#(flat(tick.bids))],"asks":[\#(flat(tick.asks))]}"#)
        default:
            return ServerMessage(
                head + #""id":\#(tick.wallMilliseconds / 60_000 * 60),"seq":\#(tick.number),"open":\#(tick.open.shortest),"#
                    + #""close":\#(tick.price.shortest),"high":\#(tick.high.shortest),"low":\#(tick.low.shortest),"count":1,"#
                    + #""base_vol":\#(tick.volume.shortest),"quote_vol":\#(tick.volume.shortest)}"#)
        }
    }
}
