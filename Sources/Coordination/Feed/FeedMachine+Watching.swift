extension FeedMachine {
    mutating func place(_ rank: Int?, _ alternate: String?, _ actions: inout [Action]) {
        guard stopRequest == nil else { return }
        let changed = rank != self.rank
        self.rank = rank
        self.alternate = alternate
        switch state {
        case .idle where isWatcher:
            state = .watching(Watching())
            actions.append(.observe)
        case .watching where !isWatcher:
            state = .idle
        case .watching(var watching) where changed && watching.claimAt != nil:
            // The turn among the claimants is another one.
            watching.claimAt = nil
            state = .watching(watching)
            actions.append(.observe)
        default: break
        }
    }

    /// This worker's turn among those that claim; who believes itself full comes behind the two best, in case it is not.
    private var turn: Int { rank.map { $0 == PlacementMachine.Place.full ? 3 : $0 } ?? 1 }

    /// Whether it comes behind the two best with room.
    private var isReserve: Bool { invitedUntil == nil && rank.map { (3...PlacementMachine.Place.last).contains($0) } ?? false }

    /// Whether the feed is this worker's business while it is not held.
    var isWatcher: Bool { invitedUntil != nil || rank.map { $0 <= PlacementMachine.Place.full } ?? false }

    mutating func invite(_ until: LocalTime, _ actions: inout [Action]) {
        guard stopRequest == nil else { return }
        invitedUntil = until
        switch state {
        case .idle, .watching:
            // Anew: an earlier turn among the claimants counts no longer.
            state = .watching(Watching())
            actions.append(.observe)
        default: break
        }
    }

    /// Whom the feed was offered to, and who watches it first, need not look at what they saw a moment ago: a claim of a record that is another
    /// one by now is answered CHANGED. That is a round trip less until somebody connects. The others look again when the head start is over.
    mutating func freed(
        _ preferred: String?, _ now: LocalTime, _ random: inout some RandomNumberGenerator, _ actions: inout [Action]
    ) {
        guard case .watching(var watching) = state else { return }
        if let preferred, preferred != incarnation.name {
            watching.claimAt = now + FeedPolicy.headStart + policy.claimDelay(rank: turn)
            watching.hasAsked = false
            state = .watching(watching)
            return
        }
        guard invitedUntil != nil || rank == 1, let observation = watching.observation, observation.isHeld, watching.claimAt == nil else {
            return actions.append(.observe)
        }
        claim(.free, .freed(at: observation.renewedAt), observation, delay: policy.takeoverDelay, "free", &random, &actions)
    }

    mutating func observe(
        _ record: LeaseObservation?, _ connection: Int, _ server: Server?, _ now: LocalTime, _ random: inout some RandomNumberGenerator,
        _ actions: inout [Action]
    ) {
        guard case .watching(var watching) = state else { return }
        guard isWatcher else {
            // The invitation has lapsed.
            state = .idle
            return
        }
        guard let record else {
            watching.observation = nil
            state = .watching(watching)
            actions.append(.initialise)
            return
        }
        if let seen = watching.observation, seen.epoch == record.epoch, seen.renewals == record.renewals,
            seen.renewedAt == record.renewedAt,
            seen.connection == connection
        {
            // The same pair, still under observation.
        } else {
            watching.observation = .init(
                epoch: record.epoch, renewals: record.renewals, renewedAt: record.renewedAt, connection: connection, since: now,
                isHeld: false)
            watching.isBackdated = false
        }
        watching.observation?.isHeld = record.state == .held && trustedAt(record, server, now) == nil
        state = .watching(watching)
        guard let observation = watching.observation else { return }
        switch record.state {
        case .free:
            if watching.observedOutAt != nil {
                watching.observedOutAt = nil
                watching.hasAsked = false
            }
            let stagger = invitedUntil == nil ? policy.claimDelay(rank: turn) : .zero
            let claimAt = max(watching.claimAt ?? now + stagger, trustedAt(record, server, now) ?? now)
            guard now >= claimAt else {
                if claimAt > watching.claimAt ?? now { watching.hasAsked = false }
                watching.claimAt = claimAt
                holdBack(record, server, now, &watching, &actions)
                state = .watching(watching)
                return
            }
            claim(.free, .freed(at: record.renewedAt), observation, delay: policy.takeoverDelay, "free", &random, &actions)
        case .held:
            watching.claimAt = nil
            let ttl = max(policy.timing.ttl, .milliseconds(record.ttlMilliseconds))
            if let holder = record.holder, dead.contains(holder) {
                guard trustedAt(record, server, now) == nil else {
                    holdBack(record, server, now, &watching, &actions)
                    state = .watching(watching)
                    return
                }
                state = .watching(watching)
                claim(.dead(holder), .lost, observation, delay: policy.takeoverDelay, "holder proved dead", &random, &actions)
            } else if isObservedOut(ttl, &watching, now) {
                claim(.seen(record), .lost, observation, delay: policy.connectDelay, "not renewed", &random, &actions)
            }
        case .unknown:
            watching.claimAt = nil
            let patience: Duration = policy.claimsUnknownAtOnce ? .zero : policy.timing.ttl
            // Nobody's takeover: those who are best placed for it come first.
            let courtesy = isReserve ? policy.timing.observeEvery * 2 : .zero
            if isObservedOut(patience + courtesy, &watching, now) {
                claim(.seen(record), .neverHeld, observation, delay: policy.connectDelay, "first start", &random, &actions)
            }
        }
    }

    /// Whether the pair has stood for so long. If not, the record is looked at once when it has, since the next regular look may be seconds later.
    private mutating func isObservedOut(_ duration: Duration, _ watching: inout Watching, _ now: LocalTime) -> Bool {
        let due = watching.observation.map { $0.since + duration } ?? now
        if watching.observedOutAt != due {
            watching.observedOutAt = due
            watching.hasAsked = false
        }
        state = .watching(watching)
        return now >= due
    }

    /// A record that was last acquired under another server process may be older than what that process knew: somebody may hold the feed
    /// whom it does not name. Until T after this process was first met such a holder has either restored its record or closed; only then is
    /// it free, or its holder's death, what it seems. nil: that time has passed, or the record is this process' own.
    func trustedAt(_ record: LeaseObservation, _ server: Server?, _ now: LocalTime) -> LocalTime? {
        guard let server, record.server != server.runID, record.epoch > 0, !policy.claimsUnknownAtOnce else { return nil }
        let trusted = server.since + max(policy.timing.ttl, .milliseconds(record.ttlMilliseconds))
        return now < trusted ? trusted : nil
    }

    func holdBack(
        _ record: LeaseObservation, _ server: Server?, _ now: LocalTime, _ watching: inout Watching, _ actions: inout [Action]
    ) {
        guard !watching.isHeldBack, trustedAt(record, server, now) != nil else { return }
        watching.isHeldBack = true
        actions.append(.report(.claimHeldBack))
    }

    /// For simulations of a broken rule r2: the observation that has just begun counts from an earlier time.
    package mutating func backdateObservation(to time: LocalTime) {
        guard case .watching(var watching) = state, let since = watching.observation?.since, since > time else { return }
        if watching.isBackdated { return }
        watching.isBackdated = true
        watching.observation?.since = time
        state = .watching(watching)
    }

    mutating func claim(
        _ mode: Acquisition.Mode, _ vacancy: Vacancy, _ observation: Watching.Observation, delay: ClosedRange<Duration>, _ reason: String,
        _ random: inout some RandomNumberGenerator, _ actions: inout [Action]
    ) {
        guard case .watching(let watching) = state else { return }
        state = .claiming(watching)
        let acquisition = Acquisition(
            mode: mode, vacancy: vacancy, seenEpoch: observation.epoch, delay: draw(delay, &random),
            connect: draw(policy.connectDelay, &random),
            jump: Int.random(in: 100...999, using: &random), reason: reason)
        actions.append(.acquire(acquisition, connection: observation.connection))
    }

    /// What was observed stays observed: the feed can be claimed as soon as there is room.
    mutating func claimNotMade(_ actions: inout [Action]) {
        guard case .claiming(let watching) = state else { return }
        guard stopRequest == nil, isWatcher else { return watchAgain(looksAtOnce: false, &actions) }
        state = .watching(watching)
    }

    mutating func watchAgain(looksAtOnce: Bool = true, _ actions: inout [Action]) {
        if stopRequest != nil {
            state = .finished
            actions.append(.finished)
        } else if isWatcher {
            state = .watching(Watching())
            if looksAtOnce { actions.append(.observe) }
        } else {
            state = .idle
        }
    }

    mutating func acquireReplied(
        _ reply: AcquireReply, _ sentAt: LocalTime, _ now: LocalTime, _ random: inout some RandomNumberGenerator, _ actions: inout [Action]
    ) {
        guard case .claiming = state else { return }
        switch reply {
        case .granted(let grant):
            let deadline = sentAt + policy.timing.selfFence
            guard now < deadline else {
                // Rule r4: too late to be used; others will observe it out. Nor does it count as load any longer.
                actions.append(.report(.grantTooLate))
                actions.append(.letGo)
                return watchAgain(&actions)
            }
            let lease = Lease(token: Token(incarnation: incarnation, epoch: grant.epoch), deadline: deadline)
            actions.append(.hold(lease.token, sentAt: sentAt))
            actions.append(.report(.acquired(epoch: grant.epoch, mode: "acquire", waitMilliseconds: grant.waitMilliseconds)))
            attempts = 0
            invitedUntil = nil
            if let stopRequest { return release(lease, stopRequest, &random, &actions) }
            if grant.isGo { return gateReplied(lease, .go, now, &random, &actions) }
            wait(lease, until: now + .milliseconds(grant.waitMilliseconds))
            timer(now, &random, &actions)
        case .changed: watchAgain(&actions)
        case .reserved(let milliseconds):
            watchAgain(&actions)
            if case .watching(var watching) = state {
                watching.claimAt = now + .milliseconds(milliseconds)
                state = .watching(watching)
            }
        case .missing:
            actions.append(.initialise)
            watchAgain(&actions)
        case .epochExhausted:
            actions.append(.report(.epochsExhausted))
            if stopRequest != nil { watchAgain(&actions) } else { state = .idle }
        }
    }
}
