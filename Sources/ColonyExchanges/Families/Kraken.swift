/// Kraken's spot protocol: asks in version 2, reads version 1 (arrays) too.
struct KrakenDialect: Dialect {
    var profile: ExchangeProfile

    func canonical(_ topic: Topic) throws(DialectError) -> Topic {
        let channel = ChannelName(topic.channel)
        guard KrakenChannels.request(of: channel) != nil else {
            throw .noChannel(topic.channel, at: profile, offered: KrakenChannels.offered)
        }
        let folded = channel.description == "book.\(KrakenChannels.defaultDepth)" ? "book" : channel.description
        if channel.base == "instrument" { return Topic(channel: folded, symbol: Topic.allSymbols) }
        let symbol = try SymbolStyle(.upper, separator: "/").canonical(topic.symbol)
        guard symbol != Topic.allSymbols else {
            throw DialectError(.badSymbol, "\(profile.id) has no channel '\(folded)' for all symbols; name one, for example BTC/USD")
        }
        // Version 2 writes the usual codes where version 1 had its own.
        let codes = symbol.split(separator: "/").map { $0 == "XBT" ? "BTC" : $0 == "XDG" ? "DOGE" : String($0) }
        return Topic(channel: folded, symbol: codes.joined(separator: "/"))
    }

    func connection(topics: [Topic], random: UInt64) -> ConnectionPlan { .url(profile.url) }

    func subscribe(_ topics: [Topic], firstID: Int) -> [Request] { requests("subscribe", topics, firstID) }

    func unsubscribe(_ topics: [Topic], remaining: [Topic], firstID: Int) -> [Request] { requests("unsubscribe", topics, firstID) }

    func ping(_ style: HeartbeatStyle, _ context: PingContext) -> OutgoingMessage? {
        switch style {
        case .documented: .text(#"{"method":"ping","req_id":\#(context.random % 1_000_000)}"#)
        case .legacy2020: LegacyHeartbeat.message(profile.id, context)
        }
    }

    func makeReader() -> any DialectReader { KrakenReader() }

    /// One channel for each message, in the order in which the channels first appear.
    private func requests(_ method: String, _ topics: [Topic], _ firstID: Int) -> [Request] {
        var requests: [Request] = []
        for (channel, group) in topics.grouped(by: \.channel) {
            guard let parameters = KrakenChannels.request(of: ChannelName(channel)) else { continue }
            for batch in group.batches(of: profile.limits.topicsPerMessage) {
                let id = firstID + requests.count
                let named = batch.map(\.symbol).filter { $0 != Topic.allSymbols }
                let symbols = named.isEmpty ? "" : #","symbol":\#(MessageText.array(named))"#
                let noSnapshot = channel == "trade" && method == "subscribe" ? #","snapshot":false"# : ""
                let text =
                    #"{"method":"\#(method)","params":{"channel":"\#(parameters.channel)"\#(symbols)\#(parameters.extra)\#(noSnapshot)},"#
                    + #""req_id":\#(id)}"#
                requests.append(Request(id: String(id), topics: batch, message: .text(text)))
            }
        }
        return requests
    }
}

extension KrakenDialect {
    static let dialects: [any Dialect] = [
        KrakenDialect(
            profile: ExchangeProfile(
                id: "kraken", name: "Kraken", market: .spot, family: "kraken", url: "wss://ws.kraken.com/v2",
                // The server's own heartbeats (about one a second) begin with the first subscription.
                heartbeat: .init(
                    initiator: .both, interval: .seconds(30), replyWithin: .seconds(15), silence: .seconds(45), serverInterval: .seconds(1)),
                limits: .init(topicsPerMessage: 50, messages: 5, connects: 150, connectWindow: .seconds(600)), exampleSymbol: "BTC/USD"))
    ]
}

/// Kraken's channels of version 2 and Colony's words.
enum KrakenChannels {
    static let defaultDepth = "10"
    static let offered =
        "trade, ticker, book (10 levels), book.25, book.100, book.500, book.1000, instrument, candle.1m and other intervals"

    private static let depths: Set<String> = ["10", "25", "100", "500", "1000"]
    private static let minutes: Set<Int> = [1, 5, 15, 30, 60, 240, 1440, 10_080, 21_600]

    /// The channel and further parameters of a request, nil where the exchange has none.
    static func request(of channel: ChannelName) -> (channel: String, extra: String)? {
        switch channel.base {
        case "trade", "ticker", "instrument": return channel.parameter.isEmpty ? (channel.base, "") : nil
        case "book":
            let depth = channel.parameter.isEmpty ? defaultDepth : channel.parameter
            return depths.contains(depth) ? ("book", #","depth":\#(depth)"#) : nil
        case "candle":
            guard let interval = CandleInterval(channel.parameter), interval.months == 0, interval.seconds % 60 == 0,
                minutes.contains(interval.seconds / 60)
            else { return nil }
            return ("ohlc", #","interval":\#(interval.seconds / 60)"#)
        default: return nil
        }
    }

    /// Colony's word for a channel of version 2; `depth` and `interval` as the exchange writes them.
    static func word(_ channel: String, depth: String?, interval: String?) -> String {
        switch channel {
        case "book": return depth.map { $0 == defaultDepth ? "book" : "book.\(ChannelName.own($0))" } ?? "book"
        case "ohlc": return "candle.\(interval.flatMap { CandleInterval($0)?.word } ?? "1m")"
        default: return ChannelName.own(channel)
        }
    }

    /// Colony's word for a channel of version 1, whose names hold the variant: `book-25`, `ohlc-5`.
    static func word1(_ name: String) -> String {
        let parts = name.split(separator: "-", maxSplits: 1).map(String.init)
        guard let first = parts.first else { return "" }
        return first == "spread" ? "bbo" : word(first, depth: parts.dropFirst().first, interval: parts.dropFirst().first)
    }
}

extension Array {
    /// The elements by what `key` says of them, groups in the order of their first element.
    func grouped<Key: Hashable>(by key: (Element) -> Key) -> [(key: Key, elements: [Element])] {
        var positions: [Key: Int] = [:]
        var groups: [(key: Key, elements: [Element])] = []
        for element in self {
            let name = key(element)
            if let position = positions[name] {
                groups[position].elements.append(element)
            } else {
                positions[name] = groups.count
                groups.append((name, [element]))
            }
        }
        return groups
    }
}
