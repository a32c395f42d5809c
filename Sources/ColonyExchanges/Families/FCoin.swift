/// FCoin and FMex: `{"cmd":"sub","args":["trade.btcusdt"],"id":"7"}`; every push and answer names what it is in `type`.
struct FCoinDialect: TableDialect {
    var profile: ExchangeProfile
    let offer = ChannelOffer([
        "trade": "trade", "ticker": "ticker", "book_snapshot": "depth.L20", "book_snapshot.100": "depth.L100",
        "book_snapshot.150": "depth.L150",
    ]).adding(
        candles: "candle", separator: ".",
        [
            "1m": "M1", "3m": "M3", "5m": "M5", "15m": "M15", "30m": "M30", "1h": "H1", "4h": "H4", "6h": "H6", "1d": "D1", "1w": "W1",
            "1mon": "MN",
        ]
    ).answering(["book": "book_snapshot", "book_snapshot.20": "book_snapshot"])
    // FMex writes `btcusd_p`: the underscore is part of the symbol.
    let symbols: SymbolStyle

    static let dialects: [any Dialect] = [
        FCoinDialect(
            profile: ExchangeProfile(
                id: "fcoin", name: "FCoin", market: .spot, status: .defunct, family: "fcoin-cmd", url: "wss://api.fcoin.com/v2/ws",
                heartbeat: .init(initiator: .client, interval: .seconds(25), replyWithin: .seconds(10), silence: .seconds(60)),
                limits: limits, exampleSymbol: "btcusdt"),
            symbols: SymbolStyle(.lower, separator: "")),
        FCoinDialect(
            profile: ExchangeProfile(
                id: "fmex", name: "FMex", market: .futures, status: .defunct, family: "fcoin-cmd", url: "wss://api.fmex.com/v2/ws",
                heartbeat: .init(initiator: .client, interval: .seconds(15), replyWithin: .seconds(10), silence: .seconds(45)),
                limits: limits, exampleSymbol: "btcusd_p"),
            symbols: SymbolStyle(.lower, separator: nil)),
    ]

    // The documents name 20 topics without saying whether of a message or of a connection: both. The message rate is unknown.
    private static let limits = ExchangeProfile.Limits(topicsPerMessage: 20, maxTopics: 20)

    func subscribe(_ topics: [Topic], firstID: Int) -> [Request] {
        requests("sub", topics, firstID)
    }

    // No unsubscription is documented; the word is the one that goes with `sub`. A server that does not know it answers with a status.
    func unsubscribe(_ topics: [Topic], remaining: [Topic], firstID: Int) -> [Request] {
        requests("unsub", topics, firstID)
    }

    private func requests(_ command: String, _ topics: [Topic], _ firstID: Int) -> [Request] {
        topics.batches(of: profile.limits.topicsPerMessage).enumerated().map { index, batch in
            let id = String(firstID + index)
            let names = MessageText.array(batch.map { "\(offer.native($0.channel)).\($0.symbol)" })
            return Request(id: id, topics: batch, message: .text(#"{"cmd":"\#(command)","args":\#(names),"id":"\#(id)"}"#))
        }
    }

    func ping(_ style: HeartbeatStyle, _ context: PingContext) -> OutgoingMessage? {
        switch style {
        case .legacy2020: LegacyHeartbeat.message(profile.id, context)
        case .documented:
            .text(#"{"cmd":"ping","args":[\#(context.milliseconds)],"id":"\#(context.random % 1_000_000)"}"#)
        }
    }

    func makeReader() -> any DialectReader { FCoinReader(offer: offer) }
}

struct FCoinReader: DialectReader {
    let offer: ChannelOffer

    private static let type = FieldScanner(["type"])
    private static let topics = FieldScanner(["topics"])
    private static let status = FieldScanner(["status"], ["msg"], ["id"])

    mutating func read(_ message: UnsafeRawBufferPointer, isText: Bool) -> Reading {
        let scan = Self.type.scan(message)
        if let complaint = scan.complaint { return .malformed(complaint) }
        guard let type = scan.string(0)?.range else { return answer(message) }
        if message.position(of: 0x2E, in: type) != nil { return .packet(Route(first: type)) }
        // The answer to a ping is called ping too.
        if message.equals(type, "ping") || message.equals(type, "hello") { return .heartbeat }
        guard message.equals(type, "topics") else { return .unrouted }
        let list = Self.topics.scan(message)
        if let complaint = list.complaint { return .malformed(complaint) }
        return .ack(Acknowledgement(.accepted, topics: list[0].map { message.strings(in: $0).map(topic) } ?? []))
    }

    /// What has no type answers a request: a refusal has a status, the result of a one-shot query has data.
    private func answer(_ message: UnsafeRawBufferPointer) -> Reading {
        let scan = Self.status.scan(message)
        if let complaint = scan.complaint { return .malformed(complaint) }
        guard let status = scan[0], message.integer(in: status.range) != 0 else { return .unrouted }
        let words = "\(message.text(status)) \(scan[1].map { message.text($0) } ?? "")"
        return .ack(Acknowledgement(.rejected(words), requestID: scan.present(2).map { message.text($0) }))
    }

    mutating func topic(of route: Route, in message: UnsafeRawBufferPointer) -> Topic? {
        topic(message.decoded(route.first))
    }

    /// `candle.M1.btcusdt` is channel `candle.M1` of symbol `btcusdt`.
    private func topic(_ name: String) -> Topic {
        guard let dot = name.lastIndex(of: ".") else { return Topic(channel: ChannelName.own(name), symbol: Topic.allSymbols) }
        return offer.topic(String(name[..<dot]), String(name[name.index(after: dot)...]))
    }
}
