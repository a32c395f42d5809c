/// MEXC spot: JSON requests and acknowledgements in text frames, protobuf data in binary frames.
///
/// A channel is `spot@public.aggre.deals.v3.api.pb@100ms@BTCUSDT`; of a data frame only the channel is read, the payload stays opaque.
struct MEXCDialect: TableDialect {
    var profile: ExchangeProfile
    let offer = ChannelOffer([
        "trade": "public.aggre.deals.v3.api.pb 100ms", "trade.10ms": "public.aggre.deals.v3.api.pb 10ms",
        "ticker": "public.miniTicker.v3.api.pb UTC+8",
        "bbo": "public.aggre.bookTicker.v3.api.pb 100ms", "bbo.10ms": "public.aggre.bookTicker.v3.api.pb 10ms",
        "book": "public.aggre.depth.v3.api.pb 100ms", "book.10ms": "public.aggre.depth.v3.api.pb 10ms",
        "book_snapshot": "public.limit.depth.v3.api.pb 5", "book_snapshot.10": "public.limit.depth.v3.api.pb 10",
        "book_snapshot.20": "public.limit.depth.v3.api.pb 20",
    ]).adding(
        candles: "public.kline.v3.api.pb",
        [
            "1m": "Min1", "5m": "Min5", "15m": "Min15", "30m": "Min30", "1h": "Min60", "4h": "Hour4", "8h": "Hour8", "1d": "Day1",
            "1w": "Week1", "1mon": "Month1",
        ]
    ).answering(["trade.100ms": "trade", "bbo.100ms": "bbo", "book.100ms": "book", "book_snapshot.5": "book_snapshot"])
        .wholeExchange([], optional: ["ticker"])
    let symbols = SymbolStyle(.upper, separator: "")

    static let dialects: [any Dialect] = [
        MEXCDialect(
            profile: ExchangeProfile(
                id: "mexc", name: "MEXC", market: .spot, family: "mexc-protobuf", url: "wss://wbs-api.mexc.com/ws",
                heartbeat: .init(initiator: .client, interval: .seconds(15), replyWithin: .seconds(10), silence: .seconds(45)),
                limits: .init(topicsPerMessage: 30, maxTopics: 30, messages: 50, maxAge: .seconds(86_400)), exampleSymbol: "BTCUSDT"))
    ]

    func subscribe(_ topics: [Topic], firstID: Int) -> [Request] {
        requests("SUBSCRIPTION", topics)
    }

    func unsubscribe(_ topics: [Topic], remaining: [Topic], firstID: Int) -> [Request] {
        requests("UNSUBSCRIPTION", topics)
    }

    private func requests(_ method: String, _ topics: [Topic]) -> [Request] {
        topics.batches(of: profile.limits.topicsPerMessage).map { batch in
            let text = #"{"method":"\#(method)","params":\#(MessageText.array(batch.map(channel)))}"#
            // Answers carry id 0 whatever was sent; they name the channels instead.
            return Request(id: nil, topics: batch, message: .text(text))
        }
    }

    private func channel(_ topic: Topic) -> String {
        let native = offer.native(topic.channel).split(separator: " ")
        if topic.symbol == Topic.allSymbols { return "spot@public.miniTickers.v3.api.pb@\(native[1])" }
        guard native.count > 1 else { return "spot@\(native[0])@\(topic.symbol)" }
        // A pace stands before the symbol, every other parameter behind it.
        return native[0].hasPrefix("public.aggre.")
            ? "spot@\(native[0])@\(native[1])@\(topic.symbol)" : "spot@\(native[0])@\(topic.symbol)@\(native[1])"
    }

    func ping(_ style: HeartbeatStyle, _ context: PingContext) -> OutgoingMessage? {
        switch style {
        case .legacy2020: LegacyHeartbeat.message(profile.id, context)
        case .documented: .text(#"{"method":"PING"}"#)
        }
    }

    func makeReader() -> any DialectReader { MEXCReader(offer: offer) }
}

struct MEXCReader: DialectReader {
    let offer: ChannelOffer

    private static let answer = FieldScanner(["msg"], ["code"])

    mutating func read(_ message: UnsafeRawBufferPointer, isText: Bool) -> Reading {
        if isText || message.first == UInt8(ascii: "{") { return control(message) }
        // The channel is the first field that is written: the payload behind it is not read.
        var wrapper = ProtobufFields(message)
        while let field = wrapper.next() {
            guard field.number == 1, case .bytes(let channel) = field.value, !channel.isEmpty else { continue }
            return .packet(Route(first: channel))
        }
        return .malformed(wrapper.problem ?? "a data frame without channel (field 1)")
    }

    private func control(_ message: UnsafeRawBufferPointer) -> Reading {
        let scan = Self.answer.scan(message)
        if let complaint = scan.complaint { return .malformed(complaint) }
        guard let text = scan.string(0) else { return .unrouted }
        if message.equals(text.range, "PONG") { return .heartbeat }
        let words = message.text(text)
        let topics = Self.channels(in: words).map(topic)
        // A refused topic may still come with code 0.
        let isAccepted = words.hasPrefix("spot@") && scan[1].flatMap({ message.integer(in: $0.range) }) ?? 0 == 0
        if isAccepted { return .ack(Acknowledgement(.accepted, topics: topics)) }
        let isRefusal = !topics.isEmpty || words.lowercased().contains("subscribed")
        return isRefusal ? .ack(Acknowledgement(.rejected(words), topics: topics)) : .notice(Notice(.error, words))
    }

    /// The channels a sentence names.
    static func channels(in words: String) -> [String] {
        words.split { ",[]() \t".contains($0) }.filter { $0.hasPrefix("spot@") }.map(String.init)
    }

    mutating func topic(of route: Route, in message: UnsafeRawBufferPointer) -> Topic? {
        topic(message.text(route.first))
    }

    private func topic(_ channel: String) -> Topic {
        let parts = channel.split(separator: "@", omittingEmptySubsequences: false).map(String.init)
        guard parts.count > 2 else { return Topic(channel: ChannelName.own(channel), symbol: Topic.allSymbols) }
        let name = parts[1]
        if name.hasPrefix("public.miniTickers.") { return Topic(channel: "ticker", symbol: Topic.allSymbols) }
        // The time zone of the day that a ticker covers is no variant of it.
        if name.hasPrefix("public.miniTicker.") { return Topic(channel: "ticker", symbol: parts[2]) }
        guard parts.count > 3 else { return offer.topic(name, parts[2]) }
        return name.hasPrefix("public.aggre.") ? offer.topic("\(name) \(parts[2])", parts[3]) : offer.topic("\(name) \(parts[3])", parts[2])
    }
}
