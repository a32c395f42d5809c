/// BitMEX's protocol: topics are `table:symbol`, pushes name their table and each row its symbol.
struct BitMEXDialect: Dialect {
    var profile: ExchangeProfile

    func canonical(_ topic: Topic) throws(DialectError) -> Topic {
        let symbol = try SymbolStyle(.upper, separator: nil).canonical(topic.symbol)
        guard symbol != Topic.allSymbols else {
            // Rows of one symbol go to that symbol's stream, so nothing complete would come back under the topic.
            throw DialectError(
                .badSymbol, "\(profile.id) cannot subscribe all symbols as one; name them, for example \(profile.exampleSymbol)")
        }
        guard let table = BitMEXTables.table(ChannelName(topic.channel)) else {
            throw .noChannel(topic.channel, at: profile, offered: BitMEXTables.offered)
        }
        return Topic(channel: BitMEXTables.word(table), symbol: symbol)
    }

    func connection(topics: [Topic], random: UInt64) -> ConnectionPlan {
        Self.addressList.plan(profile, topics, name: name)
    }

    /// Each topic is answered for as if a message had asked.
    private static let addressList = AddressList(item: "subscribe", separator: ",", path: "/realtime")

    func subscribe(_ topics: [Topic], firstID: Int) -> [Request] { requests("subscribe", topics) }

    func unsubscribe(_ topics: [Topic], remaining: [Topic], firstID: Int) -> [Request] { requests("unsubscribe", topics) }

    func ping(_ style: HeartbeatStyle, _ context: PingContext) -> OutgoingMessage? {
        switch style {
        case .documented: .text("ping")
        case .legacy2020: LegacyHeartbeat.message(profile.id, context)
        }
    }

    func makeReader() -> any DialectReader { BitMEXReader() }

    private func requests(_ operation: String, _ topics: [Topic]) -> [Request] {
        topics.batches(of: profile.limits.topicsPerMessage).map { batch in
            Request(
                id: nil, topics: batch, message: .text(#"{"op":"\#(operation)","args":\#(MessageText.array(batch.compactMap(name)))}"#))
        }
    }

    /// As the exchange names the topic: `trade:XBTUSD`.
    private func name(_ topic: Topic) -> String? { BitMEXTables.table(ChannelName(topic.channel)).map { "\($0):\(topic.symbol)" } }
}

extension BitMEXDialect {
    static let dialects: [any Dialect] = [
        BitMEXDialect(
            profile: ExchangeProfile(
                id: "bitmex", name: "BitMEX", market: .futures, family: "op-args", url: "wss://ws.bitmex.com/realtime",
                heartbeat: .init(initiator: .client, interval: .seconds(15), replyWithin: .seconds(10), silence: .seconds(45)),
                // "Too many args sent. Max length is 20": taken to hold for the address, which is one request, as well.
                limits: .init(topicsPerMessage: 20, topicsInAddress: 20, messages: 1, connects: 20, connectWindow: .seconds(3600)),
                exampleSymbol: "XBTUSD"))
    ]
}

/// BitMEX's tables and Colony's words.
enum BitMEXTables {
    static let offered =
        "trade, ticker, bbo, book (25 levels), book.full, book_snapshot (10 levels), funding, liquidation, settlement, candle.1m, candle.5m, "
        + "candle.1h, candle.1d"

    private static let words: [(table: String, word: String)] = [
        ("trade", "trade"), ("instrument", "ticker"), ("quote", "bbo"), ("orderBookL2_25", "book"), ("orderBookL2", "book.full"),
        ("orderBook10", "book_snapshot"), ("tradeBin1m", "candle.1m"), ("tradeBin5m", "candle.5m"), ("tradeBin1h", "candle.1h"),
        ("tradeBin1d", "candle.1d"), ("funding", "funding"), ("liquidation", "liquidation"), ("settlement", "settlement"),
    ]

    static func table(_ channel: ChannelName) -> String? { words.first { $0.word == channel.description }?.table }

    static func word(_ table: String) -> String { words.first { $0.table == table }?.word ?? ChannelName.own(table) }
}

/// Reads BitMEX's messages.
struct BitMEXReader: DialectReader {
    private enum Tag {
        static let symbol: UInt8 = 0
        static let several: UInt8 = 1
    }

    private let push = FieldScanner(["table"], ["data", .each, "symbol"])
    private let filter = FieldScanner(["filter", "symbol"])

    mutating func read(_ message: UnsafeRawBufferPointer, isText: Bool) -> Reading {
        let scan = push.scan(message)
        if let complaint = scan.complaint { return PlainPong.reading(message) ?? .malformed(complaint) }
        guard let table = scan[0], table.isString else { return readControl(message) }
        // A partial of a table without rows names its symbol in the filter only.
        guard let symbol = scan[1] ?? filter.scan(message)[0], symbol.isString, !symbol.differs else {
            return .packet(Route(first: table.range, tag: Tag.several))
        }
        return .packet(Route(first: table.range, second: symbol.range, tag: Tag.symbol))
    }

    mutating func topic(of route: Route, in message: UnsafeRawBufferPointer) -> Topic? {
        let symbol = route.tag == Tag.several ? Topic.allSymbols : message.string(route.second)
        return Topic(channel: BitMEXTables.word(message.string(route.first)), symbol: symbol)
    }

    private func readControl(_ message: UnsafeRawBufferPointer) -> Reading {
        if let complaint = message.complaint { return .malformed(complaint) }
        if message.text(at: ["success"]) == "true" {
            if let name = message.text(at: ["subscribe"]) { return .ack(Acknowledgement(.accepted, topics: [Self.topic(name)])) }
            if let name = message.text(at: ["unsubscribe"]) {
                return .ack(Acknowledgement(.accepted, topics: [Self.topic(name)], isUnsubscription: true))
            }
            return .heartbeat
        }
        if let words = message.text(at: ["error"]) {
            let status = message.text(at: ["status"]) ?? ""
            let reason = "\(status) \(words)"
            if status == "429" || status == "503" { return .notice(Notice(.limit, reason)) }
            guard let operation = message.text(at: ["request", "op"]) else { return .notice(Notice(.error, reason)) }
            let topics = message.texts(at: ["request", "args"]).map(Self.topic)
            return .ack(Acknowledgement(.rejected(reason), topics: topics, isUnsubscription: operation == "unsubscribe"))
        }
        return message.value(["info"]) != nil ? .heartbeat : .unrouted
    }

    private static func topic(_ name: String) -> Topic {
        let parts = name.split(separator: ":", maxSplits: 1).map(String.init)
        return Topic(channel: BitMEXTables.word(parts.first ?? ""), symbol: parts.count > 1 ? parts[1] : Topic.allSymbols)
    }
}
