/// The channels of an exchange: Colony's words beside the exchange's own names.
///
/// A native name holds what the dialect needs to ask for the channel and to recognise its data; a parameter that is not part of the
/// exchange's own name stands behind a space (`candle 1m`).
struct ChannelOffer: Sendable {
    struct Row: Sendable {
        var word: String
        var native: String
    }

    private(set) var rows: [Row]
    /// Words that another one answers: `book` where every book message is a snapshot, `book.100ms` where that is the only pace.
    private(set) var aliases: [String: String] = [:]
    /// Words whose channel speaks of the whole exchange; their symbol is `_all`.
    private(set) var wholeExchange: Set<String> = []
    /// Words that take `_all` as well as a symbol.
    private(set) var alsoWholeExchange: Set<String> = []
    /// The exchange's own channel names that begin so are passed on as they are.
    private(set) var ownPrefixes: [String] = []

    init(_ pairs: KeyValuePairs<String, String>) {
        rows = pairs.map { Row(word: $0.key, native: $0.value) }
    }

    /// Adds a row `candle.<interval>` for each of the exchange's interval names.
    func adding(candles channel: String, separator: String = " ", _ intervals: KeyValuePairs<String, String>) -> ChannelOffer {
        var result = self
        for (interval, name) in intervals {
            result.rows.append(Row(word: "candle.\(interval)", native: "\(channel)\(separator)\(name)"))
        }
        return result
    }

    /// The exchange's name of a canonical word.
    func native(_ word: String) -> String {
        rows.first { $0.word == word }?.native ?? word
    }

    /// The word of a channel as the exchange names it in its data.
    func word(_ native: String) -> String {
        rows.first { $0.native == native }?.word ?? ChannelName.own(native)
    }

    /// The topic of a channel and symbol as the exchange names them.
    func topic(_ native: String, _ symbol: String) -> Topic {
        Topic(channel: word(native), symbol: symbol)
    }

    /// What `Dialect.canonical` promises.
    func canonical(_ topic: Topic, of exchange: ExchangeProfile, _ style: SymbolStyle) throws(DialectError) -> Topic {
        let word = try canonicalWord(topic.channel, of: exchange)
        if wholeExchange.contains(word) { return Topic(channel: word, symbol: Topic.allSymbols) }
        if topic.symbol == Topic.allSymbols, !alsoWholeExchange.contains(word) {
            throw DialectError(
                .badSymbol, "\(exchange.id) has no '\(word)' for all symbols at once; name them, for example \(exchange.exampleSymbol)")
        }
        do {
            return Topic(channel: word, symbol: try style.canonical(topic.symbol))
        } catch {
            throw DialectError(error.code, "\(exchange.id): \(error.description)")
        }
    }

    private func canonicalWord(_ text: String, of exchange: ExchangeProfile) throws(DialectError) -> String {
        let word = ChannelName(text).description
        if let answering = aliases[word] { return answering }
        if rows.contains(where: { $0.word == word }) { return word }
        let own = ChannelName.own(text)
        if let row = rows.first(where: { ChannelName.own($0.native) == own }) { return row.word }
        if ownPrefixes.contains(where: { own.hasPrefix($0) && own.count > $0.count }) { return own }
        let offered = rows.map(\.word) + ownPrefixes.map { "\($0)*" }
        throw DialectError(.unknownChannel, "\(exchange.id) has no channel '\(text)'; it offers \(offered.joined(separator: ", "))")
    }
}

/// A dialect whose topics are those of a channel table and whose address is fixed.
protocol TableDialect: Dialect {
    var offer: ChannelOffer { get }
    var symbols: SymbolStyle { get }
}

extension TableDialect {
    func canonical(_ topic: Topic) throws(DialectError) -> Topic {
        try offer.canonical(topic, of: profile, symbols)
    }

    func connection(topics: [Topic], random: UInt64) -> ConnectionPlan {
        .url(profile.url)
    }
}

/// The topics of each channel, in the order in which the channels appear first.
func groupedByChannel(_ topics: [Topic]) -> [(channel: String, topics: [Topic])] {
    var order: [String] = []
    var groups: [String: [Topic]] = [:]
    for topic in topics {
        if groups[topic.channel] == nil { order.append(topic.channel) }
        groups[topic.channel, default: []].append(topic)
    }
    return order.map { ($0, groups[$0] ?? []) }
}

extension ChannelOffer {
    /// The offer with `aliases`.
    func answering(_ aliases: [String: String]) -> ChannelOffer {
        var result = self
        result.aliases = aliases
        return result
    }

    /// The offer with channels that have no symbol of their own, and with those where `_all` is one symbol among others.
    func wholeExchange(_ words: Set<String>, optional: Set<String> = []) -> ChannelOffer {
        var result = self
        result.wholeExchange = words
        result.alsoWholeExchange = optional
        return result
    }

    /// The offer with the exchange's own names that begin with one of `prefixes`.
    func passing(_ prefixes: [String]) -> ChannelOffer {
        var result = self
        result.ownPrefixes = prefixes
        return result
    }
}

extension PingContext {
    /// Whole milliseconds since 1970; 0 for a clock that shows no such time.
    var milliseconds: Int64 { Int64(exactly: wallMilliseconds.rounded(.down)) ?? 0 }

    /// Whole seconds since 1970.
    var seconds: Int64 { milliseconds / 1000 }
}
