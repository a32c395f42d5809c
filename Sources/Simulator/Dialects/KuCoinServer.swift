internal import ColonyExchanges

/// KuCoin and KuCoin Futures (family `kucoin`).
///
/// `POST /api/v1/bullet-public` gives token and address; a connection without a token of the same exchange is told so and closed. After
/// `welcome` symbols come joined by commas in a topic; acknowledged only where `response` is true, with the id as a string. A client silent
/// for 28 s is cut; 100 messages in 10 s; 100 topics a message, 300 a connection; 30 connects a minute; 24 h.
package struct KuCoinServer: ServerDialect {
    package let exchange: String
    package let path = "/endpoint"
    package let bootstrapPath: String? = "/api/v1/bullet-public"
    package let listings: [String]

    package init(exchange: String, listings: [String]) {
        self.exchange = exchange
        self.listings = listings
    }

    private var isSpot: Bool { exchange == "kucoin" }

    package var rules: ServerRules {
        var rules = ServerRules()
        rules.clientSilence = .seconds(28)
        rules.messages = .init(100, per: .seconds(10))
        rules.connects = .init(30, per: .seconds(60))
        rules.maxTopics = 300
        rules.maxAge = .seconds(86_400)
        return rules
    }

    package func respond(to request: RESTRequest) -> RESTResponse? {
        guard request.path == bootstrapPath else { return nil }
        guard request.method == "POST" else { return RESTResponse(status: 405, body: #"{"code":"405","msg":"Method Not Allowed"}"#) }
        let address = "\(request.isTLS ? "wss" : "ws")://\(request.host)/\(exchange)\(path)"
        return RESTResponse(
            body:
                #"{"code":"200000","data":{"token":"\#(tokenPrefix)\#(request.wallMilliseconds)","instanceServers":[{"endpoint":"\#(address)","#
                + #""encrypt":\#(request.isTLS),"protocol":"websocket","pingInterval":18000,"pingTimeout":10000}]}}"#)
    }

    private var tokenPrefix: String { "\(exchange)-" }

    package func open(_ socket: SocketView) -> Answer {
        guard let token = socket.queryValue("token"), token.hasPrefix(tokenPrefix), Int64(token.dropFirst(tokenPrefix.count)) != nil else {
            return Answer(
                replies: [ServerMessage(#"{"id":"","type":"error","code":401,"data":"token is invalid"}"#)],
                close: Close(code: 1000, reason: "token is invalid"))
        }
        return .reply(#"{"id":\#(JSONValue.quoted(socket.queryValue("connectId") ?? "")),"type":"welcome"}"#)
    }

    package func answer(_ message: ClientMessage, _ socket: SocketView) -> Answer {
        guard let request = message.json, let type = request["type"]?.string else {
            return .reply(#"{"id":"","type":"error","code":400,"data":"request is not json"}"#)
        }
        let id = JSONValue.quoted(request["id"]?.string ?? request["id"]?.text ?? "")
        func refuse(_ code: Int, _ text: String) -> Answer {
            .reply(#"{"id":\#(id),"type":"error","code":\#(code),"data":\#(JSONValue.quoted(text))}"#)
        }
        switch type {
        case "ping": return .reply(#"{"id":\#(id),"type":"pong"}"#)
        case "subscribe", "unsubscribe": break
        default: return refuse(400, "type \(type) is not supported")
        }
        let name = request["topic"]?.string ?? ""
        let halves = name.split(separator: ":", maxSplits: 1).map(String.init)
        guard halves.count == 2 else { return refuse(404, "topic \(name) is not found") }
        let items = halves[1].split(separator: ",").map(String.init)
        guard items.count <= 100 else { return refuse(509, "exceed max subscription count limitation of 100 per time") }
        var answer = Answer()
        for item in items {
            guard let topic = topic(halves[0], item, socket) else { return refuse(404, "topic \(halves[0]):\(item) is not found") }
            let key = "\(halves[0]):\(item)"
            if type == "subscribe" { answer.subscribe.append(Subscription(key: key, topic: topic)) } else { answer.unsubscribe.append(key) }
        }
        if request["response"]?.bool == true { answer.replies = [ServerMessage(#"{"id":\#(id),"type":"ack"}"#)] }
        return answer
    }

    package func tooManyTopics(_ refused: [Subscription], _ message: ClientMessage, _ socket: SocketView) -> Answer {
        let id = message.json?["id"]
        return .reply(
            #"{"id":\#(JSONValue.quoted(id?.string ?? id?.text ?? "")),"type":"error","code":509,"#
                + #""data":"exceed max subscription count limitation of 300 per session"}"#)
    }

    private func topic(_ name: String, _ item: String, _ socket: SocketView) -> Topic? {
        var symbol = item
        var channel: String
        let intervals = [
            "1min": "1m", "3min": "3m", "5min": "5m", "15min": "15m", "30min": "30m", "1hour": "1h", "2hour": "2h", "4hour": "4h",
            "6hour": "6h", "8hour": "8h", "12hour": "12h", "1day": "1d", "1week": "1w", "1month": "1mon",
        ]
        switch name {
        case "/market/match" where isSpot, "/contractMarket/execution" where !isSpot: channel = "trade"
        case "/market/ticker" where isSpot, "/contractMarket/tickerV2" where !isSpot, "/contractMarket/ticker" where !isSpot:
            channel = "ticker"
        case "/market/level2" where isSpot, "/contractMarket/level2" where !isSpot: channel = "book"
        case "/spotMarket/level1" where isSpot: channel = "bbo"
        case "/spotMarket/level2Depth5" where isSpot, "/contractMarket/level2Depth5" where !isSpot: channel = "book_snapshot"
        case "/spotMarket/level2Depth50" where isSpot, "/contractMarket/level2Depth50" where !isSpot: channel = "book_snapshot.50"
        case "/market/candles" where isSpot, "/contractMarket/limitCandle" where !isSpot:
            let halves = item.split(separator: "_", maxSplits: 1).map(String.init)
            guard halves.count == 2, let interval = intervals[halves[1]] else { return nil }
            (channel, symbol) = ("candle." + interval, halves[0])
        default: return nil
        }
        return socket.listings.contains(symbol) ? Topic(channel: channel, symbol: symbol) : nil
    }

    package func data(_ subscription: Subscription, _ tick: Tick, _ socket: SocketView) -> ServerMessage {
        let subject: String
        let body: String
        let symbol = subscription.topic.symbol
        let time = tick.wallMilliseconds
        let side = tick.isBuy ? "buy" : "sell"
        switch (subscription.topic.channel, isSpot) {
        case ("trade", true):
            subject = "trade.l3match"
            body =
                #""symbol":"\#(symbol)","sequence":"\#(tick.number)","side":"\#(side)","size":"\#(tick.size)","price":"\#(tick.price)","#
                + #""takerOrderId":"6711a5c1","makerOrderId":"6711a5b2","tradeId":"\#(tick.number)","type":"match","time":"\#(time)000000""#
        case ("trade", false):
            subject = "match"
            body =
                #""symbol":"\#(symbol)","sequence":\#(tick.number),"side":"\#(side)","size":\#(tick.size.units),"price":"\#(tick.price)","#
                + #""tradeId":"\#(tick.number)","takerOrderId":"77a1","makerOrderId":"77a0","ts":\#(time)000000"#
        case ("ticker", true):
            subject = "trade.ticker"
            body =
                #""sequence":"\#(tick.number)","price":"\#(tick.price)","size":"\#(tick.size)","bestAsk":"\#(tick.ask)","#
                + #""bestAskSize":"\#(tick.size)","bestBid":"\#(tick.bid)","bestBidSize":"\#(tick.size)","time":\#(time)"#
        case ("ticker", false):
            subject = "tickerV2"
            body =
                #""symbol":"\#(symbol)","bestBidSize":\#(tick.size.units),"bestBidPrice":"\#(tick.bid)","bestAskPrice":"\#(tick.ask)","#
                + #""bestAskSize":\#(tick.size.units),"ts":\#(time)000000,"sequence":\#(tick.number)"#
        case ("book", true):
            subject = "trade.l2update"
            let tail = #","\#(tick.number)""#
            body =
                #""changes":{"asks":\#(tick.asks.pairs(tail: tail)),"bids":\#(tick.bids.pairs(tail: tail))},"#
                + #""sequenceStart":\#(tick.previous + 1),"sequenceEnd":\#(tick.number),"symbol":"\#(symbol)","time":\#(time)"#
        case ("book", false):
            subject = "level2"
            body = #""sequence":\#(tick.number),"change":"\#(tick.price),\#(side),\#(tick.size.units)","timestamp":\#(time)"#
        case (let channel, _) where channel.hasPrefix("candle."):
            subject = isSpot ? "trade.candles.update" : "candle.stick"
            let values = [tick.open, tick.price, tick.high, tick.low, tick.volume, tick.volume].map { "\"\($0)\"" }.joined(separator: ",")
            body = #""symbol":"\#(symbol)","candles":["\#(time / 60_000 * 60)",\#(values)],"time":\#(tick.number)"#
        default:
            subject = "level2"
            body =
                #""asks":\#(tick.asks.pairs()),"bids":\#(tick.bids.pairs()),"sequence":\#(tick.number),"timestamp":\#(time)"#
        }
        return ServerMessage(
            #"{"topic":"\#(subscription.key)","type":"message","subject":"\#(subject)","data":{\#(body)}}"#)
    }
}
