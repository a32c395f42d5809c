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
    var retention: RetentionKeeper!
    var session: ExchangeSession<FeedRunner>!
    /// Redis' clock minus the local one, nanoseconds, as of the last reply that told the time.
    var clockOffset: Int64 = 0
    /// Highest epoch seen in any reply.
    var floor: Int
    private var events: [FeedMachine.Event] = []
    private var isHandling = false
    var wake: Scheduled<Void>?
    private var ticker: RepeatedTask?
    var reason = ""
    var finishedMalformed = 0
    var connections = 0
    var failures = 0
    private var turns = 0
    private var toldSubscriptions: (changes: Int, text: String)?
    /// Nothing may be received: no epoch yet, or a disconnect is being asked for.
    var isPausedByMachine = false
    /// Redis is behind.
    var isPausedByPressure = false
    /// When a disconnect of this feed was last admitted, as far as this worker knows.
    var admittedAt: LocalTime?

    package init(
        configuration: FeedConfiguration, incarnation: Incarnation, floor: Int, progress: FeedProgress, link: RedisLink,
        resources: PublishResources? = nil, control: any FeedControl, journal: WorkerJournal? = nil, logger: Logger
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
        let maxlen = configuration.dataMaxlen
        let controlMaxlen = configuration.controlMaxlen
        let channelMaxlen = configuration.channelMaxlen
        let table = StreamTable(keys: configuration.keys) { topic in
            topic.map { channelMaxlen[$0.channel] ?? maxlen } ?? controlMaxlen
        }
        self.publisher = Publisher(
            keys: configuration.keys, table: table, limits: configuration.publish, link: link, resources: resources, owner: self,
            journal: journal, logger: logger)
        self.retention = RetentionKeeper(
            keys: configuration.keys, rules: .init(maxAge: configuration.maxAge, forget: configuration.forget), publisher: publisher,
            link: link, logger: logger)
        let settings = SessionSettings(
            dialect: configuration.dialect, webSocket: configuration.webSocket, heartbeatStyle: configuration.heartbeatStyle,
            firstDataWithin: configuration.firstDataWithin, subscriptions: SubscriptionSettings(profile: configuration.dialect.profile),
            readyURL: configuration.readyURL, prewarms: configuration.prewarm)
        self.session = ExchangeSession(settings, on: eventLoop, owner: self, logger: logger, random: SystemRandomNumberGenerator())
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
        session.shutDown()
        publisher.stop()
        link.remove(self)
    }

    /// Asked for every second, and changed hardly ever: thousands of lines, perhaps.
    private var subscriptionsText: String {
        if toldSubscriptions?.changes != session.subscriptions.changes {
            toldSubscriptions = (session.subscriptions.changes, session.subscriptions.statesText)
        }
        return toldSubscriptions?.text ?? "{}"
    }

    package var status: FeedStatus {
        var status = FeedStatus(feed: configuration.feed, phase: machine.phase, epoch: machine.token?.epoch ?? floor)
        let counters = publisher.machine.counters
        status.packets = counters.packets
        status.bytes = counters.bytes
        status.dropped = counters.droppedPackets
        status.streams = publisher.table.dataStreams
        status.malformed = finishedMalformed + (session.path?.malformed ?? 0)
        status.connections = connections
        status.failures = failures
        status.ringBytes = publisher.machine.memoryBytes
        status.subscriptionsVersion = session.subscriptions.confirmedVersion
        status.subscriptions = subscriptionsText
        status.reason = session.socket == nil ? reason : ""
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
        session.path?.clockOffset = clockOffset
    }

    package func desire(_ topics: [Topic], version: Int) { session.desire(topics, version: version) }

    /// Makes a connection ready before the lease is here; see `ExchangeSession.prewarm`.
    package func prewarm(for limit: Duration, completion: @escaping (Bool) -> Void) {
        session.prewarm(for: limit, completion: completion)
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
        guard machine.phase == .live || machine.phase == .resuming else { return }
        turns += 1
        if turns % 40 == 0 { trim(now) }
        session.tick(now, isListening: !isPausedByPressure)
    }

    /// Whether a record nobody ever held may be claimed without being observed first.
    package func setClaimsUnknownAtOnce(_ flag: Bool) { machine.policy.claimsUnknownAtOnce = flag }
}
