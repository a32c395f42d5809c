/// Coinbase Exchange's protocol: everything has a `type`; answers list all subscriptions of the connection.
struct CoinbaseExchangeDialect: Dialect {
    var profile: ExchangeProfile

    fileprivate static let offered = "trade, ticker, book, status"

    /// The channel that is asked for. Books come in batches of 50 ms: the unbatched channel wants a login.
    fileprivate static let channels = ["trade": "matches", "ticker": "ticker", "book": "level2_batch", "status": "status"]

    func canonical(_ topic: Topic) throws(DialectError) -> Topic {
        let words = ["matches": "trade", "level2": "book", "level2_batch": "book", "level2_50": "book"]
        let channel = ChannelName(topic.channel).description
        let word = words[channel] ?? channel
        guard Self.channels[word] != nil else { throw .noChannel(topic.channel, at: profile, offered: Self.offered) }
        if word == "status" { return Topic(channel: word, symbol: Topic.allSymbols) }
        let symbol = try SymbolStyle(.upper, separator: "-").canonical(topic.symbol)
        guard symbol != Topic.allSymbols else {
            throw DialectError(.badSymbol, "\(profile.id) has no channel '\(word)' for all symbols; name one, for example BTC-USD")
        }
        return Topic(channel: word, symbol: symbol)
    }

    func connection(topics: [Topic], random: UInt64) -> ConnectionPlan { .url(profile.url) }

    func subscribe(_ topics: [Topic], firstID: Int) -> [Request] { requests("subscribe", topics) }

    func unsubscribe(_ topics: [Topic], remaining: [Topic], firstID: Int) -> [Request] { requests("unsubscribe", topics) }

    func ping(_ style: HeartbeatStyle, _ context: PingContext) -> OutgoingMessage? {
        switch style {
        case .documented: .ping([])
        case .legacy2020: LegacyHeartbeat.message(profile.id, context)
        }
    }

    func makeReader() -> any DialectReader { CoinbaseExchangeReader() }

    private func requests(_ type: String, _ topics: [Topic]) -> [Request] {
        topics.grouped(by: \.channel).flatMap { word, group -> [Request] in
            guard let channel = Self.channels[word] else { return [] }
            return group.batches(of: profile.limits.topicsPerMessage).map { batch in
                let products = word == "status" ? "" : #""product_ids":\#(MessageText.array(batch.map(\.symbol))),"#
                return Request(id: nil, topics: batch, message: .text(#"{"type":"\#(type)",\#(products)"channels":["\#(channel)"]}"#))
            }
        }
    }
}

extension CoinbaseExchangeDialect {
    static let dialects: [any Dialect] = [
        CoinbaseExchangeDialect(
            profile: ExchangeProfile(
                id: "coinbase", name: "Coinbase Exchange", market: .spot, family: "coinbase-exchange",
                url: "wss://ws-feed.exchange.coinbase.com",
                // The exchange's own heartbeats come for each product, only if asked for; PING frames find a dead connection as well.
                heartbeat: .init(initiator: .client, interval: .seconds(15), replyWithin: .seconds(10), silence: .seconds(45)),
                // One wrong product fails its whole message, so messages are short.
                limits: .init(topicsPerMessage: 10, messages: 50, connects: 8, connectWindow: .seconds(1)), exampleSymbol: "BTC-USD"))
    ]
}

/// Reads Coinbase Exchange's messages. Several types belong to one stream: a route's tag names the stream, its bytes the product.
struct CoinbaseExchangeReader: DialectReader {
    private enum Tag {
        static let trade: UInt8 = 1
        static let book: UInt8 = 2
        static let ticker: UInt8 = 3
        /// Any other type: its bytes come first.
        static let other: UInt8 = 4
    }

    private let push = FieldScanner(["type"], ["product_id"])

    mutating func read(_ message: UnsafeRawBufferPointer, isText: Bool) -> Reading {
        let scan = push.scan(message)
        if let complaint = scan.complaint { return .malformed(complaint) }
        guard let type = scan[0], type.isString else { return readControl("", message) }
        guard let product = scan[1], product.isString else { return readControl(message.text(type.range), message) }
        let name = type.range
        if message.equals(name, "l2update") || message.equals(name, "snapshot") {
            return .packet(Route(first: product.range, tag: Tag.book))
        }
        if message.equals(name, "match") || message.equals(name, "last_match") {
            return .packet(Route(first: product.range, tag: Tag.trade))
        }
        if message.equals(name, "ticker") { return .packet(Route(first: product.range, tag: Tag.ticker)) }
        if message.equals(name, "heartbeat") { return .heartbeat }
        return .packet(Route(first: name, second: product.range, tag: Tag.other))
    }

    mutating func topic(of route: Route, in message: UnsafeRawBufferPointer) -> Topic? {
        let first = message.text(route.first)
        return switch route.tag {
        case Tag.trade: Topic(channel: "trade", symbol: first)
        case Tag.book: Topic(channel: "book", symbol: first)
        case Tag.ticker: Topic(channel: "ticker", symbol: first)
        default: Topic(channel: ChannelName.own(first), symbol: route.second.isEmpty ? Topic.allSymbols : message.text(route.second))
        }
    }

    private func readControl(_ type: String, _ message: UnsafeRawBufferPointer) -> Reading {
        if let complaint = message.complaint { return .malformed(complaint) }
        switch type {
        case "subscriptions": return .ack(Acknowledgement(.accepted, topics: subscriptions(message)))
        case "error":
            let words = [message.text(at: ["message"]), message.text(at: ["reason"])].compactMap(\.self).joined(separator: ": ")
            if words.lowercased().contains("rate limit") { return .notice(Notice(.limit, words)) }
            return .ack(Acknowledgement(.rejected(words)))
        case "status": return message.value(["type"]).map { .packet(Route(first: $0.range, tag: Tag.other)) } ?? .unrouted
        case "heartbeat": return .heartbeat
        default: return .unrouted
        }
    }

    /// All subscriptions of the connection.
    private func subscriptions(_ message: UnsafeRawBufferPointer) -> [Topic] {
        let words = ["matches": "trade", "level2": "book", "level2_batch": "book", "level2_50": "book"]
        return message.elements(at: ["channels"]).flatMap { element -> [Topic] in
            let channel = UnsafeRawBufferPointer(rebasing: message[element.range])
            guard let name = channel.text(at: ["name"]) else { return [] }
            let word = words[name] ?? ChannelName.own(name)
            let products = channel.texts(at: ["product_ids"])
            return (products.isEmpty ? [Topic.allSymbols] : products).map { Topic(channel: word, symbol: $0) }
        }
    }
}
