package import ColonyExchanges
package import Coordination
package import Logging
import NIOCore
import RedisClient
package import WebSocketClient

/// Runs one feed on its event loop: performs what `FeedMachine` and `SubscriptionMachine` decide, and tells them what happened.
///
/// Bound to its event loop; `FeedControl` is its way to the control thread.
package final class FeedRunner {
    package let configuration: FeedConfiguration
    private let progress: FeedProgress
    let eventLoop: any EventLoop
    let link: RedisLink
    let logger: Logger
    private let control: any FeedControl
    private let incarnation: Incarnation
    private var random = SystemRandomNumberGenerator()
    var machine: FeedMachine
    var publisher: Publisher!
    private var retention: RetentionKeeper!
    var subscriptions: SubscriptionMachine
    private var keepAlive: KeepAlive?
    // The connection, and the one that is being closed.
    private var attempt: WebSocketConnectAttempt?
    private(set) var socket: WebSocketConnection?
    private(set) var path: FeedPath?
    private var closing: FeedPath?
    private var afterClose: [() -> Void] = []
    private var generation = 0
    private var urlTopics: [Topic] = []
    /// Redis' clock minus the local one, nanoseconds, as of the last reply that told the time.
    private var clockOffset: Int64 = 0
    /// Highest epoch seen in any reply.
    private var floor: Int
    private var events: [FeedMachine.Event] = []
    private var isHandling = false
    private var wake: Scheduled<Void>?
    private var subscriptionWake: Scheduled<Void>?
    private var ticker: RepeatedTask?
    private var lastSent = ""
    private var reason = ""
    private var finishedMalformed = 0
    private var sweeps = 0
    /// Nothing may be received: no epoch yet, or a disconnect is being asked for.
    private var isPausedByMachine = false
    /// Redis is behind.
    private var isPausedByPressure = false
    /// When a disconnect of this feed was last admitted, as far as this worker knows.
    private var admittedAt: LocalTime?

    package init(
        configuration: FeedConfiguration, incarnation: Incarnation, floor: Int, progress: FeedProgress, link: RedisLink,
        resources: PublishResources? = nil, control: any FeedControl, logger: Logger
    ) {
        self.configuration = configuration
        self.incarnation = incarnation
        self.link = link
        self.eventLoop = link.eventLoop
        self.control = control
        self.floor = floor
        self.progress = progress
        var logger = logger
        logger[metadataKey: "feed"] = "\(configuration.feed)"
        self.logger = logger
        self.machine = FeedMachine(policy: configuration.policy, incarnation: incarnation)
        self.subscriptions = SubscriptionMachine(
            dialect: configuration.dialect, settings: SubscriptionSettings(profile: configuration.dialect.profile))
        let maxlen = configuration.dataMaxlen
        let controlMaxlen = configuration.controlMaxlen
        let channelMaxlen = configuration.channelMaxlen
        let table = StreamTable(keys: configuration.keys) { topic in
            topic.map { channelMaxlen[$0.channel] ?? maxlen } ?? controlMaxlen
        }
        self.publisher = Publisher(
            keys: configuration.keys, table: table, limits: configuration.publish, link: link, resources: resources, owner: self,
            logger: logger)
        self.retention = RetentionKeeper(
            keys: configuration.keys, rules: .init(maxAge: configuration.maxAge, forget: configuration.forget), publisher: publisher,
            link: link, logger: logger)
    }

    package func start() {
        publisher.start()
        link.add(self)
        progress.lastTick = LocalTime.now().nanoseconds
        let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
        ticker = eventLoop.scheduleRepeatedTask(initialDelay: .milliseconds(250), delay: .milliseconds(250)) { _ in loopBound.value.tick() }
    }

    /// Takes everything down without giving anything up in order; for a feed that is finished.
    package func shutDown() {
        ticker?.cancel()
        wake?.cancel()
        subscriptionWake?.cancel()
        attempt?.cancel()
        path?.isActive = false
        socket?.abort()
        publisher.stop()
        link.remove(self)
    }

    package var status: FeedStatus {
        var status = FeedStatus(feed: configuration.feed, phase: machine.phase, epoch: machine.token?.epoch ?? floor)
        let counters = publisher.machine.counters
        status.packets = counters.packets
        status.bytes = counters.bytes
        status.dropped = counters.droppedPackets
        status.streams = publisher.table.slots.count
        status.malformed = finishedMalformed + (path?.malformed ?? 0)
        status.ringBytes = publisher.machine.memoryBytes
        status.subscriptionsVersion = subscriptions.confirmedVersion
        status.subscriptions = subscriptions.subscriptions
        status.reason = socket == nil ? reason : ""
        return status
    }

    // MARK: Events

    package func handle(_ event: FeedMachine.Event) {
        events.append(event)
        guard !isHandling else { return }
        isHandling = true
        while !events.isEmpty {
            let next = events.removeFirst()
            let actions = machine.handle(next, now: .now(), random: &random)
            for action in actions { perform(action) }
        }
        isHandling = false
        scheduleWake()
    }

    /// A renewal's reply told the time on Redis' clock.
    package func clockRead(redisMilliseconds: Int64, at local: LocalTime) {
        clockOffset = redisMilliseconds * 1_000_000 - local.nanoseconds
        path?.clockOffset = clockOffset
    }

    package func desire(_ topics: [Topic], version: Int) {
        perform(subscriptions.desire(topics, version: version, now: .now()))
    }

    private func scheduleWake() {
        wake?.cancel()
        wake = nil
        guard let at = machine.wakeAt else { return }
        let delay = max(.zero, at - .now())
        let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
        wake = eventLoop.scheduleTask(in: .nanoseconds(delay.wholeNanoseconds)) { loopBound.value.handle(.timer) }
    }

    private func tick() {
        let now = LocalTime.now()
        progress.lastTick = now.nanoseconds
        progress.unansweredSince = publisher.unansweredSince
        guard let path, machine.phase == .live || machine.phase == .resuming else { return }
        sweeps += 1
        if sweeps % 4 == 0 {
            perform(
                subscriptions.sweep(generation: generation, now: now) { topic in
                    path.lastReceived(topic).map { LocalTime(nanoseconds: $0) }
                })
        }
        if sweeps % 40 == 0 { trim(now) }
        // What is not read cannot be missed.
        guard !isPausedByPressure, var keepAlive else { return }
        let verdict = keepAlive.check(
            now: now, lastFrame: LocalTime(nanoseconds: path.lastFrame),
            lastData: path.lastData == 0 ? nil : LocalTime(nanoseconds: path.lastData),
            expectsData: !subscriptions.connectionTopics.isEmpty)
        self.keepAlive = keepAlive
        switch verdict {
        case .alive: break
        case .ping: sendPing(now)
        case .dead(let reason): endSocket(reason: reason)
        case .reconnect(let reason): handle(.softError(reason: reason))
        }
    }

    /// Whether a record nobody ever held may be claimed without being observed first.
    package func setClaimsUnknownAtOnce(_ flag: Bool) { machine.policy.claimsUnknownAtOnce = flag }

    // MARK: Actions

    private func perform(_ action: FeedMachine.Action) {
        let feed = configuration.feed
        switch action {
        case .initialise: control.initialise(feed)
        case .observe: control.observe(feed)
        case .acquire(let acquisition, let connection): control.acquire(feed, acquisition, connection: connection)
        case .hold(let token, let sentAt):
            saw(token.epoch)
            control.hold(feed, token, sentAt: sentAt)
        case .replaceToken(let token):
            saw(token.epoch)
            control.replaceToken(feed, token)
        case .letGo: control.letGo(feed)
        case .call(let id, let call): perform(call, id)
        case .dial: dial()
        case .cancelDial:
            attempt?.cancel()
            attempt = nil
            generation += 1
            control.socketClosed(feed)
        case .startPublishing(let epoch, let lastMilliseconds, let redisNow):
            saw(epoch)
            clockRead(redisMilliseconds: redisNow, at: .now())
            publisher.begin(Token(incarnation: incarnation, epoch: epoch), lastMilliseconds: lastMilliseconds)
        case .renumber(let epoch, let lastMilliseconds, let redisNow):
            saw(epoch)
            clockRead(redisMilliseconds: redisNow, at: .now())
            publisher.renumber(Token(incarnation: incarnation, epoch: epoch), lastMilliseconds: lastMilliseconds)
        case .pauseReading:
            isPausedByMachine = true
            applyReading()
        case .resumeReading: resumeReading()
        case .closeSocket(let reason): closeSocket(reason: reason, within: .milliseconds(100))
        case .closeSocketBy(let time, let reason):
            closeSocket(reason: reason, within: min(.milliseconds(100), max(.milliseconds(1), time - .now())))
        case .rewind(let next): publisher.rewind(to: next)
        case .dropBuffer(let reason):
            let dropped = publisher.drop()
            if dropped > 0 { logger.warning("Unpublished packets dropped", metadata: ["packets": "\(dropped)", "reason": "\(reason)"]) }
        // Whoever takes the runner down must not do so under a websocket that is being closed.
        case .finished: whenClosed { [self] in control.finished(feed) }
        case .report(let report): log(report)
        }
    }

    private func saw(_ epoch: Int) {
        guard epoch > floor else { return }
        floor = epoch
        control.saw(configuration.feed, epoch: epoch)
    }

    private func perform(_ call: FeedMachine.Call, _ id: Int) {
        let keys = configuration.keys
        let policy = configuration.policy
        let pace = policy.pace.wholeMilliseconds
        switch call {
        case .gate(let token):
            send(id, GateCall(feed: keys, token: token, paceMilliseconds: pace)) { .gate($0) }
        case .retry(let token, let wait):
            send(id, RetryCall(feed: keys, token: token, waitMilliseconds: wait.wholeMilliseconds)) { .retry($0) }
        case .begin(let token, let jump):
            send(
                id,
                BeginCall(
                    feed: keys, token: token, floor: floor, floorMilliseconds: publisher.machine.lastMilliseconds, server: link.serverRunID,
                    jump: jump)
            ) { .begin($0) }
        case .resume(let token, let renumber, let floorMilliseconds, let jump):
            publisher.hold()
            send(
                id,
                ResumeCall(
                    feed: keys, incarnation: token.incarnation, epoch: token.epoch, next: publisher.machine.firstUnstored,
                    ttlMilliseconds: policy.timing.ttl.wholeMilliseconds,
                    floorMilliseconds: max(floorMilliseconds, publisher.machine.lastMilliseconds), server: link.serverRunID, jump: jump,
                    renumber: renumber, admittedAgeMilliseconds: admittedAt.map { (LocalTime.now() - $0).wholeMilliseconds })
            ) { .resume($0) }
        case .disconnect(let token, let hard, let delay, let reason):
            publisher.afterSending { [self] in
                send(
                    id,
                    DisconnectCall(
                        feed: keys, token: token, first: publisher.machine.nextSequence, hard: hard,
                        delayMilliseconds: delay.wholeMilliseconds,
                        paceMilliseconds: pace, reason: reason)
                ) { [self] reply in
                    if case .ended(.due, _) = reply { admittedAt = .now() }
                    return .disconnect(reply)
                }
            }
        case .release(let token, let delay, let connect, let preferred, let reason):
            // The successor may connect as soon as this is executed: the socket must be closed before.
            whenClosed { [self] in
                publisher.afterSending { [self] in
                    send(
                        id,
                        ReleaseCall(
                            feed: keys, proof: .clean(token), reason: reason, delayMilliseconds: delay.wholeMilliseconds,
                            connectMilliseconds: connect.wholeMilliseconds, paceMilliseconds: pace,
                            quarantineMilliseconds: policy.quarantine.wholeMilliseconds, preferred: preferred)
                    ) { .release($0) }
                }
            }
        }
    }

    /// Writes a call and brings its reply to the machine.
    private func send<Call: FunctionCall>(_ id: Int, _ call: Call, _ wrap: @escaping (Call.Reply) -> FeedMachine.CallReply) {
        let written = link.write(call.arguments(), timeout: .seconds(5)) { [self] result in
            switch result {
            case .success(let value):
                do throws(CoordinationError) {
                    handle(.replied(id, wrap(try Call.decode(value))))
                } catch {
                    logger.error("Redis function answered with nonsense", error: error, metadata: ["function": "\(Call.function)"])
                    handle(.callFailed(id))
                }
            case .failure(let error):
                if error.code == .functionNotFound { link.reloadLibrary() }
                if error.code != .connectionLost {
                    logger.info("Redis call failed; it is repeated", error: error, metadata: ["function": "\(Call.function)"])
                }
                handle(.callFailed(id))
            }
        }
        if written {
            link.flush()
        } else {
            handle(.callFailed(id))
        }
    }

    // MARK: Socket

    private func dial() {
        generation += 1
        control.socketOpening(configuration.feed)
        urlTopics = subscriptions.connectionTopics
        switch configuration.dialect.connection(topics: urlTopics, random: random.next()) {
        case .url(let url): open(url: url, pingInterval: nil)
        case .bootstrap(let call):
            let generation = generation
            let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
            attempt = HTTPCall.perform(
                HTTPCall.Request(method: call.method, url: call.url, body: call.body), like: configuration.webSocket, on: eventLoop
            ) { result in
                let runner = loopBound.value
                guard generation == runner.generation, runner.machine.phase == .dial else { return }
                switch result {
                case .success(let body):
                    do throws(DialectError) {
                        let bootstrap = try call.read(body)
                        runner.open(url: bootstrap.url, pingInterval: bootstrap.pingInterval)
                    } catch {
                        runner.dialFailed(error.description, retryAfter: nil)
                    }
                case .failure(let error): runner.dialFailed(error.description, retryAfter: error.retryAfter)
                }
            }
        }
    }

    private func open(url: String, pingInterval: Duration?) {
        var webSocket = configuration.webSocket
        webSocket.url = url
        if webSocket.roots == .insecure {
            logger.warning("Certificates of the exchange are not verified (tls.insecure)", metadata: ["url": "\(url)"])
        }
        let path = FeedPath(configuration: configuration, publisher: publisher, clockOffset: clockOffset, owner: self)
        let profile = configuration.dialect.profile
        let generation = generation
        attempt = WebSocketConnection.connect(webSocket, on: eventLoop, delegate: path) { [self] result in
            guard generation == self.generation else {
                if case .success(let socket) = result { socket.abort() }
                return
            }
            attempt = nil
            switch result {
            case .success(let socket):
                self.socket = socket
                isPausedByMachine = true
                applyReading()
                self.path = path
                reason = ""
                keepAlive = KeepAlive(
                    heartbeat: profile.heartbeat, style: configuration.heartbeatStyle, pingInterval: pingInterval,
                    firstDataWithin: configuration.firstDataWithin, maxAge: profile.limits.maxAge, openedAt: .now(), random: random.next())
                logger.info("Websocket open", metadata: ["peer": "\(socket.upgrade.peer)", "url": "\(url)"])
                handle(.dialed)
            case .failure(let error): dialFailed(error.description, retryAfter: error.retryAfter)
            }
        }
    }

    private func dialFailed(_ description: String, retryAfter: Duration?) {
        reason = description
        control.socketClosed(configuration.feed)
        logger.warning("Connection attempt failed", metadata: ["reason": "\(description)"])
        handle(.dialFailed(retryAfter: retryAfter))
    }

    private func resumeReading() {
        guard socket != nil else { return }
        if !configuration.dialect.profile.subscribesAfterGreeting { subscribe() }
        isPausedByMachine = false
        applyReading()
    }

    private func applyReading() { socket?.isReading = !isPausedByMachine && !isPausedByPressure }

    /// Once per connection: at once, or behind the exchange's greeting where it wants that.
    private func subscribe() {
        guard subscriptionsGeneration != generation else { return }
        subscriptionsGeneration = generation
        perform(subscriptions.connected(generation: generation, urlTopics: urlTopics, now: .now()))
    }

    private var subscriptionsGeneration = 0

    /// Gives the connection up; what still arrives on it is nobody's.
    private func closeSocket(reason: String, within: Duration) {
        guard let socket, let path else { return }
        self.reason = reason
        path.isActive = false
        closing = path
        forgetConnection()
        socket.isReading = true
        socket.close(code: 1000, text: "", within: within)
    }

    private func endSocket(reason: String) {
        guard socket != nil else { return }
        logger.warning(
            "Websocket given up",
            metadata: ["reason": "\(reason)", "last.sent": "\(lastSent)", "last.received": "\(path?.lastReceived ?? "")"])
        closeSocket(reason: reason, within: .milliseconds(100))
        handle(.socketEnded(reason: reason))
    }

    private func forgetConnection() {
        finishedMalformed += path?.malformed ?? 0
        socket = nil
        path = nil
        keepAlive = nil
        perform(subscriptions.disconnected(generation: generation, now: .now()))
    }

    private func whenClosed(_ action: @escaping () -> Void) {
        if closing == nil { action() } else { afterClose.append(action) }
    }

    // MARK: Retention

    /// Drops what the retention does not keep, on all streams of the feed.
    private func trim(_ now: LocalTime) {
        guard clockOffset != 0, machine.phase == .live else { return }
        retention.trim(redisMilliseconds: (now.nanoseconds + clockOffset) / 1_000_000)
    }

    // MARK: Sending

    private func perform(_ actions: [SubscriptionMachine.Action]) {
        for action in actions {
            switch action {
            case .send(let asked):
                var request = configuration.dialect.stamped(asked, wallMilliseconds: Double(WallClock.nanoseconds()) / 1_000_000)
                path?.prepare(&request)
                transmit(request.message)
            case .changed(let topic, let state):
                logger.info("Subscription", metadata: ["topic": "\(topic)", "state": "\(state)"])
            case .wake(let at):
                subscriptionWake?.cancel()
                let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
                subscriptionWake = eventLoop.scheduleTask(in: .nanoseconds(max(0, (at - .now()).wholeNanoseconds))) {
                    let runner = loopBound.value
                    runner.perform(runner.subscriptions.woken(now: .now()))
                }
            case .staleStream(let topic):
                logger.warning("Stream fell silent", metadata: ["topic": "\(topic)"])
                perform(subscriptions.resubscribe([topic], now: .now()))
            case .needsReconnect(let topics):
                handle(.softError(reason: "a new connection must carry \(topics.count) more topics"))
            }
        }
    }

    private func transmit(_ message: OutgoingMessage) {
        guard let socket else { return }
        switch message {
        case .text(let text):
            lastSent = String(text.prefix(1000))
            socket.send(.text, ByteBuffer(string: text), promise: nil)
        case .binary(let bytes): socket.send(.binary, ByteBuffer(bytes: bytes), promise: nil)
        case .ping(let bytes): socket.sendPing(ByteBuffer(bytes: bytes))
        case .pong(let bytes): socket.sendPong(ByteBuffer(bytes: bytes))
        }
    }

    private func sendPing(_ now: LocalTime) {
        let context = PingContext(wallMilliseconds: Double(WallClock.nanoseconds()) / 1_000_000, random: random.next())
        guard let message = configuration.dialect.ping(configuration.heartbeatStyle, context) else { return }
        transmit(message)
        subscriptions.sentElsewhere(now: now)
    }

    private func log(_ report: FeedMachine.Report) {
        switch report {
        case .acquired(let epoch, _, let wait):
            logger.info("Lease acquired", metadata: ["lease.epoch": "\(epoch)", "connect.in_ms": "\(wait)"])
        case .grantTooLate: logger.warning("Lease granted too late to be used")
        case .lost(let reason): logger.warning("Lease lost", metadata: ["reason": "\(reason)"])
        case .selfFenced: logger.warning("Lease not renewed in time; websocket closed")
        case .resumed(let epoch): logger.warning("Feed restored after Redis lost its record", metadata: ["lease.epoch": "\(epoch)"])
        case .refusedDisconnect(_, let milliseconds):
            logger.info("Disconnect refused by the pace", metadata: ["pace.left_ms": "\(milliseconds)"])
        case .cooling(let milliseconds): logger.info("Cooling down", metadata: ["retry.in_ms": "\(milliseconds)"])
        case .attemptFailed(let count, let wait):
            logger.info("Next attempt", metadata: ["attempts": "\(count)", "retry.in_ms": "\(wait.wholeMilliseconds)"])
        case .epochsExhausted: logger.critical("No epoch numbers are left; give the feed a new name")
        }
    }
}

extension FeedRunner: RedisLinkUser {
    package func linkUp() { handle(.linkUp) }
    package func linkLost() {}

    /// Not at the next turn: memory is nearly full now.
    package func retentionScaled(by factor: Double) {
        if factor < 1 { trim(.now()) }
    }
}

extension FeedRunner: PublisherOwner {
    package func publishFenced() { handle(.publishFenced) }
    package func publishDisordered(topMilliseconds: Int64) { handle(.publishDisordered(topMilliseconds: topMilliseconds)) }

    package func publishPressure(isHigh: Bool) {
        isPausedByPressure = isHigh
        path?.readingPaused(isHigh)
        applyReading()
    }

    package func publishOverflowed() {
        // An order book is better off with a fresh snapshot than with a hole.
        if configuration.overflow == .close { endSocket(reason: "buffer full while Redis was away") }
    }
}

extension FeedRunner: FeedPathOwner {
    package func receivedGreeting() {
        if configuration.dialect.profile.subscribesAfterGreeting { subscribe() }
    }

    package func receivedData() { handle(.dataReceived) }

    package func received(firstOf topic: Topic) {
        perform(subscriptions.firstData(topic, generation: generation, now: .now()))
    }

    package func received(_ answer: Acknowledgement) {
        perform(subscriptions.acknowledged(answer, generation: generation, now: .now()))
    }

    package func received(_ notice: Notice) {
        logger.notice("Exchange says", metadata: ["kind": "\(notice.kind.rawValue)", "text": "\(notice.text)"])
        switch notice.kind {
        case .reconnect: handle(.softError(reason: "announced by the exchange: \(notice.text)"))
        case .limit: perform(subscriptions.limitReported(generation: generation, now: .now()))
        case .information, .maintenance, .error: break
        }
    }

    package func owes(_ message: OutgoingMessage) {
        transmit(message)
        subscriptions.sentElsewhere(now: .now())
    }

    package func receivedMalformed(_ reason: String, text: String) {
        logger.error(
            "Malformed message", metadata: ["reason": "\(reason)", "last.sent": "\(lastSent)", "last.received": "\(text)"])
        handle(.softError(reason: "malformed message: \(reason)"))
    }

    package func receivedPong() { keepAlive?.pongReceived() }
    package func receivedPing() { subscriptions.sentElsewhere(now: .now()) }

    package func closed(_ reason: WebSocketCloseReason, on path: FeedPath) {
        if path === closing {
            closing = nil
            if socket == nil, attempt == nil { control.socketClosed(configuration.feed) }
            let due = afterClose
            afterClose.removeAll()
            for action in due { action() }
            return
        }
        guard path === self.path else { return }
        let text = "\(reason)"
        self.reason = text
        logger.warning(
            "Websocket ended", metadata: ["reason": "\(text)", "last.sent": "\(lastSent)", "last.received": "\(path.lastReceived)"])
        forgetConnection()
        control.socketClosed(configuration.feed)
        handle(.socketEnded(reason: text))
    }
}
