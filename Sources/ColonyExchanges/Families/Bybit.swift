/// Bybit's protocol: asks in version 5, reads the topics of 2020 and 2021 (version 2) too.
struct BybitDialect: Dialect {
    var profile: ExchangeProfile

    func canonical(_ topic: Topic) throws(DialectError) -> Topic {
        let symbol = try SymbolStyle(.upper, separator: nil).canonical(topic.symbol)
        guard symbol != Topic.allSymbols else {
            throw DialectError(.badSymbol, "\(profile.id) has no channel for all symbols; name one, for example \(profile.exampleSymbol)")
        }
        guard let own = BybitChannels.own(ChannelName(topic.channel)) else {
            throw .noChannel(topic.channel, at: profile, offered: BybitChannels.offered)
        }
        return Topic(channel: BybitChannels.word(own), symbol: symbol)
    }

    func connection(topics: [Topic], random: UInt64) -> ConnectionPlan { .url(profile.url) }

    func subscribe(_ topics: [Topic], firstID: Int) -> [Request] { requests("subscribe", topics, firstID) }

    func unsubscribe(_ topics: [Topic], remaining: [Topic], firstID: Int) -> [Request] { requests("unsubscribe", topics, firstID) }

    func ping(_ style: HeartbeatStyle, _ context: PingContext) -> OutgoingMessage? {
        switch style {
        case .documented: .text(#"{"req_id":"\#(context.random % 1_000_000)","op":"ping"}"#)
        case .legacy2020: LegacyHeartbeat.message(profile.id, context)
        }
    }

    func makeReader() -> any DialectReader { BybitReader() }

    private func requests(_ operation: String, _ topics: [Topic], _ firstID: Int) -> [Request] {
        topics.batches(of: profile.limits.topicsPerMessage).enumerated().map { offset, batch in
            let names = batch.compactMap { topic in BybitChannels.own(ChannelName(topic.channel)).map { "\($0).\(topic.symbol)" } }
            let text = #"{"req_id":"\#(firstID + offset)","op":"\#(operation)","args":\#(MessageText.array(names))}"#
            return Request(id: String(firstID + offset), topics: batch, message: .text(text))
        }
    }
}

extension BybitDialect {
    static let dialects: [any Dialect] = [
        row("bybit_swap", "Bybit inverse", "wss://stream.bybit.com/v5/public/inverse", symbol: "BTCUSD"),
        row("bybit_uswap", "Bybit linear", "wss://stream.bybit.com/v5/public/linear", symbol: "BTCUSDT"),
    ]

    private static func row(_ id: String, _ name: String, _ url: String, symbol: String) -> any Dialect {
        BybitDialect(
            profile: ExchangeProfile(
                id: id, name: name, market: .futures, family: "bybit", url: url,
                heartbeat: .init(initiator: .client, interval: .seconds(20), replyWithin: .seconds(10), silence: .seconds(60)),
                // One wrong topic fails its whole message, so messages are short. A connection's topics may not exceed 21,000 characters.
                limits: .init(topicsPerMessage: 10, maxTopics: 500, messages: 5, connects: 500, connectWindow: .seconds(300)),
                exampleSymbol: symbol))
    }
}

/// Bybit's channel names (what precedes the symbol in `orderbook.50.BTCUSD`) and Colony's words.
enum BybitChannels {
    static let offered =
        "trade, ticker, bbo, book (50 levels), book.200, book.500, book.1000, liquidation, candle.1m and other intervals"

    private static let depths: Set<String> = ["50", "200", "500", "1000"]
    private static let intervals = ["1", "3", "5", "15", "30", "60", "120", "240", "360", "720", "D", "W", "M"]

    /// The name of a channel in version 5, nil where the exchange has none.
    static func own(_ channel: ChannelName) -> String? {
        let parameter = channel.parameter
        switch channel.base {
        case "trade" where parameter.isEmpty: return "publicTrade"
        case "ticker" where parameter.isEmpty: return "tickers"
        case "bbo" where parameter.isEmpty: return "orderbook.1"
        case "liquidation" where parameter.isEmpty: return "allLiquidation"
        case "book":
            let depth = parameter.isEmpty ? "50" : parameter
            return depths.contains(depth) ? "orderbook.\(depth)" : nil
        case "candle": return intervals.first { candle($0) == "candle.\(parameter)" }.map { "kline.\($0)" }
        default: return nil
        }
    }

    /// Colony's word for a channel of either version.
    static func word(_ own: String) -> String {
        let parts = own.split(separator: ".", maxSplits: 1).map(String.init)
        let variant = parts.count > 1 ? parts[1] : ""
        switch parts.first {
        case "publicTrade", "trade": return "trade"
        case "tickers", "instrument_info": return "ticker"
        case "allLiquidation", "liquidation": return "liquidation"
        case "orderbook": return variant == "1" ? "bbo" : variant == "50" ? "book" : "book.\(ChannelName.own(variant))"
        case "orderBookL2_25": return "book.25"
        case "orderBook_200": return "book.200"
        case "kline", "klineV2", "candle": return candle(variant)
        default: return ChannelName.own(own)
        }
    }

    private static func candle(_ interval: String) -> String {
        let written = ["D": "1d", "W": "1w", "M": "1mon"][interval] ?? interval
        return "candle.\(CandleInterval(written)?.word ?? ChannelName.own(written))"
    }
}

/// Reads Bybit's messages. Pushes name their topic first, in both versions.
struct BybitReader: DialectReader {
    private let push = FieldScanner(["topic"])

    mutating func read(_ message: UnsafeRawBufferPointer, isText: Bool) -> Reading {
        let scan = push.scan(message)
        if let complaint = scan.complaint { return .malformed(complaint) }
        guard let topic = scan[0], topic.isString else { return readControl(message) }
        if message.equals(topic.range, "system.status") {
            let title = message.text(at: ["data", .index(0), "title"]) ?? "system status"
            return .notice(Notice(.maintenance, "\(title) \(message.text(at: ["data", .index(0), "state"]) ?? "")"))
        }
        return .packet(Route(first: topic.range))
    }

    mutating func topic(of route: Route, in message: UnsafeRawBufferPointer) -> Topic? { Self.topic(message.text(route.first)) }

    private static func topic(_ name: String) -> Topic {
        guard let dot = name.lastIndex(of: ".") else { return Topic(channel: BybitChannels.word(name), symbol: Topic.allSymbols) }
        let symbol = String(name[name.index(after: dot)...])
        return Topic(channel: BybitChannels.word(String(name[..<dot])), symbol: symbol == "*" ? Topic.allSymbols : symbol)
    }

    private func readControl(_ message: UnsafeRawBufferPointer) -> Reading {
        if let complaint = message.complaint { return .malformed(complaint) }
        let words = message.text(at: ["ret_msg"]) ?? ""
        // Version 2 repeats the request.
        let operation = message.text(at: ["op"]) ?? message.text(at: ["request", "op"])
        guard let operation else { return words.isEmpty ? .unrouted : .notice(Notice(.error, words)) }
        if operation == "ping" || operation == "pong" { return .heartbeat }
        let id = message.text(at: ["req_id"]).flatMap { $0.isEmpty ? nil : $0 }
        let named = message.texts(at: ["request", "args"]).map(Self.topic)
        let isAccepted = message.text(at: ["success"]) == "true"
        return .ack(
            Acknowledgement(
                isAccepted ? .accepted : .rejected(words.isEmpty ? "refused without words" : words), requestID: id, topics: named,
                isUnsubscription: operation == "unsubscribe"))
    }
}
