/// A leased websocket connection: `<exchange>` or `<exchange>/<shard>`.
public struct FeedName: Hashable, Sendable, Comparable, CustomStringConvertible {
    public let text: String

    public init(_ text: String) { self.text = text }

    public var exchange: String { String(text.prefix { $0 != "/" }) }
    public var description: String { text }

    public static func < (left: FeedName, right: FeedName) -> Bool { left.text < right.text }
}

/// What every mutating call must show: `<incarnation>:<epoch>`.
public struct Token: Hashable, Sendable, CustomStringConvertible {
    public var incarnation: Incarnation
    public var epoch: Int

    public init(incarnation: Incarnation, epoch: Int) {
        self.incarnation = incarnation
        self.epoch = epoch
    }

    public var description: String { "\(incarnation):\(epoch)" }
}

/// One life of a worker process: `<name>.<16 hex digits drawn at start>`.
public struct Incarnation: Hashable, Sendable, CustomStringConvertible {
    public let text: String

    public init(_ text: String) { self.text = text }

    public init(name: String, random: UInt64) {
        let hex = String(random, radix: 16)
        self.text = "\(name).\(String(repeating: "0", count: 16 - hex.count))\(hex)"
    }

    /// The worker's stable name.
    public var name: String {
        guard let dot = text.lastIndex(of: ".") else { return text }
        return String(text[..<dot])
    }

    public var description: String { text }
}
