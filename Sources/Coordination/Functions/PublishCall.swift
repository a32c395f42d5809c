public import NIOCore
public import RedisClient

/// `publish`: appends a batch of packets to the streams of a feed, whole or not at all.
///
/// This is the plain encoder for tests and tools; the packet path writes the same bytes without intermediate values.
public struct PublishCall: FunctionCall, Hashable {
    public static let function = "publish"

    /// A data stream the batch writes to.
    public struct Stream: Sendable, Hashable {
        public var key: String
        /// `MAXLEN ~` of the stream, entries.
        public var maximumLength: Int

        public init(key: String, maximumLength: Int) {
            self.key = key
            self.maximumLength = maximumLength
        }
    }

    public struct Packet: Sendable, Hashable {
        /// 0 is the control stream, 1 the first of `streams`.
        public var stream: Int
        public var id: EntryID
        /// Receive time, ns since 1970 on the worker's wall clock.
        public var timeNanoseconds: Int64
        /// Sequence of the entry before in this stream and epoch, 0 if none.
        public var previous: Int
        public var data: ByteBuffer

        public init(stream: Int, id: EntryID, timeNanoseconds: Int64, previous: Int, data: ByteBuffer) {
            self.stream = stream
            self.id = id
            self.timeNanoseconds = timeNanoseconds
            self.previous = previous
            self.data = data
        }
    }

    public var feed: FeedKeys
    public var token: Token
    /// Sequence of the first packet; the others follow without a hole.
    public var first: Int
    /// `MAXLEN ~` of the control stream, entries.
    public var controlMaximumLength: Int
    public var streams: [Stream]
    public var packets: [Packet]

    public init(feed: FeedKeys, token: Token, first: Int, controlMaximumLength: Int, streams: [Stream], packets: [Packet]) {
        self.feed = feed
        self.token = token
        self.first = first
        self.controlMaximumLength = controlMaximumLength
        self.streams = streams
        self.packets = packets
    }

    public var keys: [String] { [feed.lease, feed.control, feed.streams] + streams.map(\.key) }

    public var values: [RedisArgument] {
        var values: [RedisArgument] = [RedisArgument(token), RedisArgument(first), RedisArgument(controlMaximumLength)]
        values.reserveCapacity(3 + streams.count + 5 * packets.count)
        for stream in streams { values.append(RedisArgument(stream.maximumLength)) }
        for packet in packets {
            values.append(RedisArgument(packet.stream))
            values.append(RedisArgument(packet.id))
            values.append(RedisArgument(packet.timeNanoseconds))
            values.append(RedisArgument(packet.previous))
            values.append(.bytes(packet.data))
        }
        return values
    }

    public static func decode(_ reply: RedisValue) throws(CoordinationError) -> PublishReply {
        let fields = try ReplyFields(reply, of: function)
        if fields.succeeded { return .next(try fields.number(1)) }
        switch fields.refusal {
        case "FENCED": return .fenced
        case "ENDED": return .ended
        case "GAP": return .gap(next: try fields.number(2))
        case "ORDER": return .order(next: try fields.number(2), top: try fields.id(3))
        default: throw fields.unexpected
        }
    }
}

/// In every case: what is below `next` is stored, what is at or above it is not.
public enum PublishReply: Sendable, Hashable {
    /// Everything below is stored.
    case next(Int)
    case fenced
    /// The websocket of this token was already reported ended.
    case ended
    /// The record expects `next`: send again from there, same ids.
    case gap(next: Int)
    /// An id is not above what is stored (`top`): `resume` with renumber and the time of `top` as floor.
    case order(next: Int, top: EntryID)
}

/// `lost`: declares packets that were received and will never be stored.
public struct LostCall: FunctionCall, Hashable {
    public static let function = "lost"
    public var feed: FeedKeys
    public var token: Token
    /// First and last sequence lost.
    public var first: Int
    public var last: Int
    /// Time of the marker's id, ms: that of the first packet still held, or of the last one lost if none is.
    public var milliseconds: Int64
    public var reason: String

    public init(feed: FeedKeys, token: Token, first: Int, last: Int, milliseconds: Int64, reason: String) {
        self.feed = feed
        self.token = token
        self.first = first
        self.last = last
        self.milliseconds = milliseconds
        self.reason = reason
    }

    public var keys: [String] { [feed.lease, feed.control, feed.events] }

    public var values: [RedisArgument] {
        [RedisArgument(token), RedisArgument(first), RedisArgument(last), RedisArgument(milliseconds), .string(reason)]
    }

    public static func decode(_ reply: RedisValue) throws(CoordinationError) -> LostReply {
        let fields = try ReplyFields(reply, of: function)
        if fields.succeeded { return .next(try fields.number(1)) }
        switch fields.refusal {
        case "FENCED": return .fenced
        case "ENDED": return .ended
        case "GAP": return .gap(next: try fields.number(2))
        case "ORDER": return .order(next: try fields.number(2), top: try fields.id(3))
        default: throw fields.unexpected
        }
    }
}

public enum LostReply: Sendable, Hashable {
    /// Declared; this is the sequence accepted next.
    case next(Int)
    case fenced
    case ended
    /// The record expects `next`, which is not the first of the range: compute the range again from there.
    case gap(next: Int)
    /// The time is below what the feed has stored (`top`).
    case order(next: Int, top: EntryID)
}
