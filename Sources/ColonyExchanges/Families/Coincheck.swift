/// Coincheck: requests are objects, pushes bare arrays that name no channel; their shape tells trades from books. Nothing is acknowledged.
struct CoincheckDialect: TableDialect {
    var profile: ExchangeProfile
    let offer = ChannelOffer(["trade": "trades", "book": "orderbook"])
    let symbols = SymbolStyle(.lower, separator: "_")

    static let dialects: [any Dialect] = [
        CoincheckDialect(
            profile: ExchangeProfile(
                id: "coincheck", name: "Coincheck", market: .spot, family: "coincheck", url: "wss://ws-api.coincheck.com/",
                // No heartbeat is documented; PING frames of the client are answered by every websocket server.
                heartbeat: .init(initiator: .client, interval: .seconds(30), replyWithin: .seconds(10), silence: .seconds(90)),
                exampleSymbol: "btc_jpy"))
    ]

    func subscribe(_ topics: [Topic], firstID: Int) -> [Request] {
        topics.map { topic in
            let channel = MessageText.quoted("\(topic.symbol)-\(offer.native(topic.channel))")
            return Request(id: nil, topics: [topic], message: .text(#"{"type":"subscribe","channel":\#(channel)}"#))
        }
    }

    /// None is documented: the data end with the connection.
    func unsubscribe(_ topics: [Topic], remaining: [Topic], firstID: Int) -> [Request] { [] }

    func ping(_ style: HeartbeatStyle, _ context: PingContext) -> OutgoingMessage? {
        switch style {
        case .legacy2020: LegacyHeartbeat.message(profile.id, context)
        case .documented: .ping(Array("ping".utf8))
        }
    }

    func makeReader() -> any DialectReader { CoincheckReader(offer: offer) }
}

struct CoincheckReader: DialectReader {
    let offer: ChannelOffer

    private enum Tag {
        static let trades: UInt8 = 0
        static let book: UInt8 = 1
        static let manyTrades: UInt8 = 2
    }

    private static let trades = FieldScanner([.each, .index(2)])
    /// The first element of a book is the pair, the second an object; of a trade of 2020 the second is the pair.
    private static let heads = FieldScanner([.index(0)], [.index(1)])

    mutating func read(_ message: UnsafeRawBufferPointer, isText: Bool) -> Reading {
        let text = message.trimmed
        guard let first = text.first else { return .malformed("an empty message") }
        // No object is documented. Whatever it says, it is no data.
        if message[first] == UInt8(ascii: "{") { return .notice(Notice(.information, message.excerpt)) }
        let second = message.position(of: UInt8(ascii: "["), in: text).flatMap { open in
            (open + 1..<text.upperBound).first { !Self.isSpace(message[$0]) }
        }
        if let second, message[second] == UInt8(ascii: "[") { return trades(message) }
        let scan = Self.heads.scan(message)
        if let complaint = scan.complaint { return .malformed(complaint) }
        guard let head = scan.string(0), let next = scan[1] else { return .unrouted }
        if next.kind == .object { return .packet(Route(first: head.range, tag: Tag.book)) }
        return next.isString ? .packet(Route(first: next.range, tag: Tag.trades)) : .unrouted
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || (0x09...0x0D).contains(byte)
    }

    private func trades(_ message: UnsafeRawBufferPointer) -> Reading {
        let scan = Self.trades.scan(message)
        if let complaint = scan.complaint { return .malformed(complaint) }
        guard let pair = scan.string(0) else { return .unrouted }
        return .packet(pair.differs ? Route(first: 0..<0, tag: Tag.manyTrades) : Route(first: pair.range, tag: Tag.trades))
    }

    mutating func topic(of route: Route, in message: UnsafeRawBufferPointer) -> Topic? {
        switch route.tag {
        case Tag.book: offer.topic("orderbook", message.decoded(route.first))
        case Tag.manyTrades: offer.topic("trades", Topic.allSymbols)
        default: offer.topic("trades", message.decoded(route.first))
        }
    }
}
