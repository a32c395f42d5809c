/// Bitget's protocol: asks in version 2, reads versions 1 and 3 too.
///
/// A symbol alone means the spot market; those of other markets carry their product type: `USDT-FUTURES:BTCUSDT`.
struct BitgetDialect: Dialect {
    var profile: ExchangeProfile

    func canonical(_ topic: Topic) throws(DialectError) -> Topic {
        let parts = topic.symbol.split(separator: ":", maxSplits: 1).map(String.init)
        let symbol = try SymbolStyle(.upper, separator: "").canonical(parts.last ?? "")
        let product = parts.count > 1 ? parts[0].uppercased() : "SPOT"
        guard symbol != Topic.allSymbols, product == "SPOT" || BitgetChannels.products.contains(product) else {
            throw DialectError(
                .badSymbol, "\(profile.id) knows no '\(topic.symbol)'; write BTCUSDT for spot or for example USDT-FUTURES:BTCUSDT")
        }
        guard let own = BitgetChannels.own(ChannelName(topic.channel)) else {
            throw .noChannel(topic.channel, at: profile, offered: BitgetChannels.offered)
        }
        return Topic(channel: BitgetChannels.word(own), symbol: product == "SPOT" ? symbol : "\(product):\(symbol)")
    }

    func connection(topics: [Topic], random: UInt64) -> ConnectionPlan { .url(profile.url) }

    func subscribe(_ topics: [Topic], firstID: Int) -> [Request] { requests("subscribe", topics) }

    func unsubscribe(_ topics: [Topic], remaining: [Topic], firstID: Int) -> [Request] { requests("unsubscribe", topics) }

    func ping(_ style: HeartbeatStyle, _ context: PingContext) -> OutgoingMessage? {
        switch style {
        case .documented: .text("ping")
        case .legacy2020: LegacyHeartbeat.message(profile.id, context)
        }
    }

    func makeReader() -> any DialectReader { BitgetReader() }

    private func requests(_ operation: String, _ topics: [Topic]) -> [Request] {
        topics.batches(of: profile.limits.topicsPerMessage).map { batch in
            let arguments = batch.compactMap { topic -> String? in
                guard let own = BitgetChannels.own(ChannelName(topic.channel)) else { return nil }
                let parts = topic.symbol.split(separator: ":", maxSplits: 1).map(String.init)
                let product = parts.count > 1 ? parts[0] : "SPOT"
                return #"{"instType":"\#(product)","channel":"\#(own)","instId":\#(MessageText.quoted(parts.last ?? ""))}"#
            }
            let text = #"{"op":"\#(operation)","args":[\#(arguments.joined(separator: ","))]}"#
            return Request(id: nil, topics: batch, message: .text(text))
        }
    }
}

extension BitgetDialect {
    static let dialects: [any Dialect] = [
        BitgetDialect(
            profile: ExchangeProfile(
                id: "bitget", name: "Bitget", market: .spot, family: "op-args", url: "wss://ws.bitget.com/v2/ws/public",
                heartbeat: .init(initiator: .client, interval: .seconds(25), replyWithin: .seconds(10), silence: .seconds(60)),
                // 240 subscribe messages an hour; ten messages a second, heartbeats included.
                limits: .init(
                    topicsPerMessage: 20, maxTopics: 1000, messages: 8, connects: 300, connectWindow: .seconds(300),
                    maxAge: .seconds(86_400)),
                exampleSymbol: "BTCUSDT"))
    ]
}

/// Bitget's channel names and Colony's words.
enum BitgetChannels {
    static let products: Set<String> = ["USDT-FUTURES", "COIN-FUTURES", "USDC-FUTURES"]
    static let offered =
        "trade, ticker, bbo, book, book_snapshot (15 levels), book_snapshot.5, candle.1m and other intervals (candle.1dutc: days of UTC)"

    private static let words: [(own: String, word: String)] = [
        ("trade", "trade"), ("ticker", "ticker"), ("books1", "bbo"), ("books", "book"), ("books15", "book_snapshot"),
        ("books5", "book_snapshot.5"),
    ]

    private static let intervals = [
        "1m", "3m", "5m", "15m", "30m", "1H", "4H", "6H", "12H", "1D", "3D", "1W", "1M", "6Hutc", "12Hutc", "1Dutc", "3Dutc", "1Wutc",
        "1Mutc",
    ]

    static func own(_ channel: ChannelName) -> String? {
        let word = channel.description
        if channel.base == "candle" { return intervals.first { candle($0) == word }.map { "candle\($0)" } }
        return words.first { $0.word == (word == "book_snapshot.15" ? "book_snapshot" : word) }?.own
    }

    static func word(_ own: String) -> String {
        if let known = words.first(where: { $0.own == own }) { return known.word }
        switch own {
        case "publicTrade": return "trade"
        case "tickers": return "ticker"
        default: return own.hasPrefix("candle") ? candle(String(own.dropFirst(6))) : ChannelName.own(own)
        }
    }

    private static func candle(_ interval: String) -> String {
        let plain = interval.hasSuffix("utc") ? String(interval.dropLast(3)) : interval
        guard let parsed = CandleInterval(plain) else { return "candle.\(ChannelName.own(interval))" }
        return "candle.\(parsed.word)\(interval.hasSuffix("utc") ? "utc" : "")"
    }
}

/// Reads Bitget's messages: pushes repeat the argument of their subscription.
struct BitgetReader: DialectReader {
    /// The tag of a route is the number of its product type in this list; the older addresses carry one market each and need none.
    private static let products: [StaticString] = ["", "USDT-FUTURES", "COIN-FUTURES", "USDC-FUTURES"]
    private static let lowerProducts: [StaticString] = ["", "usdt-futures", "coin-futures", "usdc-futures"]

    private let push = FieldScanner(["arg", "channel"], ["arg", "instId"], ["arg", "instType"], .start(of: ["data"]))
    private let push3 = FieldScanner(["arg", "topic"], ["arg", "symbol"], ["arg", "instType"], .start(of: ["data"]))

    mutating func read(_ message: UnsafeRawBufferPointer, isText: Bool) -> Reading {
        let scan = push.scan(message)
        if let complaint = scan.complaint { return PlainPong.reading(message) ?? .malformed(complaint) }
        if let reading = packet(scan, message) { return reading }
        return packet(push3.scan(message), message) ?? readEvent(message)
    }

    mutating func topic(of route: Route, in message: UnsafeRawBufferPointer) -> Topic? {
        Topic(
            channel: BitgetChannels.word(message.text(route.first)),
            symbol: Self.symbol(message.text(route.second), product: Int(route.tag)))
    }

    private static func symbol(_ own: String, product: Int) -> String {
        product == 0 ? own : "\(products[product]):\(own)"
    }

    private func packet(_ scan: FieldScan, _ message: UnsafeRawBufferPointer) -> Reading? {
        guard let channel = scan[0], let symbol = scan[1], channel.isString, symbol.isString, scan[3] != nil else { return nil }
        return .packet(Route(first: channel.range, second: symbol.range, tag: UInt8(product(scan[2], message))))
    }

    private func product(_ value: FieldValue?, _ message: UnsafeRawBufferPointer) -> Int {
        guard let value else { return 0 }
        for index in 1..<Self.products.count
        where message.equals(value.range, Self.products[index]) || message.equals(value.range, Self.lowerProducts[index]) {
            return index
        }
        return 0
    }

    private func readEvent(_ message: UnsafeRawBufferPointer) -> Reading {
        if let complaint = message.complaint { return .malformed(complaint) }
        let words = [message.text(at: ["code"]), message.text(at: ["msg"])].compactMap(\.self).joined(separator: " ")
        switch message.text(at: ["event"]) {
        case "subscribe": return .ack(Acknowledgement(.accepted, topics: named(message)))
        case "unsubscribe": return .ack(Acknowledgement(.accepted, topics: named(message), isUnsubscription: true))
        case "error":
            let isUnsubscription = message.text(at: ["op"]) == "unsubscribe"
            return .ack(Acknowledgement(.rejected(words), topics: named(message), isUnsubscription: isUnsubscription))
        default: return .unrouted
        }
    }

    private func named(_ message: UnsafeRawBufferPointer) -> [Topic] {
        guard let channel = message.text(at: ["arg", "channel"]) ?? message.text(at: ["arg", "topic"]),
            let symbol = message.text(at: ["arg", "instId"]) ?? message.text(at: ["arg", "symbol"])
        else { return [] }
        let product = product(message.value(["arg", "instType"]), message)
        return [Topic(channel: BitgetChannels.word(channel), symbol: Self.symbol(symbol, product: product))]
    }
}
