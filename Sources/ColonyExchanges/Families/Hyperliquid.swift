/// Hyperliquid: subscription objects `{"type":"trades","coin":"BTC"}`, pushes with `channel` and `data`.
struct HyperliquidDialect: TableDialect {
    var profile: ExchangeProfile
    // Every book message is a whole book; the ticker is the best bid and offer. Spot contexts come under a name of their own.
    let offer = ChannelOffer([
        "trade": "trades", "bbo": "bbo", "book_snapshot": "l2Book", "allmids": "allMids", "activeassetctx": "activeAssetCtx",
        "activeassetctx": "activeSpotAssetCtx",
    ]).adding(
        candles: "candle",
        [
            "1m": "1m", "3m": "3m", "5m": "5m", "15m": "15m", "30m": "30m", "1h": "1h", "2h": "2h", "4h": "4h", "8h": "8h", "12h": "12h",
            "1d": "1d", "3d": "3d", "1w": "1w", "1mon": "1M",
        ]
    ).answering(["book": "book_snapshot", "ticker": "bbo"]).wholeExchange(["allmids"])
    // Names differ by case: kPEPE.
    let symbols = SymbolStyle(.asWritten, separator: nil)

    static let dialects: [any Dialect] = [
        HyperliquidDialect(
            profile: ExchangeProfile(
                id: "hyperliquid", name: "Hyperliquid", market: .futures, family: "hyperliquid", url: "wss://api.hyperliquid.xyz/ws",
                heartbeat: .init(initiator: .client, interval: .seconds(30), replyWithin: .seconds(10), silence: .seconds(60)),
                // Per address, over all its connections: 1000 subscriptions, 2000 messages a minute.
                limits: .init(maxTopics: 1000, messages: 1000, messageWindow: .seconds(60)), exampleSymbol: "BTC"))
    ]

    /// A name in small letters only cannot be one of the exchange's: `btc` is `BTC`.
    func canonical(_ topic: Topic) throws(DialectError) -> Topic {
        let plain = try offer.canonical(topic, of: profile, symbols)
        guard plain.symbol != Topic.allSymbols, plain.symbol == plain.symbol.lowercased() else { return plain }
        return Topic(channel: plain.channel, symbol: plain.symbol.uppercased())
    }

    func subscribe(_ topics: [Topic], firstID: Int) -> [Request] {
        requests("subscribe", topics)
    }

    func unsubscribe(_ topics: [Topic], remaining: [Topic], firstID: Int) -> [Request] {
        requests("unsubscribe", topics)
    }

    private func requests(_ method: String, _ topics: [Topic]) -> [Request] {
        topics.map { topic in
            let native = offer.native(topic.channel).split(separator: " ")
            var fields = #""type":"\#(native[0])""#
            if topic.symbol != Topic.allSymbols { fields += ",\"coin\":\(MessageText.quoted(topic.symbol))" }
            if native.count > 1 { fields += #","interval":"\#(native[1])""# }
            return Request(id: nil, topics: [topic], message: .text(#"{"method":"\#(method)","subscription":{\#(fields)}}"#))
        }
    }

    func ping(_ style: HeartbeatStyle, _ context: PingContext) -> OutgoingMessage? {
        switch style {
        case .legacy2020: LegacyHeartbeat.message(profile.id, context)
        case .documented: .text(#"{"method":"ping"}"#)
        }
    }

    func makeReader() -> any DialectReader { HyperliquidReader(offer: offer) }
}

struct HyperliquidReader: DialectReader {
    let offer: ChannelOffer

    private enum Tag {
        static let plain: UInt8 = 0
        static let candle: UInt8 = 1
        static let whole: UInt8 = 2
    }

    private static let channel = FieldScanner(["channel"])
    private static let coin = FieldScanner(["data", "coin"])
    private static let coins = FieldScanner(["data", .each, "coin"])
    private static let candle = FieldScanner(["data", "s"], ["data", "i"])
    private static let answer = FieldScanner(["data", "method"], ["data", "subscription"])
    private static let subscription = FieldScanner(["type"], ["coin"], ["interval"])
    private static let error = FieldScanner(["data"])

    mutating func read(_ message: UnsafeRawBufferPointer, isText: Bool) -> Reading {
        // The very first frame may be a bare sentence.
        if message.equals(message.trimmed, "Websocket connection established.") { return .heartbeat }
        let scan = Self.channel.scan(message)
        if let complaint = scan.complaint { return .malformed(complaint) }
        guard let channel = scan.string(0)?.range else { return .unrouted }
        if message.equals(channel, "trades") { return data(channel, Self.coins, message) }
        if message.equals(channel, "candle") { return candle(message) }
        if message.equals(channel, "pong") { return .heartbeat }
        if message.equals(channel, "subscriptionResponse") { return acknowledgement(message) }
        if message.equals(channel, "error") { return error(message) }
        return data(channel, Self.coin, message)
    }

    private func data(_ channel: Range<Int>, _ scanner: FieldScanner, _ message: UnsafeRawBufferPointer) -> Reading {
        let scan = scanner.scan(message)
        if let complaint = scan.complaint { return .malformed(complaint) }
        guard let coin = scan.string(0), !coin.differs else { return .packet(Route(first: channel, tag: Tag.whole)) }
        return .packet(Route(first: channel, second: coin.range))
    }

    private func candle(_ message: UnsafeRawBufferPointer) -> Reading {
        let scan = Self.candle.scan(message)
        if let complaint = scan.complaint { return .malformed(complaint) }
        guard let coin = scan.string(0), let interval = scan.string(1) else { return .unrouted }
        return .packet(Route(first: coin.range, second: interval.range, tag: Tag.candle))
    }

    private func acknowledgement(_ message: UnsafeRawBufferPointer) -> Reading {
        let scan = Self.answer.scan(message)
        if let complaint = scan.complaint { return .malformed(complaint) }
        let topic = scan[1].flatMap { self.topic(UnsafeRawBufferPointer(rebasing: message[$0.range])) }
        let isUnsubscription = scan.string(0).map { message.equals($0.range, "unsubscribe") } ?? false
        return .ack(Acknowledgement(.accepted, topics: topic.map { [$0] } ?? [], isUnsubscription: isUnsubscription))
    }

    /// `Invalid subscription {"type":"trades","coin":"XXX"}`: the request stands in the sentence.
    private func error(_ message: UnsafeRawBufferPointer) -> Reading {
        let scan = Self.error.scan(message)
        if let complaint = scan.complaint { return .malformed(complaint) }
        let words = scan[0].map { message.text($0) } ?? message.excerpt
        let quoted = words.drop { $0 != "{" }
        let named = Array(quoted.utf8).withUnsafeBytes { topic($0) }
        if let named { return .ack(Acknowledgement(.rejected(words), topics: [named])) }
        let isLimit = words.lowercased().contains("too many") || words.lowercased().contains("limit")
        return .notice(Notice(isLimit ? .limit : .error, words))
    }

    private func topic(_ subscription: UnsafeRawBufferPointer) -> Topic? {
        let scan = Self.subscription.scan(subscription)
        guard scan.problem == nil, let type = scan.string(0) else { return nil }
        let interval = scan.string(2).map { " \(subscription.text($0))" } ?? ""
        return offer.topic(subscription.text(type) + interval, scan.string(1).map { subscription.text($0) } ?? Topic.allSymbols)
    }

    mutating func topic(of route: Route, in message: UnsafeRawBufferPointer) -> Topic? {
        let (first, second) = (message.decoded(route.first), message.decoded(route.second))
        switch route.tag {
        case Tag.candle: return offer.topic("candle \(second)", first)
        case Tag.whole: return offer.topic(first, Topic.allSymbols)
        default: return offer.topic(first, second)
        }
    }
}
