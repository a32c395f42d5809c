/// Huobi's (HTX's) protocol. Every frame of the server is one gzip member, unpacked before it is read here.
struct HuobiDialect: Dialect {
    var profile: ExchangeProfile

    init(_ profile: ExchangeProfile) {
        self.profile = profile
    }

    private var channels: HuobiChannels { HuobiChannels(isSpot: profile.market == .spot) }

    private var style: SymbolStyle {
        switch profile.id {
        case "huobi": SymbolStyle(.lower, separator: "")
        case "huobi_futures": SymbolStyle(.upper, separator: nil)
        default: SymbolStyle(.upper, separator: "-")
        }
    }

    func canonical(_ topic: Topic) throws(DialectError) -> Topic {
        let symbol = try style.canonical(topic.symbol)
        guard symbol != Topic.allSymbols else {
            throw DialectError(.badSymbol, "\(profile.id) has no channel for all symbols; name one, for example \(profile.exampleSymbol)")
        }
        guard let own = channels.own(ChannelName(topic.channel)) else {
            throw .noChannel(topic.channel, at: profile, offered: channels.offered)
        }
        return Topic(channel: channels.word(own), symbol: symbol)
    }

    func connection(topics: [Topic], random: UInt64) -> ConnectionPlan { .url(profile.url) }

    /// Spot serves incremental books on a path of their own, which serves nothing else.
    var branches: [Branch] {
        guard profile.id == "huobi" else { return [] }
        return Branch.named("feed", of: profile.url, replacing: "/ws", with: "/feed").map { [$0] } ?? []
    }

    func branch(of topic: Topic) -> String? { ChannelName(topic.channel).base == "book" ? branches.first?.name : nil }

    func subscribe(_ topics: [Topic], firstID: Int) -> [Request] {
        var requests: [Request] = []
        for topic in topics {
            guard let own = channels.own(ChannelName(topic.channel)) else { continue }
            let id = firstID + requests.count
            let name = MessageText.quoted("market.\(topic.symbol).\(own)")
            let kind = own.hasSuffix("high_freq") ? #","data_type":"incremental""# : ""
            requests.append(
                Request(id: String(id), topics: [topic], message: .text(#"{"sub":\#(name)\#(kind),"id":"\#(id)"}"#)))
            if own.hasPrefix("mbp."), !own.hasPrefix("mbp.refresh") {
                // Spot's increments begin in the middle: the whole book comes only when asked for, as data of the same channel.
                requests.append(Request(id: nil, topics: [topic], message: .text(#"{"req":\#(name),"id":"\#(id + 1)"}"#)))
            }
        }
        return requests
    }

    func unsubscribe(_ topics: [Topic], remaining: [Topic], firstID: Int) -> [Request] {
        topics.enumerated().compactMap { offset, topic in
            guard let own = channels.own(ChannelName(topic.channel)) else { return nil }
            let name = MessageText.quoted("market.\(topic.symbol).\(own)")
            let id = String(firstID + offset)
            return Request(id: id, topics: [topic], message: .text(#"{"unsub":\#(name),"id":"\#(id)"}"#))
        }
    }

    func ping(_ style: HeartbeatStyle, _ context: PingContext) -> OutgoingMessage? {
        switch style {
        case .documented: nil
        case .legacy2020: LegacyHeartbeat.message(profile.id, context)
        }
    }

    func makeReader() -> any DialectReader { HuobiReader(channels: channels) }
}

extension HuobiDialect {
    static let dialects: [any Dialect] = [
        // The second unanswered ping in a row ends a spot connection, the fifth one of derivatives.
        row("huobi", "Huobi (HTX)", .spot, "wss://api.huobi.pro/ws", deadline: .seconds(10), silence: .seconds(15), symbol: "btcusdt"),
        row("huobi_futures", "Huobi futures", .futures, "wss://api.hbdm.com/ws", symbol: "BTC_CQ"),
        row("huobi_swap", "Huobi inverse swaps", .futures, "wss://api.hbdm.com/swap-ws", symbol: "BTC-USD"),
        row("huobi_uswap", "Huobi linear swaps", .futures, "wss://api.hbdm.com/linear-swap-ws", symbol: "BTC-USDT"),
    ]

    private static func row(
        _ id: String, _ name: String, _ market: ExchangeProfile.Market, _ url: String, deadline: Duration = .seconds(25),
        silence: Duration = .seconds(25), symbol: String
    ) -> any Dialect {
        HuobiDialect(
            ExchangeProfile(
                id: id, name: name, market: market, status: .renamed, family: "huobi", url: url, compression: .gzip,
                heartbeat: .init(initiator: .server, silence: silence, serverInterval: .seconds(5), serverDeadline: deadline),
                limits: .init(topicsPerMessage: 1, messages: 10), exampleSymbol: symbol))
    }
}

/// Huobi's channel names (what follows the symbol in `market.btcusdt.trade.detail`) and Colony's words.
struct HuobiChannels: Sendable {
    let isSpot: Bool

    var offered: String {
        isSpot
            ? "trade, ticker, bbo, book (150 levels), book.5, book.20, book.400, book_snapshot (step0), book_snapshot.step1 to .step5, "
                + "book_snapshot.refresh.5, .10 and .20, candle.1m and other intervals"
            : "trade, ticker, bbo, book (150 levels), book.20, book_snapshot (step0), book_snapshot.step1 to .step15, candle.1m and other "
                + "intervals"
    }

    /// The exchange's name of a channel, nil where it has none.
    func own(_ channel: ChannelName) -> String? {
        let parameter = channel.parameter
        switch channel.base {
        case "trade" where parameter.isEmpty: return "trade.detail"
        case "ticker" where parameter.isEmpty: return "detail"
        case "bbo" where parameter.isEmpty: return "bbo"
        case "book":
            let levels = parameter.isEmpty ? "150" : parameter
            guard (isSpot ? ["5", "20", "150", "400"] : ["20", "150"]).contains(levels) else { return nil }
            return isSpot ? "mbp.\(levels)" : "depth.size_\(levels).high_freq"
        case "book_snapshot":
            if parameter.isEmpty { return "depth.step0" }
            if isSpot, ["refresh.5", "refresh.10", "refresh.20"].contains(parameter) { return "mbp.\(parameter)" }
            guard parameter.hasPrefix("step"), let step = Int(parameter.dropFirst(4)), (0...(isSpot ? 5 : 15)).contains(step) else {
                return nil
            }
            return "depth.step\(step)"
        case "candle":
            return Self.intervals.first { CandleInterval($0)?.word == parameter }.map { "kline.\($0)" }
        default: return nil
        }
    }

    /// Colony's word for the exchange's channel name.
    func word(_ own: String) -> String {
        switch own {
        case "trade.detail": return "trade"
        case "detail": return "ticker"
        case "mbp.150", "depth.size_150.high_freq": return "book"
        case "depth.step0": return "book_snapshot"
        default: break
        }
        if own.hasPrefix("kline."), let interval = CandleInterval(String(own.dropFirst(6))) { return "candle.\(interval.word)" }
        if own.hasPrefix("mbp.refresh.") { return "book_snapshot.refresh.\(ChannelName.own(String(own.dropFirst(12))))" }
        if own.hasPrefix("mbp.") { return "book.\(ChannelName.own(String(own.dropFirst(4))))" }
        if own.hasPrefix("depth.size_"), own.hasSuffix(".high_freq") {
            return "book.\(ChannelName.own(String(own.dropFirst(11).dropLast(10))))"
        }
        if own.hasPrefix("depth.step") { return "book_snapshot.step\(ChannelName.own(String(own.dropFirst(10))))" }
        return ChannelName.own(own)
    }

    private static let intervals = ["1min", "5min", "15min", "30min", "60min", "4hour", "1day", "1week", "1mon", "1year"]
}

/// Reads Huobi's messages. Data name their channel in `ch`, answers to requests of data in `rep`.
struct HuobiReader: DialectReader {
    let channels: HuobiChannels
    private let data = FieldScanner(["ch"])

    init(channels: HuobiChannels) { self.channels = channels }

    mutating func read(_ message: UnsafeRawBufferPointer, isText: Bool) -> Reading {
        let scan = data.scan(message)
        if let complaint = scan.complaint { return .malformed(complaint) }
        if let channel = scan[0], channel.isString { return .packet(Route(first: channel.range)) }
        return readControl(message)
    }

    mutating func topic(of route: Route, in message: UnsafeRawBufferPointer) -> Topic? { topic(message.string(route.first)) }

    private func topic(_ name: String) -> Topic? {
        let parts = name.split(separator: ".", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "market", !parts[1].isEmpty, !parts[2].isEmpty else { return nil }
        return Topic(channel: channels.word(String(parts[2])), symbol: String(parts[1]))
    }

    private func readControl(_ message: UnsafeRawBufferPointer) -> Reading {
        if let complaint = message.complaint { return .malformed(complaint) }
        if let ping = message.value(["ping"]), ping.kind == .number { return .reply(.text(#"{"pong":\#(message.text(ping.range))}"#)) }
        if message.value(["pong"]) != nil { return .heartbeat }
        if let reply = message.value(["rep"]), reply.isString, message.value(["data"]) != nil || message.value(["tick"]) != nil {
            return .packet(Route(first: reply.range))
        }
        if let operation = message.text(at: ["op"]) { return readOperation(operation, message) }
        if message.text(at: ["action"]) == "ping" {
            return .reply(.text(#"{"action":"pong","data":{"ts":\#(message.text(at: ["data", "ts"]) ?? "0")}}"#))
        }
        return readAnswer(message)
    }

    private func readAnswer(_ message: UnsafeRawBufferPointer) -> Reading {
        let id = message.text(at: ["id"])
        let unsubscribed = message.text(at: ["unsubbed"])
        let named = (message.text(at: ["subbed"]) ?? unsubscribed).flatMap(topic).map { [$0] } ?? []
        switch message.text(at: ["status"]) {
        case "ok":
            return .ack(Acknowledgement(.accepted, requestID: id, topics: named, isUnsubscription: unsubscribed != nil))
        case "error":
            let words = [message.text(at: ["err-code"]), message.text(at: ["err-msg"])].compactMap(\.self).joined(separator: ": ")
            if message.text(at: ["err-msg"])?.hasPrefix("429") == true { return .notice(Notice(.limit, words)) }
            return .ack(Acknowledgement(.rejected(words), requestID: id, topics: named))
        default: return .unrouted
        }
    }

    /// The envelope of the notification addresses.
    private func readOperation(_ operation: String, _ message: UnsafeRawBufferPointer) -> Reading {
        switch operation {
        case "ping": return .reply(.text(#"{"op":"pong","ts":\#(message.value(["ts"]).map { message.text($0.range) } ?? "0")}"#))
        case "pong": return .heartbeat
        case "close": return .notice(Notice(.reconnect, "the server closes the connection"))
        case "notify" where message.text(at: ["topic"])?.hasSuffix(".heartbeat") == true:
            let isUp = message.text(at: ["data", "heartbeat"]) == "1"
            return .notice(isUp ? Notice(.information, "the system is up") : Notice(.maintenance, "the system is in maintenance"))
        default: return .unrouted
        }
    }
}
