import ColonyExchanges
import Coordination
import Logging
import NIOCore
import WebSocketClient

/// The websockets of one exchange, one after the other: opens and closes them when its owner says so, keeps each subscribed and alive, and
/// tells the owner when one is lost, has fallen silent, or had better be replaced. Leases, paces and waits are the owner's.
///
/// Bound to its event loop.
final class ExchangeSession<Owner: ExchangeSessionOwner> {
    typealias Path = Owner.Path

    let settings: SessionSettings
    let eventLoop: any EventLoop
    let logger: Logger
    unowned let owner: Owner
    var subscriptions: SubscriptionMachine
    /// Draws addresses, what heartbeats contain and the spread of planned reconnects.
    var random: any RandomNumberGenerator
    var keepAlive: KeepAlive?
    // The connection, and the one that is being closed.
    private(set) var attempt: WebSocketConnectAttempt?
    private(set) var socket: WebSocketConnection?
    private(set) var path: Path?
    private(set) var closing: Path?
    private var afterClose: [() -> Void] = []
    // What stands ready for the next dial.
    var warm: WarmConnection?
    var warmCall: WebSocketConnectAttempt?
    var warmNumber = 0
    /// Counts attempts; what belongs to an older one is ignored.
    private(set) var number = 0
    private var urlTopics: [Topic] = []
    /// What the address of the open connection has subscribed.
    private var asked: [Topic] = []
    private var addressTrust = AddressTrust()
    private var subscribedNumber = 0
    /// The REST service is being asked whether it is up; subscriptions wait for it.
    var readyProbe: WebSocketConnectAttempt?
    var isReady = true
    var subscriptionWake: Scheduled<Void>?
    private var ticks = 0
    /// The last text sent, at most 1,000 characters.
    var lastSent = ""
    /// Whether anything is taken from the socket.
    var isReading = true {
        didSet {
            if isReading, !oldValue { path?.readingResumed() }
            socket?.isReading = isReading
        }
    }

    init(_ settings: SessionSettings, on eventLoop: any EventLoop, owner: Owner, logger: Logger, random: any RandomNumberGenerator) {
        var settings = settings
        // The address is used before the REST service can be asked whether it is up.
        if settings.readyURL != nil { settings.dialect.profile.limits.topicsInAddress = 0 }
        self.settings = settings
        self.eventLoop = eventLoop
        self.owner = owner
        self.logger = logger
        self.random = random
        subscriptions = SubscriptionMachine(dialect: settings.dialect, settings: settings.subscriptions)
    }

    /// What to subscribe from now on; a new set has a new version.
    func desire(_ topics: [Topic], version: Int) { perform(subscriptions.desire(topics, version: version, now: .now())) }

    // MARK: Opening

    /// Gives the next attempt its number; what an earlier one still brings is ignored from here.
    func startAttempt() { number += 1 }

    /// Opens the websocket of the attempt just started, over a connection that stands ready where there is one.
    func connect() {
        urlTopics = subscriptions.connectionTopics
        if let warm = takeWarm(urlTopics) { return open(warm.address, over: warm.attempt) }
        let number = number
        let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
        let call = ConnectionAddress.find(dialSettings, topics: urlTopics, random: random.next(), on: eventLoop) { result in
            let session = loopBound.value
            guard number == session.number else { return }
            switch result {
            case .success(let address): session.open(address)
            case .failure(let failure): session.fail(failure.reason, retryAfter: failure.retryAfter)
            }
        }
        if let call { attempt = call }
    }

    /// As far as the address of a dial now is concerned.
    var dialSettings: SessionSettings {
        var settings = settings
        if !addressTrust.allowsTopics(now: .now()) { settings.dialect.profile.limits.topicsInAddress = 0 }
        return settings
    }

    func cancelAttempt() {
        // First, so that the attempt's end is nobody's concern.
        number += 1
        attempt?.cancel()
        attempt = nil
    }

    private func open(_ address: ConnectionAddress, over prepared: WebSocketConnectAttempt? = nil) {
        var webSocket = settings.webSocket
        webSocket.url = address.url
        webSocket.answersPings = settings.keepsAlive
        if webSocket.roots == .insecure {
            logger.warning("Certificates of the exchange are not verified (tls.insecure)", metadata: ["url": "\(address.summary)"])
        }
        let path = owner.makePath(owner: self)
        let number = number
        let completion = { [self] (result: Result<WebSocketConnection, WebSocketConnectError>) in
            guard number == self.number else {
                if case .success(let socket) = result { socket.abort() }
                return
            }
            attempt = nil
            switch result {
            case .success(let socket): opened(socket, path, address)
            // The exchange may have given up a connection that said nothing for so long: once more, from the start.
            case .failure(let error) where prepared != nil && error.code == .closed: open(address)
            case .failure(let error):
                if let status = error.status { addressTrust.refused(status: status, named: !address.asking.isEmpty) }
                fail(error.description, retryAfter: error.retryAfter)
            }
        }
        if let prepared {
            attempt = prepared
            prepared.proceed(delegate: path, completion: completion)
        } else {
            attempt = WebSocketConnection.connect(webSocket, on: eventLoop, delegate: path, completion: completion)
        }
    }

    private func opened(_ socket: WebSocketConnection, _ path: Path, _ address: ConnectionAddress) {
        self.socket = socket
        self.path = path
        socket.isReading = isReading
        keepAlive = settings.keepAlive(pingInterval: address.pingInterval, openedAt: .now(), random: random.next())
        asked = address.asking
        if addressTrust.opened(named: !asked.isEmpty, now: .now()) {
            logger.notice("Topics in the address were refused; they go by message for a day", metadata: ["url": "\(address.summary)"])
        }
        logger.info(
            "Websocket open",
            metadata: ["peer": "\(socket.upgrade.peer)", "url": "\(address.summary)", "asked": "\(asked.count)"])
        owner.sessionOpened(socket)
    }

    private func fail(_ reason: String, retryAfter: Duration?) {
        attempt = nil
        logger.warning("Connection attempt failed", metadata: ["reason": "\(reason)"])
        owner.sessionFailedToOpen(reason: reason, retryAfter: retryAfter)
    }

    /// Lets the open connection subscribe: at once, or behind the exchange's greeting where it wants that.
    func begin() {
        if !settings.dialect.profile.subscribesAfterGreeting { subscribe() }
    }

    /// Once per connection.
    private func subscribe() {
        guard socket != nil, subscribedNumber != number else { return }
        subscribedNumber = number
        whenReady { [self] in perform(subscriptions.connected(generation: number, urlTopics: urlTopics, asked: asked, now: .now())) }
    }

    // MARK: The turn of the clock

    /// Sends what is due and looks for silence; to be called four times a second or so. `isListening` is false while we withhold reading for
    /// long: what is not read cannot be missed.
    func tick(_ now: LocalTime, isListening: Bool) {
        guard let path else { return }
        ticks += 1
        guard isListening else { return }
        if ticks % 4 == 0 {
            perform(
                subscriptions.sweep(generation: number, now: now) { [namesStreams = subscriptions.namesStreams] topic in
                    let last = namesStreams ? path.lastReceived(topic) : path.lastData > 0 ? path.lastData : nil
                    return last.map { LocalTime(nanoseconds: $0) }
                })
        }
        guard var keepAlive else { return }
        let verdict = keepAlive.check(
            now: now, lastFrame: LocalTime(nanoseconds: path.lastFrame),
            lastData: path.lastData == 0 ? nil : LocalTime(nanoseconds: path.lastData),
            expectsData: isReady && !subscriptions.connectionTopics.isEmpty, acknowledged: subscriptions.acknowledgedCount)
        self.keepAlive = keepAlive
        switch verdict {
        case .alive: break
        case .ping: sendPing(now)
        case .dead(let reason): owner.sessionFellSilent(reason: reason)
        case .reconnect(let reason): owner.sessionShouldReconnect(reason: reason)
        }
    }

    // MARK: The end of a connection

    /// Gives the open connection up: a close frame, and a reset if the exchange has not answered it in time. What still arrives is nobody's,
    /// unless the path `keepsReceiving`: in a planned handover that is one round trip less without data.
    func close(within: Duration, keepsReceiving: Bool = false) {
        guard let socket, let path else { return }
        path.isActive = keepsReceiving
        closing = path
        forgetConnection()
        socket.isReading = true
        socket.close(code: 1000, text: "", within: within)
    }

    /// Runs `action` when no connection is being closed.
    func whenClosed(_ action: @escaping () -> Void) {
        if closing == nil { action() } else { afterClose.append(action) }
    }

    /// Takes everything down without closing anything in order.
    func shutDown() {
        stopTimers()
        dropWarm()
        cancelAttempt()
        path?.isActive = false
        socket?.abort()
    }

    /// For a session that will not connect again.
    func stopTimers() {
        subscriptionWake?.cancel()
        readyProbe?.cancel()
    }

    private func forgetConnection() {
        socket = nil
        path = nil
        keepAlive = nil
        perform(subscriptions.disconnected(generation: number, now: .now()))
    }
}

extension ExchangeSession: SessionPathOwner {
    func receivedData() {
        owner.sessionReceivedData()
        if !subscriptions.namesStreams { perform(subscriptions.firstUnnamedData(generation: number, now: .now())) }
    }

    func receivedGreeting() {
        if settings.dialect.profile.subscribesAfterGreeting { subscribe() }
    }

    func received(firstOf topic: Topic) { perform(subscriptions.firstData(topic, generation: number, now: .now())) }

    func received(_ answer: Acknowledgement) { perform(subscriptions.acknowledged(answer, generation: number, now: .now())) }

    func received(_ notice: Notice) {
        logger.notice("Exchange says", metadata: ["kind": "\(notice.kind.rawValue)", "text": "\(notice.text)"])
        owner.session(happened: .notice(notice))
        switch notice.kind {
        case .reconnect: owner.sessionShouldReconnect(reason: "announced by the exchange: \(notice.text)")
        case .limit: perform(subscriptions.limitReported(generation: number, now: .now()))
        case .information, .maintenance, .error: break
        }
    }

    func owes(_ message: OutgoingMessage) {
        guard settings.keepsAlive else { return }
        transmit(message)
        keptAlive(message, now: .now())
    }

    func receivedMalformed(_ reason: String, text: String) {
        logger.error("Malformed message", metadata: ["reason": "\(reason)", "last.sent": "\(lastSent)", "last.received": "\(text)"])
        owner.session(happened: .malformed(reason: reason, text: text))
        owner.sessionShouldReconnect(reason: "malformed message: \(reason)")
    }

    func receivedPong() { keepAlive?.pongReceived() }

    /// The connection has answered already.
    func receivedPing() {
        if settings.keepsAlive { keptAlive(.pong([]), now: .now()) }
    }

    func closed(_ reason: WebSocketCloseReason, on path: any SessionPath) {
        if let closing, path === closing {
            self.closing = nil
            owner.session(closed: closing, reason: "\(reason)")
            let due = afterClose
            afterClose.removeAll()
            for action in due { action() }
        } else if let open = self.path, path === open {
            logger.warning(
                "Websocket ended", metadata: ["reason": "\(reason)", "last.sent": "\(lastSent)", "last.received": "\(path.lastReceived)"])
            forgetConnection()
            owner.session(lost: open, reason: "\(reason)")
        }
    }
}
