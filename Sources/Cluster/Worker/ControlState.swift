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
    let floorWriter: EpochFloorWriter
    let journal: WorkerJournal?
    var floors: EpochFloors
    var feeds: [FeedName: FeedHandle] = [:]
    var statuses: [FeedName: FeedStatus] = [:]
    var lastPackets: [FeedName: (packets: Int, at: LocalTime)] = [:]
    var keeper: RenewalKeeper
    let deadman: Deadman

    // The connection: everything that was learnt over one is void on the next (rule r6).
    var connection: RedisConnection?
    var connectionNumber = 0
    var serverRunID = ""
    /// The server process behind the connection, and since when it is known.
    var server: FeedMachine.Server?
    var redisClientID = ""
    var connectFailures = 0
    var isFlushing = false
    /// Beats sent.
    var beats = 0
    var isConnecting = false
    var subscriber: RedisConnection?
    var subscribedGroups: Set<String> = []
    var isSubscribing = false
    var unknownFunctionReloading = false

    // Membership and placement.
    var placement: PlacementMachine
    var placementWake: Scheduled<Void>?
    var members: [Member] = []
    /// Members that have not beaten for a while: others watch in their place, long before they are removed.
    var silent: Set<Incarnation> = []
    var membersVersion = 0
    /// Redis TIME of the last admitted disconnect, by budget group, ms.
    var lastAdmitted: [String: Int64] = [:]
    /// Redis TIME when it was last read, ms, and when that was here.
    var redisNow: Int64 = 0
    var redisReadAt = LocalTime.now()
    var catalogue: [FeedName: CatalogueEntry] = [:]
    /// Held feeds whose entry has changed since their runner was made.
    var outdated: Set<FeedName> = []
    var memory = CatalogueMemory()
    var subscriptionVersions: [FeedName: Int] = [:]
    /// The desired subscriptions as they were read last.
    var desiredTexts: [FeedName: String] = [:]
    var isDraining = false
    /// Of the data set; empty before the first beat.
    var generation = ""
    private var timers: [RepeatedTask] = []
    /// This worker's place for each feed it watches or holds.
    var places: [FeedName: PlacementMachine.Place] = [:]
    var held: Set<FeedName> = []
    var observeTurn = 0
    var keeperWake: Scheduled<Void>?
    var isStopped = false
    var onAllFinished: (() -> Void)?
    /// Takes lines for the supervisor's metrics.
    var onReport: ((String) -> Void)?
    var reportTurn = 0
    /// Incarnations of this host that are proved dead.
    var dead: [Incarnation]

    var nameWatch: NameWatch
    /// Called when this worker's name turns out to be that of a live one on another host.
    var onNameTaken: ((Incarnation) -> Void)?

    // Requests and handovers.
    var requestsVersion: Int64 = 0
    /// The last request taken up, by its field.
    var takenUp: [String: String] = [:]
    var handovers: HandoverMachine
    var handoverWake: Scheduled<Void>?
    /// The drain that was asked for while the process goes on.
    var parked: ClusterRequest?
    var toldLeft: [String] = []
    var moveRequests: [FeedName: ClusterRequest] = [:]
    /// Feeds that their owners are about to hand over to this worker, and until when that counts.
    var invitations: [FeedName: LocalTime] = [:]

    init(
        configuration: ColonyConfiguration, incarnation: Incarnation, previous: Incarnation?, floors: EpochFloors,
        floorWriter: EpochFloorWriter, journal: WorkerJournal? = nil,
        on eventLoop: any EventLoop, logger: Logger, makeFeed: @escaping (ControlState, FeedName, CatalogueEntry) -> FeedHandle?,
        onHeldChanged: @escaping ([FeedName]) -> Void
    ) {
        self.configuration = configuration
        self.incarnation = incarnation
        self.dead = previous.map { [$0] } ?? []
        self.floors = floors
        self.floorWriter = floorWriter
        self.journal = journal
        self.eventLoop = eventLoop
        self.logger = logger
        self.makeFeed = makeFeed
        self.onHeldChanged = onHeldChanged
        self.keeper = RenewalKeeper(timing: configuration.lease, isDirect: configuration.redis.direct)
        self.deadman = Deadman(isOn: configuration.deadman)
        self.placement = PlacementMachine(name: incarnation.name, settings: configuration.placement)
        self.nameWatch = NameWatch(own: incarnation, patience: configuration.lease.ttl, now: .now())
        self.handovers = HandoverMachine(patience: configuration.handoverPatience)
        self.startedAtMilliseconds = WallClock.nanoseconds() / 1_000_000
    }

    static let beatMilliseconds: Int64 = 1000

    func start() {
        noteStart()
        connect()
        let timing = configuration.lease
        repeats(every: timing.observeEvery) { $0.observeTick() }
        repeats(every: .milliseconds(Self.beatMilliseconds)) { $0.beat() }
    }

    private func repeats(every interval: Duration, _ action: @escaping @Sendable (ControlState) -> Void) {
        let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
        let nioInterval = TimeAmount.nanoseconds(interval.wholeNanoseconds)
        timers.append(
            eventLoop.scheduleRepeatedTask(initialDelay: nioInterval, delay: nioInterval) { _ in action(loopBound.value) })
    }

    func stop() {
        isStopped = true
        journal?.add(.stop)
        for timer in timers { timer.cancel() }
        subscriber?.close()
        connection?.flush()
        connection?.close()
    }
}
