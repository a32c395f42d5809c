/// Upbit and Bithumb: a request is an array of ticket, types and format, and takes the place of the request before. No acknowledgement.
struct UpbitDialect: TableDialect {
    var profile: ExchangeProfile
    let offer: ChannelOffer
    let symbols = SymbolStyle(.upper, separator: "-")
    /// Whether a trade subscription leaves out the last trade before it.
    let onlyNewTrades: Bool

    // Every book message is a whole book.
    private static let channels = ChannelOffer(["trade": "trade", "ticker": "ticker", "book_snapshot": "orderbook"])
        .answering(["book": "book_snapshot"])

    static let dialects: [any Dialect] = [
        UpbitDialect(
            profile: profile("bithumb", "Bithumb", "wss://ws-api.bithumb.com/websocket/v1", offersDeflate: false),
            offer: channels, onlyNewTrades: false),
        UpbitDialect(
            profile: profile("upbit", "Upbit", "wss://api.upbit.com/websocket/v1", offersDeflate: true),
            offer: channels.adding(
                candles: "candle", separator: ".",
                [
                    "1s": "1s", "1m": "1m", "3m": "3m", "5m": "5m", "10m": "10m", "15m": "15m", "30m": "30m", "1h": "60m", "4h": "240m",
                ]), onlyNewTrades: true),
    ]

    private static func profile(_ id: String, _ name: String, _ url: String, offersDeflate: Bool) -> ExchangeProfile {
        ExchangeProfile(
            id: id, name: name, market: .spot, family: "upbit-ticket", url: url, offersDeflate: offersDeflate,
            heartbeat: .init(initiator: .client, interval: .seconds(30), replyWithin: .seconds(10), silence: .seconds(90)),
            // One message carries every topic: how many is not published. Two messages a second stay below 5 a second and, as a
            // burst after a reconnect is one message, below 100 a minute.
            limits: .init(topicsPerMessage: 1000, messages: 2, connects: 5, connectWindow: .seconds(1), subscriptionReplaces: true),
            exampleSymbol: "KRW-BTC")
    }

    /// The quote currency comes first, and nothing is quoted in what KRW is the base of: `BTC-KRW` is `KRW-BTC`.
    func canonical(_ topic: Topic) throws(DialectError) -> Topic {
        let plain = try offer.canonical(topic, of: profile, symbols)
        let parts = plain.symbol.split(separator: "-")
        guard parts.count == 2, parts[1] == "KRW" else { return plain }
        return Topic(channel: plain.channel, symbol: "KRW-\(parts[0])")
    }

    /// One message for all of `topics`, which must be every topic of the connection.
    func subscribe(_ topics: [Topic], firstID: Int) -> [Request] {
        guard !topics.isEmpty else { return [] }
        let types = groupedByChannel(topics).map { word, group in
            let type = offer.native(word)
            let flag = type == "trade" && onlyNewTrades ? #","is_only_realtime":true"# : ""
            return #"{"type":"\#(type)","codes":\#(MessageText.array(group.map(\.symbol)))\#(flag)}"#
        }
        let text = #"[{"ticket":"colony-\#(firstID)"},\#(types.joined(separator: ",")),{"format":"DEFAULT"}]"#
        return [Request(id: nil, topics: topics, message: .text(text))]
    }

    /// A request for what remains. The last topic cannot be unsubscribed: its data end with the connection.
    func unsubscribe(_ topics: [Topic], remaining: [Topic], firstID: Int) -> [Request] {
        subscribe(remaining, firstID: firstID)
    }

    func ping(_ style: HeartbeatStyle, _ context: PingContext) -> OutgoingMessage? {
        switch style {
        case .legacy2020: LegacyHeartbeat.message(profile.id, context)
        case .documented: .ping(Array("ping".utf8))
        }
    }

    func makeReader() -> any DialectReader { UpbitReader(offer: offer) }
}

/// The server answers in binary frames that hold JSON; both kinds are read alike, in the long and in the short (`ty`, `cd`) format.
struct UpbitReader: DialectReader {
    let offer: ChannelOffer

    private static let long = FieldScanner(["type"], ["code"])
    private static let short = FieldScanner(["ty"], ["cd"])
    private static let answer = FieldScanner(["status"], ["error", "name"], ["error", "message"])

    mutating func read(_ message: UnsafeRawBufferPointer, isText: Bool) -> Reading {
        let scan = Self.long.scan(message)
        if let complaint = scan.complaint { return .malformed(complaint) }
        if let type = scan.string(0), let code = scan.string(1) { return .packet(Route(first: type.range, second: code.range)) }
        let other = Self.short.scan(message)
        if let type = other.string(0), let code = other.string(1) { return .packet(Route(first: type.range, second: code.range)) }
        let answer = Self.answer.scan(message)
        // The answer to a text PING, repeated every ten seconds.
        if answer[0] != nil { return .heartbeat }
        guard answer[1] != nil || answer[2] != nil else { return .unrouted }
        let words = [answer[1], answer[2]].compactMap(\.self).map { message.text($0) }.joined(separator: " ")
        return .ack(Acknowledgement(.rejected(words)))
    }

    mutating func topic(of route: Route, in message: UnsafeRawBufferPointer) -> Topic? {
        offer.topic(message.decoded(route.first), message.decoded(route.second))
    }
}
