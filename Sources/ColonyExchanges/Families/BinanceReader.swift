/// Reads Binance's messages: combined pushes by their stream, raw pushes by event and symbol.
struct BinanceReader: DialectReader {
    /// What the ranges of a route are.
    private enum Tag {
        /// The stream's name.
        static let stream: UInt8 = 0
        /// The event's name and the symbol.
        static let event: UInt8 = 1
        /// The symbol of best prices, which have no event name in raw form.
        static let bestPrices: UInt8 = 2
        /// The symbol of a Gemini trade, which has no event name.
        static let trade: UInt8 = 3
        /// The interval and the symbol of a candle.
        static let candle: UInt8 = 4
        /// The event's name in an array that speaks of several symbols.
        static let array: UInt8 = 5
    }

    let streams: BinanceStreams
    private let combined = FieldScanner(["stream"])
    private let raw = FieldScanner(["e"], ["s"], ["t"], ["u"])

    init(streams: BinanceStreams) { self.streams = streams }

    mutating func read(_ message: UnsafeRawBufferPointer, isText: Bool) -> Reading {
        let scan = combined.scan(message)
        if let complaint = scan.complaint { return .malformed(complaint) }
        guard let stream = scan[0], stream.isString else { return readRaw(message) }
        if message.hasPrefix(stream.range, "!serverShutdown") { return .notice(Notice(.reconnect, "serverShutdown")) }
        return .packet(Route(first: stream.range, tag: Tag.stream))
    }

    mutating func topic(of route: Route, in message: UnsafeRawBufferPointer) -> Topic? {
        switch route.tag {
        case Tag.stream: return streams.topic(of: message.text(route.first))
        case Tag.bestPrices: return Topic(channel: "bbo", symbol: message.text(route.first))
        case Tag.trade: return Topic(channel: "trade", symbol: message.text(route.first))
        case Tag.candle:
            guard let interval = CandleInterval(message.text(route.first)) else { return nil }
            return Topic(channel: "candle.\(interval.word)", symbol: message.text(route.second))
        case Tag.array:
            return Topic(channel: channel(ofEvent: message.text(route.first)), symbol: Topic.allSymbols)
        default: return Topic(channel: channel(ofEvent: message.text(route.first)), symbol: message.text(route.second))
        }
    }

    /// Raw pushes do not say how often their stream pushes: the dialect's default is taken to be meant.
    private func channel(ofEvent event: String) -> String {
        switch event {
        case "trade": streams.variant == .futures ? "trade.raw" : "trade"
        case "aggTrade": streams.variant == .futures ? "trade" : "aggtrade"
        case "24hrTicker": "ticker"
        case "24hrMiniTicker": "miniticker"
        case "bookTicker": "bbo"
        case "depthUpdate": "book"
        case "markPriceUpdate": "markprice"
        default: ChannelName.own(event)
        }
    }

    private func readRaw(_ message: UnsafeRawBufferPointer) -> Reading {
        if let complaint = message.complaint { return .malformed(complaint) }
        let scan = raw.scan(message)
        if let event = scan[0], event.isString {
            if message.equals(event.range, "serverShutdown") { return .notice(Notice(.reconnect, "serverShutdown")) }
            guard let symbol = scan[1], symbol.isString else { return .unrouted }
            if message.equals(event.range, "kline"), let interval = message.value(["k", "i"]) {
                return .packet(Route(first: interval.range, second: symbol.range, tag: Tag.candle))
            }
            return .packet(Route(first: event.range, second: symbol.range, tag: Tag.event))
        }
        if let symbol = scan[1], symbol.isString {
            if scan[2] != nil { return .packet(Route(first: symbol.range, tag: Tag.trade)) }
            if scan[3] != nil { return .packet(Route(first: symbol.range, tag: Tag.bestPrices)) }
        }
        if let event = message.value([.index(0), "e"]), event.isString { return .packet(Route(first: event.range, tag: Tag.array)) }
        return readAnswer(message)
    }

    private func readAnswer(_ message: UnsafeRawBufferPointer) -> Reading {
        let id = message.text(at: ["id"])
        let words = message.text(at: ["error", "msg"]) ?? message.text(at: ["msg"])
        let code = message.text(at: ["error", "code"]) ?? message.text(at: ["code"])
        let status = message.text(at: ["status"]).flatMap { Int($0) } ?? 200
        if words != nil || code != nil || status >= 400 {
            let reason = [code ?? (status >= 400 ? String(status) : nil), words].compactMap(\.self).joined(separator: " ")
            guard let id else { return .notice(Notice(.error, reason)) }
            return .ack(Acknowledgement(.rejected(reason), requestID: id))
        }
        if let id, message.value(["result"]) != nil { return .ack(Acknowledgement(.accepted, requestID: id)) }
        return .unrouted
    }
}
