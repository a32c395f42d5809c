/// Kraken's futures protocol: `event`, `feed` and `product_ids`; requests have no ids.
struct KrakenFuturesDialect: Dialect {
    var profile: ExchangeProfile

    private static let offered = "trade, ticker, ticker_lite, book"

    func canonical(_ topic: Topic) throws(DialectError) -> Topic {
        let channel = ChannelName(topic.channel)
        guard channel.parameter.isEmpty, ["trade", "ticker", "ticker_lite", "book"].contains(channel.base) else {
            throw .noChannel(topic.channel, at: profile, offered: Self.offered)
        }
        let symbol = try SymbolStyle(.upper, separator: nil).canonical(topic.symbol)
        guard symbol != Topic.allSymbols else {
            throw DialectError(.badSymbol, "\(profile.id) has no channel for all symbols; name one, for example \(profile.exampleSymbol)")
        }
        return Topic(channel: channel.base, symbol: symbol)
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

    func makeReader() -> any DialectReader { KrakenFuturesReader() }

    private func requests(_ event: String, _ topics: [Topic]) -> [Request] {
        topics.grouped(by: \.channel).flatMap { channel, group in
            group.batches(of: profile.limits.topicsPerMessage).map { batch in
                let text = #"{"event":"\#(event)","feed":"\#(channel)","product_ids":\#(MessageText.array(batch.map(\.symbol)))}"#
                return Request(id: nil, topics: batch, message: .text(text))
            }
        }
    }
}

extension KrakenFuturesDialect {
    static let dialects: [any Dialect] = [
        KrakenFuturesDialect(
            profile: ExchangeProfile(
                id: "kraken_futures", name: "Kraken futures", market: .futures, family: "kraken-futures",
                url: "wss://futures.kraken.com/ws/v1",
                heartbeat: .init(initiator: .client, interval: .seconds(30), replyWithin: .seconds(15), silence: .seconds(60)),
                // A refusal names nothing, so one product goes into each message: then it is clear what was refused.
                limits: .init(topicsPerMessage: 1, messages: 50), exampleSymbol: "PI_XBTUSD"))
    ]
}

struct KrakenFuturesReader: DialectReader {
    private let data = FieldScanner(["feed"], ["product_id"])

    mutating func read(_ message: UnsafeRawBufferPointer, isText: Bool) -> Reading {
        let scan = data.scan(message)
        if let complaint = scan.complaint { return .malformed(complaint) }
        guard let feed = scan[0], let product = scan[1], feed.isString, product.isString else { return readControl(message) }
        return .packet(Route(first: stem(feed.range, message), second: product.range))
    }

    mutating func topic(of route: Route, in message: UnsafeRawBufferPointer) -> Topic? {
        Topic(channel: ChannelName.own(message.text(route.first)), symbol: message.text(route.second))
    }

    /// A feed's first message is named `<feed>_snapshot` and belongs to the feed's stream.
    private func stem(_ feed: Range<Int>, _ message: UnsafeRawBufferPointer) -> Range<Int> {
        message.hasSuffix(feed, "_snapshot") ? feed.lowerBound..<feed.upperBound - 9 : feed
    }

    private func readControl(_ message: UnsafeRawBufferPointer) -> Reading {
        if let complaint = message.complaint { return .malformed(complaint) }
        let feed = message.text(at: ["feed"])
        let words = message.text(at: ["message"])
        switch message.text(at: ["event"]) {
        case "subscribed", "unsubscribed":
            let isUnsubscription = message.text(at: ["event"]) == "unsubscribed"
            let topics = message.texts(at: ["product_ids"]).map { Topic(channel: ChannelName.own(feed ?? ""), symbol: $0.uppercased()) }
            return .ack(Acknowledgement(.accepted, topics: topics, isUnsubscription: isUnsubscription))
        case "subscribed_failed", "unsubscribed_failed", "error": return .ack(Acknowledgement(.rejected(words ?? "refused without words")))
        case "alert": return .notice(Notice(.error, words ?? "alert without words"))
        case "info": return .heartbeat
        case nil where feed == "heartbeat": return .heartbeat
        default: return .unrouted
        }
    }
}
