import ColonyExchanges
import Coordination
import Glibc
import Ingest
public import Logging
import NIOCore
import NIOPosix
import RedisClient
import Synchronization

/// One worker process: its name's lock, its control thread, its data loop and the feeds on it.
public struct WorkerProcess: Sendable {
    public let configuration: ColonyConfiguration
    public let logger: Logger

    public init(configuration: ColonyConfiguration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
    }

    /// What `run` checks first, for a supervisor that wants to know before it starts processes.
    public static func check(_ configuration: ColonyConfiguration, logger: Logger) async throws {
        try WorkerPreflight.checkTiming(configuration)
        try await WorkerPreflight.checkRedis(configuration, logger: logger)
    }

    /// Runs until cancelled, then drains: every lease is given back, at the latest after the drain limit.
    ///
    /// Throws a `ClusterError` when it cannot start: name in use, Redis unreachable or unfit, impossible timing.
    public func run() async throws {
        try WorkerPreflight.checkTiming(configuration)
        let state = StateDirectory(path: configuration.worker.stateDirectory)
        let name = configuration.worker.name
        var random = SystemRandomNumberGenerator()
        let incarnation = Incarnation(name: name, random: random.next())
        let lock: NameLock
        let store: EpochFloorStore
        let floors: EpochFloors
        do throws(CoordinationError) {
            try state.prepare()
            lock = try NameLock.acquire(incarnation, in: state)
            store = try EpochFloorStore(name: name, directory: state)
            floors = try store.load(logger: logger)
        } catch {
            throw ClusterError(.inUse, error.description)
        }
        try await WorkerPreflight.checkRedis(configuration, logger: logger)
        let journal: WorkerJournal?
        do throws(WorkerJournalError) {
            journal = try configuration.history.map { path throws(WorkerJournalError) in
                try WorkerJournal(directory: path, incarnation: incarnation)
            }
        } catch {
            throw ClusterError(.configuration, "history: \(error)")
        }
        try await Self.wantConfigured(configuration)

        var logger = logger
        logger[metadataKey: "worker.id"] = "\(incarnation)"
        let pipe = StatusPipe()
        let nameTaken = NameTaken()
        pipe.write("incarnation \(incarnation)")
        let writer = EpochFloorWriter(store, logger: logger)
        let controlGroup = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let dataGroup = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let dataLoop = dataGroup.next()
        let configuration = configuration
        let link = try await dataLoop.submit { [logger] in
            let link = RedisLink(
                endpoint: configuration.redis.endpoint, name: "colony:data:\(incarnation)", reconnectCap: configuration.redis.retryCap,
                on: dataLoop, journal: journal, logger: logger)
            link.start()
            return NIOLoopBound(link, eventLoop: dataLoop)
        }.get()
        let spill = try WorkerSpill.open(configuration, logger: logger)
        let ring = try await dataLoop.submit {
            NIOLoopBound(RingBudget(bytes: configuration.ringBytes, spillBytes: spill?.maxBytes ?? 0), eventLoop: dataLoop)
        }.get()
        let controlLoop = controlGroup.next()
        let control = try await controlLoop.submit { [logger] in
            let box = PlaneBox()
            let state = ControlState(
                configuration: configuration, incarnation: incarnation, previous: lock.previous, floors: floors, floorWriter: writer,
                journal: journal, on: controlLoop, logger: logger,
                makeFeed: { state, feed, entry in
                    WorkerProcess.makeFeed(feed, entry, state, box.plane, link, ring, spill, dataLoop)
                },
                onHeldChanged: { feeds in pipe.tell(feeds: feeds.map(\.text)) })
            state.onReport = { pipe.write($0) }
            state.onNameTaken = { nameTaken.rival = $0 }
            let made = ControlPlane(state: state)
            box.plane = made
            state.start()
            return made
        }.get()
        logger.info(
            "Worker started", metadata: ["redis": "\(configuration.redis.endpoint)", "previous": "\(lock.previous?.text ?? "none")"])

        // Until cancelled, or in the way of another: a sign of life for the supervisor, proved by a turn of the control loop.
        while !Task.isCancelled, nameTaken.rival == nil {
            do { try await controlLoop.submit { pipe.write("tick") }.get() } catch { break }
            do { try await Task.sleep(for: .milliseconds(500)) } catch { break }
        }
        await drain(control, logger: logger)
        control.run { $0.stop() }
        dataLoop.execute { link.value.close() }
        try? await controlGroup.shutdownGracefully()
        try? await dataGroup.shutdownGracefully()
        await spill?.close()
        await writer.close()
        await journal?.close()
        if let failure = journal?.failure { logger.warning("The journal has a hole", metadata: ["reason": "\(failure)"]) }
        withExtendedLifetime(lock) {}
        if let rival = nameTaken.rival {
            throw ClusterError(
                .inUse, "the worker name '\(name)' is in use on another host, by \(rival); give this worker another name (worker.name)")
        }
    }

    /// Enters the exchanges whose topics the configuration names, so that a worker alone is a working system.
    private static func wantConfigured(_ configuration: ColonyConfiguration) async throws {
        let wanting = configuration.exchanges.filter { !$0.value.topics.isEmpty && $0.value.isProducer }
        guard !wanting.isEmpty else { return }
        let client = try await ClusterClient.connect(configuration)
        defer { client.close() }
        for (exchange, settings) in wanting.sorted(by: { $0.key < $1.key }) {
            let topics = try client.canonical(settings.topics, exchange: exchange)
            try await client.change(exchange: exchange) { $0.formUnion(topics) }
        }
    }

    private func drain(_ control: ControlPlane, logger: Logger) async {
        let started = LocalTime.now()
        let (finished, continuation) = AsyncStream<Bool>.makeStream(bufferingPolicy: .bufferingNewest(1))
        control.run { state in
            state.onAllFinished = { continuation.yield(true) }
            state.drain(reason: "drain")
        }
        let limit = configuration.drainLimit
        control.eventLoop.scheduleTask(in: .nanoseconds(limit.wholeNanoseconds)) { continuation.yield(false) }
        // Not the caller's task, which is cancelled: the drain itself is bounded by the limit.
        let complete = await Task {
            for await value in finished { return value }
            return false
        }.value
        let took = (LocalTime.now() - started).wholeMilliseconds
        if complete {
            logger.info("Drained", metadata: ["took_ms": "\(took)"])
        } else {
            logger.warning("Drain limit reached; the supervisor or the lease time frees what is left", metadata: ["took_ms": "\(took)"])
        }
    }

    private static func makeFeed(
        _ feed: FeedName, _ entry: CatalogueEntry, _ state: ControlState, _ plane: ControlPlane?, _ link: NIOLoopBound<RedisLink>,
        _ ring: NIOLoopBound<RingBudget>, _ spill: WorkerSpill?, _ dataLoop: any EventLoop
    ) -> FeedHandle? {
        guard let plane else { return nil }
        let configuration: FeedConfiguration
        do throws(DialectError) {
            configuration = try state.configuration.feedConfiguration(of: feed, entry: entry)
        } catch {
            state.logger.error("Feed cannot be run here", error: error, metadata: ["feed": "\(feed)"])
            return nil
        }
        let incarnation = state.incarnation
        let floor = state.floors[feed]
        let logger = state.logger
        let progress = FeedProgress()
        let journal = state.journal
        let runner = FeedRunnerBox(dataLoop)
        dataLoop.execute {
            let made = FeedRunner(
                configuration: configuration, incarnation: incarnation, floor: floor, progress: progress, link: link.value,
                resources: PublishResources(ring: ring.value, disk: spill?.disk(of: feed, on: dataLoop)), control: plane, journal: journal,
                logger: logger)
            runner.set(made)
            made.start()
        }
        return FeedHandle(feed: feed, keys: configuration.keys, eventLoop: dataLoop, runner: runner, progress: progress)
    }
}

/// The live worker whose name we have, if there is one.
private final class NameTaken: Sendable {
    private let value = Mutex<Incarnation?>(nil)
    var rival: Incarnation? {
        get { value.withLock { $0 } }
        set { value.withLock { $0 = newValue } }
    }
}

/// Filled before the control loop turns again.
private final class PlaneBox {
    var plane: ControlPlane?
}

/// A runner that is made on its own loop; whoever reaches it does so on that loop, behind its making.
final class FeedRunnerBox: Sendable {
    private let eventLoop: any EventLoop
    private let box: NIOLoopBoundBox<FeedRunner?>

    init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        self.box = NIOLoopBoundBox.makeEmptyBox(valueType: FeedRunner.self, eventLoop: eventLoop)
    }

    func set(_ runner: FeedRunner) { box.value = runner }
    var runner: FeedRunner? { box.value }
}
