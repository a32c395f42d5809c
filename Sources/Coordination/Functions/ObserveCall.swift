public import RedisClient

/// `init`: makes the lease record of a feed that has none.
public struct InitCall: FunctionCall, Hashable {
    public static let function = "init"
    public var feed: FeedKeys
    /// Run id of the Redis server.
    public var server: String

    public init(feed: FeedKeys, server: String) {
        self.feed = feed
        self.server = server
    }

    public var keys: [String] { [feed.lease, feed.control] }
    public var values: [RedisArgument] { [.string(server)] }

    /// True when the record was made, false when there was one.
    public static func decode(_ reply: RedisValue) throws(CoordinationError) -> Bool {
        let fields = try ReplyFields(reply, of: function)
        return fields.succeeded
    }
}

/// `observe`: reads up to 200 lease records of one slot; runs on replicas too.
public struct ObserveCall: FunctionCall, Hashable {
    public static let function = "observe"
    public static let readOnly = true
    public var feeds: [FeedKeys]

    public init(feeds: [FeedKeys]) { self.feeds = feeds }

    public var keys: [String] { feeds.map(\.lease) }
    public var values: [RedisArgument] { [] }

    /// One element per feed, in the order of `feeds`; nil where there is no record.
    public static func decode(_ reply: RedisValue) throws(CoordinationError) -> [LeaseObservation?] {
        guard let rows = reply.array else {
            throw CoordinationError(.unexpectedReply, "observe answered \(reply), which is not an array; is another library loaded?")
        }
        var observations: [LeaseObservation?] = []
        observations.reserveCapacity(rows.count)
        for row in rows {
            if row.array?.isEmpty == true {
                observations.append(nil)
            } else {
                observations.append(try observation(try ReplyFields(row, of: function)))
            }
        }
        return observations
    }

    private static func observation(_ fields: ReplyFields) throws(CoordinationError) -> LeaseObservation {
        guard let state = LeaseObservation.State(rawValue: try fields.text(0)),
            let phase = LeaseObservation.Phase(rawValue: try fields.text(5))
        else { throw fields.unexpected }
        let holder = try fields.text(1)
        let ttl = try fields.text(4)
        let preferred = try fields.text(6)
        return LeaseObservation(
            state: state, holder: holder.isEmpty ? nil : Incarnation(holder), epoch: try fields.number(2), renewals: try fields.number(3),
            ttlMilliseconds: ttl.isEmpty ? 0 : try fields.milliseconds(4), phase: phase, preferred: preferred.isEmpty ? nil : preferred,
            lastMilliseconds: try fields.milliseconds(7), server: fields.count > 8 ? try fields.text(8) : "",
            renewedAt: fields.count > 9 ? Int64(try fields.text(9)) ?? 0 : 0)
    }
}

/// `renew`: renews up to 200 leases of one slot.
public struct RenewCall: FunctionCall, Hashable {
    public static let function = "renew"

    public struct Lease: Sendable, Hashable {
        public var feed: FeedKeys
        public var token: Token

        public init(feed: FeedKeys, token: Token) {
            self.feed = feed
            self.token = token
        }
    }

    public var leases: [Lease]

    public init(leases: [Lease]) { self.leases = leases }

    public var keys: [String] { leases.map(\.feed.lease) }
    public var values: [RedisArgument] { leases.map { RedisArgument($0.token) } }

    public static func decode(_ reply: RedisValue) throws(CoordinationError) -> RenewReply {
        let fields = try ReplyFields(reply, of: function)
        var results: [RenewReply.Result] = []
        results.reserveCapacity(fields.count - 1)
        for text in fields.texts.dropLast() {
            switch text {
            case "1": results.append(.renewed)
            case "0": results.append(.refused)
            case "-1": results.append(.missing)
            default: throw fields.unexpected
            }
        }
        return RenewReply(results: results, now: try fields.milliseconds(fields.count - 1))
    }
}

public struct RenewReply: Sendable, Hashable {
    public enum Result: Sendable, Hashable {
        case renewed
        /// The record carries another token: somebody else holds the lease.
        case refused
        /// There is no record: `resume`.
        case missing
    }

    /// One element per lease of the call, in its order.
    public var results: [Result]
    /// TIME of the call, ms.
    public var now: Int64

    public init(results: [Result], now: Int64) {
        self.results = results
        self.now = now
    }
}
