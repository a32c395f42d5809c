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
    private let eventLoop: any EventLoop
    private let logger: Logger
    private weak var delegate: (any DirectFeedDelegate)?
    private var machine: DirectMachine
    private var random: any RandomNumberGenerator
    private var session: ExchangeSession<DirectFeed>!
    private var events: [DirectMachine.Event] = []
    private var isHandling = false
    private var wake: Scheduled<Void>?
    private var ticker: RepeatedTask?
    /// False: the delegate wants a rest.
    package var isReading: Bool {
        get { session.isReading }
        set { session.isReading = newValue }
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
        let settings = SessionSettings(
            dialect: configuration.dialect, webSocket: configuration.webSocket, heartbeatStyle: configuration.heartbeatStyle,
            heartbeatFactor: configuration.heartbeatFactor, keepsAlive: configuration.keepsAlive,
            firstDataWithin: configuration.firstDataWithin, subscriptions: configuration.subscriptions, readyURL: configuration.readyURL)
        session = ExchangeSession(settings, on: eventLoop, owner: self, logger: logger, random: random)
    }

    /// Connects at once.
    package func start() {
        let interval = TimeAmount.nanoseconds(configuration.tick.wholeNanoseconds)
        let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
        ticker = eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
            let session = loopBound.value.session!
            session.tick(.now(), isListening: session.isReading)
        }
        handle(.start)
    }

    /// Closes the connection in order; `completion` is called when it is gone. Nothing is told any more but that.
    package func stop(_ completion: @escaping () -> Void) {
        delegate = nil
        ticker?.cancel()
        handle(.stop)
        wake?.cancel()
        session.stopTimers()
        session.whenClosed(completion)
    }

    /// What to subscribe from now on; a new set has a new version.
    package func desire(_ topics: [Topic], version: Int) { session.desire(topics, version: version) }

    private func handle(_ event: DirectMachine.Event) {
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
        case .dial:
            session.startAttempt()
            session.connect()
        case .cancelDial: session.cancelAttempt()
        case .closeSocket(let reason): closeSocket(reason: reason)
        case .report(let report): pass(on: report)
        }
    }

    private func pass(on report: DirectMachine.Report) {
        switch report {
        case .connected: tell(.connected(peer: session.socket?.upgrade.peer ?? ""))
        case .reconnected: tell(.reconnected(peer: session.socket?.upgrade.peer ?? ""))
        case .disconnected(let reason, let wait): tell(.disconnected(reason: reason, wait: wait))
        case .attemptFailed(let reason, let wait): tell(.attemptFailed(reason: reason, wait: wait))
        }
    }

    private func tell(_ event: Event) { delegate?.directFeed(happened: event) }

    private func scheduleWake() {
        wake?.cancel()
        wake = nil
        guard let at = machine.wakeAt else { return }
        let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
        wake = eventLoop.scheduleTask(in: .nanoseconds(max(.zero, at - .now()).wholeNanoseconds)) { loopBound.value.handle(.timer) }
    }

    /// Gives the connection up; what still arrives on it is nobody's.
    private func closeSocket(reason: String) {
        guard let path = session.path else { return }
        logger.info("Websocket given up", metadata: ["reason": "\(reason)", "last.received": "\(path.lastReceived)"])
        session.close(within: .milliseconds(100))
    }
}

extension DirectFeed: DirectPathReceiver {
    func received(_ payload: UnsafeRawBufferPointer, of topic: Topic?, wallNanoseconds: Int64) {
        handle(.dataReceived)
        delegate?.directFeed(received: payload, of: topic, wallNanoseconds: wallNanoseconds)
    }
}

extension DirectFeed: ExchangeSessionOwner {
    func makePath(owner: any SessionPathOwner) -> DirectPath { DirectPath(configuration, owner: owner, receiver: self) }

    func sessionOpened(_ socket: WebSocketConnection) {
        handle(.dialed)
        session.begin()
    }

    func sessionFailedToOpen(reason: String, retryAfter: Duration?) { handle(.dialFailed(reason: reason, retryAfter: retryAfter)) }

    /// Each packet is reported, the first one too.
    func sessionReceivedData() {}

    func session(lost path: DirectPath, reason: String) { handle(.ended(reason: reason)) }

    func session(closed path: DirectPath, reason: String) {}

    func sessionFellSilent(reason: String) { handle(.softError(reason: reason)) }

    func sessionShouldReconnect(reason: String) { handle(.softError(reason: reason)) }

    func session(happened event: ExchangeSessionEvent) {
        switch event {
        case .subscription(let topic, let state): tell(.subscription(topic, state))
        case .notice(let notice): tell(.notice(notice))
        case .keptAlive(let message): tell(.keptAlive(message))
        case .malformed(let reason, let text): tell(.malformed(reason: reason, text: text))
        }
    }
}
