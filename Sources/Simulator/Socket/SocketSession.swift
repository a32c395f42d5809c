internal import DequeModule
package import NIOCore

/// The exchange's side of one websocket: what arrives goes in with the time, what to do comes out. Owns no socket and no clock.
package struct SocketSession {
    /// What the shell has to do, in order.
    package enum Action: Sendable, Equatable {
        case send(ServerMessage)
        case sendPing(String)
        case sendPong([UInt8])
        /// A data message; `copies` 2 for a duplicated one.
        case packet(Packet)
        /// A data message that is withheld though its number is spent.
        case withhold(Packet)
        case subscribed(Subscription)
        case unsubscribed(Subscription)
        /// Close frame, then FIN. Code 0: FIN alone.
        case close(Close, cause: Cause)
        case reset(cause: Cause, reason: String, midFrame: Bool)
        /// Bytes that are no frame.
        case sendRaw([UInt8])
        /// From now on the socket is neither read nor written.
        case freeze
        case thaw
    }

    package struct Packet: Sendable, Equatable {
        package var subscription: Subscription
        package var number: UInt64
        package var message: ServerMessage
        package var copies = 1
    }

    /// Who ended a socket.
    package enum Cause: String, Sendable, Equatable {
        /// The client closed it.
        case client
        /// The exchange, by its rules (a duty not met, a limit broken, age).
        case rule
        /// The exchange, on command.
        case fault
        /// The client broke the websocket protocol.
        case violation
        /// The simulator was stopped.
        case stop
        /// End or error of the TCP connection.
        case transport
    }

    private struct Owed {
        var token: String
        var since: NIODeadline
    }

    package private(set) var subscriptions = SubscriptionTable()
    private let dialect: any ServerDialect
    private let rules: ServerRules
    private let settings: SocketSettings
    private var standing: StandingFaults
    private var feed: MarketFeed
    private var limiter: RateWindow?
    private var owed: Deque<Owed> = []
    private var isOver = false
    private var openedAt: NIODeadline = .now()
    private var lastReceived: NIODeadline = .now()
    private var lastSent: NIODeadline = .now()
    private var nextBeat: NIODeadline?
    private var beatInterval: Duration?
    private var hasSubscribed = false
    private var messagesSent = 0
    private var holes = 0
    private var duplicates = 0

    package init(_ settings: SocketSettings, dialect: any ServerDialect, rules: ServerRules, faults: StandingFaults) {
        self.settings = settings
        self.dialect = dialect
        self.rules = rules
        self.standing = faults
        feed = MarketFeed(seed: settings.seed, exchange: dialect.exchange, rate: settings.rate)
        limiter = rules.messages.map(RateWindow.init)
    }

    /// The socket is open.
    package mutating func opened(_ moment: Moment) -> [Action] {
        (openedAt, lastReceived, lastSent) = (moment.now, moment.now, moment.now)
        beatInterval = rules.heartbeat.flatMap { $0.onlyWhenAsked ? nil : $0.interval }
        nextBeat = beatInterval.map { moment.now + TimeAmount($0) }
        var actions: [Action] = standing.isHalfOpen ? [.freeze] : []
        carryOut(dialect.open(view(moment)), for: .text(""), moment, into: &actions)
        return actions
    }

    /// A whole text or binary message came in.
    package mutating func received(_ message: ClientMessage, _ moment: Moment) -> [Action] {
        guard !isOver, !standing.isHalfOpen else { return [] }
        var actions: [Action] = []
        lastReceived = moment.now
        guard admitMessage(moment, into: &actions) else { return actions }
        carryOut(dialect.answer(message, view(moment)), for: message, moment, into: &actions)
        return actions
    }

    package mutating func receivedPing(_ payload: [UInt8], _ moment: Moment) -> [Action] {
        guard !isOver, !standing.isHalfOpen else { return [] }
        var actions: [Action] = []
        lastReceived = moment.now
        guard !rules.countsControlFrames || admitMessage(moment, into: &actions) else { return actions }
        return [.sendPong(payload)]
    }

    package mutating func receivedPong(_ payload: [UInt8], _ moment: Moment) -> [Action] {
        guard !isOver, !standing.isHalfOpen else { return [] }
        var actions: [Action] = []
        lastReceived = moment.now
        guard !rules.countsControlFrames || admitMessage(moment, into: &actions) else { return actions }
        if case .pongFrame = rules.heartbeat?.owed { settle(String(decoding: payload, as: UTF8.self)) }
        return actions
    }

    /// A wake-up asked for by `wakeUp`, or an earlier one. `canSend`: the peer takes what it is sent; `number` draws the next number.
    package mutating func woke(_ moment: Moment, canSend: Bool, number: () -> UInt64) -> [Action] {
        guard !isOver else { return [] }
        var actions: [Action] = []
        if standing.isHalfOpen { return actions }
        if let broken = brokenRule(moment.now) { return end(broken.0, cause: broken.1, into: actions) }
        beat(moment, into: &actions)
        guard !isOver, !standing.isMute, !standing.isWithoutData else { return actions }
        guard canSend else {
            feed.resume(subscriptions, now: moment.now)
            return actions
        }
        for subscription in feed.due(subscriptions, now: moment.now) {
            emit(subscription, number(), moment, into: &actions)
        }
        return actions
    }

    /// When `woke` wants to be called next.
    package var wakeUp: NIODeadline? {
        guard !isOver, !standing.isHalfOpen else { return nil }
        var times: [NIODeadline] = []
        func add(_ since: NIODeadline, _ after: Duration?) { if let after { times.append(since + TimeAmount(after)) } }
        add(openedAt, rules.maxAge)
        add(openedAt, standing.flapInterval)
        add(lastReceived, rules.clientSilence)
        add(max(lastReceived, lastSent), rules.trafficSilence)
        if !hasSubscribed { add(openedAt, rules.subscribeWithin) }
        if let first = owed.first {
            switch rules.heartbeat?.owed {
            case .pongFrame(let within), .messageWithin(let within): add(first.since, within)
            case .message, .nothing, nil: break
            }
        }
        if let nextBeat { times.append(nextBeat) }
        if !standing.isMute, !standing.isWithoutData, let wake = feed.wake(subscriptions) { times.append(wake) }
        return times.min()
    }

    /// A fault on command.
    package mutating func apply(_ fault: Fault, _ moment: Moment, number: () -> UInt64) -> [Action] {
        guard !isOver else { return [] }
        let wasHalfOpen = standing.isHalfOpen
        standing.apply(fault)
        var actions: [Action] = []
        if standing.isHalfOpen != wasHalfOpen { actions.append(standing.isHalfOpen ? .freeze : .thaw) }
        switch fault {
        case .mute, .halfOpen, .withoutData, .slowHandshake, .refuse, .flap: break
        case .heal:
            (holes, duplicates) = (0, 0)
            feed.resume(subscriptions, now: moment.now)
            if wasHalfOpen { (lastReceived, nextBeat) = (moment.now, beatInterval.map { moment.now + TimeAmount($0) }) }
        case .cut(.close): return end(Close(code: 1001, reason: "server restart"), cause: .fault, into: actions)
        case .cut(.end): return end(Close(code: 0, reason: "cut on command"), cause: .fault, into: actions)
        case .cut(.reset), .cut(.midFrame):
            isOver = true
            return [.reset(cause: .fault, reason: "reset on command", midFrame: fault == .cut(.midFrame))]
        case .garbage(let kind): actions.append(contentsOf: Self.garbage(kind))
        case .oversize(let bytes): actions.append(.send(Self.oversize(bytes)))
        case .hole(let count): holes += count
        case .duplicate(let count): duplicates += count
        case .push(let count):
            guard allowsData else { break }
            for _ in 0..<count {
                for subscription in subscriptions.all { emit(subscription, number(), moment, into: &actions) }
            }
        case .notice:
            if let notice = dialect.restartNotice(view(moment)) { say(notice, moment, into: &actions) }
        }
        return actions
    }

    /// Data may be sent as far as faults are concerned.
    package var allowsData: Bool { !isOver && !standing.isMute && !standing.isWithoutData && !standing.isHalfOpen }

    /// The shell closed the socket, or saw it close.
    package mutating func closed() { isOver = true }

    /// A JSON string; built as bytes, which costs a hundredth of quoting a text.
    private static func oversize(_ bytes: Int) -> ServerMessage {
        var text = [UInt8](repeating: UInt8(ascii: "x"), count: max(2, min(bytes, Fault.oversizeLimit)))
        text[0] = UInt8(ascii: "\"")
        text[text.count - 1] = UInt8(ascii: "\"")
        return ServerMessage(text: text)
    }

    private static func garbage(_ kind: Fault.GarbageKind) -> [Action] {
        switch kind {
        case .text: [.send(ServerMessage(#"{"broken": [1, 2"#))]
        case .utf8: [.sendRaw([0x81, 0x04, 0xC3, 0x28, 0xFF, 0xFE])]
        // All reserved bits and a reserved opcode.
        case .frame: [.sendRaw([0xFF, 0x04, 0xDE, 0xAD, 0xBE, 0xEF])]
        case .empty: [.sendRaw([0x81, 0x00])]
        }
    }

    package func view(_ moment: Moment) -> SocketView {
        SocketView(
            number: settings.number, path: settings.path, query: settings.query, subscriptions: subscriptions, listings: settings.listings,
            wallMilliseconds: moment.wallMilliseconds, messagesSent: messagesSent)
    }

    private mutating func end(_ close: Close, cause: Cause, into actions: [Action]) -> [Action] {
        isOver = true
        return actions + [.close(close, cause: cause)]
    }

    private mutating func say(_ message: ServerMessage, _ moment: Moment, into actions: inout [Action]) {
        guard !standing.isMute else { return }
        messagesSent += 1
        lastSent = moment.now
        actions.append(.send(message))
    }

    private mutating func emit(_ subscription: Subscription, _ number: UInt64, _ moment: Moment, into actions: inout [Action]) {
        let tick = feed.tick(subscription, number: number, wallMilliseconds: moment.wallMilliseconds)
        var message = dialect.data(subscription, tick, view(moment))
        if message.form == .text, message.bytes.count < settings.minimumBytes {
            // Space after a JSON value is JSON.
            message.bytes.append(contentsOf: repeatElement(0x20, count: settings.minimumBytes - message.bytes.count))
        }
        var packet = Packet(subscription: subscription, number: number, message: message)
        messagesSent += 1
        if holes > 0 {
            holes -= 1
            actions.append(.withhold(packet))
            return
        }
        if duplicates > 0 {
            duplicates -= 1
            packet.copies = 2
        }
        lastSent = moment.now
        actions.append(.packet(packet))
    }

    private mutating func admitMessage(_ moment: Moment, into actions: inout [Action]) -> Bool {
        guard limiter?.admit(at: moment.now) != nil else { return true }
        actions = end(Close(code: 1008, reason: "too many requests"), cause: .rule, into: actions)
        return false
    }

    private mutating func settle(_ token: String) {
        // An answer settles what was owed up to it: a client may skip to the newest.
        if let position = owed.lastIndex(where: { $0.token == token }) { owed.removeFirst(position + 1) }
    }

    private mutating func carryOut(_ answer: Answer, for message: ClientMessage, _ moment: Moment, into actions: inout [Action]) {
        var answer = answer
        if let limit = rules.maxTopics {
            let kept = answer.replacesAll ? 0 : subscriptions.count - answer.unsubscribe.count { subscriptions[$0]?.carriesData == true }
            let fresh = answer.subscribe.filter { $0.carriesData && (answer.replacesAll || subscriptions[$0.key] == nil) }
            if kept + fresh.count > limit { answer = dialect.tooManyTopics(fresh, message, view(moment)) }
        }
        if let token = answer.answered { settle(token) }
        if let interval = answer.heartbeatInterval {
            beatInterval = .nanoseconds(Int64(interval / .nanoseconds(1) * settings.heartbeatFactor))
            nextBeat = moment.now + TimeAmount(beatInterval ?? interval)
        }
        var removed: [String] = []
        let ending = answer.replacesAll ? subscriptions.all.map(\.key) : answer.unsubscribe
        for key in ending {
            guard let subscription = subscriptions.remove(key) else { continue }
            guard subscription.carriesData else { continue }
            removed.append(key)
            actions.append(.unsubscribed(subscription))
        }
        for subscription in answer.subscribe where subscriptions.insert(subscription) {
            hasSubscribed = true
            guard subscription.carriesData else { continue }
            actions.append(.subscribed(subscription))
        }
        for reply in answer.replies { say(reply, moment, into: &actions) }
        feed.subscriptionsChanged(subscriptions, removed: removed, now: moment.now)
        if let close = answer.close { actions = end(close, cause: .rule, into: actions) }
    }

    private func brokenRule(_ now: NIODeadline) -> (Close, Cause)? {
        func passed(_ since: NIODeadline, _ limit: Duration?) -> Bool { limit.map { since + TimeAmount($0) <= now } ?? false }
        if passed(openedAt, standing.flapInterval) { return (Close(code: 1001, reason: "flap"), .fault) }
        if passed(openedAt, rules.maxAge) { return (Close(code: 1001, reason: "maximum connection age reached"), .rule) }
        if passed(lastReceived, rules.clientSilence) { return (Close(code: 1000, reason: "idle timeout"), .rule) }
        if passed(max(lastReceived, lastSent), rules.trafficSilence) { return (Close(code: 1000, reason: "no traffic"), .rule) }
        if !hasSubscribed && passed(openedAt, rules.subscribeWithin) { return (Close(code: 1000, reason: "nothing subscribed"), .rule) }
        guard let heartbeat = rules.heartbeat, let first = owed.first else { return nil }
        switch heartbeat.owed {
        case .pongFrame(let within):
            if passed(first.since, within) { return (Close(code: 1008, reason: "pong timeout"), .rule) }
        case .messageWithin(let within):
            if passed(first.since, within) { return (Close(code: 1000, reason: "heartbeat timeout"), .rule) }
        case .message(let unanswered):
            if owed.count >= unanswered, let nextBeat, nextBeat <= now { return (Close(code: 1003, reason: "ping timeout"), .rule) }
        case .nothing: break
        }
        return nil
    }

    private mutating func beat(_ moment: Moment, into actions: inout [Action]) {
        guard let heartbeat = rules.heartbeat, let due = nextBeat, let beatInterval else { return }
        let interval = TimeAmount(beatInterval)
        if heartbeat.onlyWhenQuiet && lastSent + interval > moment.now {
            nextBeat = lastSent + interval
            return
        }
        guard due <= moment.now else { return }
        nextBeat = max(due + interval, moment.now)
        if heartbeat.afterSubscription && subscriptions.isEmpty { return }
        guard !standing.isMute else { return }
        let beat = dialect.heartbeat(view(moment))
        for message in beat.messages { say(message, moment, into: &actions) }
        if let payload = beat.pingFrame { actions.append(.sendPing(payload)) }
        if heartbeat.owed != .nothing, let token = beat.token { owed.append(Owed(token: token, since: moment.now)) }
    }
}

/// What a session knows about its socket from the start.
package struct SocketSettings: Sendable {
    package var number: UInt64
    package var path: String
    package var query: [(name: String, value: String)]
    package var listings: Listings
    package var seed: UInt64
    /// Data messages per second and subscription.
    package var rate: Double
    /// Text data messages are filled up to this size.
    package var minimumBytes: Int
    /// Heartbeat intervals a client asks for are multiplied by this.
    package var heartbeatFactor = 1.0
}

/// The time of an event: the loop's clock for deadlines, the wall's for what is written into messages.
package struct Moment: Sendable {
    package var now: NIODeadline
    /// Milliseconds since 1970.
    package var wallMilliseconds: Int64

    package init(now: NIODeadline, wallMilliseconds: Int64) {
        self.now = now
        self.wallMilliseconds = wallMilliseconds
    }
}
