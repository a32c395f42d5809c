/// Reads Bitfinex's messages; learns the channel numbers of its connection.
struct BitfinexReader: DialectReader {
    /// More channels than this on one connection are not the exchange's doing: it allows 25.
    private static let channelLimit = 1_000

    private let number = FieldScanner([.index(0)])
    private var topics: [Int: Topic] = [:]

    static func unsubscription(_ channel: Int) -> OutgoingMessage { .text(#"{"event":"unsubscribe","chanId":\#(channel)}"#) }

    mutating func prepare(_ request: inout Request) {
        guard request.message == Self.unsubscription(0), let topic = request.topics.first,
            let channel = topics.first(where: { $0.value == topic })?.key
        else { return }
        request.message = Self.unsubscription(channel)
    }

    mutating func read(_ message: UnsafeRawBufferPointer, isText: Bool) -> Reading {
        let scan = number.scan(message)
        if let complaint = scan.complaint { return .malformed(complaint) }
        guard let channel = scan[0] else { return readEvent(message) }
        // What is not known yet is kept, but no stream is named for it: the number's meaning may still come.
        guard channel.kind == .number, let id = message.integer(in: channel.range) else { return .unrouted }
        if isHeartbeat(message, after: channel.end) { return .heartbeat }
        return topics[id] == nil ? .unrouted : .packet(Route(first: channel.range))
    }

    mutating func topic(of route: Route, in message: UnsafeRawBufferPointer) -> Topic? {
        message.integer(in: route.first).flatMap { topics[$0] }
    }

    /// Whether the second element is the text `hb`.
    private func isHeartbeat(_ message: UnsafeRawBufferPointer, after position: Int) -> Bool {
        var position = position
        while position < message.count, message[position] == 0x2C || message[position] == 0x20 { position += 1 }
        return position + 4 <= message.count && message.equals(position..<position + 4, "\"hb\"")
    }

    private mutating func readEvent(_ message: UnsafeRawBufferPointer) -> Reading {
        if let complaint = message.complaint { return .malformed(complaint) }
        switch message.text(at: ["event"]) {
        case "subscribed":
            guard let id = message.text(at: ["chanId"]).flatMap({ Int($0) }), let topic = named(message) else { return .unrouted }
            guard topics.count < Self.channelLimit || topics[id] != nil else {
                return .notice(Notice(.limit, "more than \(Self.channelLimit) channels on one connection"))
            }
            topics[id] = topic
            return .ack(Acknowledgement(.accepted, requestID: message.text(at: ["subId"]), topics: [topic]))
        case "unsubscribed":
            let topic = message.text(at: ["chanId"]).flatMap { Int($0) }.flatMap { topics.removeValue(forKey: $0) }
            return .ack(Acknowledgement(.accepted, topics: topic.map { [$0] } ?? [], isUnsubscription: true))
        case "error": return readError(message)
        case "info": return readInfo(message)
        case "pong", "conf": return .heartbeat
        default: return .unrouted
        }
    }

    private func readError(_ message: UnsafeRawBufferPointer) -> Reading {
        let code = message.text(at: ["code"]) ?? ""
        let words = "\(code) \(message.text(at: ["msg"]) ?? "")"
        if code == "10400" || code == "10401" { return .ack(Acknowledgement(.rejected(words), isUnsubscription: true)) }
        guard let topic = named(message) else { return .notice(Notice(.error, words)) }
        // Already subscribed: the data come.
        return .ack(
            Acknowledgement(code == "10301" ? .accepted : .rejected(words), requestID: message.text(at: ["subId"]), topics: [topic]))
    }

    private func readInfo(_ message: UnsafeRawBufferPointer) -> Reading {
        let words = message.text(at: ["msg"]) ?? ""
        switch message.text(at: ["code"]) {
        case "20051": return .notice(Notice(.reconnect, words))
        case "20060": return .notice(Notice(.maintenance, words))
        // After maintenance the exchange wants everything subscribed again.
        case "20061": return .notice(Notice(.reconnect, words))
        case let code?: return .notice(Notice(.information, "\(code) \(words)"))
        case nil: break
        }
        guard message.text(at: ["platform", "status"]) == "0" else { return .heartbeat }
        return .notice(Notice(.maintenance, "the platform is in maintenance"))
    }

    /// The topic of a `subscribed` or `error` event.
    private func named(_ message: UnsafeRawBufferPointer) -> Topic? {
        let symbol = message.text(at: ["symbol"])
        let key = message.text(at: ["key"])
        switch message.text(at: ["channel"]) {
        case "trades": return symbol.map { Topic(channel: "trade", symbol: $0) }
        case "ticker": return symbol.map { Topic(channel: "ticker", symbol: $0) }
        case "book":
            let subscription = BitfinexSubscription(
                kind: .book(
                    precision: message.text(at: ["prec"]) ?? "P0", frequency: message.text(at: ["freq"]) ?? "F0",
                    length: message.text(at: ["len"]) ?? "25"))
            return symbol.map { Topic(channel: subscription.word, symbol: $0) }
        case "candles":
            // The symbol may hold colons itself: "trade:1m:tBTCF0:USTF0".
            guard let parts = key?.split(separator: ":", maxSplits: 2).map(String.init), parts.count == 3 else { return nil }
            return Topic(channel: BitfinexSubscription(kind: .candles(parts[1])).word, symbol: parts[2])
        case "status":
            guard let parts = key?.split(separator: ":", maxSplits: 1).map(String.init), parts.count == 2 else { return nil }
            return Topic(channel: parts[0] == "deriv" ? "status" : "status.\(ChannelName.own(parts[0]))", symbol: parts[1])
        default: return nil
        }
    }
}
