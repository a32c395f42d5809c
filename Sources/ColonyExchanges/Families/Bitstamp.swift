/// Bitstamp: `{"event":"bts:subscribe","data":{"channel":"live_trades_btcusd"}}`; the channel carries the market.
struct BitstampDialect: TableDialect {
    var profile: ExchangeProfile
    // There is no ticker.
    let offer = ChannelOffer([
        "trade": "live_trades", "book": "diff_order_book", "book_snapshot": "order_book", "detail_order_book": "detail_order_book",
        "live_orders": "live_orders",
    ])
    let symbols = SymbolStyle(.lower, separator: "")

    static let dialects: [any Dialect] = [
        BitstampDialect(
            profile: ExchangeProfile(
                id: "bitstamp", name: "Bitstamp", market: .spot, family: "bitstamp", url: "wss://ws.bitstamp.net",
                heartbeat: .init(initiator: .client, interval: .seconds(20), replyWithin: .seconds(10), silence: .seconds(60)),
                // A connection is said to live 90 days; the document was not found again.
                limits: .init(maxAge: .seconds(90 * 86_400)), exampleSymbol: "btcusd"))
    ]

    func subscribe(_ topics: [Topic], firstID: Int) -> [Request] {
        requests("bts:subscribe", topics)
    }

    func unsubscribe(_ topics: [Topic], remaining: [Topic], firstID: Int) -> [Request] {
        requests("bts:unsubscribe", topics)
    }

    private func requests(_ event: String, _ topics: [Topic]) -> [Request] {
        topics.map { topic in
            let channel = MessageText.quoted("\(offer.native(topic.channel))_\(topic.symbol)")
            return Request(id: nil, topics: [topic], message: .text(#"{"event":"\#(event)","data":{"channel":\#(channel)}}"#))
        }
    }

    func ping(_ style: HeartbeatStyle, _ context: PingContext) -> OutgoingMessage? {
        switch style {
        case .legacy2020: LegacyHeartbeat.message(profile.id, context)
        case .documented: .text(#"{"event":"bts:heartbeat"}"#)
        }
    }

    func makeReader() -> any DialectReader { BitstampReader(offer: offer) }
}

struct BitstampReader: DialectReader {
    let offer: ChannelOffer
    private var pending = PendingRequests()

    init(offer: ChannelOffer) { self.offer = offer }

    mutating func prepare(_ request: inout Request) { pending.sent(request.topics) }

    private static let envelope = FieldScanner(["event"], ["channel"])
    private static let error = FieldScanner(["data", "code"], ["data", "message"])

    mutating func read(_ message: UnsafeRawBufferPointer, isText: Bool) -> Reading {
        let scan = Self.envelope.scan(message)
        if let complaint = scan.complaint { return .malformed(complaint) }
        guard let event = scan.string(0)?.range else { return .unrouted }
        guard message.hasPrefix(event, "bts:") else {
            guard let channel = scan.string(1), !channel.range.isEmpty else { return .unrouted }
            return .packet(Route(first: channel.range))
        }
        if message.equals(event, "bts:heartbeat") { return .heartbeat }
        let topics = scan.string(1).flatMap { topic(message.text($0)) }.map { [$0] } ?? []
        let isUnsubscription = message.equals(event, "bts:unsubscription_succeeded")
        if isUnsubscription || message.equals(event, "bts:subscription_succeeded") {
            pending.answered(topics)
            return .ack(Acknowledgement(.accepted, topics: topics, isUnsubscription: isUnsubscription))
        }
        if message.equals(event, "bts:request_reconnect") {
            return .notice(Notice(.reconnect, "maintenance: the exchange asks to reconnect and closes soon after"))
        }
        guard message.equals(event, "bts:error") else { return .notice(Notice(.information, message.excerpt)) }
        let error = Self.error.scan(message)
        if let complaint = error.complaint { return .malformed(complaint) }
        let words = [error[0], error[1]].compactMap(\.self).map { message.text($0) }.joined(separator: " ")
        // The channel of a refusal is empty: the oldest request without an answer is meant.
        return .ack(Acknowledgement(.rejected(words), topics: topics.isEmpty ? pending.answered() : topics))
    }

    mutating func topic(of route: Route, in message: UnsafeRawBufferPointer) -> Topic? {
        let channel = message.decoded(route.first)
        return topic(channel) ?? Topic(channel: ChannelName.own(channel), symbol: Topic.allSymbols)
    }

    /// `diff_order_book_btcusd`: the market stands behind the last underscore.
    private func topic(_ channel: String) -> Topic? {
        guard let mark = channel.lastIndex(of: "_") else { return nil }
        return offer.topic(String(channel[..<mark]), String(channel[channel.index(after: mark)...]))
    }
}
