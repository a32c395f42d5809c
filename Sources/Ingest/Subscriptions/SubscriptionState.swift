public import ColonyExchanges

/// How far one desired subscription is on the current connection.
public enum SubscriptionState: Sendable, Hashable, CustomStringConvertible {
    /// Not confirmed: no connection, not sent yet, or neither acknowledged nor receiving.
    case pending
    /// The exchange has accepted it; no data so far.
    case acknowledged
    /// Data have come on this connection.
    case receiving
    /// Refused, with the exchange's own words or the dialect's; tried again on the next connection.
    case rejected(String)
    /// Data came, and then far longer than usual none.
    case stale

    /// As operators see it: `pending`, `acknowledged`, `receiving`, `rejected: <words>`, `stale`.
    public var description: String {
        switch self {
        case .pending: "pending"
        case .acknowledged: "acknowledged"
        case .receiving: "receiving"
        case .rejected(let words): "rejected: \(words)"
        case .stale: "stale"
        }
    }

    /// Whether it is settled, one way or the other.
    public var isConfirmed: Bool { self != .pending }
}

/// One line of `colony subscriptions`.
public struct Subscription: Sendable, Hashable {
    /// As the exchange's streams are named; what was asked for if the dialect refused it.
    public var topic: Topic
    /// As asked for; several spellings may mean the same stream.
    public var wanted: [Topic]
    public var state: SubscriptionState
}

/// The numbers of a `SubscriptionMachine`.
public struct SubscriptionSettings: Sendable, Hashable {
    /// A subscription that is neither acknowledged nor receiving after this time is sent again; doubles with each attempt.
    public var confirmWithin: Duration
    /// The doubling stops here.
    public var confirmWithinCap: Duration
    /// How often one subscription is sent on one connection.
    public var maximumAttempts: Int
    /// No stream counts as stale before it has been silent for this long.
    public var staleFloor: Duration
    /// A stream is stale when it is silent for this many times its longest usual gap.
    public var staleFactor: Int
    /// Messages of each window that subscriptions leave to heartbeats and answers.
    public var reservedMessages: Int

    public init(
        confirmWithin: Duration = .seconds(10), confirmWithinCap: Duration = .seconds(80), maximumAttempts: Int = 4,
        staleFloor: Duration = .seconds(60), staleFactor: Int = 4, reservedMessages: Int = 1
    ) {
        self.confirmWithin = confirmWithin
        self.confirmWithinCap = confirmWithinCap
        self.maximumAttempts = maximumAttempts
        self.staleFloor = staleFloor
        self.staleFactor = staleFactor
        self.reservedMessages = reservedMessages
    }

    /// The defaults for an exchange: a stream may be silent at least as long as the whole connection may.
    public init(profile: ExchangeProfile) {
        self.init(staleFloor: max(.seconds(60), profile.heartbeat.silence))
    }

    /// How long the confirmation of the given attempt (1 is the first) is waited for.
    func confirmation(attempt: Int) -> Duration {
        var wait = confirmWithin
        for _ in 1..<max(attempt, 1) where wait < confirmWithinCap { wait *= 2 }
        return min(wait, max(confirmWithinCap, confirmWithin))
    }
}
