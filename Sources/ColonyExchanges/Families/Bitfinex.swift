/// Bitfinex's protocol: objects for events, arrays for data under channel numbers that live for one connection.
struct BitfinexDialect: Dialect {
    var profile: ExchangeProfile

    func canonical(_ topic: Topic) throws(DialectError) -> Topic {
        guard let subscription = BitfinexSubscription(channel: ChannelName(topic.channel)) else {
            throw .noChannel(topic.channel, at: profile, offered: BitfinexSubscription.offered)
        }
        guard topic.symbol != Topic.allSymbols else {
            throw DialectError(.badSymbol, "\(profile.id) has no channel for all symbols; name one, for example \(profile.exampleSymbol)")
        }
        return Topic(channel: subscription.word, symbol: try Self.symbol(topic.symbol))
    }

    func connection(topics: [Topic], random: UInt64) -> ConnectionPlan { .url(profile.url) }

    func subscribe(_ topics: [Topic], firstID: Int) -> [Request] {
        topics.compactMap { topic in
            BitfinexSubscription(channel: ChannelName(topic.channel)).map { subscription in
                Request(id: nil, topics: [topic], message: .text(subscription.request(symbol: topic.symbol)))
            }
        }
    }

    func unsubscribe(_ topics: [Topic], remaining: [Topic], firstID: Int) -> [Request] {
        // The reader fills in the channel's number.
        topics.map { Request(id: nil, topics: [$0], message: BitfinexReader.unsubscription(0)) }
    }

    func ping(_ style: HeartbeatStyle, _ context: PingContext) -> OutgoingMessage? {
        switch style {
        case .documented: .text(#"{"event":"ping","cid":\#(context.random % 1_000_000)}"#)
        case .legacy2020: LegacyHeartbeat.message(profile.id, context)
        }
    }

    func makeReader() -> any DialectReader { BitfinexReader() }

    /// `BTC-USD` as `tBTCUSD`, `DOGE/USD` as `tDOGE:USD`, `BTCF0:USTF0` as `tBTCF0:USTF0`; Tether is UST here.
    static func symbol(_ written: String) throws(DialectError) -> String {
        let checked = try SymbolStyle(.asWritten, separator: nil).canonical(written)
        if let first = checked.first, first == "t" || first == "f", checked.dropFirst().contains(where: \.isUppercase) { return checked }
        var parts = checked.uppercased().split(whereSeparator: { "-/_:".contains($0) }).map(String.init)
        if parts.count == 1, let whole = parts.first, whole.hasSuffix("USDT"), whole.count > 4 {
            parts = [String(whole.dropLast(4)), "USDT"]
        }
        let codes = parts.map { $0 == "USDT" ? "UST" : $0 }
        return "t" + codes.joined(separator: codes.contains { $0.count > 3 } ? ":" : "")
    }
}

extension BitfinexDialect {
    static let dialects: [any Dialect] = [
        row("bitfinex", "Bitfinex", .spot, symbol: "tBTCUSD"),
        row("bitfinex_swap", "Bitfinex derivatives", .futures, symbol: "tBTCF0:USTF0"),
    ]

    private static func row(_ id: String, _ name: String, _ market: ExchangeProfile.Market, symbol: String) -> any Dialect {
        BitfinexDialect(
            profile: ExchangeProfile(
                id: id, name: name, market: market, family: "bitfinex-array", url: "wss://api-pub.bitfinex.com/ws/2",
                heartbeat: .init(
                    initiator: .both, interval: .seconds(15), replyWithin: .seconds(10), silence: .seconds(40), serverInterval: .seconds(15)
                ),
                limits: .init(topicsPerMessage: 1, maxTopics: 25, messages: 5, connects: 20, connectWindow: .seconds(60)),
                exampleSymbol: symbol))
    }
}

/// One of Bitfinex's channels with its parameters, and Colony's word for it.
///
/// Books are `book` (precision P0, every change, 25 levels); other variants name what differs: `book.100`, `book.p1`, `book.p0.f1.250`,
/// `book.r0.100` (single orders).
struct BitfinexSubscription: Sendable, Equatable {
    enum Kind: Sendable, Equatable {
        case trades, ticker, derivativeStatus
        case book(precision: String, frequency: String, length: String)
        /// The interval in Bitfinex's spelling.
        case candles(String)
    }

    static let offered =
        "trade, ticker, status, book (P0, 25 levels), book.1, book.100, book.250, book.p1 and other precisions, candle.1m and other intervals"

    private static let intervals = ["1m", "5m", "15m", "30m", "1h", "3h", "6h", "12h", "1D", "1W", "14D", "1M"]

    let kind: Kind

    init(kind: Kind) { self.kind = kind }

    /// The channel of one of Colony's words, nil where the exchange has none.
    init?(channel: ChannelName) {
        switch channel.base {
        case "trade" where channel.parameter.isEmpty: kind = .trades
        case "ticker" where channel.parameter.isEmpty: kind = .ticker
        case "status" where channel.parameter.isEmpty: kind = .derivativeStatus
        case "candle":
            guard let interval = Self.intervals.first(where: { CandleInterval($0)?.word == channel.parameter }) else { return nil }
            kind = .candles(interval)
        case "book":
            var (precision, frequency, length) = ("P0", "F0", "25")
            for part in channel.parameter.split(separator: ".").map({ $0.uppercased() }) {
                switch part {
                case "P0", "P1", "P2", "P3", "P4", "R0": precision = part
                case "F0", "F1": frequency = part
                case "1", "25", "100", "250": length = part
                default: return nil
                }
            }
            kind = .book(precision: precision, frequency: frequency, length: length)
        default: return nil
        }
    }

    var word: String {
        switch kind {
        case .trades: return "trade"
        case .ticker: return "ticker"
        case .derivativeStatus: return "status"
        case .candles(let interval): return "candle.\(CandleInterval(interval)?.word ?? ChannelName.own(interval))"
        case .book(let precision, let frequency, let length):
            let differences = [precision == "P0" ? nil : precision, frequency == "F0" ? nil : frequency, length == "25" ? nil : length]
            return ChannelName.own((["book"] + differences.compactMap(\.self)).joined(separator: "."))
        }
    }

    /// The message that subscribes.
    func request(symbol: String) -> String {
        let quoted = MessageText.quoted(symbol)
        switch kind {
        case .trades: return #"{"event":"subscribe","channel":"trades","symbol":\#(quoted)}"#
        case .ticker: return #"{"event":"subscribe","channel":"ticker","symbol":\#(quoted)}"#
        case .derivativeStatus: return #"{"event":"subscribe","channel":"status","key":\#(MessageText.quoted("deriv:\(symbol)"))}"#
        case .candles(let interval):
            return #"{"event":"subscribe","channel":"candles","key":\#(MessageText.quoted("trade:\(interval):\(symbol)"))}"#
        case .book(let precision, let frequency, let length):
            return
                #"{"event":"subscribe","channel":"book","symbol":\#(quoted),"prec":"\#(precision)","freq":"\#(frequency)","len":"\#(length)"}"#
        }
    }
}
