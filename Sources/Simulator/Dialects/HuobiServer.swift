internal import ColonyExchanges

/// Huobi's market data (family `huobi`), spot and the futures exchanges of the same protocol.
///
/// Every frame is one gzip member. `{"ping":n}` every 5 s; a client that leaves two (spot) or five (futures) unanswered is cut when
/// the next is due. One topic per request; an unknown one is refused. Spot serves incremental books at `/feed`, and nothing else there.
package struct HuobiServer: ServerDialect {
    package let exchange: String
    package let path: String
    package let rules: ServerRules
    package let listings: [String]

    package init(exchange: String, path: String, listings: [String]) {
        self.exchange = exchange
        self.path = path
        self.listings = listings
        var rules = ServerRules()
        rules.packing = .gzip
        rules.heartbeat = .init(every: .seconds(5), owed: .message(unanswered: exchange == "huobi" ? 2 : 5))
        self.rules = rules
    }

    package func serves(path: String) -> Bool { path == self.path || (exchange == "huobi" && path == "/feed") }

    package func answer(_ message: ClientMessage, _ socket: SocketView) -> Answer {
        let now = socket.wallMilliseconds
        guard let request = message.json, case .object = request else {
            return .reply(#"{"status":"error","err-code":"bad-request","err-msg":"not json string","ts":\#(now)}"#)
        }
        if let pong = request["pong"] { return Answer(answered: pong.text) }
        if let ping = request["ping"] { return .reply(#"{"pong":\#(ping.text)}"#) }
        let id = request["id"].map { #""id":\#($0.text),"# } ?? ""
        func refuse(_ text: String) -> Answer {
            .reply(#"{\#(id)"status":"error","err-code":"bad-request","err-msg":\#(JSONValue.quoted(text)),"ts":\#(now)}"#)
        }
        if let name = request["sub"]?.string {
            switch subscription(name, socket) {
            case .success(let subscription):
                return Answer(
                    replies: [ServerMessage(#"{\#(id)"status":"ok","subbed":"\#(name)","ts":\#(now)}"#)], subscribe: [subscription])
            case .failure(let refusal): return refuse(refusal.text)
            }
        }
        if let name = request["unsub"]?.string {
            guard socket.subscriptions[name] != nil else { return refuse("unsub with not subbed topic \(name)") }
            return Answer(
                replies: [ServerMessage(#"{\#(id)"status":"ok","unsubbed":"\#(name)","ts":\#(now)}"#)], unsubscribe: [name])
        }
        if let name = request["req"]?.string {
            guard case .success = subscription(name, socket) else { return refuse("invalid topic \(name)") }
            return .reply(#"{\#(id)"rep":"\#(name)","status":"ok","ts":\#(now),"data":{"seqNum":0,"bids":[],"asks":[]}}"#)
        }
        return refuse("invalid topic")
    }

    package func heartbeat(_ socket: SocketView) -> Beat {
        let token = String(socket.wallMilliseconds)
        return Beat(messages: [ServerMessage(#"{"ping":\#(token)}"#)], token: token)
    }

    package func data(_ subscription: Subscription, _ tick: Tick, _ socket: SocketView) -> ServerMessage {
        ServerMessage(#"{"ch":"\#(subscription.key)","ts":\#(tick.wallMilliseconds),"tick":\#(body(subscription, tick))}"#)
    }

    private struct Refusal: Error { var text: String }

    private func subscription(_ name: String, _ socket: SocketView) -> Result<Subscription, Refusal> {
        let parts = name.split(separator: ".", maxSplits: 2).map(String.init)
        guard parts.count == 3, parts[0] == "market", let channel = Self.channel(parts[2]) else {
            return .failure(Refusal(text: "invalid topic \(name)"))
        }
        guard socket.listings.contains(parts[1]) else { return .failure(Refusal(text: "invalid symbol")) }
        let isIncrement = parts[2].hasPrefix("mbp.") && !parts[2].hasPrefix("mbp.refresh")
        if exchange == "huobi", isIncrement != (socket.path == "/feed") {
            return .failure(Refusal(text: "invalid topic \(name)"))
        }
        return .success(Subscription(key: name, topic: Topic(channel: channel, symbol: parts[1])))
    }

    private static func channel(_ name: String) -> String? {
        switch name {
        case "trade.detail": return "trade"
        case "detail": return "ticker"
        case "bbo": return "bbo"
        case "mbp.5", "mbp.20", "mbp.150", "mbp.400", "depth.size_20.high_freq", "depth.size_150.high_freq": return "book"
        case "depth.step0", "depth.step1", "depth.step2", "depth.step3", "depth.step4", "depth.step5", "depth.step6", "mbp.refresh.5",
            "mbp.refresh.10", "mbp.refresh.20":
            return "book_snapshot"
        default:
            let intervals = [
                "1min": "1m", "5min": "5m", "15min": "15m", "30min": "30m", "60min": "1h", "4hour": "4h", "1day": "1d", "1week": "1w",
                "1mon": "1mon", "1year": "1y",
            ]
            guard name.hasPrefix("kline."), let interval = intervals[String(name.dropFirst(6))] else { return nil }
            return "candle." + interval
        }
    }

    private func body(_ subscription: Subscription, _ tick: Tick) -> String {
        let time = tick.wallMilliseconds
        func levels(_ side: [BookLevel]) -> String {
            "[" + side.map { "[\($0.price.shortest),\($0.size.shortest)]" }.joined(separator: ",") + "]"
        }
        switch subscription.topic.channel {
        case "trade":
            // Huobi's trade ids exceed 64 bits; tradeId is the one that counts.
            return #"{"id":\#(tick.number),"ts":\#(time),"data":[{"id":\#(tick.number)00000000000000000001,"ts":\#(time),"#
                + #""tradeId":\#(tick.number),"amount":\#(tick.size.shortest),"price":\#(tick.price.shortest),"#
                + #""direction":"\#(tick.isBuy ? "buy" : "sell")"}]}"#
        case "bbo":
            return #"{"seqId":\#(tick.number),"ask":\#(tick.ask.shortest),"askSize":\#(tick.size.shortest),"bid":\#(tick.bid.shortest),"#
                + #""bidSize":\#(tick.size.shortest),"quoteTime":\#(time),"symbol":"\#(subscription.topic.symbol)"}"#
        case "book" where exchange != "huobi":
            return #"{"mrid":\#(tick.number),"id":\#(tick.number),"event":"\#(tick.isFirst ? "snapshot" : "update")","ts":\#(time),"#
                + #""version":\#(tick.number),"ch":"\#(subscription.key)","bids":\#(levels(tick.bids)),"asks":\#(levels(tick.asks))}"#
        case "book":
            return #"{"seqNum":\#(tick.number),"prevSeqNum":\#(tick.previous),"bids":\#(levels(tick.bids)),"asks":\#(levels(tick.asks))}"#
        case "book_snapshot":
            return #"{"version":\#(tick.number),"ts":\#(time),"bids":\#(levels(tick.bids)),"asks":\#(levels(tick.asks))}"#
        default:
            return #"{"id":\#(time / 60_000 * 60),"open":\#(tick.open.shortest),"close":\#(tick.price.shortest),"#
                + #""low":\#(tick.low.shortest),"high":\#(tick.high.shortest),"amount":\#(tick.volume.shortest),"#
                + #""vol":\#(tick.volume.shortest),"count":\#(tick.number)}"#
        }
    }
}
