/// MEXC futures: `{"method":"sub.deal","param":{"symbol":"BTC_USDT"},"gzip":false}`; pushes have the channel `push.deal`.
struct MEXCContractDialect: TableDialect {
    var profile: ExchangeProfile
    let offer = ChannelOffer([
        "trade": "deal", "ticker": "ticker", "book": "depth", "book_snapshot": "depth.full", "tickers": "tickers",
        "funding.rate": "funding.rate", "index.price": "index.price", "fair.price": "fair.price",
    ]).adding(
        candles: "kline",
        [
            "1m": "Min1", "5m": "Min5", "15m": "Min15", "30m": "Min30", "1h": "Min60", "4h": "Hour4", "8h": "Hour8", "1d": "Day1",
            "1w": "Week1", "1mon": "Month1",
        ]
    ).answering(["book_snapshot.20": "book_snapshot"]).wholeExchange(["tickers"], optional: ["ticker"])
    let symbols = SymbolStyle(.upper, separator: "_")

    static let dialects: [any Dialect] = [
        MEXCContractDialect(
            profile: ExchangeProfile(
                id: "mexc_swap", name: "MEXC futures", market: .futures, family: "mexc-contract", url: "wss://contract.mexc.com/edge",
                heartbeat: .init(initiator: .client, interval: .seconds(15), replyWithin: .seconds(10), silence: .seconds(45)),
                exampleSymbol: "BTC_USDT"))
    ]

    /// The ticker of all symbols is a channel of its own, `tickers`.
    func canonical(_ topic: Topic) throws(DialectError) -> Topic {
        let plain = try offer.canonical(topic, of: profile, symbols)
        let isWhole = plain.channel == "ticker" && plain.symbol == Topic.allSymbols
        return isWhole ? Topic(channel: "tickers", symbol: Topic.allSymbols) : plain
    }

    func subscribe(_ topics: [Topic], firstID: Int) -> [Request] {
        requests("sub", topics)
    }

    func unsubscribe(_ topics: [Topic], remaining: [Topic], firstID: Int) -> [Request] {
        requests("unsub", topics)
    }

    private func requests(_ verb: String, _ topics: [Topic]) -> [Request] {
        topics.map { topic in
            let native = offer.native(topic.channel).split(separator: " ")
            var fields = topic.symbol == Topic.allSymbols ? "" : "\"symbol\":\(MessageText.quoted(topic.symbol))"
            switch native[0] {
            case "depth" where verb == "sub": fields += #","compress":true"#
            case "depth.full": fields += #","limit":20"#
            case "kline": fields += #","interval":"\#(native[1])""#
            default: break
            }
            let text = #"{"method":"\#(verb).\#(native[0])","param":{\#(fields)},"gzip":false}"#
            return Request(id: nil, topics: [topic], message: .text(text))
        }
    }

    func ping(_ style: HeartbeatStyle, _ context: PingContext) -> OutgoingMessage? {
        switch style {
        case .legacy2020: LegacyHeartbeat.message(profile.id, context)
        case .documented: .text(#"{"method":"ping"}"#)
        }
    }

    func makeReader() -> any DialectReader { MEXCContractReader(offer: offer) }
}

struct MEXCContractReader: DialectReader {
    let offer: ChannelOffer
    private var pending = PendingRequests()

    init(offer: ChannelOffer) { self.offer = offer }

    private static let method = FieldScanner(["method"])

    mutating func prepare(_ request: inout Request) {
        guard case .text(let text) = request.message else { return }
        let kind = Array(text.utf8).withUnsafeBytes { bytes in Self.method.scan(bytes).string(0).map { bytes.text($0) } }
        pending.sent(request.topics, kind: kind ?? "")
    }

    private enum Tag {
        static let plain: UInt8 = 0
        static let candle: UInt8 = 1
    }

    private static let channel = FieldScanner(["channel"])
    private static let symbol = FieldScanner(["symbol"])
    private static let candle = FieldScanner(["symbol"], ["data", "interval"])
    private static let answer = FieldScanner(["data"])

    mutating func read(_ message: UnsafeRawBufferPointer, isText: Bool) -> Reading {
        let scan = Self.channel.scan(message)
        if let complaint = scan.complaint { return .malformed(complaint) }
        guard let channel = scan.string(0)?.range else { return .unrouted }
        if message.hasPrefix(channel, "push.") { return push(channel.lowerBound + 5..<channel.upperBound, message) }
        if message.equals(channel, "pong") { return .heartbeat }
        guard message.hasPrefix(channel, "rs.") else { return .unrouted }
        let answer = Self.answer.scan(message)
        if let complaint = answer.complaint { return .malformed(complaint) }
        let words = answer[0].map { message.text($0) } ?? ""
        // An acceptance names the method, a refusal at best the symbol: the oldest request that fits is meant.
        if words != "success" || message.equals(channel, "rs.error") {
            let named = pending.answered { _, topics in topics.contains { words.contains("[\($0.symbol)]") } }
            return .ack(Acknowledgement(.rejected(words), topics: named.isEmpty ? pending.answered() : named))
        }
        let method = message.text(channel.lowerBound + 3..<channel.upperBound)
        let topics = pending.answered { kind, _ in kind == method }
        return .ack(Acknowledgement(.accepted, topics: topics, isUnsubscription: method.hasPrefix("unsub.")))
    }

    private func push(_ channel: Range<Int>, _ message: UnsafeRawBufferPointer) -> Reading {
        let isCandle = message.equals(channel, "kline")
        let scan = (isCandle ? Self.candle : Self.symbol).scan(message)
        if let complaint = scan.complaint { return .malformed(complaint) }
        let symbol = scan.string(0)?.range ?? 0..<0
        guard isCandle else { return .packet(Route(first: channel, second: symbol)) }
        guard let interval = scan.string(1) else { return .unrouted }
        return .packet(Route(first: symbol, second: interval.range, tag: Tag.candle))
    }

    mutating func topic(of route: Route, in message: UnsafeRawBufferPointer) -> Topic? {
        let (first, second) = (message.decoded(route.first), message.decoded(route.second))
        if route.tag == Tag.candle { return offer.topic("kline \(second)", first) }
        return offer.topic(first, second.isEmpty ? Topic.allSymbols : second)
    }
}
