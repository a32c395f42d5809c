/// One feed as one worker sees it: watching a foreign lease, claiming it, connecting, live, giving up.
///
/// Every decision of section 6 of the coordination contract, without clock, randomness or I/O: events in, actions out. The shell performs the
/// actions in order and calls `handle(.timer)` when `wakeAt` has come.
public struct FeedMachine: Sendable {
    public var policy: FeedPolicy
    public let incarnation: Incarnation
    public internal(set) var rank: Int?
    /// A worker of another host to hand over to when this one cannot reach the exchange.
    var alternate: String?
    var state: State = .idle
    var lastCall = 0
    /// Failed attempts since data were last received.
    var attempts = 0
    /// Incarnations of this host that are proved dead; small, the newest last.
    var dead: [Incarnation] = []
    var stopRequest: Stop?
    /// Until then the feed is offered to this worker by its owner.
    var invitedUntil: LocalTime?

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
        /// No websocket is opened before; see `renewed`.
        var connectsFrom: LocalTime?
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
            /// Epoch and renewals may come again in a data set that was emptied; the time of the renewal, or of the record's making, does not.
            var renewedAt: Int64
            var connection: Int
            /// Receipt of the first poll that showed the pair (rule r2).
            var since: LocalTime
            /// The record named a holder, and could be relied on: see `trustedAt`.
            var isHeld: Bool
        }

        var observation: Observation?
        /// When a free feed may be claimed by this rank.
        var claimAt: LocalTime?
        /// When the holder, or that nobody is known to hold it, has been observed for long enough.
        var observedOutAt: LocalTime?
        /// The time that is set of these two has come, and the record was asked for again.
        var hasAsked = false
        /// It has been told that the claim waits for a server to have been watched long enough.
        var isHeldBack = false
        /// See `backdateObservation`.
        var isBackdated = false

        /// When to look out of turn.
        var lookAt: LocalTime? { hasAsked ? nil : claimAt ?? observedOutAt }
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
        case claiming(Watching)
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

    var lease: Lease? {
        switch state {
        case .idle, .watching, .claiming, .finished, .fenced: nil
        case .waiting(let waiting): waiting.lease
        case .calling(let lease, _), .dialing(let lease), .beginning(let lease, _, _), .live(let lease), .softening(let lease, _),
            .resuming(let lease, _, _), .ending(let lease, _), .releasing(let lease, _):
            lease
        }
    }

    var pending: Pending? {
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
        case .watching(let watching): if let at = watching.lookAt { times.append(at) }
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
        case .observed(let observation, let connection, let server):
            observe(observation, connection, server, now, &random, &actions)
        case .controlLost: if case .watching = state { state = .watching(Watching()) }
        case .woken: if case .watching = state { actions.append(.observe) }
        case .freed(let preferred): freed(preferred, now, &random, &actions)
        case .deathProved(let incarnation):
            dead.append(incarnation)
            if dead.count > 64 { dead.removeFirst() }
            if case .watching = state { actions.append(.observe) }
        case .acquireReplied(let reply, let sentAt): acquireReplied(reply, sentAt, now, &random, &actions)
        case .claimNotMade: claimNotMade(&actions)
        // Not at once: a claim that finds no connection would be made again and again.
        case .acquireFailed: if case .claiming = state { watchAgain(looksAtOnce: false, &actions) }
        case .renewed(let token, let sentAt, let server): renewed(token, sentAt, server, now, &random, &actions)
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
        case .publishEnded: publishEnded(&random, &actions)
        case .stop(let reason, let preferred): stop(Stop(reason: reason, preferred: preferred), &random, &actions)
        case .timer: timer(now, &random, &actions)
        }
        return actions
    }
}
