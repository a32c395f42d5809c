/// The durations of a lease. Their order is what makes "one producer" true, so an impossible set is refused at start (`violations`).
///
/// One letter each in the design: T R Q H K P, and rho. All local durations are judged on CLOCK_BOOTTIME.
public struct LeaseTiming: Sendable, Hashable {
    /// T, `lease.ttl`: a challenger acts after it has seen an unchanged record for so long.
    public var ttl: Duration
    /// R, `lease.renew`: a held lease is renewed this often.
    public var renewEvery: Duration
    /// Q, `lease.renew_timeout`: a renewal without reply is given up after so long.
    public var renewTimeout: Duration
    /// H, `lease.self_fence`: the holder stops trusting its lease so long after the send of the last confirmed renewal.
    public var selfFence: Duration
    /// K, `lease.close_slack`: after the deadline, time to close the websocket; then the dead-man kills the process.
    public var closeSlack: Duration
    /// P, `lease.observe`: the first-ranked watcher looks at the record this often, the second-ranked half as often.
    public var observeEvery: Duration
    /// rho, in millionths: how wrong the rate of a local clock may be.
    public var rateErrorMillionths: Int64

    public init(
        ttl: Duration = .milliseconds(6000), renewEvery: Duration = .milliseconds(1000), renewTimeout: Duration = .milliseconds(800),
        selfFence: Duration = .milliseconds(4500), closeSlack: Duration = .milliseconds(750),
        observeEvery: Duration = .milliseconds(500), rateErrorMillionths: Int64 = 5000
    ) {
        self.ttl = ttl
        self.renewEvery = renewEvery
        self.renewTimeout = renewTimeout
        self.selfFence = selfFence
        self.closeSlack = closeSlack
        self.observeEvery = observeEvery
        self.rateErrorMillionths = rateErrorMillionths
    }

    /// A named set of durations (`lease.profile`).
    public enum Profile: String, Sendable, CaseIterable {
        case normal
        /// Takeover without proof of death in about 5 s; needs a Redis that answers within 0.5 s.
        case fast
        /// Half the load of renewals and observations, for slow links; takeover in about 16 s.
        case calm

        public var timing: LeaseTiming {
            switch self {
            case .normal: LeaseTiming()
            case .fast:
                LeaseTiming(
                    ttl: .milliseconds(4000), renewEvery: .milliseconds(600), renewTimeout: .milliseconds(500),
                    selfFence: .milliseconds(2800), closeSlack: .milliseconds(500))
            case .calm:
                LeaseTiming(
                    ttl: .milliseconds(15000), renewEvery: .milliseconds(2000), renewTimeout: .milliseconds(1600),
                    selfFence: .milliseconds(11500), closeSlack: .milliseconds(1000), observeEvery: .milliseconds(1000))
            }
        }

        /// The cap of the back-off with which a lost Redis connection is opened again (`redis.reconnect_cap`).
        public var reconnectCap: Duration { self == .fast ? .milliseconds(600) : .milliseconds(1000) }
    }

    /// How often a watcher of this rank (1 is the first) looks at the record.
    public func observeEvery(rank: Int) -> Duration { rank <= 1 ? observeEvery : observeEvery * 2 }

    /// How long an unchanged record must have been watched before it may be taken: a holder may have declared a longer T than ours.
    public func observation(declared: Duration) -> Duration { max(ttl, declared) }

    /// The deadline of a lease whose confirmed renewal was sent at `sentAt` (rule r1).
    public func deadline(sentAt: LocalTime) -> LocalTime { sentAt + selfFence }

    /// When every websocket of a lease with this deadline is closed, by the dead-man if need be.
    public func closedBy(deadline: LocalTime) -> LocalTime { deadline + closeSlack }

    /// I6: the longest time from the loss of a holder, without proof of its death, to the grant of its lease to another worker.
    public func takeoverBound(roundTrip: Duration, stagger: Duration = .zero) -> Duration { ttl + observeEvery + roundTrip * 2 + stagger }
}
