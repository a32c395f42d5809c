/// OKX's protocol: asks in version 5, reads the shapes of version 3 too.
///
/// Version 3 packed every frame with raw deflate: set `compression: raw_deflate` for a server that still speaks it.
struct OKXDialect: Dialect {
    var profile: ExchangeProfile

    init(_ profile: ExchangeProfile) {
        self.profile = profile
    }

    func canonical(_ topic: Topic) throws(DialectError) -> Topic {
        let symbol = try SymbolStyle(.upper, separator: "-").canonical(topic.symbol)
        guard symbol != Topic.allSymbols else {
            throw DialectError(.badSymbol, "\(profile.id) has no channel for all symbols; name one, for example \(profile.exampleSymbol)")
        }
        guard let own = OKXChannels.own(ChannelName(topic.channel)) else {
            throw .noChannel(topic.channel, at: profile, offered: OKXChannels.offered)
        }
        return Topic(channel: OKXChannels.word(own), symbol: symbol)
    }

    func connection(topics: [Topic], random: UInt64) -> ConnectionPlan { .url(profile.url) }

    /// Candles and single trades have an address of their own.
    var branches: [Branch] {
        Branch.named("business", of: profile.url, replacing: "/public", with: "/business").map { [$0] } ?? []
    }

    func branch(of topic: Topic) -> String? {
        topic.channel == "trade.all" || topic.channel.hasPrefix("candle.") ? branches.first?.name : nil
    }

    func subscribe(_ topics: [Topic], firstID: Int) -> [Request] { requests("subscribe", topics, firstID) }

    func unsubscribe(_ topics: [Topic], remaining: [Topic], firstID: Int) -> [Request] { requests("unsubscribe", topics, firstID) }

    func ping(_ style: HeartbeatStyle, _ context: PingContext) -> OutgoingMessage? {
        switch style {
        case .documented: .text("ping")
        case .legacy2020: LegacyHeartbeat.message(profile.id, context)
        }
    }

    func makeReader() -> any DialectReader { OKXReader() }

    private func requests(_ operation: String, _ topics: [Topic], _ firstID: Int) -> [Request] {
        topics.batches(of: profile.limits.topicsPerMessage).enumerated().map { offset, batch in
            let arguments = batch.compactMap { topic in
                OKXChannels.own(ChannelName(topic.channel)).map { #"{"channel":"\#($0)","instId":\#(MessageText.quoted(topic.symbol))}"# }
            }
            let text = #"{"id":"\#(firstID + offset)","op":"\#(operation)","args":[\#(arguments.joined(separator: ","))]}"#
            return Request(id: String(firstID + offset), topics: batch, message: .text(text))
        }
    }
}

extension OKXDialect {
    static let dialects: [any Dialect] = [
        OKXDialect(
            ExchangeProfile(
                id: "okx", name: "OKX", market: .spot, family: "op-args", url: "wss://ws.okx.com:8443/ws/v5/public",
                heartbeat: .init(initiator: .client, interval: .seconds(20), replyWithin: .seconds(10), silence: .seconds(30)),
                // 480 requests an hour, so many topics go into one message.
                limits: .init(topicsPerMessage: 100, messages: 3, connects: 3, connectWindow: .seconds(1)), exampleSymbol: "BTC-USDT"))
    ]
}

/// OKX's channel names and Colony's words.
enum OKXChannels {
    static let offered =
        "trade, trade.all, ticker, bbo, book (400 levels), book.l2-tbt, book.50-l2-tbt, book_snapshot (5 levels), funding-rate, "
        + "mark-price, index-tickers, open-interest, price-limit, estimated-price, candle.1m and other intervals (candle.1dutc: days of UTC)"

    private static let words: [(own: String, word: String)] = [
        ("trades", "trade"), ("trades-all", "trade.all"), ("tickers", "ticker"), ("bbo-tbt", "bbo"), ("books", "book"),
        ("books-l2-tbt", "book.l2-tbt"), ("books50-l2-tbt", "book.50-l2-tbt"), ("books5", "book_snapshot"),
        ("funding-rate", "funding-rate"), ("mark-price", "mark-price"), ("index-tickers", "index-tickers"),
        ("open-interest", "open-interest"), ("price-limit", "price-limit"), ("estimated-price", "estimated-price"),
    ]

    private static let intervals = [
        "1s", "1m", "3m", "5m", "15m", "30m", "1H", "2H", "4H", "6H", "12H", "1D", "2D", "3D", "5D", "1W", "1M", "3M", "6Hutc", "12Hutc",
        "1Dutc", "2Dutc", "3Dutc", "5Dutc", "1Wutc", "1Mutc", "3Mutc",
    ]

    static func own(_ channel: ChannelName) -> String? {
        let word = channel.description
        if channel.base == "candle" { return intervals.first { candle($0) == word }.map { "candle\($0)" } }
        return words.first { $0.word == word || $0.own == word }?.own
    }

    static func word(_ own: String) -> String {
        if let known = words.first(where: { $0.own == own }) { return known.word }
        return own.hasPrefix("candle") ? candle(String(own.dropFirst(6))) : ChannelName.own(own)
    }

    /// The word for a table of version 3 (`spot/trade`, `swap/candle60s`).
    static func word3(_ table: String) -> String {
        let name = table.split(separator: "/").last.map(String.init) ?? table
        switch name {
        case "depth": return "book"
        case "depth5": return "book_snapshot"
        case "depth_l2_tbt": return "book.l2-tbt"
        default: return name.hasPrefix("candle") ? candle(String(name.dropFirst(6))) : ChannelName.own(name)
        }
    }

    private static func candle(_ interval: String) -> String {
        let plain = interval.hasSuffix("utc") ? String(interval.dropLast(3)) : interval
        guard let parsed = CandleInterval(plain) else { return "candle.\(ChannelName.own(interval))" }
        return "candle.\(parsed.word)\(interval.hasSuffix("utc") ? "utc" : "")"
    }
}

/// Reads OKX's messages: pushes repeat the argument of their subscription.
struct OKXReader: DialectReader {
    private enum Tag {
        /// Channel and symbol of version 5.
        static let argument: UInt8 = 0
        /// Channel of version 5 without a symbol.
        static let channel: UInt8 = 1
        /// Table and symbol of version 3; table with several symbols.
        static let table: UInt8 = 2
        static let tableOnly: UInt8 = 3
    }

    private let push = FieldScanner(["arg", "channel"], ["arg", "instId"], .start(of: ["data"]))
    private let table = FieldScanner(["table"], ["data", .each, "instrument_id"])

    mutating func read(_ message: UnsafeRawBufferPointer, isText: Bool) -> Reading {
        let scan = push.scan(message)
        if let complaint = scan.complaint { return PlainPong.reading(message) ?? .malformed(complaint) }
        guard let channel = scan[0], channel.isString, scan[2] != nil else { return readTable(message) }
        guard let symbol = scan[1], symbol.isString else { return .packet(Route(first: channel.range, tag: Tag.channel)) }
        return .packet(Route(first: channel.range, second: symbol.range, tag: Tag.argument))
    }

    mutating func topic(of route: Route, in message: UnsafeRawBufferPointer) -> Topic? {
        let first = message.string(route.first)
        let symbol = message.string(route.second)
        return switch route.tag {
        case Tag.channel: Topic(channel: OKXChannels.word(first), symbol: Topic.allSymbols)
        case Tag.table: Topic(channel: OKXChannels.word3(first), symbol: symbol)
        case Tag.tableOnly: Topic(channel: OKXChannels.word3(first), symbol: Topic.allSymbols)
        default: Topic(channel: OKXChannels.word(first), symbol: symbol)
        }
    }

    private func readTable(_ message: UnsafeRawBufferPointer) -> Reading {
        let scan = table.scan(message)
        guard let table = scan[0], table.isString else { return readEvent(message) }
        guard let symbol = scan[1], symbol.isString, !symbol.differs else { return .packet(Route(first: table.range, tag: Tag.tableOnly)) }
        return .packet(Route(first: table.range, second: symbol.range, tag: Tag.table))
    }

    private func readEvent(_ message: UnsafeRawBufferPointer) -> Reading {
        if let complaint = message.complaint { return .malformed(complaint) }
        let id = message.text(at: ["id"])
        let words = [
            message.text(at: ["code"]) ?? message.text(at: ["errorCode"]), message.text(at: ["msg"]) ?? message.text(at: ["message"]),
        ]
        .compactMap(\.self).joined(separator: " ")
        switch message.text(at: ["event"]) {
        case "subscribe": return .ack(Acknowledgement(.accepted, requestID: id, topics: named(message)))
        case "unsubscribe": return .ack(Acknowledgement(.accepted, requestID: id, topics: named(message), isUnsubscription: true))
        case "error": return .ack(Acknowledgement(.rejected(words), requestID: id, topics: Self.named(inWords: words)))
        case "notice": return .notice(Notice(words.hasPrefix("64008") ? .reconnect : .information, words))
        case "channel-conn-count-error": return .notice(Notice(.limit, "too many connections for a channel"))
        case "channel-conn-count", "login": return .heartbeat
        default: return .unrouted
        }
    }

    private func named(_ message: UnsafeRawBufferPointer) -> [Topic] {
        if let channel = message.text(at: ["arg", "channel"]) {
            return [Topic(channel: OKXChannels.word(channel), symbol: message.text(at: ["arg", "instId"]) ?? Topic.allSymbols)]
        }
        // Version 3: "spot/trade:BTC-USDT".
        guard let parts = message.text(at: ["channel"])?.split(separator: ":"), parts.count == 2 else { return [] }
        return [Topic(channel: OKXChannels.word3(String(parts[0])), symbol: String(parts[1]))]
    }

    /// A refusal names its argument in the sentence: "Wrong URL or channel:trades,instId:XXX-USDT does not exist".
    private static func named(inWords words: String) -> [Topic] {
        guard let channel = words.firstMatch(of: /channel:([\w-]+)/), let symbol = words.firstMatch(of: /instId:([\w-]+)/) else {
            return []
        }
        return [Topic(channel: OKXChannels.word(String(channel.1)), symbol: String(symbol.1))]
    }
}

/// The bare text `pong` that answers the bare text `ping`.
enum PlainPong {
    static func reading(_ message: UnsafeRawBufferPointer) -> Reading? {
        message.equals(message.trimmed, "pong") || message.equals(message.trimmed, "ping") ? .heartbeat : nil
    }
}
