internal import ColonyExchanges

/// Coincheck (family `coincheck`): JSON objects in, bare arrays out, no acknowledgement of any kind.
package struct CoincheckServer: ServerDialect {
    package let exchange = "coincheck"
    package let path = "/"
    package let listings: [String]

    package init(listings: [String]) { self.listings = listings }

    package var rules: ServerRules { ServerRules() }

    package func serves(path: String) -> Bool { path == "/" || path.isEmpty }

    package var unknownSymbols: UnknownSymbolAnswer { .ignored }

    package func answer(_ message: ClientMessage, _ socket: SocketView) -> Answer {
        guard let request = message.json, request["type"]?.string == "subscribe", let channel = request["channel"]?.string else {
            return Answer()
        }
        for (suffix, word) in [("-trades", "trade"), ("-orderbook", "book")] where channel.hasSuffix(suffix) {
            let symbol = String(channel.dropLast(suffix.count))
            guard socket.listings.contains(symbol) else { return Answer() }
            return Answer(subscribe: [Subscription(key: channel, topic: Topic(channel: word, symbol: symbol))])
        }
        return Answer()
    }

    package func data(_ subscription: Subscription, _ tick: Tick, _ socket: SocketView) -> ServerMessage {
        let symbol = subscription.topic.symbol
        let seconds = tick.wallMilliseconds / 1000
        if subscription.topic.channel == "trade" {
            return ServerMessage(
                #"[["\#(seconds)","\#(tick.number)","\#(symbol)","\#(tick.price)","\#(tick.size)","\#(tick.isBuy ? "buy" : "sell")","1","2"]]"#
            )
        }
        return ServerMessage(
            #"["\#(symbol)",{"bids":\#(tick.bids.pairs()),"asks":\#(tick.asks.pairs()),"last_update_at":"\#(seconds)","#
                + #""sequence_number":\#(tick.number)}]"#)
    }
}
