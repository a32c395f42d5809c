/// bitFlyer's protocol: JSON-RPC 2.0, one channel in each message; the channel's name ends with the product.
struct BitFlyerDialect: Dialect {
    var profile: ExchangeProfile

    /// The longer of two names comes first where one begins with the other.
    fileprivate static let channels: [(prefix: StaticString, word: String)] = [
        ("lightning_executions_", "trade"), ("lightning_ticker_", "ticker"), ("lightning_board_snapshot_", "book_snapshot"),
        ("lightning_board_", "book"),
    ]

    func canonical(_ topic: Topic) throws(DialectError) -> Topic {
        let channel = ChannelName(topic.channel).description
        guard Self.channels.contains(where: { $0.word == channel }) else {
            throw .noChannel(topic.channel, at: profile, offered: "trade, ticker, book, book_snapshot")
        }
        let symbol = try SymbolStyle(.upper, separator: "_").canonical(topic.symbol)
        guard symbol != Topic.allSymbols else {
            throw DialectError(.badSymbol, "\(profile.id) has no channel for all symbols; name one, for example \(profile.exampleSymbol)")
        }
        return Topic(channel: channel, symbol: symbol)
    }

    func connection(topics: [Topic], random: UInt64) -> ConnectionPlan { .url(profile.url) }

    func subscribe(_ topics: [Topic], firstID: Int) -> [Request] { requests("subscribe", topics, firstID) }

    func unsubscribe(_ topics: [Topic], remaining: [Topic], firstID: Int) -> [Request] { requests("unsubscribe", topics, firstID) }

    func ping(_ style: HeartbeatStyle, _ context: PingContext) -> OutgoingMessage? {
        switch style {
        case .documented: .ping([])
        case .legacy2020: LegacyHeartbeat.message(profile.id, context)
        }
    }

    func makeReader() -> any DialectReader { BitFlyerReader() }

    private func requests(_ method: String, _ topics: [Topic], _ firstID: Int) -> [Request] {
        topics.enumerated().compactMap { offset, topic in
            guard let prefix = Self.channels.first(where: { $0.word == topic.channel })?.prefix else { return nil }
            let channel = MessageText.quoted("\(prefix)\(topic.symbol)")
            let text = #"{"jsonrpc":"2.0","id":\#(firstID + offset),"method":"\#(method)","params":{"channel":\#(channel)}}"#
            return Request(id: String(firstID + offset), topics: [topic], message: .text(text))
        }
    }
}

extension BitFlyerDialect {
    static let dialects: [any Dialect] = [
        BitFlyerDialect(
            profile: ExchangeProfile(
                id: "bitflyer", name: "bitFlyer", market: .spot, family: "jsonrpc", url: "wss://ws.lightstream.bitflyer.com/json-rpc",
                heartbeat: .init(initiator: .client, interval: .seconds(30), replyWithin: .seconds(15), silence: .seconds(90)),
                limits: .init(topicsPerMessage: 1), exampleSymbol: "BTC_JPY"))
    ]
}

struct BitFlyerReader: DialectReader {
    private let push = FieldScanner(["params", "channel"])

    mutating func read(_ message: UnsafeRawBufferPointer, isText: Bool) -> Reading {
        let scan = push.scan(message)
        if let complaint = scan.complaint { return .malformed(complaint) }
        guard let channel = scan[0], channel.isString else { return readAnswer(message) }
        return .packet(Route(first: channel.range))
    }

    mutating func topic(of route: Route, in message: UnsafeRawBufferPointer) -> Topic? {
        for (prefix, word) in BitFlyerDialect.channels where message.hasPrefix(route.first, prefix) {
            return Topic(channel: word, symbol: message.text(route.first.lowerBound + prefix.utf8CodeUnitCount..<route.first.upperBound))
        }
        return nil
    }

    private func readAnswer(_ message: UnsafeRawBufferPointer) -> Reading {
        if let complaint = message.complaint { return .malformed(complaint) }
        let id = message.text(at: ["id"])
        if message.value(["error"])?.kind == .object {
            let words = [message.text(at: ["error", "code"]), message.text(at: ["error", "message"])].compactMap(\.self).joined(
                separator: " ")
            guard let id else { return .notice(Notice(.error, words)) }
            return .ack(Acknowledgement(.rejected(words), requestID: id))
        }
        guard let id, let result = message.text(at: ["result"]) else { return .unrouted }
        return .ack(Acknowledgement(result == "true" ? .accepted : .rejected("refused without words"), requestID: id))
    }
}
