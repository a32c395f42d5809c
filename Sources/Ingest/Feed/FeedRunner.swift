package import ColonyExchanges
package import Coordination
package import Logging
import NIOCore
import RedisClient
import WebSocketClient

/// Runs one feed on its event loop: performs what `FeedMachine` and `SubscriptionMachine` decide, and tells them what happened.
///
/// Bound to its event loop; `FeedControl` is its way to the control thread.
package final class FeedRunner {
    package let configuration: FeedConfiguration
    private let progress: FeedProgress
    let eventLoop: any EventLoop
    let link: RedisLink
    let logger: Logger
    let control: any FeedControl
    let incarnation: Incarnation
    let journal: WorkerJournal?
    var random = SystemRandomNumberGenerator()
    var machine: FeedMachine
    var publisher: Publisher!
    var subscriptions: SubscriptionMachine
    var keepAlive: KeepAlive?
    // The connection, and the one that is being closed.
    var attempt: WebSocketConnectAttempt?
    var warm: WarmConnection?
    /// The REST call before it.
    var warmCall: WebSocketConnectAttempt?
    var warmNumber = 0
    var socket: WebSocketConnection?
    var path: FeedPath?
    var closing: FeedPath?
    var afterClose: [() -> Void] = []
    var generation = 0
    var urlTopics: [Topic] = []
    var subscriptionsGeneration = 0
    /// The REST service is being asked whether it is up; subscriptions wait for it.
    var readyProbe: WebSocketConnectAttempt?
    var isReady = true
    /// Redis' clock minus the local one, nanoseconds, as of the last reply that told the time.
    var clockOffset: Int64 = 0
    /// Highest epoch seen in any reply.
    var floor: Int
    private var events: [FeedMachine.Event] = []
    private var isHandling = false
    var wake: Scheduled<Void>?
    var subscriptionWake: Scheduled<Void>?
    private var ticker: RepeatedTask?
    var lastSent = ""
    var reason = ""
    var finishedMalformed = 0
    var connections = 0
    var failures = 0
    private var sweeps = 0
    /// Nothing may be received: no epoch yet, or a disconnect is being asked for.
    var isPausedByMachine = false
    /// Redis is behind.
    var isPausedByPressure = false
    /// When a disconnect of this feed was last admitted, as far as this worker knows.
    var admittedAt: LocalTime?

    package init(
        configuration: FeedConfiguration, incarnation: Incarnation, floor: Int, progress: FeedProgress, link: RedisLink,
        control: any FeedControl, journal: WorkerJournal? = nil, logger: Logger
    ) {
        self.journal = journal
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
            keys: configuration.keys, table: table, limits: configuration.publish, link: link, owner: self, journal: journal, logger: logger
        )
    }

    package func start() {
        note(
            .feed,
            [
                ("exchange", .text(configuration.feed.exchange)), ("group", .text(configuration.keys.group)),
                ("pace_ms", .number(configuration.policy.pace.wholeMilliseconds)), ("routing", .text("\(configuration.routing)")),
            ])
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
        dropWarm()
        generation += 1
        attempt?.cancel()
        readyProbe?.cancel()
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
        status.connections = connections
        status.failures = failures
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
            let before = machine.phase
            let actions = machine.handle(next, now: .now(), random: &random)
            if journal != nil, machine.phase != before { notePhase(from: before) }
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
        // What is not read cannot be missed.
        if sweeps % 4 == 0, !isPausedByPressure {
            perform(
                subscriptions.sweep(generation: generation, now: now) { [namesStreams = subscriptions.namesStreams] topic in
                    let last = namesStreams ? path.lastReceived(topic) : path.lastData > 0 ? path.lastData : nil
                    return last.map { LocalTime(nanoseconds: $0) }
                })
        }
        if sweeps % 40 == 0 { trim(now) }
        guard !isPausedByPressure, var keepAlive else { return }
        let verdict = keepAlive.check(
            now: now, lastFrame: LocalTime(nanoseconds: path.lastFrame),
            lastData: path.lastData == 0 ? nil : LocalTime(nanoseconds: path.lastData),
            expectsData: isReady && !subscriptions.connectionTopics.isEmpty, acknowledged: subscriptions.acknowledgedCount)
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
}
