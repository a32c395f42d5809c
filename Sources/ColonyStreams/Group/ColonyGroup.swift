public import Logging
public import NIOCore
internal import NIOPosix

/// A member of a consumer group: several processes share the entries of the same streams.
///
/// Each entry is dealt with at least once: it is acknowledged when the handler has returned, and taken over by another member when it stays
/// unacknowledged for `claimIdle`. An entry that this member has dealt with is not handed out twice as long as it is among the last
/// `dedupeWindow`; across members duplicates are possible, so effects should be keyed by stream and id. Order holds per stream and member
/// only, and verdicts about missing entries are not possible: a strategy that needs them uses `ColonyConsumer`.
///
/// The group is created on first use. Streams that appear later are read from their beginning: from the group's place on the control
/// stream on, which counts for all of a feed's streams.
public struct ColonyGroup: Sendable {
    public struct Configuration: Sendable {
        /// Masters only: a group writes.
        public var server: ReaderServer
        public var namespace: String
        public var subscriptions: [Subscription]
        /// The group's name.
        public var group: String
        /// This member's name; stable over restarts, so that it finds again what it had begun.
        public var member: String
        /// Where a group that does not exist yet begins.
        public var start: StartPoint
        /// Entries that a member leaves unacknowledged for so long are taken over; default 30 s. Longer than the handler ever takes.
        public var claimIdle: Duration
        /// Most entries of one stream in one read; default 100.
        public var entriesPerStream: Int
        /// How many dealt-with entries are remembered; default 10,000.
        public var dedupeWindow: Int
        /// Longest wait for data; also how often new streams are looked for; default 1 s. Abandoned entries are looked for every quarter of
        /// `claimIdle`.
        public var waitLimit: Duration

        public init(
            server: ReaderServer, namespace: String = "colony", subscriptions: [Subscription], group: String, member: String,
            start: StartPoint = .now, claimIdle: Duration = .seconds(30), entriesPerStream: Int = 100, dedupeWindow: Int = 10_000,
            waitLimit: Duration = .seconds(1)
        ) {
            self.server = server
            self.namespace = namespace
            self.subscriptions = subscriptions
            self.group = group
            self.member = member
            self.start = start
            self.claimIdle = claimIdle
            self.entriesPerStream = entriesPerStream
            self.dedupeWindow = dedupeWindow
            self.waitLimit = waitLimit
        }
    }

    public let configuration: Configuration
    private let group: any EventLoopGroup
    private let logger: Logger

    /// Throws `StreamsError.usage` for an empty name, nothing to read, nowhere to read it from, or a start that is no id.
    public init(
        _ configuration: Configuration, on group: (any EventLoopGroup)? = nil, logger: Logger = Logger(label: "colony.streams")
    ) throws(StreamsError) {
        try Subscription.check(configuration.subscriptions, server: configuration.server)
        _ = try configuration.start.cut(of: configuration.subscriptions[0].feed, wallClockMilliseconds: 0)
        if configuration.group.isEmpty || configuration.member.isEmpty {
            throw StreamsError(
                .usage, "a consumer group needs a name and its member too; got \"\(configuration.group)\" and \"\(configuration.member)\"")
        }
        self.configuration = configuration
        self.group = group ?? MultiThreadedEventLoopGroup.singleton
        self.logger = logger
    }

    /// Works until cancelled. `handle` is called for one event after the other; when it returns, the entry is acknowledged. When it
    /// throws, the entry stays pending, everything handled before is acknowledged, and the error is rethrown. Cancellation leaves the entry
    /// under way pending.
    public func run(_ handle: (GroupEvent) async throws -> Void) async throws {
        let session = GroupSession(configuration, eventLoop: group.any(), logger: logger)
        try await session.run(handle)
    }

    /// How far the group is behind, for each of its streams. Uses a connection of its own.
    public func lag() async throws -> [GroupLag] {
        try await GroupSession(configuration, eventLoop: group.any(), logger: logger).lag()
    }
}
