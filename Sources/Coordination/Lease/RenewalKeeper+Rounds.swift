internal import RedisClient

extension RenewalKeeper {
    struct Lease: Sendable {
        let feed: FeedKeys
        var token: Token
        var deadline: LocalTime
        /// The deadline that was proved while the expired websocket was still being closed.
        var provedMeanwhile: LocalTime?
        /// A websocket is open or being opened.
        var hasSocket = false
        /// The passing of the deadline has been told.
        var isExpired = false
        var isUnconfirmed = false
        var isStalled = false

        /// Before every send: with an open websocket only before the deadline. A closed one does no harm, and the answer tells whether the
        /// lease is still ours.
        func mayRenew(now: LocalTime) -> Bool { now < deadline || !hasSocket }
    }

    /// The leases of a slot are renewed together.
    struct Group: Sendable {
        var nextRound: LocalTime
        /// Since when Redis has answered every renewal of the group; nil: the last one failed, or there was none.
        var answeringSince: LocalTime?
    }

    /// One round of a group: every lease whose loop makes progress, in calls of at most 200.
    mutating func renew(group name: String, now: LocalTime, progress: (FeedName) -> Progress) {
        var asked: [RenewCall.Lease] = []
        let answeringSince = groups[name]?.answeringSince
        for feed in leases.keys.sorted() {
            guard let lease = leases[feed], slot(of: lease.feed) == name, lease.mayRenew(now: now) else { continue }
            let stall = stall(progress(feed), answeringSince: answeringSince, now: now)
            note(stall, of: lease)
            if stall == nil { asked.append(RenewCall.Lease(feed: lease.feed, token: lease.token)) }
        }
        var rest = asked[...]
        while !rest.isEmpty {
            send(Array(rest.prefix(Self.batchSize)), now: now)
            rest = rest.dropFirst(Self.batchSize)
        }
    }

    private func stall(_ progress: Progress, answeringSince: LocalTime?, now: LocalTime) -> Stall? {
        let age = now - progress.tickedAt
        if age >= Self.tickLimit { return .loop(age: age) }
        // While Redis is away nothing can be acknowledged; the clock of a publish starts when it answers again.
        if let since = progress.unacknowledgedSince, let answeringSince {
            let waiting = now - max(since, answeringSince)
            if waiting > timing.selfFence { return .publish(age: waiting) }
        }
        return nil
    }

    private mutating func note(_ stall: Stall?, of lease: Lease) {
        let feed = lease.feed.feed
        guard lease.isStalled != (stall != nil) else { return }
        leases[feed]?.isStalled = stall != nil
        actions.append(.event(stall.map { .stalled(feed, $0) } ?? .progressing(feed)))
    }

    mutating func markUnconfirmed(_ lease: Lease, _ code: RedisError.Code) {
        guard !lease.isUnconfirmed else { return }
        leases[lease.feed.feed]?.isUnconfirmed = true
        actions.append(.event(.unconfirmed(lease.feed.feed, lease.token, code)))
    }

    /// Deadlines only move forward, and only what lies ahead counts.
    mutating func extend(_ feed: FeedName, sentAt: LocalTime, now: LocalTime) {
        guard let lease = leases[feed] else { return }
        let deadline = timing.deadline(sentAt: sentAt)
        guard deadline > lease.deadline else { return }
        // With the websocket still open an expired lease stays so: it must be closed first.
        if lease.isExpired, lease.hasSocket {
            leases[feed]?.provedMeanwhile = max(deadline, lease.provedMeanwhile ?? deadline)
            return
        }
        if lease.isExpired, deadline <= now { return }
        leases[feed]?.deadline = deadline
        leases[feed]?.isExpired = false
    }

    /// The first act of every verb: tells the deadlines that have passed.
    mutating func expire(now: LocalTime) {
        for feed in leases.keys.sorted() {
            guard let lease = leases[feed], !lease.isExpired, lease.deadline <= now else { continue }
            leases[feed]?.isExpired = true
            actions.append(.event(.expired(feed, lease.token)))
        }
    }
}
