/// The numbers of placement (`placement.*`).
public struct PlacementSettings: Sendable, Hashable {
    /// `placement.cap`: how far above its fair share a worker's load may be, as a factor.
    public var capFactor: Double
    /// `placement.settle`: a joining member counts after this time, and the member list is read at most once in it, but for feeds that were freed.
    public var settle: Duration
    /// `placement.round`: the time between two rounds of shedding; doubles while they follow one another.
    public var round: Duration
    /// The doubling stops here.
    public var roundCap: Duration
    /// `placement.min_residence`: a feed younger than this in its place is not moved.
    public var minimumResidence: Duration
    /// For how long the target of a move must have been below the mean, with unchanged members.
    public var patience: Duration
    /// The advantage of the best placed over the next when several claim a free feed; see `FeedPolicy.claimDelay`.
    public var claimStagger: Duration

    public init(
        capFactor: Double = 1.10, settle: Duration = .seconds(3), round: Duration = .seconds(60), roundCap: Duration = .seconds(240),
        minimumResidence: Duration = .seconds(600), patience: Duration = .seconds(30), claimStagger: Duration = .milliseconds(150)
    ) {
        self.capFactor = capFactor
        self.settle = settle
        self.round = round
        self.roundCap = roundCap
        self.minimumResidence = minimumResidence
        self.patience = patience
        self.claimStagger = claimStagger
    }

    /// The fair share of a member: of `total` load, by its weight among all.
    public static func mean(total: Int, weight: Double, weights: Double) -> Double { Double(total) * weight / weights }

    /// The most a member may hold: `ceil(1.10 * total * weight / sum of weights)`.
    public func cap(total: Int, weight: Double, weights: Double) -> Int {
        let exact = capFactor * Self.mean(total: total, weight: weight, weights: weights)
        // 1.1 x 10 is 11.000000000000002 in binary; that must not become 12.
        return Int((exact - exact * 1e-12).rounded(.up))
    }

    /// How long loads must have been seen unchanged in kind before a move, for so many members: the more there are, the later all have
    /// heard.
    public func patience(members: Int) -> Duration { max(patience, .seconds(10) + .milliseconds(20) * members) }

    /// How often the members' loads are read again: in a cluster of 1,000 every 30 s, so that reading stays far below renewing.
    public func loadRefresh(members: Int) -> Duration { max(settle, .milliseconds(30) * members) }

    /// How often they are read at most where feeds are freed one after the other: everybody reads then, so the more there are, the less often.
    public func hurriedRefresh(members: Int) -> Duration { max(.milliseconds(100), .milliseconds(10) * members) }
}
