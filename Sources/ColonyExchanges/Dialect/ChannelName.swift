/// Colony's words for channels, and how other names become words.
///
/// A word is `trade`, `ticker`, `bbo`, `book` (incremental depth), `book_snapshot` or `candle.<interval>`; a parameter after a dot
/// names a variant where an exchange has several (`book.100ms`, `book.20`). Anything else is the exchange's own channel name in the
/// characters `[a-z0-9_.-]`.
package struct ChannelName: Sendable, Equatable, CustomStringConvertible {
    /// `trade` of `trade`, `book` of `book.100ms`.
    package var base: String
    /// `100ms` of `book.100ms`, `1m` of `candle.1m`; empty for the plain word.
    package var parameter: String

    package init(base: String, parameter: String = "") {
        self.base = base
        self.parameter = parameter
    }

    /// Reads what users write: plural and other usual names, `candles.1min`, `candle` for one-minute candles. Names it does not know
    /// are kept, in the allowed characters.
    package init(_ text: String) {
        let own = Self.own(text)
        let parts = own.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        base = Self.words[String(parts[0])] ?? String(parts[0])
        parameter = parts.count > 1 ? String(parts[1]) : ""
        if base == "candle" {
            // Before the case is lost: 1M is a month, 1m a minute.
            let written = text.split(separator: ".", maxSplits: 1).dropFirst().first.map(String.init) ?? "1m"
            parameter = CandleInterval(written)?.word ?? parameter
        }
    }

    package var description: String { parameter.isEmpty ? base : "\(base).\(parameter)" }

    /// An exchange's own channel name as a word: lower case, and `-` for every character outside `[a-z0-9_.-]`.
    package static func own(_ name: String) -> String {
        String(
            decoding: name.utf8.map { byte -> UInt8 in
                if (0x41...0x5A).contains(byte) { byte | 0x20 } else { Topic.isChannelByte(byte) ? byte : 0x2D }
            }, as: UTF8.self)
    }

    private static let words: [String: String] = [
        "trades": "trade", "tickers": "ticker", "quote": "bbo", "quotes": "bbo", "best_bid_ask": "bbo", "bookticker": "bbo",
        "book_ticker": "bbo", "books": "book", "orderbook": "book", "order_book": "book", "depth": "book", "l2": "book",
        "snapshot": "book_snapshot", "orderbook_snapshot": "book_snapshot", "books_snapshot": "book_snapshot", "candles": "candle",
        "kline": "candle", "klines": "candle", "ohlc": "candle", "ohlcv": "candle",
    ]
}

/// The length of a candle: `1m`, `15m`, `1h`, `1d`, `1w`, `1mon`.
package struct CandleInterval: Sendable, Hashable {
    /// Seconds of a candle; 0 where months are counted.
    package let seconds: Int
    package let months: Int

    package init(seconds: Int) {
        self.seconds = seconds
        self.months = 0
    }

    package init(minutes: Int) { self.init(seconds: minutes * 60) }

    package init(months: Int) {
        self.seconds = 0
        self.months = months
    }

    /// Reads `1m`, `1min`, `60min`, `1H`, `4hour`, `1D`, `1day`, `1w`, `1week`, `1M`, `1mon`, `1month`, `1Y`; a bare number counts minutes.
    package init?(_ text: String) {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let count = Int(digits), count > 0, count <= 1_000_000 else { return nil }
        let unit = text.dropFirst(digits.count)
        switch unit == "M" ? "mon" : unit.lowercased() {
        case "s", "sec": self.init(seconds: count)
        case "", "m", "min", "minute": self.init(minutes: count)
        case "h", "hour": self.init(minutes: count * 60)
        case "d", "day": self.init(minutes: count * 1440)
        case "w", "week": self.init(minutes: count * 10080)
        case "mon", "month": self.init(months: count)
        case "y", "year": self.init(months: count * 12)
        default: return nil
        }
    }

    /// The interval as Colony writes it, in the largest unit that fits: `90m`, `1h`, `1w`.
    package var word: String {
        if months > 0 { return "\(months)mon" }
        for (unit, length) in [("w", 604_800), ("d", 86_400), ("h", 3_600), ("m", 60)] where seconds % length == 0 {
            return "\(seconds / length)\(unit)"
        }
        return "\(seconds)s"
    }
}
