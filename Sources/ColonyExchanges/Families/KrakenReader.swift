/// Reads Kraken's messages of both versions. Books do not say their depth: it is known from the request, or else from the answer.
struct KrakenReader: DialectReader {
    private enum Tag {
        /// Channel and symbol.
        static let symbol: UInt8 = 0
        /// Channel; the packet speaks of several symbols or of none.
        static let several: UInt8 = 1
        /// Interval and symbol of a candle; the interval of candles of several symbols.
        static let candle: UInt8 = 2
        static let candles: UInt8 = 3
        /// Version 1: channel and pair.
        static let pair: UInt8 = 4
    }

    private let push = FieldScanner(["channel"], ["data", .each, "symbol"])
    private let intervals = FieldScanner(["data", .each, "interval"])
    private let array = FieldScanner([.secondLast], [.last])
    private var depths: [String: String] = [:]
    /// The topics of requests that refusals may name by symbol only; answers are soon, so few are kept.
    private var asked: [(id: String, topics: [Topic])] = []
    private static let askedLimit = 64

    mutating func prepare(_ request: inout Request) {
        for topic in request.topics {
            let channel = ChannelName(topic.channel)
            if channel.base == "book" { depths[topic.symbol] = channel.parameter.isEmpty ? KrakenChannels.defaultDepth : channel.parameter }
        }
        guard let id = request.id else { return }
        if asked.count == Self.askedLimit { asked.removeFirst() }
        asked.append((id, request.topics))
    }

    mutating func read(_ message: UnsafeRawBufferPointer, isText: Bool) -> Reading {
        let body = message.trimmed
        if let first = body.first, message[first] == 0x5B { return readArray(message) }
        let scan = push.scan(message)
        if let complaint = scan.complaint { return .malformed(complaint) }
        guard let channel = scan[0], channel.isString else { return readControl(message) }
        if message.equals(channel.range, "heartbeat") { return .heartbeat }
        if message.equals(channel.range, "status") { return readStatus(message.text(at: ["data", .index(0), "system"])) }
        guard let symbol = scan[1], symbol.isString else { return .packet(Route(first: channel.range, tag: Tag.several)) }
        if message.equals(channel.range, "ohlc") {
            guard let interval = intervals.scan(message)[0], !interval.differs else { return .unrouted }
            if symbol.differs { return .packet(Route(first: interval.range, tag: Tag.candles)) }
            return .packet(Route(first: interval.range, second: symbol.range, tag: Tag.candle))
        }
        if symbol.differs { return .packet(Route(first: channel.range, tag: Tag.several)) }
        return .packet(Route(first: channel.range, second: symbol.range, tag: Tag.symbol))
    }

    mutating func topic(of route: Route, in message: UnsafeRawBufferPointer) -> Topic? {
        let first = message.text(route.first)
        let symbol = message.text(FieldValue(start: route.second.lowerBound, end: route.second.upperBound, kind: .string, hasEscapes: true))
        switch route.tag {
        case Tag.several: return Topic(channel: KrakenChannels.word(first, depth: nil, interval: nil), symbol: Topic.allSymbols)
        case Tag.candle: return Topic(channel: KrakenChannels.word("ohlc", depth: nil, interval: first), symbol: symbol)
        case Tag.candles: return Topic(channel: KrakenChannels.word("ohlc", depth: nil, interval: first), symbol: Topic.allSymbols)
        case Tag.pair: return Topic(channel: KrakenChannels.word1(first), symbol: symbol)
        default: return Topic(channel: KrakenChannels.word(first, depth: depths[symbol], interval: nil), symbol: symbol)
        }
    }

    private func readArray(_ message: UnsafeRawBufferPointer) -> Reading {
        let scan = array.scan(message)
        if let complaint = scan.complaint { return .malformed(complaint) }
        guard let name = scan[0], let pair = scan[1], name.isString, pair.isString else { return .unrouted }
        return .packet(Route(first: name.range, second: pair.range, tag: Tag.pair))
    }

    private mutating func readControl(_ message: UnsafeRawBufferPointer) -> Reading {
        if let complaint = message.complaint { return .malformed(complaint) }
        if let method = message.text(at: ["method"]) { return readAnswer(method, message) }
        if let words = message.text(at: ["Error"]) ?? message.text(at: ["error"]) {
            let isRate = words.contains("rate")
            return .notice(Notice(isRate ? .limit : .error, words))
        }
        switch message.text(at: ["event"]) {
        case "heartbeat", "pong": return .heartbeat
        case "systemStatus": return readStatus(message.text(at: ["status"]))
        case "subscriptionStatus": return readAnswer1(message)
        case "error": return .notice(Notice(.error, message.text(at: ["errorMessage"]) ?? "error without words"))
        default: return .unrouted
        }
    }

    private func readStatus(_ system: String?) -> Reading {
        switch system {
        case "online", nil: .heartbeat
        case "maintenance": .notice(Notice(.maintenance, "system maintenance"))
        case let other?: .notice(Notice(.information, "system \(other)"))
        }
    }

    /// An answer of version 2: one for each symbol of a request.
    private mutating func readAnswer(_ method: String, _ message: UnsafeRawBufferPointer) -> Reading {
        if method == "pong" { return .heartbeat }
        let id = message.text(at: ["req_id"])
        let isUnsubscription = method == "unsubscribe"
        let symbol = message.text(at: ["result", "symbol"]) ?? message.text(at: ["symbol"])
        guard message.text(at: ["success"]) == "true" else {
            let words = message.text(at: ["error"]) ?? "refused without words"
            let topics = asked.last { $0.id == id }?.topics.filter { $0.symbol == symbol } ?? []
            return .ack(Acknowledgement(.rejected(words), requestID: id, topics: topics, isUnsubscription: isUnsubscription))
        }
        var topics: [Topic] = []
        if let channel = message.text(at: ["result", "channel"]) {
            let depth = message.text(at: ["result", "depth"])
            let known = depth ?? symbol.flatMap { depths[$0] }
            let word = KrakenChannels.word(channel, depth: known, interval: message.text(at: ["result", "interval"]))
            topics = [Topic(channel: word, symbol: symbol ?? Topic.allSymbols)]
            if let symbol, let depth, !isUnsubscription { depths[symbol] = depth }
        }
        return .ack(Acknowledgement(.accepted, requestID: id, topics: topics, isUnsubscription: isUnsubscription))
    }

    private func readAnswer1(_ message: UnsafeRawBufferPointer) -> Reading {
        let id = message.text(at: ["reqid"])
        let status = message.text(at: ["status"])
        var topics: [Topic] = []
        if let pair = message.text(at: ["pair"]) {
            let name = message.text(at: ["channelName"]) ?? Self.name1(message)
            topics = name.map { [Topic(channel: KrakenChannels.word1($0), symbol: pair)] } ?? []
        }
        if status == "error" {
            let words = message.text(at: ["errorMessage"]) ?? "refused without words"
            return .ack(Acknowledgement(.rejected(words), requestID: id, topics: topics))
        }
        return .ack(Acknowledgement(.accepted, requestID: id, topics: topics, isUnsubscription: status == "unsubscribed"))
    }

    /// The name of version 1 that a refusal means; it repeats the subscription only.
    private static func name1(_ message: UnsafeRawBufferPointer) -> String? {
        guard let name = message.text(at: ["subscription", "name"]) else { return nil }
        let variant = message.text(at: ["subscription", "depth"]) ?? message.text(at: ["subscription", "interval"])
        return variant.map { "\(name)-\($0)" } ?? name
    }
}
