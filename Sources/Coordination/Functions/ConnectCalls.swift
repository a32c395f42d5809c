public import RedisClient

/// `gate`: may the holder open its websocket now?
public struct GateCall: FunctionCall, Hashable {
    public static let function = "gate"
    public var feed: FeedKeys
    public var token: Token
    /// Least time between admitted disconnects of the budget group, ms; 0 switches the rule off.
    public var paceMilliseconds: Int64

    public init(feed: FeedKeys, token: Token, paceMilliseconds: Int64) {
        self.feed = feed
        self.token = token
        self.paceMilliseconds = paceMilliseconds
    }

    public var keys: [String] { [feed.lease, feed.disconnects, feed.events] }
    public var values: [RedisArgument] { [RedisArgument(token), RedisArgument(paceMilliseconds)] }

    public static func decode(_ reply: RedisValue) throws(CoordinationError) -> GateReply {
        let fields = try ReplyFields(reply, of: function)
        if fields.succeeded { return .go }
        switch fields.refusal {
        case "DUE": return .due(milliseconds: try fields.milliseconds(2))
        case "COOLING": return .cooling(milliseconds: try fields.milliseconds(2))
        case "NOTPENDING": return .notPending
        case "FENCED": return .fenced
        default: throw fields.unexpected
        }
    }
}

public enum GateReply: Sendable, Hashable {
    /// Connect now; the record says `connecting`.
    case go
    /// Admitted; ask again in so many ms.
    case due(milliseconds: Int64)
    /// Not yet admitted; ask again in so many ms.
    case cooling(milliseconds: Int64)
    /// The record is live: a failover lost the `disconnect`. Publish what is left and repeat it.
    case notPending
    case fenced
}

/// `retry`: an attempt to connect failed; the next one is due after `wait`.
public struct RetryCall: FunctionCall, Hashable {
    public static let function = "retry"
    public var feed: FeedKeys
    public var token: Token
    public var waitMilliseconds: Int64

    public init(feed: FeedKeys, token: Token, waitMilliseconds: Int64) {
        self.feed = feed
        self.token = token
        self.waitMilliseconds = waitMilliseconds
    }

    public var keys: [String] { [feed.lease] }
    public var values: [RedisArgument] { [RedisArgument(token), RedisArgument(waitMilliseconds)] }

    public static func decode(_ reply: RedisValue) throws(CoordinationError) -> RetryReply {
        let fields = try ReplyFields(reply, of: function)
        if fields.succeeded { return .waiting(pending: try fields.pending(1), milliseconds: try fields.milliseconds(2)) }
        switch fields.refusal {
        case "LIVE": return .live
        case "FENCED": return .fenced
        default: throw fields.unexpected
        }
    }
}

public enum RetryReply: Sendable, Hashable {
    /// What is owed now: `due`, or still `cooling` when a failover took the admission back; ask `gate` in so many ms.
    case waiting(pending: Pending, milliseconds: Int64)
    /// The record says the websocket is open.
    case live
    case fenced
}

/// `begin`: the websocket is open; opens its epoch.
public struct BeginCall: FunctionCall, Hashable {
    public static let function = "begin"
    public var feed: FeedKeys
    public var token: Token
    /// Highest epoch of the feed the caller has ever seen.
    public var floor: Int
    /// Highest id time of the feed the caller has ever seen or sent, ms; 0 if none.
    public var floorMilliseconds: Int64
    /// Run id of the Redis server.
    public var server: String
    /// Epoch step to use when the server is not the one of the acquisition, drawn from 100...999.
    public var jump: Int

    public init(feed: FeedKeys, token: Token, floor: Int, floorMilliseconds: Int64, server: String, jump: Int) {
        self.feed = feed
        self.token = token
        self.floor = floor
        self.floorMilliseconds = floorMilliseconds
        self.server = server
        self.jump = jump
    }

    public var keys: [String] { [feed.lease, feed.control, feed.events] }

    public var values: [RedisArgument] {
        [
            RedisArgument(token), RedisArgument(token.incarnation), RedisArgument(floor), RedisArgument(floorMilliseconds), .string(server),
            RedisArgument(jump),
        ]
    }

    public static func decode(_ reply: RedisValue) throws(CoordinationError) -> BeginReply {
        let fields = try ReplyFields(reply, of: function)
        if fields.succeeded {
            return .opened(
                epoch: try fields.number(1), lastMilliseconds: try fields.milliseconds(2), now: try fields.milliseconds(3))
        }
        switch fields.refusal {
        case "NOTCONNECTING": return .notConnecting
        case "FENCED": return .fenced
        case "EPOCH": return .epochExhausted
        default: throw fields.unexpected
        }
    }
}

public enum BeginReply: Sendable, Hashable {
    /// The epoch of this websocket; its marker's time and TIME of the call, ms.
    case opened(epoch: Int, lastMilliseconds: Int64, now: Int64)
    /// A failover lost the GO: ask `gate` again; if that is not GO, close.
    case notConnecting
    case fenced
    case epochExhausted
}
