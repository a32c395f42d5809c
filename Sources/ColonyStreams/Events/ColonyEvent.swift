public import Coordination
public import NIOCore

/// What a reader of a feed sees, in the order of ids.
public enum ColonyEvent: Sendable, Hashable {
    case packet(Packet)
    /// The producer received packets that are not stored.
    case gap(Gap)
    case producerChanged(ProducerChange)
    /// Redis lost something, or renumbered it.
    case rollback(Rollback)
    /// Entries of one stream were removed by retention before this reader got to them.
    case trimmed(Trimmed)
    /// An entry that follows no rule of the layout.
    case foreign(ForeignEntry)

    public var feed: FeedName {
        switch self {
        case .packet(let packet): packet.feed
        case .gap(let gap): gap.feed
        case .producerChanged(let change): change.feed
        case .rollback(let rollback): rollback.feed
        case .trimmed(let trimmed): trimmed.feed
        case .foreign(let entry): entry.feed
        }
    }

    /// The key of the stream it speaks of.
    public var stream: String {
        switch self {
        case .packet(let packet): packet.stream
        case .gap(let gap): gap.stream
        case .producerChanged(let change): change.stream
        case .rollback(let rollback): rollback.stream
        case .trimmed(let trimmed): trimmed.stream
        case .foreign(let entry): entry.stream
        }
    }

    /// Where in the feed it belongs; reading may be resumed behind it.
    public var id: EntryID {
        switch self {
        case .packet(let packet): packet.id
        case .gap(let gap): gap.id
        case .producerChanged(let change): change.id
        case .rollback(let rollback): rollback.id
        case .trimmed(let trimmed): trimmed.before
        case .foreign(let entry): entry.id
        }
    }
}

/// One packet of an exchange, as it came from the websocket.
public struct Packet: Sendable, Hashable {
    /// Key of the stream that holds it.
    public var stream: String
    public var feed: FeedName
    /// Channel and symbol; nil for packets of the control stream (acknowledgements, notices, what could not be routed).
    public var topic: StreamTopic?
    public var id: EntryID
    /// When the worker received it: nanoseconds since 1970 on the worker's wall clock. Order is told by `id`, never by this.
    public var timeNanoseconds: Int64
    public var data: ByteBuffer
    /// Why something of this stream is missing right before this packet; nil when nothing is.
    public var missing: Missing?
    /// True if this reader has had the packet before, under the id it had before a rollback renumbered it. A reader that was resumed between
    /// the rollback and the packet does not know.
    public var isRepeat: Bool

    public init(
        stream: String, feed: FeedName, topic: StreamTopic?, id: EntryID, timeNanoseconds: Int64, data: ByteBuffer, missing: Missing? = nil,
        isRepeat: Bool = false
    ) {
        self.stream = stream
        self.feed = feed
        self.topic = topic
        self.id = id
        self.timeNanoseconds = timeNanoseconds
        self.data = data
        self.missing = missing
        self.isRepeat = isRepeat
    }

    public var exchange: String { feed.exchange }
    public var channel: String? { topic?.channel }
    public var symbol: String? { topic?.symbol }
    /// Nothing of this stream is missing between the packet before and this one. If false, treat state built from the stream as stale.
    public var whole: Bool { missing == nil }
    /// The payload as text; bytes that are not UTF-8 are replaced. Copies.
    public var text: String { String(buffer: data) }
}

/// Why something of a stream is missing.
public enum Missing: Sendable, Hashable {
    /// The producer received it and could not store it: a `gap` marker covers it.
    case lost
    /// It was stored, and removed by retention before it was read.
    case trimmed
    /// The entry before is no longer part of the stream: Redis was rolled back behind it.
    case rolledBack
}

/// The packets `from...to` of an epoch were received and are not stored, in whatever streams they belonged to.
public struct Gap: Sendable, Hashable {
    public var stream: String
    public var feed: FeedName
    public var id: EntryID
    public var from: Int
    public var to: Int
    public var reason: String
    public var marker: Marker

    public init(stream: String, feed: FeedName, id: EntryID, from: Int, to: Int, reason: String, marker: Marker) {
        self.stream = stream
        self.feed = feed
        self.id = id
        self.from = from
        self.to = to
        self.reason = reason
        self.marker = marker
    }
}

/// The feed's producer came, went, or changed.
public struct ProducerChange: Sendable, Hashable {
    public enum Change: Sendable, Hashable {
        /// A worker acquired the lease; no data until `up`.
        /// `tailComplete`: the websocket before had ended in order, so everything it received is stored or covered by a gap.
        case fenced(worker: String, reason: String, tailComplete: Bool)
        /// A websocket was opened: initialise books again.
        case up(worker: String, tailComplete: Bool)
        /// The websocket ended. `complete`: everything received before is stored. `admitted`: the reconnect needs not wait for the pace.
        case down(reason: String, complete: Bool, admitted: Bool)
        /// The epoch changed and its marker was not seen (retention removed it): treat it as `up`.
        case unannounced
    }

    public var stream: String
    public var feed: FeedName
    public var id: EntryID
    public var change: Change
    /// The marker; nil for `unannounced`.
    public var marker: Marker?

    public init(stream: String, feed: FeedName, id: EntryID, change: Change, marker: Marker? = nil) {
        self.stream = stream
        self.feed = feed
        self.id = id
        self.change = change
        self.marker = marker
    }

    public var epoch: Int { id.epoch }
}

/// Redis lost data or renumbered it.
public struct Rollback: Sendable, Hashable {
    public enum Cause: Sendable, Hashable {
        /// A `rollback` marker: the packets (`previousEpoch`, `previousNext` + k) are repeated as (epoch, 1 + k). `reason` is `lost` (older
        /// entries may be gone) or `order` (an id was refused).
        case announced(reason: String, previousEpoch: Int, previousNext: Int)
        /// The stream's last id lies below what this reader has read of it. The reader waits until ids pass it again; it never goes back.
        /// On a replica it may also mean that this replica is behind the one read before.
        case observed(lastGenerated: EntryID)
    }

    public var stream: String
    public var feed: FeedName
    public var id: EntryID
    public var cause: Cause
    /// The marker; nil for what was only observed.
    public var marker: Marker?

    public init(stream: String, feed: FeedName, id: EntryID, cause: Cause, marker: Marker? = nil) {
        self.stream = stream
        self.feed = feed
        self.id = id
        self.cause = cause
        self.marker = marker
    }
}

/// Entries of one stream were removed before this reader got to them.
public struct Trimmed: Sendable, Hashable {
    public var stream: String
    public var feed: FeedName
    /// The last entry of the stream that was read, or where reading began.
    public var after: EntryID
    /// The entry in front of which they are missing; or the last one missing, when nothing came behind it.
    public var before: EntryID
    /// About how many, from the density of the stream so far; at least 1.
    public var lostEstimate: Int

    public init(stream: String, feed: FeedName, after: EntryID, before: EntryID, lostEstimate: Int) {
        self.stream = stream
        self.feed = feed
        self.after = after
        self.before = before
        self.lostEstimate = lostEstimate
    }
}

/// An entry without the fields of a packet or marker.
public struct ForeignEntry: Sendable, Hashable {
    public var stream: String
    public var feed: FeedName
    public var id: EntryID
    public var fields: [Marker.Field]

    public init(stream: String, feed: FeedName, id: EntryID, fields: [Marker.Field]) {
        self.stream = stream
        self.feed = feed
        self.id = id
        self.fields = fields
    }
}
