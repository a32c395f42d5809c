internal import ColonyExchanges

/// OKX v5 (family `op-args`).
///
/// Bare `ping` is answered with bare `pong`; one acknowledgement per argument; candles live at `/ws/v5/business` only. Cut after 30 s without
/// a subscription or without any traffic; 480 subscribe requests an hour; 3 connects a second.
package struct OKXServer: ServerDialect {
    package let exchange = "okx"
    package let path = "/ws/v5/public"
    package let listings: [String]

    package init(listings: [String]) { self.listings = listings }

    package var rules: ServerRules {
        var rules = ServerRules()
        rules.trafficSilence = .seconds(30)
        rules.subscribeWithin = .seconds(30)
        rules.connects = .init(3, per: .seconds(1))
        return rules
    }

    package func serves(path: String) -> Bool { path == self.path || path == "/ws/v5/business" }

    package func answer(_ message: ClientMessage, _ socket: SocketView) -> Answer {
        if message.text == "ping" { return .reply("pong") }
        let connection = #""connId":"b7e0\#(socket.number)""#
        guard let request = message.json, let operation = request["op"]?.string, operation == "subscribe" || operation == "unsubscribe",
            let arguments = request["args"]?.array, !arguments.isEmpty
        else { return .reply(#"{"event":"error","code":"60012","msg":"Invalid request","# + connection + "}") }
        let id = request["id"].map { #""id":\#($0.text),"# } ?? ""
        var answer = Answer()
        for argument in arguments {
            let name = argument["channel"]?.string ?? ""
            let symbol = argument["instId"]?.string ?? ""
            guard let channel = channel(name, socket), socket.listings.contains(symbol) else {
                let text = JSONValue.quoted("Wrong URL or channel:\(name),instId:\(symbol) doesn't exist. Please use the correct URL")
                answer.replies.append(ServerMessage(#"{\#(id)"event":"error","code":"60018","msg":\#(text),\#(connection)}"#))
                continue
            }
            answer.replies.append(
                ServerMessage(#"{\#(id)"event":"\#(operation)","arg":{"channel":"\#(name)","instId":"\#(symbol)"},\#(connection)}"#))
            let subscription = Subscription(key: "\(name) \(symbol)", topic: Topic(channel: channel, symbol: symbol))
            if operation == "subscribe" { answer.subscribe.append(subscription) } else { answer.unsubscribe.append(subscription.key) }
        }
        return answer
    }

    private func channel(_ name: String, _ socket: SocketView) -> String? {
        if name.hasPrefix("candle") {
            guard socket.path == "/ws/v5/business" else { return nil }
            let interval = String(name.dropFirst("candle".count))
            let known = ["1s", "1m", "3m", "5m", "15m", "30m", "1H", "2H", "4H", "6H", "12H", "1D", "2D", "3D", "1W", "1M", "3M"]
            guard known.contains(interval) else { return nil }
            return "candle." + (interval.hasSuffix("M") ? interval.dropLast() + "mon" : interval.lowercased())
        }
        guard socket.path != "/ws/v5/business" else { return nil }
        return ["trades": "trade", "tickers": "ticker", "bbo-tbt": "bbo", "books": "book", "books5": "book_snapshot"][name]
    }

    package func restartNotice(_ socket: SocketView) -> ServerMessage? {
        ServerMessage(
            #"{"event":"notice","code":"64008","msg":"The connection will soon be closed for a service upgrade. Please reconnect.","#
                + #""connId":"b7e0\#(socket.number)"}"#)
    }

    package func data(_ subscription: Subscription, _ tick: Tick, _ socket: SocketView) -> ServerMessage {
        let symbol = subscription.topic.symbol
        let name = subscription.key.split(separator: " ")[0]
        let time = tick.wallMilliseconds
        let head = #"{"arg":{"channel":"\#(name)","instId":"\#(symbol)"},"#
        let tail = #","0","1""#
        switch subscription.topic.channel {
        case "trade":
            return ServerMessage(
                head + #""data":[{"instId":"\#(symbol)","tradeId":"\#(tick.number)","px":"\#(tick.price)","sz":"\#(tick.size)","#
                    + #""side":"\#(tick.isBuy ? "buy" : "sell")","ts":"\#(time)","count":"1","seqId":\#(tick.number)}]}"#)
        case "ticker":
            return ServerMessage(
                head + #""data":[{"instType":"SPOT","instId":"\#(symbol)","last":"\#(tick.price)","lastSz":"\#(tick.size)","#
                    + #""askPx":"\#(tick.ask)","askSz":"\#(tick.size)","bidPx":"\#(tick.bid)","bidSz":"\#(tick.size)","#
                    + #""open24h":"\#(tick.open)","high24h":"\#(tick.high)","low24h":"\#(tick.low)","vol24h":"\#(tick.number)","ts":"\#(time)"}]}"#
            )
        case "book":
            return ServerMessage(
                head + #""action":"\#(tick.isFirst ? "snapshot" : "update")","data":[{"asks":\#(tick.asks.pairs(tail: tail)),"#
                    + #""bids":\#(tick.bids.pairs(tail: tail)),"ts":"\#(time)","checksum":-855196043,"#
                    + #""prevSeqId":\#(tick.isFirst ? "-1" : String(tick.previous)),"seqId":\#(tick.number)}]}"#)
        case "bbo", "book_snapshot":
            return ServerMessage(
                head + #""data":[{"asks":\#(tick.asks.pairs(tail: tail)),"bids":\#(tick.bids.pairs(tail: tail)),"instId":"\#(symbol)","#
                    + #""ts":"\#(time)","seqId":\#(tick.number)}]}"#)
        default:
            let prices = [tick.open, tick.high, tick.low, tick.price].map { "\"\($0)\"" }.joined(separator: ",")
            return ServerMessage(
                head + #""data":[["\#(time / 60_000 * 60_000)",\#(prices),"\#(tick.number)","\#(tick.volume)","\#(tick.volume)","0"]]}"#)
        }
    }
}
