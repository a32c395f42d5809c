public import Coordination

/// Channel and symbol of a data stream.
public struct StreamTopic: Sendable, Hashable, CustomStringConvertible {
    public var channel: String
    /// As the exchange writes it; `_all` for packets that speak of several symbols.
    public var symbol: String

    public init(channel: String, symbol: String) {
        self.channel = channel
        self.symbol = symbol
    }

    public var description: String { "\(channel):\(symbol)" }
}

/// What to read of one feed. The control stream is always read: without it neither gaps nor handovers can be told.
public struct Subscription: Sendable, Hashable {
    /// A channel and a symbol, either of them `*` for any.
    public struct Pattern: Sendable, Hashable {
        public var channel: String
        public var symbol: String

        public init(channel: String, symbol: String = "*") {
            self.channel = channel
            self.symbol = symbol
        }

        /// The topic if nothing is left open.
        var topic: StreamTopic? { channel == "*" || symbol == "*" ? nil : StreamTopic(channel: channel, symbol: symbol) }

        func matches(_ topic: StreamTopic) -> Bool {
            (channel == "*" || channel == topic.channel) && (symbol == "*" || symbol == topic.symbol)
        }
    }

    public var feed: FeedName
    /// The budget group, which is the hash tag of the feed's keys; by default the exchange.
    public var group: String
    public var patterns: [Pattern]
    /// Also deliver packets of the control stream: acknowledgements, notices, unroutable ones; all of them with `routing: feed`.
    public var includesControlPackets: Bool

    public init(feed: FeedName, group: String? = nil, patterns: [Pattern], includesControlPackets: Bool = false) {
        self.feed = feed
        self.group = group ?? feed.exchange
        self.patterns = patterns
        self.includesControlPackets = includesControlPackets
    }

    /// One channel of an exchange, of the given symbols or of all.
    public init(_ exchange: String, _ channel: String, _ symbols: String...) {
        let symbols = symbols.isEmpty ? ["*"] : symbols
        self.init(feed: FeedName(exchange), patterns: symbols.map { Pattern(channel: channel, symbol: $0) })
    }

    /// All streams of a feed, the packets of the control stream included.
    public static func everything(_ feed: FeedName, group: String? = nil) -> Subscription {
        Subscription(feed: feed, group: group, patterns: [Pattern(channel: "*")], includesControlPackets: true)
    }

    /// New streams may join while reading.
    var isOpen: Bool { patterns.contains { $0.topic == nil } }
    /// Nothing of the feed is left out, so its sequences have no holes.
    var readsEverything: Bool { patterns.contains { $0.channel == "*" && $0.symbol == "*" } }

    package func matches(_ topic: StreamTopic) -> Bool { patterns.contains { $0.matches(topic) } }
}

extension FeedKeys {
    /// The channel and symbol in a data stream's key; nil if the key is no data stream of this feed.
    package func topic(of key: String) -> StreamTopic? {
        let prefix = data(channel: "", symbol: "").dropLast()
        guard key.hasPrefix(prefix) else { return nil }
        let rest = key.dropFirst(prefix.count)
        guard let colon = rest.firstIndex(of: ":"), colon != rest.startIndex else { return nil }
        return StreamTopic(channel: String(rest[..<colon]), symbol: FeedKeys.percentDecode(rest[rest.index(after: colon)...]))
    }

    private static func percentDecode(_ text: Substring) -> String {
        guard text.utf8.contains(UInt8(ascii: "%")) else { return String(text) }
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) {
                bytes.append(value)
                rest.removeFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension Subscription {
    /// Refuses what cannot be read.
    static func check(_ subscriptions: [Subscription], server: ReaderServer) throws(StreamsError) {
        if server.endpoints.isEmpty { throw StreamsError(.usage, "no Redis server to read from: give at least one endpoint") }
        if subscriptions.isEmpty { throw StreamsError(.usage, "nothing to read: give at least one subscription") }
        if let first = subscriptions.first(where: { $0.patterns.isEmpty && !$0.includesControlPackets }) {
            throw StreamsError(.usage, "the subscription to \(first.feed) names no channel: add a pattern, `*` for all")
        }
    }

    /// Subscriptions to the same feed as one.
    static func united(_ subscriptions: [Subscription]) -> [Subscription] {
        var united: [Subscription] = []
        for subscription in subscriptions {
            if let at = united.firstIndex(where: { $0.feed == subscription.feed && $0.group == subscription.group }) {
                united[at].patterns += subscription.patterns.filter { !united[at].patterns.contains($0) }
                united[at].includesControlPackets = united[at].includesControlPackets || subscription.includesControlPackets
            } else {
                united.append(subscription)
            }
        }
        return united
    }
}
