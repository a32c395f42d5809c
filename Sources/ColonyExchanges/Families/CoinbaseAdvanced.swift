/// Coinbase Advanced Trade's protocol: `channel` and `events`; answers list all subscriptions of the connection.
struct CoinbaseAdvancedDialect: Dialect {
    var profile: ExchangeProfile

    func canonical(_ topic: Topic) throws(DialectError) -> Topic {
        guard let own = CoinbaseAdvancedChannels.own(ChannelName(topic.channel)) else {
            throw .noChannel(topic.channel, at: profile, offered: CoinbaseAdvancedChannels.offered)
        }
        let symbol = try SymbolStyle(.upper, separator: "-").canonical(topic.symbol)
        guard symbol != Topic.allSymbols else {
            throw DialectError(.badSymbol, "\(profile.id) cannot subscribe all symbols as one; name them, for example BTC-USD")
        }
        return Topic(channel: CoinbaseAdvancedChannels.word(own), symbol: symbol)
    }

    func connection(topics: [Topic], random: UInt64) -> ConnectionPlan { .url(profile.url) }

    func subscribe(_ topics: [Topic], firstID: Int) -> [Request] {
        let requests = requests("subscribe", topics)
        guard !requests.isEmpty else { return [] }
        // Quiet subscriptions are closed after a minute or so unless heartbeats flow; asking again for them changes nothing.
        return [Request(id: nil, topics: [], message: .text(#"{"type":"subscribe","channel":"heartbeats"}"#))] + requests
    }

    func unsubscribe(_ topics: [Topic], remaining: [Topic], firstID: Int) -> [Request] { requests("unsubscribe", topics) }

    func ping(_ style: HeartbeatStyle, _ context: PingContext) -> OutgoingMessage? {
        switch style {
        case .documented: .ping([])
        case .legacy2020: LegacyHeartbeat.message(profile.id, context)
        }
    }

    func makeReader() -> any DialectReader { CoinbaseAdvancedReader() }

    private func requests(_ type: String, _ topics: [Topic]) -> [Request] {
        topics.grouped(by: \.channel).flatMap { word, group -> [Request] in
            guard let channel = CoinbaseAdvancedChannels.own(ChannelName(word)) else { return [] }
            return group.batches(of: profile.limits.topicsPerMessage).map { batch in
                let products = MessageText.array(batch.map(\.symbol))
                return Request(
                    id: nil, topics: batch, message: .text(#"{"type":"\#(type)","product_ids":\#(products),"channel":"\#(channel)"}"#))
            }
        }
    }
}

extension CoinbaseAdvancedDialect {
    static let dialects: [any Dialect] = [
        CoinbaseAdvancedDialect(
            profile: ExchangeProfile(
                id: "coinbase_advanced", name: "Coinbase Advanced Trade", market: .spot, family: "coinbase-advanced",
                url: "wss://advanced-trade-ws.coinbase.com",
                heartbeat: .init(
                    initiator: .both, interval: .seconds(30), replyWithin: .seconds(10), silence: .seconds(10), serverInterval: .seconds(1)),
                limits: .init(topicsPerMessage: 10, messages: 6, connects: 8, connectWindow: .seconds(1)), exampleSymbol: "BTC-USD"))
    ]
}

enum CoinbaseAdvancedChannels {
    static let offered = "trade, ticker, ticker_batch, book, candle.5m"

    static func own(_ channel: ChannelName) -> String? {
        switch channel.description {
        case "trade", "market_trades": "market_trades"
        case "ticker": "ticker"
        case "ticker_batch": "ticker_batch"
        case "book", "level2": "level2"
        case "candle.5m": "candles"
        default: nil
        }
    }

    /// The word for a channel as requests, answers or pushes name it.
    static func word(_ own: String) -> String {
        switch own {
        case "market_trades": "trade"
        case "level2", "l2_data": "book"
        case "candles": "candle.5m"
        default: ChannelName.own(own)
        }
    }
}

struct CoinbaseAdvancedReader: DialectReader {
    private enum Tag {
        static let product: UInt8 = 0
        static let several: UInt8 = 1
    }

    private let channel = FieldScanner(["channel"])
    private let book = FieldScanner(["events", .each, "product_id"])
    private let trades = FieldScanner(["events", .each, "trades", .each, "product_id"])
    private let tickers = FieldScanner(["events", .each, "tickers", .each, "product_id"])
    private let candles = FieldScanner(["events", .each, "candles", .each, "product_id"])

    mutating func read(_ message: UnsafeRawBufferPointer, isText: Bool) -> Reading {
        let scan = channel.scan(message)
        if let complaint = scan.complaint { return .malformed(complaint) }
        guard let channel = scan[0], channel.isString else { return readControl(message) }
        let name = channel.range
        let products: FieldScan
        if message.equals(name, "l2_data") {
            products = book.scan(message)
        } else if message.equals(name, "market_trades") {
            products = trades.scan(message)
        } else if message.equals(name, "ticker") || message.equals(name, "ticker_batch") {
            products = tickers.scan(message)
        } else if message.equals(name, "candles") {
            products = candles.scan(message)
        } else if message.equals(name, "heartbeats") {
            return .heartbeat
        } else if message.equals(name, "subscriptions") {
            return readSubscriptions(message)
        } else {
            return .packet(Route(first: name, tag: Tag.several))
        }
        if let complaint = products.complaint { return .malformed(complaint) }
        guard let product = products[0], product.isString, !product.differs else { return .packet(Route(first: name, tag: Tag.several)) }
        return .packet(Route(first: name, second: product.range, tag: Tag.product))
    }

    mutating func topic(of route: Route, in message: UnsafeRawBufferPointer) -> Topic? {
        let word = CoinbaseAdvancedChannels.word(message.text(route.first))
        return Topic(channel: word, symbol: route.tag == Tag.several ? Topic.allSymbols : message.text(route.second))
    }

    private func readSubscriptions(_ message: UnsafeRawBufferPointer) -> Reading {
        if let complaint = message.complaint { return .malformed(complaint) }
        let lists = message.members(at: ["events", .index(0), "subscriptions"])
        let topics = lists.filter { $0.name != "heartbeats" }.flatMap { name, value in
            message.texts(inArray: value.range).map { Topic(channel: CoinbaseAdvancedChannels.word(name), symbol: $0) }
        }
        return .ack(Acknowledgement(.accepted, topics: topics))
    }

    private func readControl(_ message: UnsafeRawBufferPointer) -> Reading {
        if let complaint = message.complaint { return .malformed(complaint) }
        guard message.text(at: ["type"]) == "error" else { return .unrouted }
        let words = message.text(at: ["message"]) ?? "refused without words"
        if words.lowercased().contains("rate limit") { return .notice(Notice(.limit, words)) }
        return .ack(Acknowledgement(.rejected(words)))
    }
}
