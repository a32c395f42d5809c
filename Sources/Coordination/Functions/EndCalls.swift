public import RedisClient

/// `disconnect`: the websocket ended, or the holder wants to end it.
public struct DisconnectCall: FunctionCall, Hashable {
    public static let function = "disconnect"
    public var feed: FeedKeys
    public var token: Token
    /// Sequence the next packet would have: everything received is below it.
    public var first: Int
    /// True: the socket is gone. False: it is still usable, so the pace may refuse.
    public var hard: Bool
    /// Wait between admission and reconnect, ms (drawn by the caller).
    public var delayMilliseconds: Int64
    /// Least time between admitted disconnects of the budget group, ms; 0 switches the rule off.
    public var paceMilliseconds: Int64
    public var reason: String

    public init(
        feed: FeedKeys, token: Token, first: Int, hard: Bool, delayMilliseconds: Int64, paceMilliseconds: Int64, reason: String
    ) {
        self.feed = feed
        self.token = token
        self.first = first
        self.hard = hard
        self.delayMilliseconds = delayMilliseconds
        self.paceMilliseconds = paceMilliseconds
        self.reason = reason
    }

    public var keys: [String] { [feed.lease, feed.disconnects, feed.control, feed.events] }

    public var values: [RedisArgument] {
        [
            RedisArgument(token), RedisArgument(first), RedisArgument(hard), RedisArgument(delayMilliseconds),
            RedisArgument(paceMilliseconds), .string(reason),
        ]
    }

    public static func decode(_ reply: RedisValue) throws(CoordinationError) -> DisconnectReply {
        let fields = try ReplyFields(reply, of: function)
        if fields.succeeded { return .ended(pending: try fields.pending(1), milliseconds: try fields.milliseconds(2)) }
        switch fields.refusal {
        case "REFUSED": return .refused(milliseconds: try fields.milliseconds(2))
        case "GAP": return .gap(next: try fields.number(2))
        case "FENCED": return .fenced
        default: throw fields.unexpected
        }
    }
}

public enum DisconnectReply: Sendable, Hashable {
    /// The websocket is over; what is owed, and in how many ms.
    case ended(pending: Pending, milliseconds: Int64)
    /// Inside the pace for so many ms more: keep the socket.
    case refused(milliseconds: Int64)
    /// Packets from `next` on are missing: publish or declare them first.
    case gap(next: Int)
    case fenced
}

/// `release`: gives a lease back, by its holder or for a holder that is proven dead.
public struct ReleaseCall: FunctionCall, Hashable {
    public static let function = "release"

    public enum Proof: Sendable, Hashable {
        /// The holder itself, after it closed.
        case clean(Token)
        /// Somebody with a proof of death.
        case dead(Incarnation)
    }

    public var feed: FeedKeys
    public var proof: Proof
    public var reason: String
    /// Wait between admission and the successor's connect, ms (drawn by the caller).
    public var delayMilliseconds: Int64
    /// Wait after an end while connecting, ms (drawn by the caller).
    public var connectMilliseconds: Int64
    /// Least time between admitted disconnects of the budget group, ms; 0 switches the rule off.
    public var paceMilliseconds: Int64
    /// Span in which the third crash leads to a wait of the same span, ms; 0 switches it off.
    public var quarantineMilliseconds: Int64
    /// Name of the worker that gets a head start of one second.
    public var preferred: String?
    /// The sequence behind everything received; nil: nothing was. If less is stored, `down` does not say complete.
    public var first: Int?

    public init(
        feed: FeedKeys, proof: Proof, reason: String, delayMilliseconds: Int64, connectMilliseconds: Int64, paceMilliseconds: Int64,
        quarantineMilliseconds: Int64, preferred: String? = nil, first: Int? = nil
    ) {
        self.feed = feed
        self.proof = proof
        self.reason = reason
        self.delayMilliseconds = delayMilliseconds
        self.connectMilliseconds = connectMilliseconds
        self.paceMilliseconds = paceMilliseconds
        self.quarantineMilliseconds = quarantineMilliseconds
        self.preferred = preferred
        self.first = first
    }

    public var keys: [String] { [feed.lease, feed.disconnects, feed.control, feed.events] }

    public var values: [RedisArgument] {
        let (who, how): (RedisArgument, RedisArgument) =
            switch proof {
            case .clean(let token): (RedisArgument(token), "clean")
            case .dead(let incarnation): (RedisArgument(incarnation), "dead")
            }
        return [
            who, how, .string(reason), RedisArgument(delayMilliseconds), RedisArgument(connectMilliseconds),
            RedisArgument(paceMilliseconds), RedisArgument(quarantineMilliseconds), .string(preferred ?? ""),
            first.map { RedisArgument($0) } ?? "",
        ]
    }

    public static func decode(_ reply: RedisValue) throws(CoordinationError) -> ReleaseReply {
        let fields = try ReplyFields(reply, of: function)
        if fields.succeeded { return .released }
        switch fields.refusal {
        case "NOTHELD": return .notHeld
        case "FENCED": return .fenced
        case "OTHER": return .other(holder: Incarnation(try fields.text(2)))
        default: throw fields.unexpected
        }
    }
}

public enum ReleaseReply: Sendable, Hashable {
    case released
    /// Nobody holds it; after a repeat this counts as done.
    case notHeld
    /// The token is not the record's, or there is no record.
    case fenced
    /// Not held by the dead incarnation but by this one.
    case other(holder: Incarnation)
}

/// `resume`: restores a lost, rolled back or disordered feed under the websocket that is still open.
public struct ResumeCall: FunctionCall, Hashable {
    public static let function = "resume"
    public var feed: FeedKeys
    public var incarnation: Incarnation
    /// The caller's epoch of the open websocket.
    public var epoch: Int
    /// Sequence of the first packet that is not known to be stored.
    public var next: Int
    /// T, ms.
    public var ttlMilliseconds: Int64
    /// Highest id time ever sent, acknowledged or not, ms; after `ORDER` at least the time of its `top`.
    public var floorMilliseconds: Int64
    /// Run id of the Redis server.
    public var server: String
    /// Epoch step to use when the server is not the one of the last acquisition, drawn from 100...999.
    public var jump: Int
    /// True after `ORDER`: a new epoch although the record is the caller's.
    public var renumber: Bool
    /// Time since the caller's last admitted disconnect, ms; nil when it knows of none.
    public var admittedAgeMilliseconds: Int64?

    public init(
        feed: FeedKeys, incarnation: Incarnation, epoch: Int, next: Int, ttlMilliseconds: Int64, floorMilliseconds: Int64, server: String,
        jump: Int, renumber: Bool, admittedAgeMilliseconds: Int64?
    ) {
        self.feed = feed
        self.incarnation = incarnation
        self.epoch = epoch
        self.next = next
        self.ttlMilliseconds = ttlMilliseconds
        self.floorMilliseconds = floorMilliseconds
        self.server = server
        self.jump = jump
        self.renumber = renumber
        self.admittedAgeMilliseconds = admittedAgeMilliseconds
    }

    public var keys: [String] { [feed.lease, feed.disconnects, feed.control, feed.events] }

    public var values: [RedisArgument] {
        [
            RedisArgument(incarnation), RedisArgument(epoch), RedisArgument(next), RedisArgument(ttlMilliseconds),
            RedisArgument(floorMilliseconds), .string(server), RedisArgument(jump), RedisArgument(renumber),
            admittedAgeMilliseconds.map { RedisArgument($0) } ?? "",
        ]
    }

    public static func decode(_ reply: RedisValue) throws(CoordinationError) -> ResumeReply {
        let fields = try ReplyFields(reply, of: function)
        switch (fields.succeeded, fields.refusal) {
        case (true, "SAME"): return .same(next: try fields.number(2), lastMilliseconds: try fields.milliseconds(3))
        case (true, "NEW"):
            return .restored(
                epoch: try fields.number(2), lastMilliseconds: try fields.milliseconds(3), now: try fields.milliseconds(4))
        case (false, "FENCED"): return .fenced
        case (false, "EPOCH"): return .epochExhausted
        default: throw fields.unexpected
        }
    }
}

public enum ResumeReply: Sendable, Hashable {
    /// The record is still the caller's: go on from `next`.
    case same(next: Int, lastMilliseconds: Int64)
    /// A new epoch: renumber what is not stored from 1, ids not below the marker's time (ms).
    case restored(epoch: Int, lastMilliseconds: Int64, now: Int64)
    case fenced
    case epochExhausted
}
