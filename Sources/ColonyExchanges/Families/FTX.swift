/// FTX: `{"op":"subscribe","channel":"trades","market":"BTC-PERP"}`; pushes are of type `partial` or `update`.
struct FTXDialect: TableDialect {
    var profile: ExchangeProfile
    let offer = ChannelOffer(["trade": "trades", "ticker": "ticker", "book": "orderbook", "markets": "markets"])
        .answering(["bbo": "ticker"]).wholeExchange(["markets"])
    let symbols = SymbolStyle(.upper, separator: nil)

    static let dialects: [any Dialect] = [
        FTXDialect(profile: profile("ftx_swap", "FTX perpetuals", example: "BTC-PERP")),
        FTXDialect(profile: profile("ftx_futures", "FTX dated futures", example: "BTC-0626")),
    ]

    private static func profile(_ id: String, _ name: String, example: String) -> ExchangeProfile {
        // No limit was ever published, so the defaults stand.
        ExchangeProfile(
            id: id, name: name, market: .futures, status: .defunct, family: "ftx", url: "wss://ftx.com/ws/",
            heartbeat: .init(initiator: .client, interval: .seconds(15), replyWithin: .seconds(10), silence: .seconds(45)),
            exampleSymbol: example)
    }

    func subscribe(_ topics: [Topic], firstID: Int) -> [Request] {
        requests("subscribe", topics)
    }

    func unsubscribe(_ topics: [Topic], remaining: [Topic], firstID: Int) -> [Request] {
        requests("unsubscribe", topics)
    }

    private func requests(_ operation: String, _ topics: [Topic]) -> [Request] {
        topics.map { topic in
            let market = topic.symbol == Topic.allSymbols ? "" : ",\"market\":\(MessageText.quoted(topic.symbol))"
            let channel = MessageText.quoted(offer.native(topic.channel))
            return Request(id: nil, topics: [topic], message: .text(#"{"op":"\#(operation)","channel":\#(channel)\#(market)}"#))
        }
    }

    func ping(_ style: HeartbeatStyle, _ context: PingContext) -> OutgoingMessage? {
        switch style {
        case .legacy2020: LegacyHeartbeat.message(profile.id, context)
        case .documented: .text(#"{"op":"ping"}"#)
        }
    }

    func makeReader() -> any DialectReader { FTXReader(offer: offer) }
}

struct FTXReader: DialectReader {
    let offer: ChannelOffer
    private var pending = PendingRequests()

    init(offer: ChannelOffer) { self.offer = offer }

    mutating func prepare(_ request: inout Request) { pending.sent(request.topics) }

    private static let envelope = FieldScanner(["channel"], ["market"], ["type"])
    private static let words = FieldScanner(["code"], ["msg"])

    mutating func read(_ message: UnsafeRawBufferPointer, isText: Bool) -> Reading {
        let scan = Self.envelope.scan(message)
        if let complaint = scan.complaint { return .malformed(complaint) }
        guard let type = scan.string(2)?.range else { return .unrouted }
        if message.equals(type, "update") || message.equals(type, "partial") {
            guard let channel = scan.string(0) else { return .unrouted }
            return .packet(Route(first: channel.range, second: scan.string(1)?.range ?? 0..<0))
        }
        if message.equals(type, "pong") { return .heartbeat }
        if message.equals(type, "subscribed") || message.equals(type, "unsubscribed") {
            let topic = scan.string(0).map { channel in
                offer.topic(message.text(channel), scan.string(1).map { message.text($0) } ?? Topic.allSymbols)
            }
            let topics = topic.map { [$0] } ?? []
            pending.answered(topics)
            return .ack(Acknowledgement(.accepted, topics: topics, isUnsubscription: message.equals(type, "unsubscribed")))
        }
        return notice(type, message)
    }

    private mutating func notice(_ type: Range<Int>, _ message: UnsafeRawBufferPointer) -> Reading {
        let scan = Self.words.scan(message)
        if let complaint = scan.complaint { return .malformed(complaint) }
        let text = [scan[0], scan[1]].compactMap(\.self).map { message.text($0) }.joined(separator: " ")
        // A refusal names neither channel nor market: the oldest request without an answer is meant.
        if message.equals(type, "error") { return .ack(Acknowledgement(.rejected(text), topics: pending.answered())) }
        guard message.equals(type, "info") else { return .unrouted }
        let restarts = scan[0].flatMap { message.integer(in: $0.range) } == 20001
        return .notice(Notice(restarts ? .reconnect : .information, text))
    }

    mutating func topic(of route: Route, in message: UnsafeRawBufferPointer) -> Topic? {
        let symbol = route.second.isEmpty ? Topic.allSymbols : message.decoded(route.second)
        return offer.topic(message.decoded(route.first), symbol)
    }
}
