package import NIOCore

/// Finds the master for all who want a connection to it: which Sentinel is asked when, what is believed, when to give up. Pure.
///
/// One Sentinel is asked at a time; the next one as well when it is slow. The first good answer serves everybody who waits. It is only a
/// proposal: whoever connects there and finds no master refutes it, and asking goes on, at most four times a second, until the deadline of
/// each request. After each verb perform the actions in their order.
package struct MasterLocator: Sendable {
    /// One attempt of a request to connect to what a Sentinel named.
    package struct Attempt: Sendable, Hashable {
        package let ticket: Int
        fileprivate let number: Int
        package let node: RedisNode
        package let timeout: TimeAmount
    }

    package enum Action: Sendable {
        /// Ask this Sentinel; then `answered`, within the time.
        case ask(RedisNode, timeout: TimeAmount)
        /// Connect and look whether it is a master; then `connected` or `refuted`.
        case connect(Attempt)
        /// The request is over.
        case fail(ticket: Int, RedisError)
        /// Close all connections to this server: the master is elsewhere.
        case leave(RedisNode, reason: String)
        /// Call `woken` at this time; it replaces the one asked for before.
        case wake(NIODeadline)
    }

    /// No more questions than this after a good answer, or to one Sentinel.
    package static let interval: TimeAmount = .milliseconds(250)
    /// A Sentinel that is slower is no longer waited for alone.
    package static let slowness: TimeAmount = .milliseconds(200)
    package static let askTimeout: TimeAmount = .seconds(1)

    private struct Sentinel: Sendable {
        var askedAt: NIODeadline?
        var isBusy = false
        /// Why its last answer was of no use.
        var problem: RedisError?
    }

    private struct Request: Sendable {
        let deadline: NIODeadline
        var state = State.waiting
        /// Why the last attempt was of no use.
        var problem: RedisError?

        enum State: Sendable {
            /// For an answer; `connecting` follows, or the end.
            case waiting
            /// `waiting` follows when it is refuted.
            case connecting(Attempt)
        }
    }

    private let endpoint: RedisEndpoint
    private let master: String
    /// In the order of asking.
    private var order: [RedisNode]
    private var sentinels: [RedisNode: Sentinel] = [:]
    private var requests: [Int: Request] = [:]
    private var nextTicket = 1
    private var nextAttempt = 1
    /// Not refuted yet; `from` nil: a message of `+switch-master`.
    private var answer: (node: RedisNode, at: NIODeadline, from: RedisNode?)?
    private var quietUntil: NIODeadline?
    /// A server with connections that refuses writes, so that the master may be elsewhere.
    private var doubted: RedisNode?
    private var actions: [Action] = []

    /// `endpoint` is the one with the Sentinels, for the texts of errors.
    package init(_ sentinel: RedisSentinel, endpoint: RedisEndpoint) {
        self.endpoint = endpoint
        self.master = sentinel.master
        var seen: Set<RedisNode> = []
        order = sentinel.nodes.filter { seen.insert($0).inserted }
        for node in order { sentinels[node] = Sentinel() }
    }

    /// The Sentinels as they would be asked now.
    package var nodes: [RedisNode] { order }

    // MARK: Requests

    /// Somebody wants a connection by `deadline`.
    package mutating func want(deadline: NIODeadline, now: NIODeadline) -> (ticket: Int, actions: [Action]) {
        let ticket = nextTicket
        nextTicket += 1
        requests[ticket] = Request(deadline: deadline)
        if let answer, now < answer.at + Self.interval { connect(ticket, to: answer.node, now: now) }
        return (ticket, finish(now: now))
    }

    /// The attempt reached a master. False if the request is over or has been sent elsewhere meanwhile: close the connection then.
    package mutating func connected(_ attempt: Attempt) -> Bool {
        guard isCurrent(attempt) else { return false }
        requests[attempt.ticket] = nil
        return true
    }

    /// The attempt failed, or the server is no master.
    package mutating func refuted(_ attempt: Attempt, _ error: RedisError, now: NIODeadline) -> [Action] {
        guard isCurrent(attempt) else { return [] }
        if let answer, answer.node == attempt.node {
            // Another Sentinel may know better.
            if let node = answer.from, order.count > 1 {
                order.removeAll { $0 == node }
                order.append(node)
            }
            self.answer = nil
        }
        requests[attempt.ticket]?.state = .waiting
        requests[attempt.ticket]?.problem = error
        // The server is there and will say the same again.
        if error.isRefusalOfLogin { end(attempt.ticket, error) }
        return finish(now: now)
    }

    // MARK: What is heard

    package mutating func answered(_ node: RedisNode, _ answer: SentinelAnswer, now: NIODeadline) -> [Action] {
        guard let sentinel = sentinels[node], sentinel.isBusy else { return [] }
        sentinels[node]?.isBusy = false
        switch answer {
        case .master(let master): named(master, by: node, now: now)
        case .unknownName:
            sentinels[node]?.problem = RedisError(
                .usage, "\(node) watches no master called '\(master)'; `redis-cli -p \(node.port) SENTINEL MASTERS` shows the names")
        case .failed(let error): sentinels[node]?.problem = error
        }
        failIfHopeless()
        return finish(now: now)
    }

    /// A Sentinel published that the master has moved. Believed as an answer is, with one effect more: connections to the old one end.
    package mutating func switched(_ message: MasterSwitch, now: NIODeadline) -> [Action] {
        guard message.master == master, message.old != message.new else { return [] }
        answer = (message.new, now, nil)
        quietUntil = now + Self.interval
        if doubted == message.old { doubted = nil }
        leave(message.old, for: message.new)
        for (ticket, request) in requests.sorted(by: { $0.key < $1.key }) {
            if case .connecting(let attempt) = request.state, attempt.node != message.old { continue }
            connect(ticket, to: message.new, now: now)
        }
        return finish(now: now)
    }

    /// A connected server refuses writes as one does that has lost its replicas: perhaps they follow another master.
    package mutating func doubt(_ node: RedisNode, now: NIODeadline) -> [Action] {
        doubted = node
        return finish(now: now)
    }

    /// Nobody is connected to it any more.
    package mutating func left(_ node: RedisNode) { if doubted == node { doubted = nil } }

    /// The time of the last `.wake` has come.
    package mutating func woken(now: NIODeadline) -> [Action] { finish(now: now) }

    // MARK: Inside

    private mutating func named(_ node: RedisNode, by sentinel: RedisNode, now: NIODeadline) {
        sentinels[sentinel]?.problem = nil
        order.removeAll { $0 == sentinel }
        order.insert(sentinel, at: 0)
        answer = (node, now, sentinel)
        quietUntil = now + Self.interval
        if let doubted {
            self.doubted = nil
            if doubted != node { leave(doubted, for: node) }
        }
        for (ticket, request) in requests.sorted(by: { $0.key < $1.key }) {
            if case .waiting = request.state { connect(ticket, to: node, now: now) }
        }
    }

    private mutating func leave(_ old: RedisNode, for new: RedisNode) {
        actions.append(.leave(old, reason: "Sentinel has moved the master '\(master)' from \(old) to \(new)"))
    }

    private mutating func connect(_ ticket: Int, to node: RedisNode, now: NIODeadline) {
        guard let request = requests[ticket], now < request.deadline else { return }
        let left = request.deadline - now
        // A server that is dead without saying so must leave time for the next answer.
        let attempt = Attempt(
            ticket: ticket, number: nextAttempt, node: node, timeout: min(left, max(Self.interval, .nanoseconds(left.nanoseconds / 2))))
        nextAttempt += 1
        requests[ticket]?.state = .connecting(attempt)
        actions.append(.connect(attempt))
    }

    private func isCurrent(_ attempt: Attempt) -> Bool {
        if case .connecting(let current)? = requests[attempt.ticket]?.state { current.number == attempt.number } else { false }
    }

    private mutating func end(_ ticket: Int, _ error: RedisError) {
        requests[ticket] = nil
        actions.append(.fail(ticket: ticket, error))
    }

    /// All of them answer, and none will answer otherwise: nobody is kept waiting.
    private mutating func failIfHopeless() {
        let problems = order.compactMap { sentinels[$0]?.problem }
        guard problems.count == order.count, problems.allSatisfy({ $0.isRefusalOfLogin || $0.code == .usage }) else { return }
        for (ticket, request) in requests.sorted(by: { $0.key < $1.key }) {
            if case .waiting = request.state { end(ticket, error(of: request)) }
        }
    }

    private func error(of request: Request) -> RedisError {
        let problems = order.compactMap { sentinels[$0]?.problem }
        let code = request.problem?.code ?? problems.first?.code ?? .timeout
        var text = "\(endpoint) gave no connection to the master '\(master)'"
        if let problem = request.problem { text += "; the server that was named last: \(problem.description)" }
        let said = order.map { node in
            sentinels[node]?.problem.map { "\(node): \($0.description)" }
                ?? (sentinels[node]?.isBusy == true ? "\(node): no answer yet" : nil)
        }.compactMap { $0 }
        if !said.isEmpty { text += "; of the Sentinels, \(said.joined(separator: " | "))" }
        return RedisError(code, text, server: request.problem?.server)
    }

    private mutating func finish(now: NIODeadline) -> [Action] {
        for (ticket, request) in requests.sorted(by: { $0.key < $1.key }) where now >= request.deadline {
            // An attempt under way has a time-out of its own, no later than this.
            if case .waiting = request.state { end(ticket, error(of: request)) }
        }
        ask(now: now)
        if let at = nextWake(now: now) { actions.append(.wake(at)) }
        defer { actions = [] }
        return actions
    }

    private var isSearching: Bool {
        doubted != nil
            || requests.values.contains { if case .waiting = $0.state { true } else { false } }
    }

    private mutating func ask(now: NIODeadline) {
        guard isSearching else { return }
        if let quietUntil, now < quietUntil { return }
        guard !isAwaitingAnswer(now: now), let node = order.first(where: { isDue($0, now: now) }) else { return }
        sentinels[node]?.askedAt = now
        sentinels[node]?.isBusy = true
        actions.append(.ask(node, timeout: Self.askTimeout))
    }

    private func isDue(_ node: RedisNode, now: NIODeadline) -> Bool {
        guard let sentinel = sentinels[node], !sentinel.isBusy else { return false }
        return sentinel.askedAt.map { $0 + Self.interval <= now } ?? true
    }

    /// A question is under way that is not slow yet.
    private func isAwaitingAnswer(now: NIODeadline) -> Bool {
        sentinels.values.contains { sentinel in sentinel.isBusy && sentinel.askedAt.map { now < $0 + Self.slowness } ?? false }
    }

    private func nextWake(now: NIODeadline) -> NIODeadline? {
        var times: [NIODeadline] = []
        for request in requests.values {
            if case .waiting = request.state { times.append(request.deadline) }
        }
        if isSearching {
            if let quietUntil, now < quietUntil {
                times.append(quietUntil)
            } else {
                for sentinel in sentinels.values {
                    guard let askedAt = sentinel.askedAt else { continue }
                    times.append(askedAt + (sentinel.isBusy ? Self.slowness : Self.interval))
                }
            }
        }
        return times.filter { $0 > now }.min()
    }
}

extension RedisError {
    /// The peer is there and does not let us in.
    fileprivate var isRefusalOfLogin: Bool { [.noAuth, .wrongPassword, .noPermission].contains(code) }
}
