internal import ColonyExchanges

/// BitMEX (family `op-args`).
///
/// Greets with what is left of the connect budget (40 an hour); bare `ping`, bare `pong`; one acknowledgement per topic; topics may be named
/// in the query (`?subscribe=trade:XBTUSD`), as many as in a message.
package struct BitMEXServer: ServerDialect {
    package let exchange = "bitmex"
    package let path = "/realtime"
    package let listings: [String]

    package init(listings: [String]) { self.listings = listings }

    package var rules: ServerRules {
        var rules = ServerRules()
        rules.connects = .init(40, per: .seconds(3600))
        return rules
    }

    package func open(_ socket: SocketView) -> Answer {
        var answer = Answer.reply(
            #"{"info":"Welcome to the BitMEX Realtime API.","version":"2.0.0","#
                + #""timestamp":"\#(Timestamp.rfc3339(milliseconds: socket.wallMilliseconds, places: 3))","#
                + #""docs":"https://www.bitmex.com/app/wsAPI","limit":{"remaining":39}}"#)
        let names = (socket.queryValue("subscribe") ?? "").split(separator: ",").map(String.init)
        guard names.count <= Self.maxTopics else {
            let request = #"{"op":"subscribe","args":\#(JSONValue.array(names.map { .string($0) }).text)}"#
            answer.replies.append(Self.tooMany(request))
            return answer
        }
        for name in names {
            add(name, "subscribe", #"{"op":"subscribe","args":[\#(JSONValue.quoted(name))]}"#, socket, &answer)
        }
        return answer
    }

    /// In one request, whichever way it comes.
    private static let maxTopics = 20

    private static func tooMany(_ request: String) -> ServerMessage {
        ServerMessage(
            #"{"status":400,"error":"Too many args sent. Max length is \#(maxTopics)","meta":{},"request":\#(request)}"#)
    }

    package func answer(_ message: ClientMessage, _ socket: SocketView) -> Answer {
        if message.text == "ping" { return .reply("pong") }
        guard let request = message.json, let operation = request["op"]?.string, operation == "subscribe" || operation == "unsubscribe",
            let names = request["args"]?.oneOrMoreStrings
        else { return .reply(#"{"status":400,"error":"Unrecognized request.","meta":{},"request":{}}"#) }
        guard names.count <= Self.maxTopics else { return Answer(replies: [Self.tooMany(request.text)]) }
        var answer = Answer()
        for name in names { add(name, operation, request.text, socket, &answer) }
        return answer
    }

    private func add(_ name: String, _ operation: String, _ request: String, _ socket: SocketView, _ answer: inout Answer) {
        func refuse(_ text: String) {
            answer.replies.append(ServerMessage(#"{"status":400,"error":\#(JSONValue.quoted(text)),"meta":{},"request":\#(request)}"#))
        }
        let parts = name.split(separator: ":", maxSplits: 1).map(String.init)
        let channels = [
            "trade": "trade", "quote": "bbo", "instrument": "ticker", "orderBookL2_25": "book", "orderBookL2": "book.full",
            "orderBook10": "book_snapshot", "tradeBin1m": "candle.1m", "tradeBin5m": "candle.5m", "tradeBin1h": "candle.1h",
            "tradeBin1d": "candle.1d",
        ]
        let table = parts.first ?? ""
        guard let channel = channels[table] else { return refuse("Unknown table: \(table)") }
        guard parts.count == 2, socket.listings.contains(parts[1]) else { return refuse("Unknown or expired symbol.") }
        if operation == "subscribe" && socket.subscriptions[name] != nil {
            return refuse("You are already subscribed to this topic: \(name)")
        }
        answer.replies.append(ServerMessage(#"{"success":true,"\#(operation)":"\#(name)","request":\#(request)}"#))
        if operation == "subscribe" {
            answer.subscribe.append(Subscription(key: name, topic: Topic(channel: channel, symbol: parts[1])))
        } else {
            answer.unsubscribe.append(name)
        }
    }

    package func data(_ subscription: Subscription, _ tick: Tick, _ socket: SocketView) -> ServerMessage {
        let table = subscription.key.split(separator: ":")[0]
        let symbol = subscription.topic.symbol
        let time = Timestamp.rfc3339(milliseconds: tick.wallMilliseconds, places: 3)
        let side = tick.isBuy ? "Buy" : "Sell"
        let row: String
        var action = "insert"
        switch table {
        case "trade":
            row =
                #"{"timestamp":"\#(time)","symbol":"\#(symbol)","side":"\#(side)","size":\#(tick.size.units),"price":\#(tick.price.shortest),"#
                + #""tickDirection":"ZeroMinusTick","trdMatchID":"\#(tick.number)","trdType":"Regular"}"#
        case "quote":
            row =
                #"{"timestamp":"\#(time)","symbol":"\#(symbol)","bidSize":\#(tick.number),"bidPrice":\#(tick.bid.shortest),"#
                + #""askPrice":\#(tick.ask.shortest),"askSize":\#(tick.size.units)}"#
        case "instrument":
            action = "update"
            row = #"{"symbol":"\#(symbol)","lastPrice":\#(tick.price.shortest),"totalVolume":\#(tick.number),"timestamp":"\#(time)"}"#
        case "orderBook10":
            action = "update"
            row =
                #"{"symbol":"\#(symbol)","bids":\#(tick.bids.pairs(quoted: false)),"asks":\#(tick.asks.pairs(quoted: false)),"#
                + #""timestamp":"\#(time)","transactTime":"\#(tick.number)"}"#
        case "orderBookL2", "orderBookL2_25":
            action = tick.isFirst ? "partial" : "insert"
            row =
                #"{"symbol":"\#(symbol)","id":\#(tick.number),"side":"\#(side)","size":\#(tick.size.units),"price":\#(tick.price.shortest),"#
                + #""timestamp":"\#(time)"}"#
        default:
            row =
                #"{"timestamp":"\#(time)","symbol":"\#(symbol)","open":\#(tick.open.shortest),"high":\#(tick.high.shortest),"#
                + #""low":\#(tick.low.shortest),"close":\#(tick.price.shortest),"trades":\#(tick.number),"volume":\#(tick.volume.units)}"#
        }
        let filter = action == "partial" ? #""filter":{"symbol":"\#(symbol)"},"# : ""
        return ServerMessage(#"{"table":"\#(table)","action":"\#(action)",\#(filter)"data":[\#(row)]}"#)
    }
}
