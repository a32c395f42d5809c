import ColonyExchanges
import Coordination
import Ingest
import Logging
import NIOCore
import RedisClient
import Synchronization

/// What the control side of a worker knows and does. Bound to the control event loop.
final class ControlState {
    let configuration: ColonyConfiguration
    let incarnation: Incarnation
    let eventLoop: any EventLoop
    let logger: Logger
    let startedAtMilliseconds: Int64
    /// Makes and starts the runner of a feed on its data loop.
    let makeFeed: (ControlState, FeedName, CatalogueEntry) -> FeedHandle?
    /// Hears which feeds are held, for the status pipe.
    let onHeldChanged: ([FeedName]) -> Void
    let floorStore: EpochFloorStore
    var floors: EpochFloors
    var feeds: [FeedName: FeedHandle] = [:]
    var statuses: [FeedName: FeedStatus] = [:]
    private var lastPackets: [FeedName: (packets: Int, at: LocalTime)] = [:]
    var keeper: RenewalKeeper
    let deadman: Deadman

    // The connection: everything that was learnt over one is void on the next (rule r6).
    private(set) var connection: RedisConnection?
    private(set) var connectionNumber = 0
    private(set) var serverRunID = ""
    /// The server process behind the connection, and since when it is known.
    private var server: FeedMachine.Server?
    private var redisClientID = ""
    private var connectFailures = 0
    private var isConnecting = false
    private var subscriber: RedisConnection?
    private var subscribedGroups: Set<String> = []
    private var isSubscribing = false
    private var unknownFunctionReloading = false

    // Membership and placement.
    private var placement: PlacementMachine
    private var placementWake: Scheduled<Void>?
    private var members: [Member] = []
    /// Members that have not beaten for a while: others watch in their place, long before they are removed.
    private var silent: Set<Incarnation> = []
    private var membersVersion = 0
    /// Redis TIME of the last admitted disconnect, by budget group, ms.
    private var lastAdmitted: [String: Int64] = [:]
    private var redisNow: Int64 = 0
    private(set) var catalogue: [FeedName: CatalogueEntry] = [:]
    private var subscriptionVersions: [FeedName: Int] = [:]
    var isDraining = false
    /// Of the data set; empty before the first beat.
    private var generation = ""
    private var timers: [RepeatedTask] = []
    private var observeTurn = 0
    private var keeperWake: Scheduled<Void>?
    private var isStopped = false
    var onAllFinished: (() -> Void)?
    /// Incarnations of this host that are proved dead.
    private var dead: [Incarnation]

    init(
        configuration: ColonyConfiguration, incarnation: Incarnation, previous: Incarnation?, floors: EpochFloors,
        floorStore: EpochFloorStore,
        on eventLoop: any EventLoop, logger: Logger, makeFeed: @escaping (ControlState, FeedName, CatalogueEntry) -> FeedHandle?,
        onHeldChanged: @escaping ([FeedName]) -> Void
    ) {
        self.configuration = configuration
        self.incarnation = incarnation
        self.dead = previous.map { [$0] } ?? []
        self.floors = floors
        self.floorStore = floorStore
        self.eventLoop = eventLoop
        self.logger = logger
        self.makeFeed = makeFeed
        self.onHeldChanged = onHeldChanged
        self.keeper = RenewalKeeper(timing: configuration.lease, isDirect: configuration.redis.direct)
        self.deadman = Deadman(isOn: configuration.deadman)
        self.placement = PlacementMachine(name: incarnation.name, settings: configuration.placement)
        self.startedAtMilliseconds = WallClock.nanoseconds() / 1_000_000
    }

    func start() {
        connect()
        let timing = configuration.lease
        repeats(every: timing.observeEvery) { $0.observeTick() }
        repeats(every: .seconds(1)) { $0.beat() }
    }

    private func repeats(every interval: Duration, _ action: @escaping @Sendable (ControlState) -> Void) {
        let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
        let nioInterval = TimeAmount.nanoseconds(interval.wholeNanoseconds)
        timers.append(
            eventLoop.scheduleRepeatedTask(initialDelay: nioInterval, delay: nioInterval) { _ in action(loopBound.value) })
    }

    func stop() {
        isStopped = true
        for timer in timers { timer.cancel() }
        subscriber?.close()
        connection?.close()
    }

    // MARK: Calls

    /// Sends a function call; the completion comes on this loop, unless the connection is lost first: then nothing that depends on it matters.
    func call<Call: FunctionCall>(
        _ call: Call, timeout: Duration, completion: @escaping (Result<Call.Reply, any Error>) -> Void
    ) {
        send(call.arguments(), timeout: timeout) { [self] result in
            switch result {
            case .success(let value):
                do throws(CoordinationError) {
                    completion(.success(try Call.decode(value)))
                } catch {
                    logger.error("Redis function answered with nonsense", error: error, metadata: ["function": "\(Call.function)"])
                    completion(.failure(error))
                }
            case .failure(let error):
                if error.code == .functionNotFound { reloadLibrary() }
                completion(.failure(error))
            }
        }
    }

    func send(
        _ arguments: [RedisArgument], timeout: Duration = .seconds(2), completion: @escaping (Result<RedisValue, RedisError>) -> Void
    ) {
        guard let connection else {
            return completion(.failure(RedisError(.connectionLost, "no connection to Redis at \(configuration.redis.endpoint)")))
        }
        var command = ByteBufferAllocator().buffer(capacity: 256)
        RedisCommandEncoder.append(arguments, to: &command)
        connection.write([command], timeout: timeout, completion: completion)
        connection.flush()
    }

    private func reloadLibrary() {
        guard !unknownFunctionReloading else { return }
        unknownFunctionReloading = true
        logger.notice("Loading the function library: the server does not have it")
        send(FunctionLibrary.colony1.loadArguments, timeout: .seconds(5)) { [self] result in
            unknownFunctionReloading = false
            if case .failure(let error) = result { logger.warning("Function library could not be loaded", error: error) }
        }
    }

    // MARK: Connection

    private func connect() {
        guard !isConnecting, !isStopped else { return }
        isConnecting = true
        let sentAt = LocalTime.now()
        let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
        RedisConnection.connect(
            to: configuration.redis.endpoint, name: "colony:control:\(incarnation)", on: eventLoop, timeout: .milliseconds(800)
        ) { result in
            loopBound.value.connected(result, sentAt: sentAt)
        }
    }

    private func connected(_ result: Result<RedisConnection, RedisError>, sentAt: LocalTime) {
        isConnecting = false
        guard !isStopped else {
            if case .success(let connection) = result { connection.close() }
            return
        }
        switch result {
        case .success(let fresh):
            connectFailures = 0
            connection = fresh
            connectionNumber += 1
            let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
            let number = connectionNumber
            fresh.closeFuture.whenComplete { _ in loopBound.value.lost(number) }
            send(["CLIENT", "NO-EVICT", "on"]) { _ in }
            send(["CLIENT", "ID"]) { [self] in redisClientID = (try? $0.get().string) ?? "" }
            send(["INFO", "server"]) { [self] result in
                guard case .success(let value) = result, let runID = RedisServerInfo(value.string ?? "").runID else { return }
                serverRunID = runID
                if server?.runID != runID { server = FeedMachine.Server(runID: runID, since: .now()) }
                perform(keeper.connected(now: .now()))
                beat()
                observe(Array(feeds.keys))
            }
        case .failure(let error):
            connectFailures += 1
            if connectFailures == 1 || connectFailures % 40 == 0 {
                logger.warning(
                    "Redis not reached", error: error,
                    metadata: ["redis": "\(configuration.redis.endpoint)", "attempts": "\(connectFailures)"])
            }
            // A refused connection to the one, directly attached Redis process proves that it is gone, and with it every observation.
            if configuration.redis.direct, error.code == .refused || error.code == .loading { outageProved(sentAt: sentAt) }
            let cap = configuration.redis.direct ? .milliseconds(200) : configuration.redis.reconnectCap
            reconnect(after: min(cap, .milliseconds(20) * (1 << min(connectFailures, 10))))
        }
    }

    private func lost(_ number: Int) {
        guard number == connectionNumber, connection != nil else { return }
        connection = nil
        perform(keeper.connectionLost(now: .now()))
        guard !isStopped else { return }
        for feed in feeds.values { feed.post(.controlLost) }
        logger.notice("Control connection to Redis lost")
        reconnect(after: .zero)
    }

    private func reconnect(after delay: Duration) {
        let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.scheduleTask(in: .nanoseconds(delay.wholeNanoseconds)) { loopBound.value.connect() }
    }

    private func outageProved(sentAt: LocalTime) {
        perform(keeper.outageProof(sentAt: sentAt, now: .now()))
        for feed in feeds.values { feed.post(.outageProved(sentAt: sentAt)) }
    }

    // MARK: Leases held

    private(set) var held: Set<FeedName> = []

    func hold(_ feed: FeedName, _ token: Token, sentAt: LocalTime) {
        guard let handle = feeds[feed] else { return }
        perform(keeper.hold(handle.keys, token: token, sentAt: sentAt, now: .now()))
        perform(placement.took(feed, now: .now()))
        heldChanged(held.union([feed]))
    }

    func replaceToken(_ feed: FeedName, _ token: Token) { keeper.replaceToken(of: feed, with: token) }

    func socketOpening(_ feed: FeedName) {
        // Without a lease the feed machine knows better already, and cancels.
        if let actions = keeper.socketOpening(feed, now: .now()) { perform(actions) }
    }

    func socketClosed(_ feed: FeedName) { perform(keeper.socketClosed(feed, now: .now())) }

    func letGo(_ feed: FeedName) {
        perform(keeper.drop(feed, now: .now()))
        perform(placement.gaveUp(feed, now: .now()))
        heldChanged(held.subtracting([feed]))
    }

    private func heldChanged(_ fresh: Set<FeedName>) {
        guard fresh != held else { return }
        held = fresh
        onHeldChanged(held.sorted())
    }

    func saw(_ feed: FeedName, epoch: Int) {
        guard floors.raise(feed, to: epoch) else { return }
        do { try floorStore.store(floors) } catch { logger.warning("Epoch floors could not be stored", error: error) }
    }

    private func perform(_ actions: [RenewalKeeper.Action]) {
        for action in actions {
            switch action {
            case .armDeadman(let at): setDeadman(at)
            case .disarmDeadman: setDeadman(nil)
            case .renew(let batch): renew(batch)
            case .event(let event): heard(event)
            case .wake(let at):
                keeperWake?.cancel()
                let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
                keeperWake = eventLoop.scheduleTask(in: .nanoseconds(max(0, (at - .now()).wholeNanoseconds))) {
                    loopBound.value.wakeKeeper()
                }
            }
        }
    }

    private func wakeKeeper() {
        let now = LocalTime.now()
        perform(
            keeper.woken(now: now) { [feeds] feed in
                guard let progress = feeds[feed]?.progress else { return .init(tickedAt: now, unacknowledgedSince: nil) }
                let unanswered = progress.unansweredSince
                return .init(
                    tickedAt: LocalTime(nanoseconds: progress.lastTick),
                    unacknowledgedSince: unanswered == 0 ? nil : LocalTime(nanoseconds: unanswered))
            })
    }

    private func renew(_ batch: RenewalKeeper.Batch) {
        call(batch.call, timeout: configuration.lease.renewTimeout) { [self] result in
            let now = LocalTime.now()
            switch result {
            case .success(let reply):
                for lease in batch.call.leases {
                    feeds[lease.feed.feed]?.run { $0.clockRead(redisMilliseconds: reply.now, at: now) }
                }
                perform(keeper.replied(batch, reply.results, now: now))
            case .failure(let error):
                perform(keeper.failed(batch, (error as? RedisError)?.code ?? .other, now: now))
            }
        }
    }

    private func heard(_ event: RenewalKeeper.Event) {
        switch event {
        case .confirmed(let feed, let token, let sentAt, _): feeds[feed]?.post(.renewed(token, sentAt: sentAt))
        case .refused(let feed, let token): feeds[feed]?.post(.renewRefused(token))
        case .missing(let feed, let token): feeds[feed]?.post(.renewFoundNothing(token))
        case .unconfirmed(let feed, _, let code):
            logger.warning("Lease not confirmed; held until its deadline", metadata: ["feed": "\(feed)", "reason": "\(code)"])
        case .stalled(let feed, let stall):
            logger.error("Feed makes no progress; its lease is not renewed", metadata: ["feed": "\(feed)", "reason": "\(stall)"])
        case .progressing(let feed): logger.notice("Feed makes progress again", metadata: ["feed": "\(feed)"])
        case .expired(let feed, _): feeds[feed]?.post(.timer)
        }
    }

    private func setDeadman(_ at: LocalTime?) {
        do throws(CoordinationError) {
            if let at { try deadman.arm(at: at) } else { try deadman.disarm() }
        } catch {
            logger.critical("The dead-man timer cannot be set", error: error)
        }
    }

    // MARK: Leases watched

    private func observeTick() {
        observeTurn += 1
        // The first-ranked watcher looks at every turn, the second-ranked at every other.
        let due = feeds.keys.filter { feed in
            guard !held.contains(feed), let rank = ranks[feed], rank <= 2 else { return false }
            return rank == 1 || observeTurn % 2 == 0
        }
        observe(Array(due))
    }

    func observe(_ names: [FeedName]) {
        guard connection != nil, !serverRunID.isEmpty else { return }
        let handles = names.compactMap { feeds[$0] }
        let number = connectionNumber
        for start in stride(from: 0, to: handles.count, by: 200) {
            let part = Array(handles[start..<min(start + 200, handles.count)])
            call(ObserveCall(feeds: part.map(\.keys)), timeout: .seconds(2)) { [self] result in
                guard case .success(let records) = result, number == connectionNumber else { return }
                for (handle, record) in zip(part, records) {
                    if let epoch = record?.epoch { saw(handle.feed, epoch: epoch) }
                    handle.post(.observed(record, connection: number, server: server))
                }
            }
        }
    }

    func initialise(_ feed: FeedName) {
        guard let handle = feeds[feed] else { return }
        call(InitCall(feed: handle.keys, server: serverRunID), timeout: .seconds(2)) { [self] result in
            if case .success = result { observe([feed]) }
        }
    }

    func acquire(_ feed: FeedName, _ acquisition: FeedMachine.Acquisition, connection number: Int) {
        guard let handle = feeds[feed] else { return }
        guard number == connectionNumber, connection != nil, placement.reserve(feed) else { return handle.post(.acquireFailed) }
        let policy = configuration.settings(of: feed.exchange)
        let mode: AcquireCall.Mode =
            switch acquisition.mode {
            case .free: .free
            case .seen(let renewals): .seen(renewals: renewals)
            case .dead(let holder): .dead(holder: holder)
            }
        let call = AcquireCall(
            feed: handle.keys, incarnation: incarnation, ttlMilliseconds: configuration.lease.ttl.wholeMilliseconds, mode: mode,
            seenEpoch: acquisition.seenEpoch, floor: floors[feed], floorMilliseconds: 0,
            delayMilliseconds: acquisition.delay.wholeMilliseconds, connectMilliseconds: acquisition.connect.wholeMilliseconds,
            paceMilliseconds: policy.pace.wholeMilliseconds, quarantineMilliseconds: policy.quarantine.wholeMilliseconds,
            server: serverRunID, jump: acquisition.jump, reason: acquisition.reason)
        let sentAt = LocalTime.now()
        self.call(call, timeout: .seconds(2)) { [self] result in
            switch result {
            case .success(let reply):
                if case .granted = reply {} else { perform(placement.claimFailed(feed, now: .now())) }
                handle.post(.acquireReplied(reply, sentAt: sentAt))
            case .failure:
                perform(placement.claimFailed(feed, now: .now()))
                handle.post(.acquireFailed)
            }
        }
    }

    // MARK: Beats, members, catalogue

    private func beat() {
        guard connection != nil, !serverRunID.isEmpty else { return }
        call(BeatCall(namespace: configuration.keys, incarnation: incarnation, info: info()), timeout: .seconds(2)) { [self] result in
            guard case .success(let reply) = result else { return }
            if reply.generation != generation {
                generation = reply.generation
                for feed in feeds.values { tellGeneration(feed) }
            }
            membersVersion = reply.membersVersion
            redisNow = reply.now
            perform(
                placement.beatReplied(membersVersion: reply.membersVersion, catalogueVersion: reply.catalogueVersion, now: .now()),
                catalogueVersion: reply.catalogueVersion)
            readSilent(now: reply.now)
        }
        for handle in feeds.values {
            let feed = handle.feed
            let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
            let loop = eventLoop
            handle.run { runner in
                let status = runner.status
                loop.execute { loopBound.value.statuses[feed] = status }
            }
        }
        readSubscriptions(Array(feeds.keys))
        readAdmissions()
        subscribeToWakes()
    }

    private var isHurrying = false

    /// A beat out of turn, to learn of changed members at once; many wake-ups make one.
    private func hurry() {
        guard !isHurrying else { return }
        isHurrying = true
        let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.scheduleTask(in: .milliseconds(1)) {
            loopBound.value.isHurrying = false
            loopBound.value.readMembers()
        }
    }

    private func info() -> [BeatCall.Field] {
        let now = LocalTime.now()
        var reports: [String: WorkerFeedReport] = [:]
        for (feed, status) in statuses {
            let last = lastPackets[feed] ?? (status.packets, now)
            let seconds = Double((now - last.at).wholeMilliseconds) / 1000
            reports[feed.text] = WorkerFeedReport(
                status, packetsPerSecond: seconds > 0 ? (Double(status.packets - last.packets) / seconds * 10).rounded() / 10 : 0)
            lastPackets[feed] = (status.packets, now)
        }
        let feedsText: String
        do { feedsText = try WorkerFeedReport.encode(reports) } catch {
            logger.error("Feed reports cannot be encoded", error: error)
            feedsText = "{}"
        }
        return [
            .init("host", configuration.worker.host), .init("pid", "\(ProcessInformation.pid)"), .init("name", incarnation.name),
            .init("state", isDraining ? "draining" : "ready"), .init("weight", "\(configuration.worker.weight)"),
            .init("load", "\(placement.load)"), .init("version", ProcessInformation.version), .init("redis_client_id", redisClientID),
            .init("started_at", "\(startedAtMilliseconds)"), .init("deadman", deadman.isOn ? "on" : "off"), .init("feeds", feedsText),
        ]
    }

    private func readMembers() {
        let version = membersVersion
        send(["ZRANGE", .string(configuration.keys.beats), "0", "-1", "WITHSCORES"]) { [self] result in
            guard case .success(let reply) = result, let values = reply.array else {
                return perform(placement.membersNotRead(now: .now()))
            }
            var beats: [(incarnation: Incarnation, at: Int64)] = []
            for index in stride(from: 0, to: values.count - 1, by: 2) {
                guard let text = values[index].string, let score = values[index + 1].string.flatMap({ Double($0) }) else { continue }
                beats.append((Incarnation(text), Int64(score)))
            }
            readFields(of: beats, version: version)
        }
    }

    private func readFields(of beats: [(incarnation: Incarnation, at: Int64)], version: Int) {
        var fields: [[String?]] = Array(repeating: [], count: beats.count)
        var waiting = beats.count
        if beats.isEmpty { return perform(placement.membersNotRead(now: .now())) }
        for (index, beat) in beats.enumerated() {
            let key = configuration.keys.worker(beat.incarnation)
            send([.string("HMGET"), .string(key)] + Membership.fields.map { .string($0) }) { [self] result in
                if case .success(let reply) = result { fields[index] = (reply.array ?? []).map(\.string) }
                waiting -= 1
                guard waiting == 0 else { return }
                members = Membership.members(beats: beats, values: fields)
                countMembers(version: version)
            }
        }
    }

    private func countMembers(version: Int) {
        let heard = members.filter { !silent.contains($0.incarnation) }
        perform(placement.membersRead(heard, version: version, now: .now()))
    }

    /// Only hints: who watches decides nothing about who holds.
    private func readSilent(now: Int64) {
        send(["ZRANGEBYSCORE", .string(configuration.keys.beats), "0", "\(now - 3000)", "LIMIT", "0", "256"]) { [self] result in
            guard case .success(let reply) = result else { return }
            let fresh = Set((reply.array ?? []).compactMap { $0.string.map { Incarnation($0) } })
            guard fresh != silent else { return }
            silent = fresh
            countMembers(version: membersVersion)
        }
    }

    /// When disconnects of the held feeds' budget groups were last admitted: a move for balance waits until the pace is over.
    private func readAdmissions() {
        for group in Set(held.compactMap { feeds[$0]?.keys.group }) {
            send(["HGET", .string(configuration.keys.disconnects(group: group)), "last_admitted"]) { [self] result in
                if case .success(let reply) = result { lastAdmitted[group] = reply.integer }
            }
        }
    }

    private func isPaceFree(_ feed: FeedName) -> Bool {
        guard let group = feeds[feed]?.keys.group, let last = lastAdmitted[group] else { return true }
        return redisNow - last >= configuration.settings(of: feed.exchange).pace.wholeMilliseconds
    }

    private func perform(_ actions: [PlacementMachine.Action], catalogueVersion: Int? = nil) {
        for action in actions {
            switch action {
            case .readMembers: readMembers()
            case .readCatalogue: readCatalogue(catalogueVersion ?? 0)
            case .placed(let feed, let place):
                ranks[feed] = place?.rank
                feeds[feed]?.post(.placed(rank: place?.rank, alternate: place?.alternate))
            case .removed(let feed): feeds[feed]?.post(.stop(reason: "removed from the catalogue", preferred: nil))
            case .move(let feed, let target):
                logger.notice("Feed moves", metadata: ["feed": "\(feed)", "to": "\(target)"])
                feeds[feed]?.post(.stop(reason: "rebalance", preferred: target))
            case .wake(let at):
                placementWake?.cancel()
                let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
                placementWake = eventLoop.scheduleTask(in: .nanoseconds(max(0, (at - .now()).wholeNanoseconds))) {
                    loopBound.value.wakePlacement()
                }
            }
        }
    }

    private func wakePlacement() {
        var machine = placement
        let actions = machine.woken(now: .now()) { [self] in isPaceFree($0) }
        placement = machine
        perform(actions)
    }

    private func readCatalogue(_ version: Int) {
        send(["HGETALL", .string(configuration.keys.catalogue)]) { [self] result in
            guard case .success(let reply) = result, let values = reply.array else { return placement.catalogueNotRead() }
            var fresh: [FeedName: CatalogueEntry] = [:]
            for index in stride(from: 0, to: values.count - 1, by: 2) {
                guard let name = values[index].string, let json = values[index + 1].string else { continue }
                do throws(CoordinationError) {
                    fresh[FeedName(name)] = try CatalogueEntry(json: json, of: FeedName(name))
                } catch {
                    logger.error("A feed of the catalogue cannot be run", error: error, metadata: ["feed": "\(name)"])
                }
            }
            catalogue = fresh
            for feed in feeds.keys where catalogue[feed] == nil {
                feeds[feed]?.post(.stop(reason: "removed from the catalogue", preferred: nil))
            }
            for feed in catalogue.keys where feeds[feed] == nil { addFeed(feed) }
            perform(placement.catalogueRead(fresh, version: version, now: .now()))
            readSubscriptions(Array(feeds.keys))
            subscribeToWakes()
        }
    }

    private func addFeed(_ feed: FeedName) {
        guard !isDraining, let entry = catalogue[feed], let handle = makeFeed(self, feed, entry) else { return }
        feeds[feed] = handle
        for incarnation in dead { handle.post(.deathProved(incarnation)) }
        tellGeneration(handle)
        if let rank = ranks[feed] { handle.post(.placed(rank: rank, alternate: nil)) }
    }

    /// In the data set that our own supervisor created nobody can hold a lease that the records do not show.
    private func tellGeneration(_ handle: FeedHandle) {
        let isOurs = !generation.isEmpty && generation == configuration.redis.embeddedGeneration
        handle.run { $0.setClaimsUnknownAtOnce(isOurs) }
    }

    /// This worker's rank for each feed it watches or holds.
    private(set) var ranks: [FeedName: Int] = [:]

    // MARK: Subscriptions and wake-ups

    private func readSubscriptions(_ names: [FeedName]) {
        for feed in names {
            guard let handle = feeds[feed] else { continue }
            send(["HGET", .string(handle.keys.subscriptions), "version"]) { [self] result in
                guard case .success(let reply) = result, let version = reply.integer.map({ Int($0) }),
                    subscriptionVersions[feed] != version
                else { return }
                send(["HMGET", .string(handle.keys.subscriptions), "version", "desired"]) { [self] result in
                    guard case .success(let reply) = result, let fields = reply.array, fields.count == 2, let text = fields[1].string,
                        let version = fields[0].integer.map({ Int($0) })
                    else { return }
                    do {
                        let topics = try DesiredTopics.decode(text)
                        subscriptionVersions[feed] = version
                        handle.run { $0.desire(topics, version: version) }
                    } catch {
                        logger.error("Desired subscriptions are not readable", error: error, metadata: ["feed": "\(feed)"])
                    }
                }
            }
        }
    }

    private func subscribeToWakes() {
        let groups = Set(feeds.values.map(\.keys.group))
        guard groups != subscribedGroups, !isSubscribing, !groups.isEmpty, !isStopped else { return }
        isSubscribing = true
        subscriber?.close()
        subscriber = nil
        let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
        let channels = groups.map { configuration.keys.wake(group: $0) }
        let endpoint = configuration.redis.endpoint
        let loop = eventLoop
        let name = "colony:wake:\(incarnation)"
        // Ends by itself: it only opens the connection, which is closed with this object.
        let task = Task { () -> RedisConnection in
            let connection = try await RedisConnection.connect(to: endpoint, name: name, on: loop)
            try await connection.subscribe(to: channels) { message in
                let text = String(buffer: message.payload)
                loop.execute { loopBound.value.woken(text) }
            }
            return connection
        }
        let promise = eventLoop.makePromise(of: RedisConnection.self)
        promise.completeWithTask { try await task.value }
        promise.futureResult.whenComplete { result in loopBound.value.subscribed(result, groups) }
    }

    private func subscribed(_ result: Result<RedisConnection, any Error>, _ groups: Set<String>) {
        isSubscribing = false
        guard case .success(let fresh) = result, !isStopped else { return }
        subscriber = fresh
        subscribedGroups = groups
        let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
        fresh.closeFuture.whenComplete { [weak fresh] _ in
            guard let fresh, loopBound.value.subscriber === fresh else { return }
            loopBound.value.subscriber = nil
            loopBound.value.subscribedGroups = []
        }
        subscribeToWakes()
    }

    private func woken(_ text: String) {
        switch Wake(text) {
        case .freed(let feed):
            feeds[feed]?.post(.woken)
            // Why was it freed? Somebody died or drains: the ranks are others now.
            hurry()
        case .subscriptions(let feed): readSubscriptions([feed])
        case nil: break
        }
    }

    // MARK: Draining

    /// Gives everything up; `onAllFinished` is called when all feeds are.
    func drain(reason: String) {
        guard !isDraining else { return }
        isDraining = true
        perform(placement.drain(now: .now()))
        for handle in feeds.values { handle.post(.stop(reason: reason, preferred: nil)) }
        beat()
        if feeds.isEmpty { onAllFinished?() }
    }

    func finished(_ feed: FeedName) {
        feeds[feed]?.run { $0.shutDown() }
        feeds[feed] = nil
        statuses[feed] = nil
        subscriptionVersions[feed] = nil
        perform(placement.gaveUp(feed, now: .now()))
        if isDraining {
            if feeds.isEmpty { onAllFinished?() }
            return
        }
        // Moved away: from here on it is watched again.
        addFeed(feed)
        readSubscriptions([feed])
    }
}
