/// Deribit's protocol: JSON-RPC 2.0 with channel strings.
struct DeribitDialect: Dialect {
    var profile: ExchangeProfile

    func canonical(_ topic: Topic) throws(DialectError) -> Topic {
        let symbol = try SymbolStyle(.upper, separator: nil).canonical(topic.symbol)
        guard symbol != Topic.allSymbols else {
            throw DialectError(.badSymbol, "\(profile.id) has no channel for all symbols; name one, for example \(profile.exampleSymbol)")
        }
        guard let own = DeribitChannels.own(ChannelName(topic.channel), symbol: symbol), let result = DeribitChannels.topic(own) else {
            throw .noChannel(topic.channel, at: profile, offered: DeribitChannels.offered)
        }
        return result
    }

    func connection(topics: [Topic], random: UInt64) -> ConnectionPlan { .url(profile.url) }

    func subscribe(_ topics: [Topic], firstID: Int) -> [Request] {
        let requests = requests("public/subscribe", topics, firstID + 1)
        guard !requests.isEmpty else { return [] }
        // A dead connection is noticed only when the server was asked for heartbeats; asking again changes nothing.
        let seconds = max(10, profile.heartbeat.serverInterval?.components.seconds ?? 30)
        let text = #"{"jsonrpc":"2.0","id":\#(firstID),"method":"public/set_heartbeat","params":{"interval":\#(seconds)}}"#
        return [Request(id: String(firstID), topics: [], message: .text(text))] + requests
    }

    func unsubscribe(_ topics: [Topic], remaining: [Topic], firstID: Int) -> [Request] { requests("public/unsubscribe", topics, firstID) }

    func ping(_ style: HeartbeatStyle, _ context: PingContext) -> OutgoingMessage? {
        switch style {
        case .documented: nil
        case .legacy2020: LegacyHeartbeat.message(profile.id, context)
        }
    }

    func makeReader() -> any DialectReader { DeribitReader() }

    private func requests(_ method: String, _ topics: [Topic], _ firstID: Int) -> [Request] {
        topics.batches(of: profile.limits.topicsPerMessage).enumerated().map { offset, batch in
            let names = batch.compactMap { DeribitChannels.own(ChannelName($0.channel), symbol: $0.symbol) }
            let text =
                #"{"jsonrpc":"2.0","id":\#(firstID + offset),"method":"\#(method)","params":{"channels":\#(MessageText.array(names))}}"#
            return Request(id: String(firstID + offset), topics: batch, message: .text(text))
        }
    }
}

extension DeribitDialect {
    static let dialects: [any Dialect] = [
        DeribitDialect(
            profile: ExchangeProfile(
                id: "deribit", name: "Deribit", market: .futures, family: "jsonrpc", url: "wss://www.deribit.com/ws/api/v2",
                heartbeat: .init(initiator: .server, silence: .seconds(60), serverInterval: .seconds(30), serverDeadline: .seconds(30)),
                // A subscribe message costs 3,000 of 30,000 credits, refilled at about 3.3 messages a second; a frame holds 32 kB.
                limits: .init(topicsPerMessage: 100, messages: 3), exampleSymbol: "BTC-PERPETUAL"))
    ]
}

/// Deribit's channels (`book.BTC-PERPETUAL.100ms`) and Colony's topics.
enum DeribitChannels {
    static let offered =
        "trade (100 ms), trade.agg2, ticker (100 ms), ticker.agg2, bbo, book (100 ms), book.agg2, book_snapshot (10 levels, 100 ms), "
        + "book_snapshot.1, book_snapshot.20, candle.1m and other intervals; trade.raw, ticker.raw and book.raw with a login"

    private static let resolutions = ["1", "3", "5", "10", "15", "30", "60", "120", "180", "360", "720", "1D"]

    static func own(_ channel: ChannelName, symbol: String) -> String? {
        let pace = channel.parameter.isEmpty ? "100ms" : channel.parameter
        switch channel.base {
        case "trade", "ticker", "book":
            guard ["100ms", "raw", "agg2"].contains(pace) else { return nil }
            return "\(channel.base == "trade" ? "trades" : channel.base).\(symbol).\(pace)"
        case "bbo": return channel.parameter.isEmpty ? "quote.\(symbol)" : nil
        case "book_snapshot":
            let depth = channel.parameter.isEmpty ? "10" : channel.parameter
            return ["1", "10", "20"].contains(depth) ? "book.\(symbol).none.\(depth).100ms" : nil
        case "candle":
            return resolutions.first { CandleInterval($0)?.word == channel.parameter }.map { "chart.trades.\(symbol).\($0)" }
        default: return nil
        }
    }

    static func topic(_ own: String) -> Topic? {
        let parts = own.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.count > 1 else { return Topic(channel: ChannelName.own(own), symbol: Topic.allSymbols) }
        let rest = parts.dropFirst(2).joined(separator: ".")
        let variant = rest.isEmpty || rest == "100ms" ? "" : ".\(ChannelName.own(rest))"
        switch parts[0] {
        case "trades": return Topic(channel: "trade\(variant)", symbol: parts[1])
        case "quote": return Topic(channel: "bbo\(variant)", symbol: parts[1])
        case "book" where parts.count == 5:
            let isDefault = parts[2] == "none" && parts[3] == "10" && parts[4] == "100ms"
            let isUngrouped = parts[2] == "none" && parts[4] == "100ms"
            return Topic(
                channel: isDefault ? "book_snapshot" : "book_snapshot.\(ChannelName.own(isUngrouped ? parts[3] : rest))", symbol: parts[1])
        case "chart" where parts.count == 4 && parts[1] == "trades":
            return CandleInterval(parts[3]).map { Topic(channel: "candle.\($0.word)", symbol: parts[2]) }
        default: return Topic(channel: "\(ChannelName.own(parts[0]))\(variant)", symbol: parts[1])
        }
    }
}

struct DeribitReader: DialectReader {
    /// Answers to test requests have an id that no request of ours has.
    private static let testID = "999999999"
    private static let test = OutgoingMessage.text(#"{"jsonrpc":"2.0","id":\#(testID),"method":"public/test","params":{}}"#)

    private let push = FieldScanner(["params", "channel"])

    mutating func read(_ message: UnsafeRawBufferPointer, isText: Bool) -> Reading {
        let scan = push.scan(message)
        if let complaint = scan.complaint { return .malformed(complaint) }
        guard let channel = scan[0], channel.isString else { return readAnswer(message) }
        if message.equals(channel.range, "platform_state") {
            let isLocked = message.text(at: ["params", "data", "locked"]) == "true"
            return .notice(isLocked ? Notice(.maintenance, "the platform is locked") : Notice(.information, "the platform is open"))
        }
        return .packet(Route(first: channel.range))
    }

    mutating func topic(of route: Route, in message: UnsafeRawBufferPointer) -> Topic? { DeribitChannels.topic(message.text(route.first)) }

    private func readAnswer(_ message: UnsafeRawBufferPointer) -> Reading {
        if let complaint = message.complaint { return .malformed(complaint) }
        if message.text(at: ["method"]) == "heartbeat" {
            return message.text(at: ["params", "type"]) == "test_request" ? .reply(Self.test) : .heartbeat
        }
        let id = message.text(at: ["id"])
        if message.value(["error"])?.kind == .object {
            let code = message.text(at: ["error", "code"]) ?? ""
            let words = "\(code) \(message.text(at: ["error", "message"]) ?? "")"
            if code == "10028" || id == nil { return .notice(Notice(code == "10028" ? .limit : .error, words)) }
            return .ack(Acknowledgement(.rejected(words), requestID: id))
        }
        guard let id, let result = message.value(["result"]) else { return .unrouted }
        if id == Self.testID { return .heartbeat }
        // Channels that do not exist are left out of the answer.
        let topics = message.texts(at: ["result"]).compactMap(DeribitChannels.topic)
        if result.kind == .array, topics.isEmpty {
            return .ack(Acknowledgement(.rejected("no such channel: the answer names none"), requestID: id))
        }
        return .ack(Acknowledgement(.accepted, requestID: id, topics: topics))
    }
}
