/// What a feed may do and how long it waits: the settings of section 18 of the coordination contract that concern one feed.
public struct FeedPolicy: Sendable {
    public var timing: LeaseTiming
    /// Drawn before the first connection and before each reconnect of the same holder.
    public var connectDelay: ClosedRange<Duration>
    /// Drawn instead of it after a proven crash or a planned handover.
    public var takeoverDelay: ClosedRange<Duration>
    /// Least time between admitted disconnects of the budget group; zero switches the rule off.
    public var pace: Duration
    /// A third crash within this time waits it out; zero switches the rule off.
    public var quarantine: Duration
    /// From the sixth failed attempt in a row on, the wait doubles up to this.
    public var retryCap: Duration
    /// True only where the caller itself started the data set: a record nobody ever held need not be observed first.
    public var claimsUnknownAtOnce: Bool
    /// Advantage of the first rank when several claim a free feed.
    public var claimStagger: Duration

    /// How long a freed record is reserved for the worker that its owner preferred (`acquire`: RESERVED).
    static let headStart = Duration.seconds(1)

    /// How long a worker of this rank (from 1 on) waits before it claims a free feed: the second one stagger, the others a third of one
    /// behind each other. They follow when the first two are dead or full, and even the last has it a quarter of a second after it was freed.
    public func claimDelay(rank: Int) -> Duration { rank <= 1 ? .zero : claimStagger + claimStagger / 3 * (rank - 2) }

    public init(
        timing: LeaseTiming = LeaseTiming(), connectDelay: ClosedRange<Duration> = .seconds(1)...(.seconds(5)),
        takeoverDelay: ClosedRange<Duration> = .zero...(.zero), pace: Duration = .seconds(60), quarantine: Duration = .seconds(600),
        retryCap: Duration = .seconds(60), claimsUnknownAtOnce: Bool = false, claimStagger: Duration = .milliseconds(150)
    ) {
        self.timing = timing
        self.connectDelay = connectDelay
        self.takeoverDelay = takeoverDelay
        self.pace = pace
        self.quarantine = quarantine
        self.retryCap = retryCap
        self.claimsUnknownAtOnce = claimsUnknownAtOnce
        self.claimStagger = claimStagger
    }
}
