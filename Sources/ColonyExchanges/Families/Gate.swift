/// Gate spot and perpetual futures (v4): `{"time":...,"channel":"spot.trades","event":"subscribe","payload":[...]}`, pushes in `result`.
struct GateDialect: TableDialect {
    var profile: ExchangeProfile
    let offer: ChannelOffer
    let symbols = SymbolStyle(.upper, separator: "_")
    /// `spot` or `futures`: the first part of every channel.
    let section: String

    static let dialects: [any Dialect] = [
        GateDialect(
            id: "gate", name: "Gate", market: .spot, section: "spot", url: "wss://api.gateio.ws/ws/v4/"),
        GateDialect(
            id: "gate_swap", name: "Gate perpetual futures", market: .futures, section: "futures", url: "wss://fx-ws.gateio.ws/v4/ws/usdt"),
    ]

    private init(id: String, name: String, market: ExchangeProfile.Market, section: String, url: String) {
        profile = ExchangeProfile(
            id: id, name: name, market: market, family: "gate-channel-event", url: url,
            // The server supports permessage-deflate only in part, so the official client does not offer it.
            offersDeflate: false,
            heartbeat: .init(initiator: .client, interval: .seconds(10), replyWithin: .seconds(10), silence: .seconds(30)),
            // No limit is documented, and in 2022 the exchange's engineers said there is none (github.com/gateio/gatews/issues/25).
            // 10 symbols in a message is what recorded clients send.
            limits: .init(topicsPerMessage: 10, messages: 20), exampleSymbol: "BTC_USDT")
        self.section = section
        // The data do not tell the pace or the depth that was asked for, so there is one of each: 100 ms and 20 levels.
        offer = ChannelOffer([
            "trade": "\(section).trades", "ticker": "\(section).tickers", "bbo": "\(section).book_ticker",
            "book": "\(section).order_book_update", "book_snapshot": "\(section).order_book", "obu.50": "\(section).obu 50",
            "obu.400": "\(section).obu 400",
        ]).adding(
            candles: "\(section).candlesticks",
            [
                "10s": "10s", "1m": "1m", "5m": "5m", "15m": "15m", "30m": "30m", "1h": "1h", "4h": "4h", "8h": "8h", "1d": "1d",
                "1w": "7d",
            ]
        ).answering(["book.100ms": "book", "book_snapshot.20": "book_snapshot"]).passing(["\(section)."])
    }

    func subscribe(_ topics: [Topic], firstID: Int) -> [Request] {
        requests("subscribe", topics, firstID)
    }

    func unsubscribe(_ topics: [Topic], remaining: [Topic], firstID: Int) -> [Request] {
        requests("unsubscribe", topics, firstID)
    }

    private func requests(_ event: String, _ topics: [Topic], _ firstID: Int) -> [Request] {
        var requests: [Request] = []
        for (word, group) in groupedByChannel(topics) {
            let native = offer.native(word).split(separator: " ")
            let size = Self.takesManySymbols(native[0]) ? profile.limits.topicsPerMessage : 1
            for batch in group.batches(of: size) {
                let id = firstID + requests.count
                let payload = MessageText.array(payload(native, batch.map(\.symbol)))
                let text = #"\#(Self.head(0))"id":\#(id),"channel":"\#(native[0])","event":"\#(event)","payload":\#(payload)}"#
                requests.append(Request(id: String(id), topics: batch, message: .text(text)))
            }
        }
        return requests
    }

    /// Requests are made without a clock; `stamped` puts the time in.
    func stamped(_ request: Request, wallMilliseconds: Double) -> Request {
        guard case .text(let text) = request.message, text.hasPrefix(Self.head(0)) else { return request }
        var request = request
        let seconds = PingContext(wallMilliseconds: wallMilliseconds, random: 0).seconds
        request.message = .text(Self.head(seconds) + text.dropFirst(Self.head(0).count))
        return request
    }

    private static func head(_ seconds: Int64) -> String { #"{"time":\#(seconds),"# }

    private static func takesManySymbols(_ channel: Substring) -> Bool {
        channel.hasSuffix(".trades") || channel.hasSuffix(".tickers") || channel.hasSuffix(".book_ticker")
    }

    private func payload(_ native: [Substring], _ symbols: [String]) -> [String] {
        let parameter = native.count > 1 ? String(native[1]) : ""
        switch native[0].dropFirst(section.count + 1) {
        case "order_book_update": return section == "spot" ? [symbols[0], "100ms"] : [symbols[0], "100ms", "20"]
        case "order_book": return [symbols[0], "20", section == "spot" ? "1000ms" : "0"]
        case "candlesticks": return [parameter, symbols[0]]
        case "obu": return ["ob.\(symbols[0]).\(parameter)"]
        default: return symbols
        }
    }

    func ping(_ style: HeartbeatStyle, _ context: PingContext) -> OutgoingMessage? {
        switch style {
        case .legacy2020: LegacyHeartbeat.message(profile.id, context)
        case .documented: .text(#"{"time":\#(context.seconds),"channel":"\#(section).ping"}"#)
        }
    }

    func makeReader() -> any DialectReader { GateReader(offer: offer) }
}

/// Reads v4 and, because old servers and recordings speak it, the spot protocol v3 of 2020 (`method`, `params`).
struct GateReader: DialectReader {
    let offer: ChannelOffer

    private enum Tag {
        static let plain: UInt8 = 0
        static let candle: UInt8 = 1
        static let ladder: UInt8 = 2
        static let manySymbols: UInt8 = 3
        static let v3: UInt8 = 4
    }

    private static let envelope = FieldScanner(["channel"], ["event"])
    private static let symbol = FieldScanner(["result", "s"])
    private static let pair = FieldScanner(["result", "currency_pair"], ["result", .each, "currency_pair"])
    private static let contract = FieldScanner(
        ["result", "contract"], ["result", .each, "contract"], ["result", .each, "c"], ["result", "s"])
    private static let candle = FieldScanner(["result", "n"], ["result", .each, "n"])
    private static let answer = FieldScanner(["id"], ["payload"], ["error", "message"], ["result", "status"])
    private static let errorCode = FieldScanner(["error", "code"])

    mutating func read(_ message: UnsafeRawBufferPointer, isText: Bool) -> Reading {
        let scan = Self.envelope.scan(message)
        if let complaint = scan.complaint { return .malformed(complaint) }
        guard let channel = scan.string(0)?.range else { return readV3(message) }
        guard let event = scan.string(1)?.range else {
            return message.hasSuffix(channel, ".pong") ? .heartbeat : .unrouted
        }
        if message.equals(event, "update") || message.equals(event, "all") { return data(channel, message) }
        if message.hasSuffix(channel, ".pong") { return .heartbeat }
        if message.equals(event, "subscribe") { return acknowledgement(channel, message, isUnsubscription: false) }
        if message.equals(event, "unsubscribe") { return acknowledgement(channel, message, isUnsubscription: true) }
        if message.equals(event, "upgrade") {
            return .notice(Notice(.reconnect, "the exchange upgrades and asks to reconnect: \(message.excerpt)"))
        }
        // An answer to what it did not understand (the heartbeat of 2020 among it).
        let code = Self.errorCode.scan(message)
        let words = [code[0], Self.answer.scan(message)[2]].compactMap(\.self).map { message.text($0) }
        return words.isEmpty ? .unrouted : .notice(Notice(.error, words.joined(separator: " ")))
    }

    private func data(_ channel: Range<Int>, _ message: UnsafeRawBufferPointer) -> Reading {
        let scanner: FieldScanner
        var tag = Tag.plain
        if message.hasSuffix(channel, ".candlesticks") {
            scanner = Self.candle
            tag = Tag.candle
        } else if message.hasSuffix(channel, ".order_book_update") || message.hasSuffix(channel, ".book_ticker") {
            scanner = Self.symbol
        } else if message.hasSuffix(channel, ".obu") {
            scanner = Self.symbol
            tag = Tag.ladder
        } else if message.hasPrefix(channel, "futures.") {
            scanner = Self.contract
        } else {
            scanner = message.hasSuffix(channel, ".order_book") ? Self.symbol : Self.pair
        }
        let scan = scanner.scan(message)
        if let complaint = scan.complaint { return .malformed(complaint) }
        guard let found = scan.string(0) ?? scan.string(1) ?? scan.string(2) ?? scan.string(3) else { return .unrouted }
        if found.differs { return .packet(Route(first: channel, tag: Tag.manySymbols)) }
        return .packet(Route(first: channel, second: found.range, tag: tag))
    }

    private func acknowledgement(_ channel: Range<Int>, _ message: UnsafeRawBufferPointer, isUnsubscription: Bool) -> Reading {
        let scan = Self.answer.scan(message)
        if let complaint = scan.complaint { return .malformed(complaint) }
        let code = Self.errorCode.scan(message)
        // Servers of 2021 repeat no payload: then the request's id, or its place in the order, tells what is meant.
        let payload = scan[1].map { message.strings(in: $0) } ?? []
        var outcome = Acknowledgement.Outcome.accepted
        if scan[2] != nil || code[0] != nil {
            let parts = [code[0], scan[2]].compactMap(\.self).map { message.text($0) }
            outcome = .rejected(parts.joined(separator: " "))
        } else if let status = scan.string(3), !message.equals(status.range, "success") {
            outcome = .rejected(message.text(status))
        }
        return .ack(
            Acknowledgement(
                outcome, requestID: scan.present(0).map { message.text($0) }, topics: topics(message.text(channel), payload),
                isUnsubscription: isUnsubscription))
    }

    private func topics(_ channel: String, _ payload: [String]) -> [Topic] {
        guard let first = payload.first else { return [] }
        if channel.hasSuffix(".candlesticks") { return payload.count > 1 ? [offer.topic("\(channel) \(first)", payload[1])] : [] }
        if channel.hasSuffix(".obu") { return ladder(first).map { [$0] } ?? [] }
        let takesParameters = channel.hasSuffix(".order_book_update") || channel.hasSuffix(".order_book")
        return (takesParameters ? [first] : payload).map { offer.topic(channel, $0) }
    }

    /// `ob.BTC_USDT.50` is the channel `obu.50` of `BTC_USDT`.
    private func ladder(_ name: String) -> Topic? {
        guard let head = name.firstIndex(of: "."), let tail = name.lastIndex(of: "."), head < tail else { return nil }
        let level = ChannelName.own(String(name[name.index(after: tail)...]))
        return Topic(channel: "obu.\(level)", symbol: String(name[name.index(after: head)..<tail]))
    }

    mutating func topic(of route: Route, in message: UnsafeRawBufferPointer) -> Topic? {
        let channel = message.decoded(route.first)
        let name = message.decoded(route.second)
        switch route.tag {
        case Tag.manySymbols: return offer.topic(channel, Topic.allSymbols)
        case Tag.ladder: return ladder(name)
        case Tag.candle:
            guard let mark = name.firstIndex(of: "_") else { return nil }
            return offer.topic("\(channel) \(name[..<mark])", String(name[name.index(after: mark)...]))
        case Tag.v3: return Topic(channel: Self.v3Words[channel] ?? ChannelName.own(channel), symbol: name)
        default: return offer.topic(channel, name)
        }
    }
}

/// The spot protocol of 2020: `{"method":"trades.update","params":["BTC_USDT",[...]],"id":null}`.
extension GateReader {
    private static let method = FieldScanner(["method"])
    private static let firstParameter = FieldScanner(["params", .index(0)])
    private static let lastParameter = FieldScanner(["params", .last])
    private static let lastOfFirst = FieldScanner(["params", .index(0), .last])
    private static let answerV3 = FieldScanner(["id"], ["error", "message"], ["result"], ["result", "status"])

    // A candle of v3 does not tell its interval.
    private static let v3Words = [
        "trades.update": "trade", "ticker.update": "ticker", "depth.update": "book", "kline.update": "candle",
    ]

    private func readV3(_ message: UnsafeRawBufferPointer) -> Reading {
        let scan = Self.method.scan(message)
        if let complaint = scan.complaint { return .malformed(complaint) }
        guard let method = scan.string(0)?.range else { return answerV3(message) }
        let scanner: FieldScanner
        if message.equals(method, "depth.update") {
            scanner = Self.lastParameter
        } else if message.equals(method, "kline.update") {
            scanner = Self.lastOfFirst
        } else {
            scanner = Self.firstParameter
        }
        let parameter = scanner.scan(message)
        if let complaint = parameter.complaint { return .malformed(complaint) }
        guard let symbol = parameter.string(0) else { return .unrouted }
        return .packet(Route(first: method, second: symbol.range, tag: Tag.v3))
    }

    private func answerV3(_ message: UnsafeRawBufferPointer) -> Reading {
        let scan = Self.answerV3.scan(message)
        if let complaint = scan.complaint { return .malformed(complaint) }
        let id = scan.present(0).map { message.text($0) }
        if let words = scan[1] { return .ack(Acknowledgement(.rejected(message.text(words)), requestID: id)) }
        guard let result = scan.present(2) else { return .unrouted }
        if message.equals(result.range, "pong") { return .heartbeat }
        guard let status = scan.string(3) else { return .unrouted }
        let outcome: Acknowledgement.Outcome = message.equals(status.range, "success") ? .accepted : .rejected(message.text(status))
        return .ack(Acknowledgement(outcome, requestID: id))
    }
}
