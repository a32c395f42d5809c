/// BitMax, today AscendEX: the client says `op`, the server `m`; up to ten symbols, joined by commas, in `ch`.
struct AscendEXDialect: TableDialect {
    var profile: ExchangeProfile
    let offer = ChannelOffer([
        "trade": "trades", "bbo": "bbo", "book": "depth", "book_snapshot": "depth-snapshot",
    ]).adding(
        candles: "bar",
        [
            "1m": "1", "5m": "5", "15m": "15", "30m": "30", "1h": "60", "2h": "120", "4h": "240", "6h": "360", "12h": "720", "1d": "1d",
            "1w": "1w", "1mon": "1m",
        ]
    ).answering(["ticker": "bbo"])
    let symbols = SymbolStyle(.upper, separator: "/")

    static let dialects: [any Dialect] = [
        AscendEXDialect(
            profile: ExchangeProfile(
                id: "bitmax", name: "BitMax (AscendEX)", market: .spot, status: .renamed, family: "ascendex",
                url: "wss://ascendex.com/0/api/pro/v1/stream",
                // A client's ping stops the server's for 30 s; two of the server's without answer end the session. How far apart
                // they come is not documented: 15 s were seen.
                heartbeat: .init(
                    initiator: .both, interval: .seconds(15), replyWithin: .seconds(10), silence: .seconds(45),
                    serverInterval: .seconds(15), serverDeadline: .seconds(30)),
                limits: .init(topicsPerMessage: 10), exampleSymbol: "BTC/USDT"))
    ]

    func canonical(_ topic: Topic) throws(DialectError) -> Topic {
        // A perpetual keeps its hyphen.
        let isPerpetual = topic.symbol.uppercased().hasSuffix("-PERP")
        return try offer.canonical(topic, of: profile, isPerpetual ? SymbolStyle(.upper, separator: nil) : symbols)
    }

    func subscribe(_ topics: [Topic], firstID: Int) -> [Request] {
        requests("sub", topics, firstID)
    }

    /// A snapshot is asked for once and needs no unsubscription.
    func unsubscribe(_ topics: [Topic], remaining: [Topic], firstID: Int) -> [Request] {
        requests("unsub", topics.filter { $0.channel != "book_snapshot" }, firstID)
    }

    private func requests(_ operation: String, _ topics: [Topic], _ firstID: Int) -> [Request] {
        var requests: [Request] = []
        for (word, group) in groupedByChannel(topics) {
            let isSnapshot = word == "book_snapshot"
            for batch in group.batches(of: isSnapshot ? 1 : profile.limits.topicsPerMessage) {
                let id = String(firstID + requests.count)
                let list = batch.map(\.symbol).joined(separator: ",")
                let text: String
                if isSnapshot {
                    text = #"{"op":"req","id":"\#(id)","action":"depth-snapshot","args":{"symbol":\#(MessageText.quoted(list))}}"#
                } else {
                    let channel = offer.native(word).split(separator: " ").joined(separator: ":")
                    text = #"{"op":"\#(operation)","id":"\#(id)","ch":\#(MessageText.quoted("\(channel):\(list)"))}"#
                }
                requests.append(Request(id: id, topics: batch, message: .text(text)))
            }
        }
        return requests
    }

    func ping(_ style: HeartbeatStyle, _ context: PingContext) -> OutgoingMessage? {
        switch style {
        case .legacy2020: LegacyHeartbeat.message(profile.id, context)
        case .documented: .text(#"{"op":"ping"}"#)
        }
    }

    func makeReader() -> any DialectReader { AscendEXReader(offer: offer) }
}

struct AscendEXReader: DialectReader {
    let offer: ChannelOffer

    private enum Tag {
        static let plain: UInt8 = 0
        static let candle: UInt8 = 1
    }

    private static let envelope = FieldScanner(["m"], ["symbol"])
    private static let candle = FieldScanner(["s"], ["data", "i"])
    private static let answer = FieldScanner(["id"], ["ch"], ["code"])
    private static let words = FieldScanner(["reason"], ["info"])

    mutating func read(_ message: UnsafeRawBufferPointer, isText: Bool) -> Reading {
        let scan = Self.envelope.scan(message)
        if let complaint = scan.complaint { return .malformed(complaint) }
        guard let kind = scan.string(0)?.range else { return .unrouted }
        if let symbol = scan.string(1) { return .packet(Route(first: kind, second: symbol.range)) }
        if message.equals(kind, "bar") { return bar(message) }
        if message.equals(kind, "ping") { return .reply(.text(#"{"op":"pong"}"#)) }
        if message.equals(kind, "pong") || message.equals(kind, "connected") { return .heartbeat }
        return answer(kind, message)
    }

    private func bar(_ message: UnsafeRawBufferPointer) -> Reading {
        let scan = Self.candle.scan(message)
        if let complaint = scan.complaint { return .malformed(complaint) }
        guard let symbol = scan.string(0), let interval = scan.present(1) else { return .unrouted }
        return .packet(Route(first: symbol.range, second: interval.range, tag: Tag.candle))
    }

    private func answer(_ kind: Range<Int>, _ message: UnsafeRawBufferPointer) -> Reading {
        let scan = Self.answer.scan(message)
        if let complaint = scan.complaint { return .malformed(complaint) }
        let isUnsubscription = message.equals(kind, "unsub")
        let isAnswer = isUnsubscription || message.equals(kind, "sub")
        let id = scan.present(0).map { message.text($0) }
        let topics = scan.string(1).map { self.topics(message.text($0)) } ?? []
        if isAnswer, scan[2].flatMap({ message.integer(in: $0.range) }) ?? 0 == 0 {
            return .ack(Acknowledgement(.accepted, requestID: id, topics: topics, isUnsubscription: isUnsubscription))
        }
        let fields = Self.words.scan(message)
        let words = [scan[2], fields[0], fields[1]].compactMap(\.self).map { message.text($0) }.joined(separator: " ")
        if message.equals(kind, "disconnected") { return .notice(Notice(.reconnect, words)) }
        guard isAnswer || message.equals(kind, "error") else { return .unrouted }
        if !isAnswer, id == nil { return .notice(Notice(.error, words)) }
        return .ack(Acknowledgement(.rejected(words), requestID: id, topics: topics, isUnsubscription: isUnsubscription))
    }

    /// `trades:BTC/USDT,ETH/USDT` or `bar:1:BTC/USDT`.
    private func topics(_ channel: String) -> [Topic] {
        let parts = channel.split(separator: ":")
        guard parts.count > 1 else { return [] }
        let native = parts.dropLast().joined(separator: " ")
        return parts[parts.count - 1].split(separator: ",").map { offer.topic(native, String($0)) }
    }

    mutating func topic(of route: Route, in message: UnsafeRawBufferPointer) -> Topic? {
        let (first, second) = (message.decoded(route.first), message.decoded(route.second))
        return route.tag == Tag.candle ? offer.topic("bar \(second)", first) : offer.topic(first, second)
    }
}
