public import RedisClient

/// `acquire`: takes a lease that is free, was observed out, or whose holder is proven dead.
public struct AcquireCall: FunctionCall, Hashable {
    public static let function = "acquire"

    public enum Mode: Sendable, Hashable {
        /// The record says `free`.
        case free
        /// Neither epoch nor renewals moved for T: takeover by observation. `renewedAt` (ms) tells the record that was seen from one that took its
        /// place and has come to the same numbers; nil: that is not asked.
        case seen(renewals: Int, renewedAt: Int64? = nil)
        /// The holder is proven dead.
        case dead(holder: Incarnation)
    }

    public var feed: FeedKeys
    public var incarnation: Incarnation
    /// T, ms.
    public var ttlMilliseconds: Int64
    public var mode: Mode
    /// Epoch of the record the caller saw.
    public var seenEpoch: Int
    /// Highest epoch of the feed the caller has ever seen.
    public var floor: Int
    /// Highest id time of the feed the caller has ever seen or sent, ms; 0 if none.
    public var floorMilliseconds: Int64
    /// Wait between admission and connect after a crash of a live holder, ms (drawn by the caller).
    public var delayMilliseconds: Int64
    /// Wait before a first connection, or after a crash while connecting, ms (drawn by the caller).
    public var connectMilliseconds: Int64
    /// Least time between admitted disconnects of the budget group, ms; 0 switches the rule off.
    public var paceMilliseconds: Int64
    /// Span in which the third crash leads to a wait of the same span, ms; 0 switches it off.
    public var quarantineMilliseconds: Int64
    /// Run id of the Redis server.
    public var server: String
    /// Epoch step to use when the server is not the one of the last acquisition, drawn from 100...999.
    public var jump: Int
    /// One word for people; goes into marker and event log.
    public var reason: String
    /// The caller connects at once if the reconnect is due: what `gate` would say is part of the reply, and `gate` need not be asked.
    public var goesAtOnce: Bool

    public init(
        feed: FeedKeys, incarnation: Incarnation, ttlMilliseconds: Int64, mode: Mode, seenEpoch: Int, floor: Int, floorMilliseconds: Int64,
        delayMilliseconds: Int64, connectMilliseconds: Int64, paceMilliseconds: Int64, quarantineMilliseconds: Int64, server: String,
        jump: Int, reason: String, goesAtOnce: Bool = false
    ) {
        self.feed = feed
        self.incarnation = incarnation
        self.ttlMilliseconds = ttlMilliseconds
        self.mode = mode
        self.seenEpoch = seenEpoch
        self.floor = floor
        self.floorMilliseconds = floorMilliseconds
        self.delayMilliseconds = delayMilliseconds
        self.connectMilliseconds = connectMilliseconds
        self.paceMilliseconds = paceMilliseconds
        self.quarantineMilliseconds = quarantineMilliseconds
        self.server = server
        self.jump = jump
        self.reason = reason
        self.goesAtOnce = goesAtOnce
    }

    public var keys: [String] { [feed.lease, feed.disconnects, feed.control, feed.events] }

    public var values: [RedisArgument] {
        let (word, seen, seenAt): (RedisArgument, RedisArgument, RedisArgument) =
            switch mode {
            case .free: ("free", "0", "")
            case .seen(let renewals, let renewedAt): ("seen", RedisArgument(renewals), renewedAt.map { RedisArgument($0) } ?? "")
            case .dead(let holder): ("dead", RedisArgument(holder), "")
            }
        return [
            RedisArgument(incarnation), RedisArgument(ttlMilliseconds), word, RedisArgument(seenEpoch), seen, RedisArgument(floor),
            RedisArgument(floorMilliseconds), RedisArgument(delayMilliseconds), RedisArgument(connectMilliseconds),
            RedisArgument(paceMilliseconds), RedisArgument(quarantineMilliseconds), .string(server), RedisArgument(jump), .string(reason),
            seenAt, goesAtOnce ? "1" : "",
        ]
    }

    public static func decode(_ reply: RedisValue) throws(CoordinationError) -> AcquireReply {
        let fields = try ReplyFields(reply, of: function)
        if fields.succeeded {
            return .granted(
                AcquireReply.Grant(
                    epoch: try fields.number(1), pending: try fields.pending(2), waitMilliseconds: try fields.milliseconds(3),
                    previousEpoch: try fields.number(4), previousNext: try fields.number(5), lastMilliseconds: try fields.milliseconds(6),
                    now: try fields.milliseconds(7), isGo: fields.count > 8 ? try fields.text(8) == "GO" : false))
        }
        switch fields.refusal {
        case "CHANGED":
            let holder = try fields.text(2)
            return .changed(
                holder: holder.isEmpty ? nil : Incarnation(holder), epoch: try fields.number(3), renewals: try fields.number(4))
        case "RESERVED": return .reserved(milliseconds: try fields.milliseconds(2))
        case "EPOCH": return .epochExhausted
        case "FENCED": return .missing
        default: throw fields.unexpected
        }
    }
}

public enum AcquireReply: Sendable, Hashable {
    public struct Grant: Sendable, Hashable {
        public var epoch: Int
        public var pending: Pending
        /// Until the reconnect is due, or may be admitted, ms; 0 when that is now.
        public var waitMilliseconds: Int64
        public var previousEpoch: Int
        /// The cursor the previous epoch ended with.
        public var previousNext: Int
        /// Time of the `fence` marker, ms: no later id of the feed may be below.
        public var lastMilliseconds: Int64
        /// TIME of the call, ms.
        public var now: Int64
        /// The record says `connecting`: connect now, without asking `gate`.
        public var isGo: Bool

        public init(
            epoch: Int, pending: Pending, waitMilliseconds: Int64, previousEpoch: Int, previousNext: Int, lastMilliseconds: Int64,
            now: Int64, isGo: Bool = false
        ) {
            self.epoch = epoch
            self.pending = pending
            self.waitMilliseconds = waitMilliseconds
            self.previousEpoch = previousEpoch
            self.previousNext = previousNext
            self.lastMilliseconds = lastMilliseconds
            self.now = now
            self.isGo = isGo
        }
    }

    case granted(Grant)
    /// The record is not what the caller saw; this is what it is. `holder` is nil when nobody holds it.
    case changed(holder: Incarnation?, epoch: Int, renewals: Int)
    /// Another worker has a head start of so many ms more.
    case reserved(milliseconds: Int64)
    /// The epoch counter has reached its end (18 000 000); an operator must give the feed a new name.
    case epochExhausted
    /// There is no record (answered `FENCED`): `init` first.
    case missing
}
