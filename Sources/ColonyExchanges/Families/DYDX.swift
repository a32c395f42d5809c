/// dYdX v4 indexer: `{"type":"subscribe","channel":"v4_trades","id":"BTC-USD"}`; the answer to it is the first data, a snapshot.
struct DYDXDialect: TableDialect {
    var profile: ExchangeProfile
    // One channel tells about all markets at once: it is the ticker.
    let offer = ChannelOffer([
        "trade": "v4_trades", "ticker": "v4_markets", "book": "v4_orderbook", "v4_block_height": "v4_block_height",
    ]).adding(
        candles: "v4_candles",
        [
            "1m": "1MIN", "5m": "5MINS", "15m": "15MINS", "30m": "30MINS", "1h": "1HOUR", "4h": "4HOURS", "1d": "1DAY",
        ]
    ).wholeExchange(["ticker", "v4_block_height"])
    let symbols = SymbolStyle(.upper, separator: "-")

    static let dialects: [any Dialect] = [
        DYDXDialect(
            profile: ExchangeProfile(
                id: "dydx", name: "dYdX v4", market: .futures, family: "dydx", url: "wss://indexer.dydx.trade/v4/ws",
                // The server asks with PING frames.
                heartbeat: .init(
                    initiator: .server, silence: .seconds(45), serverInterval: .seconds(30), serverDeadline: .seconds(10)),
                // 32 subscriptions of each channel; the rate is per channel and id, two a second for all is below it.
                limits: .init(maxTopics: 32, messages: 2), exampleSymbol: "BTC-USD"))
    ]

    func subscribe(_ topics: [Topic], firstID: Int) -> [Request] {
        requests("subscribe", topics)
    }

    func unsubscribe(_ topics: [Topic], remaining: [Topic], firstID: Int) -> [Request] {
        requests("unsubscribe", topics)
    }

    private func requests(_ type: String, _ topics: [Topic]) -> [Request] {
        topics.map { topic in
            let native = offer.native(topic.channel).split(separator: " ")
            let suffix = native.count > 1 ? "/\(native[1])" : ""
            let id = topic.symbol == Topic.allSymbols ? "" : ",\"id\":\(MessageText.quoted(topic.symbol + suffix))"
            return Request(id: nil, topics: [topic], message: .text(#"{"type":"\#(type)","channel":"\#(native[0])"\#(id)}"#))
        }
    }

    /// The server asks; the client's own ping is optional and not sent.
    func ping(_ style: HeartbeatStyle, _ context: PingContext) -> OutgoingMessage? {
        style == .legacy2020 ? LegacyHeartbeat.message(profile.id, context) : nil
    }

    func makeReader() -> any DialectReader { DYDXReader(offer: offer) }
}

struct DYDXReader: DialectReader {
    let offer: ChannelOffer

    private static let type = FieldScanner(["type"])
    private static let identity = FieldScanner(["channel"], ["id"])
    private static let words = FieldScanner(["message"])

    mutating func read(_ message: UnsafeRawBufferPointer, isText: Bool) -> Reading {
        let scan = Self.type.scan(message)
        if let complaint = scan.complaint { return .malformed(complaint) }
        guard let type = scan.string(0)?.range else { return .unrouted }
        if message.equals(type, "connected") || message.equals(type, "pong") { return .heartbeat }
        let fields = Self.identity.scan(message)
        if let complaint = fields.complaint { return .malformed(complaint) }
        if message.equals(type, "channel_data") || message.equals(type, "channel_batch_data") || message.equals(type, "subscribed") {
            // `subscribed` carries the snapshot the deltas build upon: as data it reaches the stream, and confirms like all data.
            guard let channel = fields.string(0) else { return .unrouted }
            return .packet(Route(first: channel.range, second: fields.string(1)?.range ?? 0..<0))
        }
        let topics = fields.string(0).map { [topic(message.text($0), fields.string(1).map { message.text($0) } ?? "")] } ?? []
        if message.equals(type, "unsubscribed") { return .ack(Acknowledgement(.accepted, topics: topics, isUnsubscription: true)) }
        guard message.equals(type, "error") else { return .unrouted }
        return error(topics, message)
    }

    private func error(_ topics: [Topic], _ message: UnsafeRawBufferPointer) -> Reading {
        let scan = Self.words.scan(message)
        if let complaint = scan.complaint { return .malformed(complaint) }
        let words = scan[0].map { message.text($0) } ?? message.excerpt
        let lower = words.lowercased()
        guard topics.isEmpty else { return .ack(Acknowledgement(.rejected(words), topics: topics)) }
        return .notice(Notice(lower.contains("limit") || lower.contains("too many") ? .limit : .error, words))
    }

    mutating func topic(of route: Route, in message: UnsafeRawBufferPointer) -> Topic? {
        topic(message.decoded(route.first), message.decoded(route.second))
    }

    /// A candle's id is `BTC-USD/1MIN`.
    private func topic(_ channel: String, _ id: String) -> Topic {
        if id.isEmpty { return offer.topic(channel, Topic.allSymbols) }
        guard channel == "v4_candles", let slash = id.lastIndex(of: "/") else { return offer.topic(channel, id) }
        return offer.topic("\(channel) \(id[id.index(after: slash)...])", String(id[..<slash]))
    }
}
