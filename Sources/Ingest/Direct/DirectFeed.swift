package import ColonyExchanges
import Coordination
package import Logging
package import NIOCore
import WebSocketClient

/// Hears what a `DirectFeed` receives, on its event loop.
package protocol DirectFeedDelegate: AnyObject {
    /// The payload is good for the duration of the call only.
    func directFeed(received payload: UnsafeRawBufferPointer, of topic: Topic?, wallNanoseconds: Int64)
    func directFeed(happened event: DirectFeed.Event)
}

/// Follows one exchange from this process alone (`producer: false`): the same websocket client, dialect, subscriptions and heartbeats as a
/// producer's, but no lease, no pace, no delay before the first attempt, and nothing goes to Redis.
///
/// Bound to its event loop.
package final class DirectFeed {
    package enum Event: Sendable, Equatable {
        case connected(peer: String)
        case reconnected(peer: String)
        case disconnected(reason: String, wait: Duration)
        case attemptFailed(reason: String, wait: Duration)
        case subscription(Topic, SubscriptionState)
        case notice(Notice)
        /// A heartbeat of our own, or an owed answer, went out.
        case keptAlive(OutgoingMessage)
        case malformed(reason: String, text: String)
    }

    package let configuration: DirectConfiguration
    let eventLoop: any EventLoop
    let logger: Logger
    private weak var delegate: (any DirectFeedDelegate)?
    private var machine: DirectMachine
    var subscriptions: SubscriptionMachine
    var random: any RandomNumberGenerator
    var keepAlive: KeepAlive?
    // The connection, and the one that is being closed.
    var attempt: WebSocketConnectAttempt?
    var socket: WebSocketConnection?
    var path: DirectPath?
    private var closing: DirectPath?
    private var afterClose: [() -> Void] = []
    /// Counts attempts; what belongs to an older one is ignored.
    var generation = 0
    var subscribedGeneration = 0
    var urlTopics: [Topic] = []
    var lastSent = ""
    private var events: [DirectMachine.Event] = []
    private var isHandling = false
    private var wake: Scheduled<Void>?
    var subscriptionWake: Scheduled<Void>?
    private var ticker: RepeatedTask?
    private var ticks = 0
    /// The delegate asked for a rest.
    package var isReading = true {
        didSet {
            if isReading, !oldValue { path?.readingResumed() }
            socket?.isReading = isReading
        }
    }

    /// `random` draws waits, the spread of planned reconnects and what heartbeats contain.
    package init(
        _ configuration: DirectConfiguration, on eventLoop: any EventLoop, delegate: any DirectFeedDelegate, logger: Logger,
        random: any RandomNumberGenerator = SystemRandomNumberGenerator()
    ) {
        self.configuration = configuration
        self.eventLoop = eventLoop
        self.delegate = delegate
        self.random = random
        var logger = logger
        logger[metadataKey: "exchange"] = "\(configuration.dialect.profile.id)"
        self.logger = logger
        machine = DirectMachine(backoff: configuration.backoff)
        subscriptions = SubscriptionMachine(dialect: configuration.dialect, settings: configuration.subscriptions)
    }

    /// Connects at once.
    package func start() {
        let interval = TimeAmount.nanoseconds(configuration.tick.wholeNanoseconds)
        let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
        ticker = eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in loopBound.value.tick() }
        handle(.start)
    }

    /// Closes the connection in order; `completion` is called when it is gone. Nothing is told any more but that.
    package func stop(_ completion: @escaping () -> Void) {
        delegate = nil
        ticker?.cancel()
        handle(.stop)
        wake?.cancel()
        subscriptionWake?.cancel()
        if closing == nil { completion() } else { afterClose.append(completion) }
    }

    /// What to subscribe from now on; a new set has a new version.
    package func desire(_ topics: [Topic], version: Int) { perform(subscriptions.desire(topics, version: version, now: .now())) }

    func handle(_ event: DirectMachine.Event) {
        events.append(event)
        guard !isHandling else { return }
        isHandling = true
        while !events.isEmpty {
            let next = events.removeFirst()
            for action in machine.handle(next, now: .now(), random: &random) { perform(action) }
        }
        isHandling = false
        scheduleWake()
    }

    private func perform(_ action: DirectMachine.Action) {
        switch action {
        case .dial: dial()
        case .cancelDial:
            attempt?.cancel()
            attempt = nil
            generation += 1
        case .closeSocket(let reason): closeSocket(reason: reason)
        case .report(let report): pass(on: report)
        }
    }

    private func pass(on report: DirectMachine.Report) {
        switch report {
        case .connected: tell(.connected(peer: socket?.upgrade.peer ?? ""))
        case .reconnected: tell(.reconnected(peer: socket?.upgrade.peer ?? ""))
        case .disconnected(let reason, let wait): tell(.disconnected(reason: reason, wait: wait))
        case .attemptFailed(let reason, let wait): tell(.attemptFailed(reason: reason, wait: wait))
        }
    }

    func tell(_ event: Event) { delegate?.directFeed(happened: event) }

    private func scheduleWake() {
        wake?.cancel()
        wake = nil
        guard let at = machine.wakeAt else { return }
        let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
        wake = eventLoop.scheduleTask(in: .nanoseconds(max(.zero, at - .now()).wholeNanoseconds)) { loopBound.value.handle(.timer) }
    }

    private func tick() {
        guard let path else { return }
        let now = LocalTime.now()
        ticks += 1
        // What is not read cannot be missed.
        if ticks % 4 == 0, isReading {
            perform(subscriptions.sweep(generation: generation, now: now) { path.lastReceived($0) })
        }
        guard isReading, var keepAlive else { return }
        let verdict = keepAlive.check(
            now: now, lastFrame: LocalTime(nanoseconds: path.lastFrame),
            lastData: path.lastData == 0 ? nil : LocalTime(nanoseconds: path.lastData),
            expectsData: !subscriptions.connectionTopics.isEmpty, acknowledged: subscriptions.acknowledgedCount)
        self.keepAlive = keepAlive
        switch verdict {
        case .alive: break
        case .ping: sendPing(now)
        case .dead(let reason), .reconnect(let reason): handle(.softError(reason: reason))
        }
    }

    // MARK: The end of a connection

    /// Gives the connection up; what still arrives on it is nobody's.
    private func closeSocket(reason: String) {
        guard let socket, let path else { return }
        logger.info("Websocket given up", metadata: ["reason": "\(reason)", "last.received": "\(path.lastReceived)"])
        path.isActive = false
        closing = path
        forgetConnection()
        socket.isReading = true
        socket.close(code: 1000, text: "", within: .milliseconds(100))
    }

    private func forgetConnection() {
        socket = nil
        path = nil
        keepAlive = nil
        perform(subscriptions.disconnected(generation: generation, now: .now()))
    }
}

extension DirectFeed: DirectPathOwner {
    func received(_ payload: UnsafeRawBufferPointer, of topic: Topic?, wallNanoseconds: Int64) {
        handle(.dataReceived)
        delegate?.directFeed(received: payload, of: topic, wallNanoseconds: wallNanoseconds)
    }

    func received(firstOf topic: Topic) { perform(subscriptions.firstData(topic, generation: generation, now: .now())) }

    func receivedGreeting() {
        if configuration.dialect.profile.subscribesAfterGreeting { subscribe() }
    }

    func received(_ answer: Acknowledgement) { perform(subscriptions.acknowledged(answer, generation: generation, now: .now())) }

    func received(_ notice: Notice) {
        tell(.notice(notice))
        switch notice.kind {
        case .reconnect: handle(.softError(reason: "announced by the exchange: \(notice.text)"))
        case .limit: perform(subscriptions.limitReported(generation: generation, now: .now()))
        case .information, .maintenance, .error: break
        }
    }

    func owes(_ message: OutgoingMessage) {
        guard configuration.keepsAlive else { return }
        transmit(message)
        subscriptions.sentElsewhere(now: .now())
        tell(.keptAlive(message))
    }

    func receivedMalformed(_ reason: String, text: String) {
        logger.error("Malformed message", metadata: ["reason": "\(reason)", "last.sent": "\(lastSent)", "last.received": "\(text)"])
        tell(.malformed(reason: reason, text: text))
        handle(.softError(reason: "malformed message: \(reason)"))
    }

    func receivedPong() { keepAlive?.pongReceived() }

    func receivedPing() {
        guard configuration.keepsAlive else { return }
        subscriptions.sentElsewhere(now: .now())
        tell(.keptAlive(.pong([])))
    }

    func burstEnded() {}

    func closed(_ reason: WebSocketCloseReason, on path: DirectPath) {
        if path === closing {
            closing = nil
            let due = afterClose
            afterClose.removeAll()
            for action in due { action() }
            return
        }
        guard path === self.path else { return }
        forgetConnection()
        handle(.ended(reason: "\(reason)"))
    }
}
