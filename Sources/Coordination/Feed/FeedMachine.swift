/// One feed as one worker sees it: watching a foreign lease, claiming it, connecting, live, giving up.
///
/// Every decision of section 6 of the coordination contract, without clock, randomness or I/O: events in, actions out. The shell performs the
/// actions in order and calls `handle(.timer)` when `wakeAt` has come.
public struct FeedMachine: Sendable {
    public var policy: FeedPolicy
    public let incarnation: Incarnation
    public private(set) var rank: Int?
    /// A worker of another host to hand over to when this one cannot reach the exchange.
    private var alternate: String?
    var state: State = .idle
    private var lastCall = 0
    /// Failed attempts since data were last received.
    private var attempts = 0
    /// Incarnations of this host that are proved dead; small, the newest last.
    private var dead: [Incarnation] = []
    private var stopRequest: Stop?
    /// Until then the feed is offered to this worker by its owner.
    private var invitedUntil: LocalTime?

    public init(policy: FeedPolicy, incarnation: Incarnation) {
        self.policy = policy
        self.incarnation = incarnation
    }

    struct Stop: Sendable, Equatable {
        var reason: String
        var preferred: String?
    }

    /// A lease this worker was granted: proved up to the deadline and no longer.
    struct Lease: Sendable, Equatable {
        var token: Token
        var deadline: LocalTime
    }

    /// A call that must be answered before the feed goes on. It is repeated until it is.
    struct Pending: Sendable, Equatable {
        enum Status: Sendable, Equatable {
            case inFlight
            case repeats(at: LocalTime)
        }

        var id: Int
        var call: Call
        var status: Status = .inFlight
    }

    struct Watching: Sendable, Equatable {
        /// The pair that is being observed, over one unbroken connection (rules r3, r6).
        struct Observation: Sendable, Equatable {
            var epoch: Int
            var renewals: Int
            var connection: Int
            /// Receipt of the first poll that showed the pair (rule r2).
            var since: LocalTime
        }

        var observation: Observation?
        /// When a free feed may be claimed by this rank.
        var claimAt: LocalTime?
        /// That time has come, and the record was asked for again.
        var hasAsked = false
    }

    struct Waiting: Sendable, Equatable {
        var lease: Lease
        var gateAt: LocalTime
    }

    enum State: Sendable, Equatable {
        /// Nothing to do with this feed. Next: watching.
        case idle
        /// Somebody else's, or nobody's. Next: claiming, idle.
        case watching(Watching)
        /// The lease is asked for. Next: waiting, watching, releasing.
        case claiming
        /// Lease held, no socket, until the time to ask `gate`. Next: calling, watching, fenced.
        case waiting(Waiting)
        /// Lease held, no socket; gate or retry under way. Next: waiting, dialing, ending.
        case calling(Lease, Pending)
        /// Lease held, websocket being opened. Next: beginning, calling (retry).
        case dialing(Lease)
        /// Websocket open, nothing read yet; begin (or gate, where a failover lost the GO) under way. `ended`: it closed meanwhile.
        case beginning(Lease, Pending, ended: String?)
        /// Websocket open and published. `soft`: a soft disconnect is being asked for; `resume`: the record is being restored.
        case live(Lease)
        case softening(Lease, Pending)
        case resuming(Lease, Pending, ended: String?)
        /// Websocket closed; the rest is being published and the disconnect reported. Next: waiting.
        case ending(Lease, Pending)
        /// Deadline passed, websocket closed, lease unknown; the tail is kept until the time. Next: ending, idle.
        case fenced(Token, until: LocalTime)
        /// Giving up in order. Next: finished.
        case releasing(Lease, Pending)
        case finished
    }

    public var phase: Phase {
        switch state {
        case .idle: .idle
        case .watching: .watch
        case .claiming: .claim
        case .waiting, .calling: .held
        case .dialing: .dial
        case .beginning: .begin
        case .live, .softening: .live
        case .resuming: .resuming
        case .ending: .ending
        case .fenced: .fenced
        case .releasing: .drain
        case .finished: .finished
        }
    }

    /// The token this worker acts under, if it holds the lease or last held it.
    public var token: Token? {
        switch state {
        case .idle, .watching, .claiming, .finished: nil
        case .waiting(let waiting): waiting.lease.token
        case .calling(let lease, _), .dialing(let lease), .beginning(let lease, _, _), .live(let lease), .softening(let lease, _),
            .resuming(let lease, _, _), .ending(let lease, _), .releasing(let lease, _):
            lease.token
        case .fenced(let token, _): token
        }
    }

    /// Whether the lease is proved at this moment.
    public func isProved(now: LocalTime) -> Bool { lease.map { now < $0.deadline } ?? false }

    private var lease: Lease? {
        switch state {
        case .idle, .watching, .claiming, .finished, .fenced: nil
        case .waiting(let waiting): waiting.lease
        case .calling(let lease, _), .dialing(let lease), .beginning(let lease, _, _), .live(let lease), .softening(let lease, _),
            .resuming(let lease, _, _), .ending(let lease, _), .releasing(let lease, _):
            lease
        }
    }

    private var pending: Pending? {
        switch state {
        case .calling(_, let pending), .beginning(_, let pending, _), .softening(_, let pending), .resuming(_, let pending, _),
            .ending(_, let pending), .releasing(_, let pending):
            pending
        case .idle, .watching, .claiming, .waiting, .dialing, .live, .fenced, .finished: nil
        }
    }

    /// When `handle(.timer)` is due next.
    public var wakeAt: LocalTime? {
        var times: [LocalTime] = []
        if let lease { times.append(lease.deadline) }
        if case .repeats(let at)? = pending?.status { times.append(at) }
        switch state {
        case .watching(let watching): if let at = watching.claimAt, !watching.hasAsked { times.append(at) }
        case .waiting(let waiting): times.append(waiting.gateAt)
        case .fenced(_, let until): times.append(until)
        case .idle, .claiming, .calling, .dialing, .beginning, .live, .softening, .resuming, .ending, .releasing, .finished: break
        }
        return times.min()
    }

    /// Takes one event; the actions are to be performed in order.
    public mutating func handle(_ event: Event, now: LocalTime, random: inout some RandomNumberGenerator) -> [Action] {
        var actions: [Action] = []
        // The first act of anything that happens late is to close.
        if let lease, now >= lease.deadline { passDeadline(lease, now, &actions) }
        if let invitedUntil, now >= invitedUntil { self.invitedUntil = nil }
        switch event {
        case .placed(let rank, let alternate): place(rank, alternate, &actions)
        case .invited(let until): invite(until, &actions)
        case .observed(let observation, let connection): observe(observation, connection, now, &random, &actions)
        case .controlLost: if case .watching = state { state = .watching(Watching()) }
        case .woken: if case .watching = state { actions.append(.observe) }
        case .deathProved(let incarnation):
            dead.append(incarnation)
            if dead.count > 64 { dead.removeFirst() }
            if case .watching = state { actions.append(.observe) }
        case .acquireReplied(let reply, let sentAt): acquireReplied(reply, sentAt, now, &random, &actions)
        // Not at once: a claim that does not fit, or finds no connection, would be made again and again.
        case .acquireFailed: if case .claiming = state { watchAgain(looksAtOnce: false, &actions) }
        case .renewed(let token, let sentAt): renewed(token, sentAt, now, &random, &actions)
        case .renewRefused(let token): notRenewed(token, reason: "another worker holds the lease", &random, &actions)
        case .renewFoundNothing(let token): notRenewed(token, reason: "the lease record is gone", &random, &actions)
        case .outageProved(let sentAt): extend(to: sentAt + policy.timing.selfFence, &actions)
        case .replied(let id, let reply):
            guard let pending, pending.id == id else { break }
            replied(reply, now, &random, &actions)
        case .callFailed(let id):
            guard let pending, pending.id == id else { break }
            setPending(status: .repeats(at: now + .milliseconds(100)))
        case .linkUp: repeatPending(now, &actions)
        case .dialed: dialed(&random, &actions)
        case .dialFailed(let retryAfter): dialFailed(retryAfter, &random, &actions)
        case .socketEnded(let reason): socketEnded(reason, &random, &actions)
        case .softError(let reason): softError(reason, &random, &actions)
        case .dataReceived: attempts = 0
        case .publishFenced: publishFenced(&random, &actions)
        case .publishDisordered(let top): publishDisordered(top, &random, &actions)
        case .stop(let reason, let preferred): stop(Stop(reason: reason, preferred: preferred), &random, &actions)
        case .timer: timer(now, &random, &actions)
        }
        return actions
    }

    // MARK: Watching and claiming

    private mutating func place(_ rank: Int?, _ alternate: String?, _ actions: inout [Action]) {
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

    /// Whether the feed is this worker's business while it is not held.
    private var isWatcher: Bool { invitedUntil != nil || rank.map { $0 <= 2 } ?? false }

    private mutating func invite(_ until: LocalTime, _ actions: inout [Action]) {
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

    private mutating func observe(
        _ record: LeaseObservation?, _ connection: Int, _ now: LocalTime, _ random: inout some RandomNumberGenerator,
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
        if let seen = watching.observation, seen.epoch == record.epoch, seen.renewals == record.renewals, seen.connection == connection {
            // The same pair, still under observation.
        } else {
            watching.observation = .init(epoch: record.epoch, renewals: record.renewals, connection: connection, since: now)
        }
        state = .watching(watching)
        guard let observation = watching.observation else { return }
        switch record.state {
        case .free:
            let claimAt = watching.claimAt ?? now + (invitedUntil == nil ? policy.claimStagger * ((rank ?? 1) - 1) : .zero)
            guard now >= claimAt else {
                watching.claimAt = claimAt
                state = .watching(watching)
                return
            }
            claim(.free, observation, delay: policy.takeoverDelay, "free", &random, &actions)
        case .held:
            watching.claimAt = nil
            state = .watching(watching)
            if let holder = record.holder, dead.contains(holder) {
                claim(.dead(holder), observation, delay: policy.takeoverDelay, "holder proved dead", &random, &actions)
            } else if now - observation.since >= max(policy.timing.ttl, .milliseconds(record.ttlMilliseconds)) {
                claim(.seen(renewals: record.renewals), observation, delay: policy.connectDelay, "not renewed", &random, &actions)
            }
        case .unknown:
            watching.claimAt = nil
            state = .watching(watching)
            if policy.claimsUnknownAtOnce || now - observation.since >= policy.timing.ttl {
                claim(.seen(renewals: record.renewals), observation, delay: policy.connectDelay, "first start", &random, &actions)
            }
        }
    }

    private mutating func claim(
        _ mode: Acquisition.Mode, _ observation: Watching.Observation, delay: ClosedRange<Duration>, _ reason: String,
        _ random: inout some RandomNumberGenerator, _ actions: inout [Action]
    ) {
        state = .claiming
        let acquisition = Acquisition(
            mode: mode, seenEpoch: observation.epoch, delay: draw(delay, &random), connect: draw(policy.connectDelay, &random),
            jump: Int.random(in: 100...999, using: &random), reason: reason)
        actions.append(.acquire(acquisition, connection: observation.connection))
    }

    private mutating func watchAgain(looksAtOnce: Bool = true, _ actions: inout [Action]) {
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

    private mutating func acquireReplied(
        _ reply: AcquireReply, _ sentAt: LocalTime, _ now: LocalTime, _ random: inout some RandomNumberGenerator, _ actions: inout [Action]
    ) {
        guard case .claiming = state else { return }
        switch reply {
        case .granted(let grant):
            let deadline = sentAt + policy.timing.selfFence
            guard now < deadline else {
                // Rule r4: too late to be used; others will observe it out.
                actions.append(.report(.grantTooLate))
                return watchAgain(&actions)
            }
            let lease = Lease(token: Token(incarnation: incarnation, epoch: grant.epoch), deadline: deadline)
            actions.append(.hold(lease.token, sentAt: sentAt))
            actions.append(.report(.acquired(epoch: grant.epoch, mode: "acquire", waitMilliseconds: grant.waitMilliseconds)))
            attempts = 0
            invitedUntil = nil
            if let stopRequest { return release(lease, stopRequest, &random, &actions) }
            state = .waiting(Waiting(lease: lease, gateAt: now + .milliseconds(grant.waitMilliseconds)))
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

    // MARK: Lease

    private mutating func renewed(
        _ token: Token, _ sentAt: LocalTime, _ now: LocalTime, _ random: inout some RandomNumberGenerator, _ actions: inout [Action]
    ) {
        guard token == self.token else { return }
        let deadline = sentAt + policy.timing.selfFence
        if case .fenced(let token, _) = state {
            guard now < deadline else { return }
            // Still ours: the tail goes out, then the disconnect that could not be reported.
            let lease = Lease(token: token, deadline: deadline)
            return end(lease, reason: "lease could not be renewed", &random, &actions)
        }
        extend(to: deadline, &actions)
    }

    private mutating func extend(to deadline: LocalTime, _ actions: inout [Action]) {
        guard var lease, deadline > lease.deadline else { return }
        lease.deadline = deadline
        setLease(lease)
    }

    /// Redis does not show our token: somebody else's, an older record that a restart brought back, a fresh one, or none.
    private mutating func notRenewed(
        _ token: Token, reason: String, _ random: inout some RandomNumberGenerator, _ actions: inout [Action]
    ) {
        guard token == self.token else { return }
        switch state {
        // `resume` tells which, and restores what is not newer than ours.
        case .live, .softening: publishFenced(&random, &actions)
        // The call that is under way may just have changed the token: its reply decides.
        case .beginning, .resuming, .releasing: break
        // Without an open websocket nothing is restored.
        default: lose(reason, &actions)
        }
    }

    private mutating func publishFenced(_ random: inout some RandomNumberGenerator, _ actions: inout [Action]) {
        // FENCED means a foreign token or no record at all; `resume` tells which, and restores only the latter.
        switch state {
        case .live(let lease): resume(lease, renumber: false, floorMilliseconds: 0, &random, &actions)
        case .softening(let lease, _):
            actions.append(.resumeReading)
            resume(lease, renumber: false, floorMilliseconds: 0, &random, &actions)
        // Without an open websocket nothing is restored: the tail is lost behind the successor's fence.
        case .ending: lose("another worker holds the lease, or its record is gone", &actions)
        case .releasing: finishReleasing(&actions)
        case .idle, .watching, .claiming, .waiting, .calling, .dialing, .beginning, .resuming, .fenced, .finished: break
        }
    }

    private mutating func publishDisordered(_ top: Int64, _ random: inout some RandomNumberGenerator, _ actions: inout [Action]) {
        switch state {
        case .live(let lease): resume(lease, renumber: true, floorMilliseconds: top, &random, &actions)
        case .softening(let lease, _):
            actions.append(.resumeReading)
            resume(lease, renumber: true, floorMilliseconds: top, &random, &actions)
        case .ending: lose("an id was refused while the websocket was closed", &actions)
        case .releasing: finishReleasing(&actions)
        case .idle, .watching, .claiming, .waiting, .calling, .dialing, .beginning, .resuming, .fenced, .finished: break
        }
    }

    private mutating func resume(
        _ lease: Lease, renumber: Bool, floorMilliseconds: Int64, _ random: inout some RandomNumberGenerator, _ actions: inout [Action]
    ) {
        let jump = Int.random(in: 100...999, using: &random)
        let pending = issue(.resume(lease.token, renumber: renumber, floorMilliseconds: floorMilliseconds, jump: jump), &actions)
        state = .resuming(lease, pending, ended: nil)
    }

    /// The deadline is here: close, whatever else is going on.
    private mutating func passDeadline(_ lease: Lease, _ now: LocalTime, _ actions: inout [Action]) {
        let until = lease.deadline + policy.timing.ttl
        switch state {
        case .live, .softening, .resuming(_, _, ended: nil), .beginning(_, _, ended: nil):
            actions.append(.closeSocketBy(lease.deadline + policy.timing.closeSlack, reason: "lease could not be renewed in time"))
        case .dialing: actions.append(.cancelDial)
        default: break
        }
        actions.append(.report(.selfFenced))
        switch state {
        case .live, .softening, .ending: state = .fenced(lease.token, until: until)
        case .releasing: finishReleasing(&actions)
        case .waiting, .calling, .dialing, .beginning, .resuming:
            actions.append(.letGo)
            actions.append(.dropBuffer(reason: "lease could not be renewed in time"))
            watchAgain(&actions)
        case .idle, .watching, .claiming, .fenced, .finished: break
        }
    }

    /// The lease is somebody else's, or gone for good.
    private mutating func lose(_ reason: String, _ actions: inout [Action]) {
        switch state {
        case .idle, .watching, .claiming, .finished: return
        case .live, .softening, .resuming, .beginning: actions.append(.closeSocket(reason: reason))
        case .dialing: actions.append(.cancelDial)
        case .waiting, .calling, .ending, .fenced, .releasing: break
        }
        actions.append(.letGo)
        actions.append(.dropBuffer(reason: reason))
        actions.append(.report(.lost(reason: reason)))
        watchAgain(&actions)
    }

    // MARK: Socket

    private mutating func dialed(_ random: inout some RandomNumberGenerator, _ actions: inout [Action]) {
        guard case .dialing(let lease) = state else { return actions.append(.closeSocket(reason: "no longer wanted")) }
        let pending = issue(.begin(lease.token, jump: Int.random(in: 100...999, using: &random)), &actions)
        state = .beginning(lease, pending, ended: nil)
    }

    private mutating func dialFailed(
        _ retryAfter: Duration?, _ random: inout some RandomNumberGenerator, _ actions: inout [Action]
    ) {
        guard case .dialing(let lease) = state else { return }
        retry(lease, retryAfter, &random, &actions)
    }

    private mutating func retry(
        _ lease: Lease, _ retryAfter: Duration?, _ random: inout some RandomNumberGenerator, _ actions: inout [Action]
    ) {
        attempts += 1
        var wait = draw(policy.connectDelay, &random)
        if attempts > 5 { wait = min(wait * (1 << min(attempts - 5, 16)), policy.retryCap) }
        if let retryAfter { wait = max(wait, retryAfter) }
        actions.append(.report(.attemptFailed(count: attempts, wait: wait)))
        // Whoever connects next waits what the exchange asked for, too.
        if let stopRequest { return release(lease, stopRequest, connect: retryAfter, &random, &actions) }
        if attempts % 3 == 0, let alternate {
            // This host may be cut off from the exchange: let another one try.
            let stop = Stop(reason: "exchange not reached", preferred: alternate)
            return release(lease, stop, connect: retryAfter, &random, &actions)
        }
        state = .calling(lease, issue(.retry(lease.token, wait: wait), &actions))
    }

    private mutating func socketEnded(_ reason: String, _ random: inout some RandomNumberGenerator, _ actions: inout [Action]) {
        switch state {
        case .live(let lease), .softening(let lease, _): end(lease, reason: reason, &random, &actions)
        case .beginning(let lease, let pending, _): state = .beginning(lease, pending, ended: reason)
        case .resuming(let lease, let pending, _): state = .resuming(lease, pending, ended: reason)
        case .idle, .watching, .claiming, .waiting, .calling, .dialing, .ending, .fenced, .releasing, .finished: break
        }
    }

    private mutating func softError(_ reason: String, _ random: inout some RandomNumberGenerator, _ actions: inout [Action]) {
        guard case .live(let lease) = state else { return }
        actions.append(.pauseReading)
        let delay = draw(policy.connectDelay, &random)
        state = .softening(lease, issue(.disconnect(lease.token, hard: false, delay: delay, reason: reason), &actions))
    }

    private mutating func end(
        _ lease: Lease, reason: String, _ random: inout some RandomNumberGenerator, _ actions: inout [Action]
    ) {
        if let stopRequest { return release(lease, stopRequest, &random, &actions) }
        let delay = draw(policy.connectDelay, &random)
        state = .ending(lease, issue(.disconnect(lease.token, hard: true, delay: delay, reason: reason), &actions))
    }

    // MARK: Replies

    private mutating func replied(
        _ reply: CallReply, _ now: LocalTime, _ random: inout some RandomNumberGenerator, _ actions: inout [Action]
    ) {
        switch (state, reply) {
        case (.calling(let lease, _), .gate(let reply)): gateReplied(lease, reply, now, &random, &actions)
        case (.calling(let lease, _), .retry(let reply)):
            switch reply {
            case .waiting(_, let milliseconds):
                state = .waiting(Waiting(lease: lease, gateAt: now + .milliseconds(milliseconds)))
            // A failover lost the disconnect before this attempt: gate will say so.
            case .live: state = .waiting(Waiting(lease: lease, gateAt: now))
            case .fenced: lose("another worker holds the lease", &actions)
            }
        case (.beginning(let lease, _, let ended), .begin(let reply)): beginReplied(lease, ended, reply, now, &random, &actions)
        case (.beginning(let lease, _, let ended), .gate(let reply)):
            // A failover lost the GO: it was asked for again.
            if reply == .go {
                // What has ended meanwhile was a failed attempt: the next one waits.
                guard ended == nil else { return retry(lease, nil, &random, &actions) }
                state = .dialing(lease)
                return dialed(&random, &actions)
            }
            if reply == .fenced { return lose("another worker holds the lease", &actions) }
            if ended == nil { actions.append(.closeSocket(reason: "no longer admitted")) }
            gateReplied(lease, reply, now, &random, &actions)
        case (.softening(let lease, _), .disconnect(let reply)): softReplied(lease, reply, now, &random, &actions)
        case (.ending(let lease, let pending), .disconnect(let reply)): endReplied(lease, pending, reply, now, &random, &actions)
        case (.resuming(let lease, _, let ended), .resume(let reply)): resumeReplied(lease, ended, reply, now, &random, &actions)
        case (.releasing, .release): finishReleasing(&actions)
        // The state says which call is pending, and the call's number which reply this is: nothing else can come.
        default: preconditionFailure("a reply of the wrong kind in state \(state): \(reply)")
        }
    }

    private mutating func gateReplied(
        _ lease: Lease, _ reply: GateReply, _ now: LocalTime, _ random: inout some RandomNumberGenerator, _ actions: inout [Action]
    ) {
        // A stop that came while begin was under way does not wait for the pace.
        if let stopRequest, reply != .fenced { return release(lease, stopRequest, &random, &actions) }
        switch reply {
        case .go:
            state = .dialing(lease)
            actions.append(.dial)
        case .due(let milliseconds): state = .waiting(Waiting(lease: lease, gateAt: now + .milliseconds(milliseconds)))
        case .cooling(let milliseconds):
            actions.append(.report(.cooling(milliseconds: milliseconds)))
            state = .waiting(Waiting(lease: lease, gateAt: now + .milliseconds(milliseconds)))
        case .notPending:
            // A failover lost the disconnect: what is left goes out, then it is reported again.
            end(lease, reason: "disconnect reported again", &random, &actions)
        case .fenced: lose("another worker holds the lease", &actions)
        }
    }

    private mutating func beginReplied(
        _ lease: Lease, _ ended: String?, _ reply: BeginReply, _ now: LocalTime, _ random: inout some RandomNumberGenerator,
        _ actions: inout [Action]
    ) {
        switch reply {
        case .opened(let epoch, let lastMilliseconds, let redisNow):
            var lease = lease
            lease.token.epoch = epoch
            actions.append(.replaceToken(lease.token))
            actions.append(.startPublishing(epoch: epoch, lastMilliseconds: lastMilliseconds, redisNow: redisNow))
            if let stopRequest {
                if ended == nil { actions.append(.closeSocket(reason: stopRequest.reason)) }
                return release(lease, stopRequest, &random, &actions)
            }
            if let ended { return end(lease, reason: ended, &random, &actions) }
            state = .live(lease)
            actions.append(.resumeReading)
        case .notConnecting: state = .beginning(lease, issue(.gate(lease.token), &actions), ended: ended)
        case .fenced: lose("another worker holds the lease", &actions)
        case .epochExhausted:
            actions.append(.report(.epochsExhausted))
            lose("no epoch numbers are left", &actions)
        }
    }

    private mutating func softReplied(
        _ lease: Lease, _ reply: DisconnectReply, _ now: LocalTime, _ random: inout some RandomNumberGenerator, _ actions: inout [Action]
    ) {
        switch reply {
        case .ended(_, let milliseconds):
            actions.append(.closeSocket(reason: "reconnect admitted"))
            state = .waiting(Waiting(lease: lease, gateAt: now + .milliseconds(milliseconds)))
        case .refused(let milliseconds):
            actions.append(.report(.refusedDisconnect(reason: "within the pace", milliseconds: milliseconds)))
            state = .live(lease)
            actions.append(.resumeReading)
        case .gap(let next):
            actions.append(.rewind(next: next))
            state = .live(lease)
            actions.append(.resumeReading)
        case .fenced:
            actions.append(.resumeReading)
            resume(lease, renumber: false, floorMilliseconds: 0, &random, &actions)
        }
    }

    private mutating func endReplied(
        _ lease: Lease, _ pending: Pending, _ reply: DisconnectReply, _ now: LocalTime, _ random: inout some RandomNumberGenerator,
        _ actions: inout [Action]
    ) {
        switch reply {
        // A hard disconnect is never refused; the second case would be an answer to an older, soft one.
        case .ended(_, let milliseconds), .refused(let milliseconds):
            state = .waiting(Waiting(lease: lease, gateAt: now + .milliseconds(milliseconds)))
        case .gap(let next):
            actions.append(.rewind(next: next))
            state = .ending(lease, issue(pending.call, &actions))
        case .fenced: lose("another worker holds the lease", &actions)
        }
    }

    private mutating func resumeReplied(
        _ lease: Lease, _ ended: String?, _ reply: ResumeReply, _ now: LocalTime, _ random: inout some RandomNumberGenerator,
        _ actions: inout [Action]
    ) {
        var lease = lease
        switch reply {
        case .same(let next, _):
            actions.append(.rewind(next: next))
        case .restored(let epoch, let lastMilliseconds, let redisNow):
            lease.token.epoch = epoch
            actions.append(.replaceToken(lease.token))
            actions.append(.renumber(epoch: epoch, lastMilliseconds: lastMilliseconds, redisNow: redisNow))
            actions.append(.report(.resumed(epoch: epoch)))
        case .fenced: return lose("another worker holds the lease", &actions)
        case .epochExhausted:
            actions.append(.report(.epochsExhausted))
            return lose("no epoch numbers are left", &actions)
        }
        if let stopRequest {
            if ended == nil { actions.append(.closeSocket(reason: stopRequest.reason)) }
            return release(lease, stopRequest, &random, &actions)
        }
        if let ended { return end(lease, reason: ended, &random, &actions) }
        state = .live(lease)
    }

    // MARK: Giving up

    private mutating func stop(_ request: Stop, _ random: inout some RandomNumberGenerator, _ actions: inout [Action]) {
        guard stopRequest == nil else { return }
        stopRequest = request
        rank = nil
        invitedUntil = nil
        switch state {
        case .idle, .watching, .finished: finish(&actions)
        // Their replies bring the feed here again, with the token that is then in the record.
        case .claiming, .beginning, .resuming: break
        case .waiting(let waiting): release(waiting.lease, request, &random, &actions)
        case .calling(let lease, _), .ending(let lease, _): release(lease, request, &random, &actions)
        case .dialing(let lease):
            actions.append(.cancelDial)
            release(lease, request, &random, &actions)
        case .live(let lease), .softening(let lease, _):
            actions.append(.pauseReading)
            actions.append(.closeSocket(reason: request.reason))
            release(lease, request, &random, &actions)
        case .fenced:
            actions.append(.letGo)
            actions.append(.dropBuffer(reason: request.reason))
            finish(&actions)
        case .releasing: break
        }
    }

    /// - Parameter connect: the least wait before the next attempt to connect, whoever makes it.
    private mutating func release(
        _ lease: Lease, _ request: Stop, connect: Duration? = nil, _ random: inout some RandomNumberGenerator,
        _ actions: inout [Action]
    ) {
        let delay = draw(policy.takeoverDelay, &random)
        let call = Call.release(
            lease.token, delay: delay, connect: max(draw(policy.connectDelay, &random), connect ?? .zero), preferred: request.preferred,
            reason: request.reason)
        state = .releasing(lease, issue(call, &actions))
    }

    private mutating func finishReleasing(_ actions: inout [Action]) {
        if stopRequest != nil { return finish(&actions) }
        actions.append(.letGo)
        watchAgain(&actions)
    }

    private mutating func finish(_ actions: inout [Action]) {
        if case .finished = state { return }
        state = .finished
        actions.append(.letGo)
        actions.append(.finished)
    }

    // MARK: Time, calls

    private mutating func timer(_ now: LocalTime, _ random: inout some RandomNumberGenerator, _ actions: inout [Action]) {
        if case .repeats(let at)? = pending?.status, now >= at { repeatPending(now, &actions) }
        switch state {
        case .watching(var watching):
            guard let at = watching.claimAt, now >= at, !watching.hasAsked else { return }
            watching.hasAsked = true
            state = .watching(watching)
            actions.append(.observe)
        case .waiting(let waiting) where now >= waiting.gateAt:
            if let stopRequest { return release(waiting.lease, stopRequest, &random, &actions) }
            state = .calling(waiting.lease, issue(.gate(waiting.lease.token), &actions))
        case .fenced(_, let until) where now >= until:
            actions.append(.letGo)
            actions.append(.dropBuffer(reason: "lease could not be renewed in time"))
            watchAgain(&actions)
        case .idle, .claiming, .waiting, .calling, .dialing, .beginning, .live, .softening, .resuming, .ending, .fenced, .releasing,
            .finished:
            break
        }
    }

    private mutating func issue(_ call: Call, _ actions: inout [Action]) -> Pending {
        lastCall += 1
        actions.append(.call(lastCall, call))
        return Pending(id: lastCall, call: call)
    }

    private mutating func repeatPending(_ now: LocalTime, _ actions: inout [Action]) {
        guard var pending, case .repeats = pending.status else { return }
        lastCall += 1
        pending.id = lastCall
        pending.status = .inFlight
        actions.append(.call(lastCall, pending.call))
        setPending(pending)
    }

    private mutating func setPending(status: Pending.Status) {
        guard var pending else { return }
        pending.status = status
        setPending(pending)
    }

    private mutating func setPending(_ pending: Pending) {
        switch state {
        case .calling(let lease, _): state = .calling(lease, pending)
        case .beginning(let lease, _, let ended): state = .beginning(lease, pending, ended: ended)
        case .softening(let lease, _): state = .softening(lease, pending)
        case .resuming(let lease, _, let ended): state = .resuming(lease, pending, ended: ended)
        case .ending(let lease, _): state = .ending(lease, pending)
        case .releasing(let lease, _): state = .releasing(lease, pending)
        case .idle, .watching, .claiming, .waiting, .dialing, .live, .fenced, .finished: break
        }
    }

    private mutating func setLease(_ lease: Lease) {
        switch state {
        case .waiting(var waiting):
            waiting.lease = lease
            state = .waiting(waiting)
        case .calling(_, let pending): state = .calling(lease, pending)
        case .dialing: state = .dialing(lease)
        case .beginning(_, let pending, let ended): state = .beginning(lease, pending, ended: ended)
        case .live: state = .live(lease)
        case .softening(_, let pending): state = .softening(lease, pending)
        case .resuming(_, let pending, let ended): state = .resuming(lease, pending, ended: ended)
        case .ending(_, let pending): state = .ending(lease, pending)
        case .releasing(_, let pending): state = .releasing(lease, pending)
        case .idle, .watching, .claiming, .fenced, .finished: break
        }
    }

    private func draw(_ range: ClosedRange<Duration>, _ random: inout some RandomNumberGenerator) -> Duration {
        let low = range.lowerBound.wholeNanoseconds
        let high = range.upperBound.wholeNanoseconds
        return .nanoseconds(Int64.random(in: low...high, using: &random))
    }
}
