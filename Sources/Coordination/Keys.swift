/// Every key of the system, in one place (`<namespace>:{<group>}:...`).
///
/// All keys of a budget group carry its name as hash tag, so that each function call stays within one slot.
public struct Keys: Sendable, Hashable {
    public var namespace: String

    public init(namespace: String = "colony") { self.namespace = namespace }

    public var beats: String { "\(namespace):{workers}:beats" }
    public var meta: String { "\(namespace):{workers}:meta" }
    public var catalogue: String { "\(namespace):{workers}:catalogue" }
    /// What is asked of workers and supervisors, and the answers.
    public var requests: String { "\(namespace):{workers}:requests" }
    /// The channel on which new requests are told.
    public var requestsWake: String { "\(namespace):{workers}:wake" }
    public func worker(_ incarnation: Incarnation) -> String { "\(namespace):{workers}:worker:\(incarnation)" }

    public func disconnects(group: String) -> String { "\(namespace):{\(group)}:disconnects" }
    public func events(group: String) -> String { "\(namespace):{\(group)}:events" }
    public func wake(group: String) -> String { "\(namespace):{\(group)}:wake" }

    /// The keys of one feed.
    public func feed(_ feed: FeedName, group: String) -> FeedKeys { FeedKeys(namespace: namespace, feed: feed, group: group) }
}

/// The keys of one feed.
public struct FeedKeys: Sendable, Hashable {
    public let feed: FeedName
    public let group: String
    private let prefix: String

    init(namespace: String, feed: FeedName, group: String) {
        self.feed = feed
        self.group = group
        self.prefix = "\(namespace):{\(group)}:"
    }

    public var lease: String { "\(prefix)lease:\(feed)" }
    public var control: String { "\(prefix)feed:\(feed)" }
    public var streams: String { "\(prefix)streams:\(feed)" }
    public var subscriptions: String { "\(prefix)subscriptions:\(feed)" }
    public var disconnects: String { "\(prefix)disconnects" }
    public var events: String { "\(prefix)events" }
    public var wake: String { "\(prefix)wake" }

    /// The data stream of a channel and symbol. Bytes of the symbol outside `!`..`~` and `%` itself are percent-encoded.
    public func data(channel: String, symbol: String) -> String {
        let symbol = FeedKeys.encode(symbol)
        return feed.text == group ? "\(prefix)\(channel):\(symbol)" : "\(prefix)\(feed):\(channel):\(symbol)"
    }

    package static func encode(_ symbol: String) -> String {
        if symbol.utf8.allSatisfy({ $0 > 32 && $0 < 127 && $0 != 37 }) { return symbol }
        var out = ""
        for byte in symbol.utf8 {
            if byte > 32 && byte < 127 && byte != 37 {
                out.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                let hex = String(byte, radix: 16, uppercase: true)
                out += byte < 16 ? "%0\(hex)" : "%\(hex)"
            }
        }
        return out
    }
}
