/// bitbank.cc: socket.io over engine.io. A frame is a packet digit or two, then JSON: `42["join-room","transactions_btc_jpy"]`.
///
/// With `EIO=4` in the address (today's) the server asks `2` and the client owes `3`; with `EIO=3` (2020) the client asks.
struct BitbankDialect: TableDialect {
    var profile: ExchangeProfile
    let offer = ChannelOffer([
        "trade": "transactions", "ticker": "ticker", "book": "depth_diff", "book_snapshot": "depth_whole",
        "circuit_break_info": "circuit_break_info",
    ])
    let symbols = SymbolStyle(.lower, separator: "_")

    static let dialects: [any Dialect] = [
        BitbankDialect(
            profile: ExchangeProfile(
                id: "bitbank", name: "bitbank", market: .spot, family: "socketio",
                url: "wss://stream.bitbank.cc/socket.io/?EIO=4&transport=websocket",
                // The open packet names both times; 25 s and 20 s are what was seen on the wire in 2024.
                heartbeat: .init(
                    initiator: .server, silence: .seconds(45), serverInterval: .seconds(25), serverDeadline: .seconds(20)),
                subscribesAfterGreeting: true, exampleSymbol: "btc_jpy"))
    ]

    func subscribe(_ topics: [Topic], firstID: Int) -> [Request] {
        requests("join-room", topics)
    }

    // Not in the documents. Where the server does not know it, the data end with the connection.
    func unsubscribe(_ topics: [Topic], remaining: [Topic], firstID: Int) -> [Request] {
        requests("leave-room", topics)
    }

    private func requests(_ event: String, _ topics: [Topic]) -> [Request] {
        topics.map { topic in
            let room = "\(offer.native(topic.channel))_\(topic.symbol)"
            return Request(id: nil, topics: [topic], message: .text("42" + MessageText.array([event, room])))
        }
    }

    func ping(_ style: HeartbeatStyle, _ context: PingContext) -> OutgoingMessage? {
        switch style {
        case .legacy2020: LegacyHeartbeat.message(profile.id, context)
        case .documented: profile.url.contains("EIO=3") ? .text("2") : nil
        }
    }

    func makeReader() -> any DialectReader { BitbankReader(offer: offer) }
}

struct BitbankReader: DialectReader {
    let offer: ChannelOffer

    private static let room = FieldScanner([.index(0)], [.index(1), "room_name"])

    mutating func read(_ message: UnsafeRawBufferPointer, isText: Bool) -> Reading {
        guard let type = message.first else { return .malformed("an empty message") }
        switch type {
        // Open: the client joins the namespace before anything else.
        case UInt8(ascii: "0"): return message.count > 1 && message[1] == UInt8(ascii: "{") ? .reply(.text("40")) : unknown(message)
        case UInt8(ascii: "1"): return .notice(Notice(.reconnect, "engine.io close packet"))
        case UInt8(ascii: "2"): return message.count == 1 ? .reply(.text("3")) : unknown(message)
        case UInt8(ascii: "3"), UInt8(ascii: "6"): return message.count == 1 ? .heartbeat : unknown(message)
        case UInt8(ascii: "4"): return packet(message)
        default: return unknown(message)
        }
    }

    private func unknown(_ message: UnsafeRawBufferPointer) -> Reading {
        .malformed("not an engine.io packet: '\(message.excerpt)'")
    }

    private func packet(_ message: UnsafeRawBufferPointer) -> Reading {
        guard message.count > 1 else { return unknown(message) }
        switch message[1] {
        case UInt8(ascii: "0"): return .heartbeat
        case UInt8(ascii: "1"): return .notice(Notice(.reconnect, "the exchange closed the namespace"))
        case UInt8(ascii: "2"): return event(message)
        case UInt8(ascii: "4"): return .notice(Notice(.error, message.excerpt))
        default: return unknown(message)
        }
    }

    private func event(_ message: UnsafeRawBufferPointer) -> Reading {
        let prefix = 2
        let scan = Self.room.scan(UnsafeRawBufferPointer(rebasing: message[prefix...]))
        if let complaint = scan.complaint { return .malformed(complaint) }
        guard scan.string(0) != nil, let room = scan.string(1) else { return .unrouted }
        return .packet(Route(first: room.start + prefix..<room.end + prefix))
    }

    /// `depth_diff_btc_jpy`: the last two parts are the symbol.
    mutating func topic(of route: Route, in message: UnsafeRawBufferPointer) -> Topic? {
        let room = message.decoded(route.first)
        let parts = room.split(separator: "_")
        guard parts.count > 2 else { return Topic(channel: ChannelName.own(room), symbol: Topic.allSymbols) }
        return offer.topic(parts.dropLast(2).joined(separator: "_"), parts.suffix(2).joined(separator: "_"))
    }
}
