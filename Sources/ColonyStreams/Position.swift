public import Coordination

/// Where a reader is: per feed, the id up to which it has dealt with everything it reads of that feed.
///
/// One id per feed is enough, because the ids of a feed grow over all its streams. The text form is `<feed>=<id>`, several separated by
/// one space: `binance=1763812345678-42000000000017 kraken=1763812345679-7000000000001`. Coded (Codable) as an object of feed and id.
public struct Position: Sendable, Hashable, LosslessStringConvertible {
    public private(set) var feeds: [FeedName: EntryID]

    public init(_ feeds: [FeedName: EntryID] = [:]) { self.feeds = feeds }

    public subscript(feed: FeedName) -> EntryID? {
        get { feeds[feed] }
        set { feeds[feed] = newValue }
    }

    /// Notes that the event has been dealt with, and with it everything that came before it in its feed.
    public mutating func advance(past event: ColonyEvent) {
        switch event {
        case .trimmed: return
        // It carries the id of the packet that comes right behind it.
        case .producerChanged(let change) where change.marker == nil: return
        case .packet, .gap, .producerChanged, .rollback, .foreign: break
        }
        feeds[event.feed] = max(feeds[event.feed] ?? event.id, event.id)
    }

    public init?(_ description: String) {
        var feeds: [FeedName: EntryID] = [:]
        for part in description.split(separator: " ") {
            guard let equals = part.firstIndex(of: "="), equals != part.startIndex, let id = EntryID(part[part.index(after: equals)...])
            else {
                return nil
            }
            feeds[FeedName(String(part[..<equals]))] = id
        }
        self.feeds = feeds
    }

    public var description: String { feeds.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ") }
}

extension Position: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        var feeds: [FeedName: EntryID] = [:]
        for (name, text) in try container.decode([String: String].self) {
            guard let id = EntryID(text) else {
                throw DecodingError.dataCorruptedError(in: container, debugDescription: "\(text) is no id of a stream entry (feed \(name))")
            }
            feeds[FeedName(name)] = id
        }
        self.feeds = feeds
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(Dictionary(uniqueKeysWithValues: feeds.map { ($0.key.text, $0.value.description) }))
    }
}

/// Where to begin.
public enum StartPoint: Sendable, Hashable {
    /// Only what arrives from now on.
    case now
    /// Behind this id (`<ms>-<n>`, or `<ms>` alone), in every feed.
    case id(String)
    /// At this time, milliseconds since 1970 on Redis' clock: a consistent cut through all streams.
    case time(milliseconds: Int64)
    /// This long ago, by this machine's wall clock.
    case age(Duration)
    /// Behind a stored position; feeds that it does not name begin now.
    case position(Position)

    /// The id to read behind in a feed; nil means now.
    package func cut(of feed: FeedName, wallClockMilliseconds: Int64) throws(StreamsError) -> EntryID? {
        switch self {
        case .now: return nil
        case .id(let text):
            if let id = EntryID(text) ?? EntryID("\(text)-0") { return id }
            throw StreamsError(.usage, "cannot start at the id \"\(text)\": an id is <milliseconds>-<digits>, as in a stream entry")
        case .time(let milliseconds): return EntryID(milliseconds: max(0, milliseconds), epoch: 0, sequence: 0)
        case .age(let age):
            return EntryID(milliseconds: max(0, wallClockMilliseconds - age.wholeMilliseconds), epoch: 0, sequence: 0)
        case .position(let position): return position[feed]
        }
    }
}
