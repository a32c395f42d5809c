public import Coordination

/// One entry that a member of a group is to deal with.
public struct GroupDelivery: Sendable, Hashable {
    public var stream: String
    public var feed: FeedName
    /// Nil on the control stream.
    public var topic: StreamTopic?
    public var entry: StreamEntry
    /// It was taken over from a member that left it unacknowledged, or this member had it before and did not acknowledge it.
    public var isRedelivery: Bool

    public init(stream: String, feed: FeedName, topic: StreamTopic?, entry: StreamEntry, isRedelivery: Bool) {
        self.stream = stream
        self.feed = feed
        self.topic = topic
        self.entry = entry
        self.isRedelivery = isRedelivery
    }

    public var id: EntryID { entry.id }
    public var exchange: String { feed.exchange }
}

/// What a member of a group is handed.
public enum GroupEvent: Sendable, Hashable {
    case entry(GroupDelivery)
    /// Entries that were pending and are gone: retention removed them before any member dealt with them.
    case trimmed(feed: FeedName, stream: String, ids: [EntryID])
}

/// How far a group is behind in one stream, computed from ids.
public struct GroupLag: Sendable, Hashable {
    public var stream: String
    /// Delivered to a member and not acknowledged.
    public var pending: Int
    public var lastDelivered: EntryID
    public var lag: Lag

    public init(stream: String, pending: Int, lastDelivered: EntryID, lag: Lag) {
        self.stream = stream
        self.pending = pending
        self.lastDelivered = lastDelivered
        self.lag = lag
    }
}
