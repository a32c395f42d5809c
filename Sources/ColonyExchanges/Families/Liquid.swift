/// Liquid Tap: the Pusher protocol, `{"event":"pusher:subscribe","data":{"channel":"executions_cash_btcjpy"}}`.
struct LiquidDialect: TableDialect {
    var profile: ExchangeProfile
    let offer = ChannelOffer([
        "trade": "executions_cash", "ticker": "product_cash", "book_snapshot": "price_ladders_cash",
    ]).adding(
        candles: "resolution",
        [
            "1m": "60", "5m": "300", "15m": "900", "30m": "1800", "1h": "3600", "2h": "7200", "4h": "14400", "6h": "21600", "12h": "43200",
            "1d": "86400", "1w": "604800",
        ]
    ).answering(["book": "book_snapshot"])
    let symbols = SymbolStyle(.lower, separator: "")

    static let dialects: [any Dialect] = [
        LiquidDialect(
            profile: ExchangeProfile(
                id: "liquid", name: "Liquid", market: .spot, status: .defunct, family: "pusher",
                url: "wss://tap.liquid.com/app/LiquidTapClient",
                // The server asks too, after about 300 s of silence, and waits 30 s for the answer.
                heartbeat: .init(
                    initiator: .both, interval: .seconds(60), replyWithin: .seconds(30), silence: .seconds(120),
                    serverInterval: .seconds(300), serverDeadline: .seconds(30)),
                subscribesAfterGreeting: true, exampleSymbol: "btcjpy"))
    ]

    /// The product numbers the documents name; for others the user writes `<pair>_<number>`.
    private static let products = ["btcusd": "1", "btcjpy": "5"]

    /// Tickers are symbols with their product number (`btcjpy_5`), candles the product number alone, as the exchange writes them.
    func canonical(_ topic: Topic) throws(DialectError) -> Topic {
        let isTicker = ChannelName(topic.channel).base == "ticker"
        let isCandle = ChannelName(topic.channel).base == "candle"
        guard isTicker || isCandle else { return try offer.canonical(topic, of: profile, symbols) }
        let parts = topic.symbol.lowercased().split(separator: "_").map(String.init)
        let isNumber = { (text: String) in text.allSatisfy { $0.isASCII && $0.isNumber } }
        let product = parts.last.flatMap { isNumber($0) ? $0 : nil }
        let name = product == nil ? parts.joined() : parts.dropLast().joined()
        guard let number = product ?? Self.products[name.filter { $0 != "-" && $0 != "/" }], isCandle || !name.isEmpty else {
            throw DialectError(
                .badSymbol,
                "liquid: '\(topic.symbol)' has no product number, and \(topic.channel) needs one; write for example btcjpy_5")
        }
        if isCandle { return try offer.canonical(Topic(channel: topic.channel, symbol: number), of: profile, symbols) }
        let plain = try offer.canonical(Topic(channel: topic.channel, symbol: name), of: profile, symbols)
        return Topic(channel: plain.channel, symbol: "\(plain.symbol)_\(number)")
    }

    func subscribe(_ topics: [Topic], firstID: Int) -> [Request] {
        requests("pusher:subscribe", topics)
    }

    func unsubscribe(_ topics: [Topic], remaining: [Topic], firstID: Int) -> [Request] {
        requests("pusher:unsubscribe", topics)
    }

    private func requests(_ event: String, _ topics: [Topic]) -> [Request] {
        topics.flatMap { topic in
            channels(topic).map { channel in
                let name = MessageText.quoted(channel)
                return Request(id: nil, topics: [topic], message: .text(#"{"event":"\#(event)","data":{"channel":\#(name)}}"#))
            }
        }
    }

    /// The book has a channel for each side; data of both are one topic.
    private func channels(_ topic: Topic) -> [String] {
        let native = offer.native(topic.channel)
        if topic.channel == "book_snapshot" { return ["buy", "sell"].map { "\(native)_\(topic.symbol)_\($0)" } }
        if native.hasPrefix("resolution ") { return ["product_\(topic.symbol)_resolution_\(native.dropFirst(11))_tickers"] }
        return ["\(native)_\(topic.symbol)"]
    }

    func ping(_ style: HeartbeatStyle, _ context: PingContext) -> OutgoingMessage? {
        switch style {
        case .legacy2020: LegacyHeartbeat.message(profile.id, context)
        case .documented: .text(#"{"event":"pusher:ping","data":{}}"#)
        }
    }

    func makeReader() -> any DialectReader { LiquidReader(offer: offer) }
}

struct LiquidReader: DialectReader {
    let offer: ChannelOffer

    private static let envelope = FieldScanner(["event"], ["channel"])
    private static let error = FieldScanner(["data", "code"], ["data", "message"], ["channel"])

    mutating func read(_ message: UnsafeRawBufferPointer, isText: Bool) -> Reading {
        let scan = Self.envelope.scan(message)
        if let complaint = scan.complaint { return .malformed(complaint) }
        guard let event = scan.string(0)?.range else { return .unrouted }
        guard message.hasPrefix(event, "pusher") else {
            guard let channel = scan.string(1)?.range else { return .unrouted }
            return .packet(Route(first: withoutSide(channel, message)))
        }
        if message.equals(event, "pusher:ping") { return .reply(.text(#"{"event":"pusher:pong","data":{}}"#)) }
        if message.equals(event, "pusher:pong") || message.equals(event, "pusher:connection_established") { return .heartbeat }
        if message.equals(event, "pusher_internal:subscription_succeeded") {
            return .ack(Acknowledgement(.accepted, topics: topics(scan.string(1), message)))
        }
        return refusal(event, message)
    }

    private func refusal(_ event: Range<Int>, _ message: UnsafeRawBufferPointer) -> Reading {
        let scan = Self.error.scan(message)
        if let complaint = scan.complaint { return .malformed(complaint) }
        let words = [scan[0], scan[1]].compactMap(\.self).map { message.text($0) }.joined(separator: " ")
        let topics = self.topics(scan.string(2), message)
        if message.hasSuffix(event, "subscription_error") || (message.equals(event, "pusher:error") && !topics.isEmpty) {
            return .ack(Acknowledgement(.rejected(words), topics: topics))
        }
        guard message.equals(event, "pusher:error") else { return .notice(Notice(.information, message.excerpt)) }
        // Pusher's ranges: 4100 to 4199 reconnect after a second or more, 4200 to 4299 reconnect at once, the others do not.
        let code = scan[0].flatMap { message.integer(in: $0.range) } ?? 0
        return .notice(Notice((4100..<4300).contains(code) ? .reconnect : .error, words))
    }

    private func topics(_ channel: FieldValue?, _ message: UnsafeRawBufferPointer) -> [Topic] {
        guard let channel, !channel.range.isEmpty else { return [] }
        return topic(message.decoded(withoutSide(channel.range, message))).map { [$0] } ?? []
    }

    /// `price_ladders_cash_btcjpy_buy` without `_buy`: both sides go to one stream.
    private func withoutSide(_ channel: Range<Int>, _ message: UnsafeRawBufferPointer) -> Range<Int> {
        guard message.hasPrefix(channel, "price_ladders_") else { return channel }
        if message.hasSuffix(channel, "_buy") { return channel.lowerBound..<channel.upperBound - 4 }
        return message.hasSuffix(channel, "_sell") ? channel.lowerBound..<channel.upperBound - 5 : channel
    }

    mutating func topic(of route: Route, in message: UnsafeRawBufferPointer) -> Topic? {
        topic(message.decoded(route.first))
    }

    private func topic(_ channel: String) -> Topic? {
        for native in ["executions_cash", "product_cash", "price_ladders_cash"] where channel.hasPrefix("\(native)_") {
            return offer.topic(native, String(channel.dropFirst(native.count + 1)))
        }
        let parts = channel.split(separator: "_")
        if parts.count == 5, parts[0] == "product", parts[2] == "resolution" {
            return offer.topic("resolution \(parts[3])", String(parts[1]))
        }
        return Topic(channel: ChannelName.own(channel), symbol: Topic.allSymbols)
    }
}
