public import RedisClient

/// Keeps the leases a worker holds: when to renew which, until when each may be trusted, and when the dead-man must fire.
///
/// A value on the control thread; pure. Its rules: a deadline is counted from the send of what was confirmed (r1); a lease is renewed only
/// while its data loop makes progress; nothing is sent for an open websocket whose deadline has passed. After each verb perform the
/// actions in their order.
public struct RenewalKeeper: Sendable {
    /// One `renew` call: leases of one slot.
    public struct Batch: Sendable, Hashable {
        public let id: Int
        public let call: RenewCall
        /// From here the deadlines count that its reply confirms.
        public let sentAt: LocalTime

        package init(id: Int, call: RenewCall, sentAt: LocalTime) {
            self.id = id
            self.call = call
            self.sentAt = sentAt
        }
    }

    /// What the feed machines hear. The token is the one the renewal showed: `begin` and `resume` change a feed's token while renewals are
    /// under way, and the refusal of an outdated token is none; the feed machine compares.
    public enum Event: Sendable, Hashable {
        /// The lease was held at `sentAt`; it may be trusted until `deadline`.
        case confirmed(FeedName, Token, sentAt: LocalTime, deadline: LocalTime)
        /// The record carries another token.
        case refused(FeedName, Token)
        /// There is no record.
        case missing(FeedName, Token)
        /// A renewal failed or got no answer: whether the lease is held is unknown until the deadline. Told once until the next
        /// confirmation.
        case unconfirmed(FeedName, Token, RedisError.Code)
        /// The data loop makes no progress, so the lease is not renewed. Told once until it does again.
        case stalled(FeedName, Stall)
        case progressing(FeedName)
        /// The deadline has passed: close the websocket now. Told once.
        case expired(FeedName, Token)
    }

    /// Why a lease is not renewed.
    public enum Stall: Sendable, Hashable {
        /// The loop's last tick is this old.
        case loop(age: Duration)
        /// A publish is unacknowledged for this long while Redis answers renewals.
        case publish(age: Duration)
    }

    public enum Action: Sendable, Hashable {
        /// Send it now, with the renew timeout Q; then `replied` or `failed`.
        case renew(Batch)
        case event(Event)
        /// Before anything else is done: set the dead-man to this time.
        case armDeadman(LocalTime)
        case disarmDeadman
        /// Call `woken` at this time; it replaces the one asked for before.
        case wake(LocalTime)
    }

    /// How a feed's data loop is doing, as the loop itself reports.
    public struct Progress: Sendable, Hashable {
        /// The loop's last tick.
        public var tickedAt: LocalTime
        /// Since when the feed's oldest unacknowledged publish is under way; nil if none is.
        public var unacknowledgedSince: LocalTime?

        public init(tickedAt: LocalTime, unacknowledgedSince: LocalTime?) {
            self.tickedAt = tickedAt
            self.unacknowledgedSince = unacknowledgedSince
        }
    }

    /// Leases in one call.
    public static let batchSize = 200
    /// A loop whose tick is this old makes no progress.
    public static let tickLimit = Duration.milliseconds(1500)

    let timing: LeaseTiming
    /// Whether the server's process is addressed directly (`redis.direct`), so that a refused connect proves it gone.
    private let isDirect: Bool
    var leases: [FeedName: Lease] = [:]
    /// By slot; see `slot(of:)`.
    var groups: [String: Group] = [:]
    /// All slots are one server's, so that one call may name them all.
    private var isOneServer = false
    /// Deadlines of leases that ended while their websocket was still being closed: the dead-man goes on watching it.
    private var closing: [FeedName: LocalTime] = [:]
    private var underWay: [Int: Batch] = [:]
    private var nextBatchID = 1
    private var link = Link.connected
    private var deadman: LocalTime?
    private var wakeAt: LocalTime?
    var actions: [Action] = []

    /// The control connection.
    private enum Link: Sendable {
        case connected
        case lost(LocalTime)
    }

    public init(timing: LeaseTiming, isDirect: Bool) {
        self.timing = timing
        self.isDirect = isDirect
    }

    // MARK: Leases

    /// Begins to keep a lease that an `acquire` sent at `sentAt` was granted.
    ///
    /// A grant that comes later than `sentAt + H` is not used (r4): nothing is kept and `.expired` is told.
    public mutating func hold(_ feed: FeedKeys, token: Token, sentAt: LocalTime, now: LocalTime) -> [Action] {
        let deadline = timing.deadline(sentAt: sentAt)
        guard now < deadline else { return [.event(.expired(feed.feed, token))] }
        leases[feed.feed] = Lease(feed: feed, token: token, deadline: deadline)
        let slot = slot(of: feed)
        if groups[slot] == nil { groups[slot] = Group(nextRound: sentAt + timing.renewEvery) }
        return finish(now: now)
    }

    /// `begin` or `resume` gave the feed a new token. The deadline stays: only renewals and proofs move it.
    public mutating func replaceToken(of feed: FeedName, with token: Token) { leases[feed]?.token = token }

    /// Ends the keeping of a lease: released, or lost. What is under way for it is no longer told. Its websocket must be on the way to be closed:
    /// until `socketClosed` the dead-man watches it.
    public mutating func drop(_ feed: FeedName, now: LocalTime) -> [Action] {
        guard let lease = leases.removeValue(forKey: feed) else { return [] }
        if lease.hasSocket { closing[feed] = lease.deadline }
        let slot = slot(of: lease.feed)
        if !leases.values.contains(where: { self.slot(of: $0.feed) == slot }) { groups[slot] = nil }
        return finish(now: now)
    }

    /// A websocket is about to be opened under the lease: from here the dead-man watches it. Perform the actions *before* connecting.
    ///
    /// With the deadline passed, or without a lease, nothing may be opened: then the answer has `.expired`, or is nil.
    public mutating func socketOpening(_ feed: FeedName, now: LocalTime) -> [Action]? {
        guard let lease = leases[feed] else { return nil }
        guard now < lease.deadline else {
            expire(now: now)
            if !actions.contains(.event(.expired(feed, lease.token))) { actions.append(.event(.expired(feed, lease.token))) }
            return finish(now: now)
        }
        leases[feed]?.hasSocket = true
        closing[feed] = nil
        return finish(now: now)
    }

    /// The feed's websocket is closed, or the attempt to open one has ended.
    public mutating func socketClosed(_ feed: FeedName, now: LocalTime) -> [Action] {
        closing[feed] = nil
        if let lease = leases[feed] {
            leases[feed]?.hasSocket = false
            leases[feed]?.provedMeanwhile = nil
            if let proved = lease.provedMeanwhile, proved > now {
                leases[feed]?.deadline = proved
                leases[feed]?.isExpired = false
            }
        }
        return finish(now: now)
    }

    /// Until when the lease may be trusted; nil if none is kept.
    public func deadline(of feed: FeedName) -> LocalTime? { leases[feed]?.deadline }

    // MARK: Renewals

    /// The time of the last `.wake` has come; early calls do no harm. `progress` tells of each feed's data loop.
    public mutating func woken(now: LocalTime, progress: (FeedName) -> Progress) -> [Action] {
        // The timer is spent, even if it came early: the next one is always asked for.
        wakeAt = nil
        expire(now: now)
        if case .connected = link {
            for name in groups.keys.sorted() {
                guard let group = groups[name], group.nextRound <= now, !isUnderWay(group: name) else { continue }
                groups[name]?.nextRound = now + timing.renewEvery
                renew(group: name, now: now, progress: progress)
            }
        }
        return finish(now: now)
    }

    /// The reply to a batch. One that was given up in the meantime still confirms what it says, as of its send.
    public mutating func replied(_ batch: Batch, _ results: [RenewReply.Result], now: LocalTime) -> [Action] {
        underWay[batch.id] = nil
        expire(now: now)
        for (asked, result) in zip(batch.call.leases, results) {
            let feed = asked.feed.feed
            guard leases[feed] != nil else { continue }
            switch result {
            case .renewed:
                extend(feed, sentAt: batch.sentAt, now: now)
                leases[feed]?.isUnconfirmed = false
                let deadline = leases[feed]?.deadline ?? now
                actions.append(.event(.confirmed(feed, asked.token, sentAt: batch.sentAt, deadline: deadline)))
            case .refused: actions.append(.event(.refused(feed, asked.token)))
            case .missing: actions.append(.event(.missing(feed, asked.token)))
            }
        }
        if let slot = slot(of: batch), groups[slot]?.answeringSince == nil { groups[slot]?.answeringSince = now }
        return finish(now: now)
    }

    /// A batch got an error, or no answer within the renew timeout. After `.tryAgain` (a slot on the move) its leases are renewed one by
    /// one.
    public mutating func failed(_ batch: Batch, _ code: RedisError.Code, now: LocalTime) -> [Action] {
        guard underWay.removeValue(forKey: batch.id) != nil else { return [] }
        expire(now: now)
        if let slot = slot(of: batch) { groups[slot]?.answeringSince = nil }
        for asked in batch.call.leases {
            guard let lease = leases[asked.feed.feed] else { continue }
            if code == .tryAgain, batch.call.leases.count > 1, lease.mayRenew(now: now) {
                send([RenewCall.Lease(feed: lease.feed, token: lease.token)], now: now)
            } else {
                markUnconfirmed(lease, code)
            }
        }
        return finish(now: now)
    }

    /// The control connection ended: what was under way has no answer.
    public mutating func connectionLost(now: LocalTime) -> [Action] {
        guard case .connected = link else { return [] }
        link = .lost(now)
        underWay = [:]
        for name in groups.keys { groups[name]?.answeringSince = nil }
        expire(now: now)
        for feed in leases.keys.sorted() { if let lease = leases[feed] { markUnconfirmed(lease, .connectionLost) } }
        return finish(now: now)
    }

    /// The control connection stands (again), or what made renewals fail is repaired: everything is renewed at once. `isOneServer`: it is not a
    /// node of a Redis Cluster, so one call may carry leases of all budget groups; that halves what many workers cost it.
    public mutating func connected(now: LocalTime, isOneServer: Bool = false) -> [Action] {
        link = .connected
        if isOneServer != self.isOneServer {
            self.isOneServer = isOneServer
            let slots = Set(leases.values.map { slot(of: $0.feed) })
            groups = Dictionary(uniqueKeysWithValues: slots.map { ($0, Group(nextRound: now)) })
        }
        for name in groups.keys { groups[name]?.nextRound = now }
        expire(now: now)
        return finish(now: now)
    }

    /// A new connect sent at `sentAt` was refused or answered `LOADING`, after the control connection had ended: the server's process is
    /// gone, and with it every observation of a challenger (r6). Extends what is not expired to `sentAt + H`. Only for an address without
    /// anything in between.
    public mutating func outageProof(sentAt: LocalTime, now: LocalTime) -> [Action] {
        expire(now: now)
        if isDirect, case .lost(let lostAt) = link, sentAt >= lostAt {
            for feed in leases.keys where leases[feed]?.isExpired == false { extend(feed, sentAt: sentAt, now: now) }
        }
        return finish(now: now)
    }

    // MARK: Inside

    mutating func send(_ asked: [RenewCall.Lease], now: LocalTime) {
        let batch = Batch(id: nextBatchID, call: RenewCall(leases: asked), sentAt: now)
        nextBatchID += 1
        underWay[batch.id] = batch
        actions.append(.renew(batch))
    }

    private func isUnderWay(group: String) -> Bool { underWay.values.contains { slot(of: $0) == group } }

    /// What is renewed together: the leases of a budget group, or all where there is but one server.
    func slot(of feed: FeedKeys) -> String { isOneServer ? "" : feed.group }

    private func slot(of batch: Batch) -> String? { batch.call.leases.first.map { slot(of: $0.feed) } }

    private mutating func finish(now: LocalTime) -> [Action] {
        let watched = leases.values.filter(\.hasSocket).map(\.deadline) + closing.values
        let due = watched.min().map { timing.closedBy(deadline: $0) }
        if due != deadman {
            deadman = due
            actions.insert(due.map { .armDeadman($0) } ?? .disarmDeadman, at: 0)
        }
        var times = leases.values.filter { !$0.isExpired }.map(\.deadline)
        if case .connected = link {
            times += groups.compactMap { isUnderWay(group: $0.key) ? nil : $0.value.nextRound }
        }
        if let at = times.min(), at != wakeAt {
            wakeAt = at
            actions.append(.wake(at))
        }
        defer { actions = [] }
        return actions
    }
}
