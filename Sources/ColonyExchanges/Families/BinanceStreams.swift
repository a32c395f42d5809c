/// Binance's stream names (`btcusdt@depth@100ms`) and Colony's topics, in both directions.
struct BinanceStreams: Sendable {
    let variant: BinanceDialect.Variant

    var offered: String {
        switch variant {
        case .spot:
            "trade, aggtrade, ticker, miniticker, avgprice, bbo, book (100 ms), book.1000ms, book_snapshot (20 levels), "
                + "book_snapshot.5, book_snapshot.10, candle.1m and other intervals"
        case .futures:
            "trade, trade.raw, ticker, miniticker, markprice, markprice.1s, forceorder, bbo, book (100 ms), book.250ms, book.500ms, "
                + "book_snapshot (20 levels), book_snapshot.5, book_snapshot.10, candle.1m and other intervals"
        case .gemini: "trade, bbo, book (100 ms), book_snapshot (20 levels), book_snapshot.5, book_snapshot.10"
        }
    }

    /// How often depth streams push when their name does not tell.
    private var plainSpeed: String { variant == .futures ? "250ms" : "1000ms" }

    private static let otherNames = [
        "aggTrade", "miniTicker", "avgPrice", "markPrice", "forceOrder", "compositeIndex", "indexPrice", "contractInfo", "assetIndex",
    ]

    /// The stream of a channel, nil where the exchange has none.
    func stream(of channel: ChannelName, symbol: String) -> String? {
        guard let name = name(of: channel) else { return nil }
        if symbol != Topic.allSymbols { return "\(symbol.lowercased())@\(name)" }
        switch name {
        case "bookTicker": return variant == .gemini ? nil : "!bookTicker"
        case "ticker", "miniTicker", "forceOrder", "markPrice": return "!\(name)@arr"
        case "markPrice@1s": return "!markPrice@arr@1s"
        case "contractInfo", "assetIndex": return "!\(name)"
        default: return nil
        }
    }

    /// The topic of a stream, nil for a name that is none (a private stream's key).
    func topic(of stream: String) -> Topic? {
        if stream.hasPrefix("!") {
            let name = stream.dropFirst().replacing("@arr", with: "", maxReplacements: 1)
            return channel(of: String(name)).map { Topic(channel: ChannelName.own($0.description), symbol: Topic.allSymbols) }
        }
        guard let at = stream.firstIndex(of: "@") else { return nil }
        let symbol = variant == .gemini ? stream[..<at].lowercased() : stream[..<at].uppercased()
        return channel(of: String(stream[stream.index(after: at)...])).map {
            Topic(channel: ChannelName.own($0.description), symbol: symbol)
        }
    }

    private func name(of channel: ChannelName) -> String? {
        let parameter = channel.parameter
        switch channel.base {
        case "trade" where parameter.isEmpty: return variant == .futures ? "aggTrade" : "trade"
        case "trade" where parameter == "raw" && variant == .futures: return "trade"
        case "ticker" where variant != .gemini: return parameter.isEmpty ? "ticker" : Self.window(parameter).map { "ticker_\($0)" }
        case "bbo" where parameter.isEmpty: return "bookTicker"
        case "book": return depth(parameter)
        case "book_snapshot": return partialDepth(parameter)
        case "candle" where variant != .gemini: return CandleInterval(parameter).flatMap(Self.interval).map { "kline_\($0)" }
        default: break
        }
        guard variant != .gemini, let own = Self.otherNames.first(where: { $0.lowercased() == channel.base }) else { return nil }
        return parameter.isEmpty ? own : own == "markPrice" && parameter == "1s" ? "markPrice@1s" : nil
    }

    private func channel(of name: String) -> ChannelName? {
        switch name {
        case "trade": return variant == .futures ? ChannelName(base: "trade", parameter: "raw") : ChannelName(base: "trade")
        case "aggTrade": return ChannelName(base: variant == .futures ? "trade" : "aggtrade")
        case "ticker": return ChannelName(base: "ticker")
        case "bookTicker": return ChannelName(base: "bbo")
        case "markPrice@1s": return ChannelName(base: "markprice", parameter: "1s")
        default: break
        }
        if name.hasPrefix("kline_") {
            return CandleInterval(String(name.dropFirst(6))).map { ChannelName(base: "candle", parameter: $0.word) }
        }
        if name.hasPrefix("ticker_") { return ChannelName(base: "ticker", parameter: String(name.dropFirst(7))) }
        guard name.hasPrefix("depth") else {
            return name.isEmpty ? nil : ChannelName(base: ChannelName.own(name).replacing(".", with: "-"))
        }
        let parts = name.dropFirst(5).split(separator: "@", omittingEmptySubsequences: false)
        let levels = String(parts[0])
        let speed = parts.count > 1 ? String(parts[1]) : plainSpeed
        if levels.isEmpty { return ChannelName(base: "book", parameter: speed == "100ms" ? "" : speed) }
        if speed != "100ms" { return ChannelName(base: "book_snapshot", parameter: "\(levels).\(speed)") }
        return ChannelName(base: "book_snapshot", parameter: levels == "20" ? "" : levels)
    }

    private func depth(_ parameter: String) -> String? {
        switch parameter {
        case "", "100ms": "depth@100ms"
        case plainSpeed: "depth"
        case "500ms" where variant == .futures: "depth@500ms"
        default: nil
        }
    }

    private func partialDepth(_ parameter: String) -> String? {
        let parts = parameter.split(separator: ".")
        let levels = parts.first.map(String.init) ?? "20"
        let speed = parts.count > 1 ? String(parts[1]) : "100ms"
        guard ["5", "10", "20"].contains(levels), parts.count <= 2 else { return nil }
        switch speed {
        case plainSpeed: return "depth\(levels)"
        case "100ms": return "depth\(levels)@100ms"
        case "500ms" where variant == .futures: return "depth\(levels)@500ms"
        default: return nil
        }
    }

    private static func window(_ parameter: String) -> String? {
        ["1h", "4h", "1d"].contains(parameter) ? parameter : nil
    }

    private static func interval(_ interval: CandleInterval) -> String? {
        if interval.months == 1 { return "1M" }
        let word = interval.word
        return ["1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w"].contains(word) ? word : nil
    }
}
