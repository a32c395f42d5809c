public import Coordination
public import Logging
public import NIOCore
internal import NIOPosix
internal import RedisClient

/// Follows the streams of one or several feeds: packets in the order of arrival, and everything one must know to trust them.
///
/// ```swift
/// let consumer = try ColonyConsumer(.init(server: .init(endpoint), subscriptions: [.init("binance", "trade", "BTCUSDT")]))
/// for try await event in consumer {
///     if case .packet(let packet) = event { print(packet.symbol ?? "", packet.text) }
/// }
/// ```
///
/// The order is exact within a feed, over all its streams; between feeds it follows the time of ids, as far as what was read together
/// reaches. The next read happens when the events of the last one have been taken, so a slow loop holds no more than one reply in memory; what
/// retention removes meanwhile is told as `.trimmed`. When the connection ends, the reader connects again and goes on behind the last
/// event: nothing is lost or delivered twice.
///
/// The connection belongs to the iterator and ends with it. Cancelling the task ends the loop with `CancellationError`.
public struct ColonyConsumer: AsyncSequence, Sendable {
    public typealias Element = ColonyEvent
    public typealias Failure = any Error

    public struct Configuration: Sendable {
        public var server: ReaderServer
        public var namespace: String
        public var subscriptions: [Subscription]
        public var start: StartPoint
        /// After how long without data the last ids are compared with what was read (rollback, silent trimming); default 5 s.
        public var quietLimit: Duration
        /// How long a stream that appears while nothing else is published may stay unnoticed; default 1 s. For subscriptions with `*`.
        public var discoveryInterval: Duration
        /// Most entries of one stream in one read (COUNT); default 500.
        public var entriesPerStream: Int
        /// Most entries of all streams in one read, down to 8 of each; bounds memory; default 16,384.
        public var entriesPerRead: Int

        public init(
            server: ReaderServer, namespace: String = "colony", subscriptions: [Subscription], start: StartPoint = .now,
            quietLimit: Duration = .seconds(5), discoveryInterval: Duration = .seconds(1), entriesPerStream: Int = 500,
            entriesPerRead: Int = 16_384
        ) {
            self.server = server
            self.namespace = namespace
            self.subscriptions = subscriptions
            self.start = start
            self.quietLimit = quietLimit
            self.discoveryInterval = discoveryInterval
            self.entriesPerStream = entriesPerStream
            self.entriesPerRead = entriesPerRead
        }
    }

    public let configuration: Configuration
    private let group: any EventLoopGroup
    private let logger: Logger

    /// Throws `StreamsError.usage` if there is nothing to read, nowhere to read it from, or the start is no id.
    public init(
        _ configuration: Configuration, on group: (any EventLoopGroup)? = nil, logger: Logger = Logger(label: "colony.streams")
    ) throws(StreamsError) {
        try Subscription.check(configuration.subscriptions, server: configuration.server)
        _ = try configuration.start.cut(of: configuration.subscriptions[0].feed, wallClockMilliseconds: 0)
        self.configuration = configuration
        self.group = group ?? MultiThreadedEventLoopGroup.singleton
        self.logger = logger
    }

    public func makeAsyncIterator() -> Iterator {
        Iterator(session: ConsumerSession(configuration, eventLoop: group.any(), logger: logger))
    }

    /// Is the feed quiet or dead? Reads its lease record; nil if there is none. Uses a connection of its own.
    public func liveness(of feed: FeedName) async throws -> FeedLiveness? {
        guard let subscription = configuration.subscriptions.first(where: { $0.feed == feed }) else {
            throw StreamsError(.usage, "feed \(feed) is not among the subscriptions of this consumer")
        }
        let keys = Keys(namespace: configuration.namespace).feed(feed, group: subscription.group)
        let link = ServerLink(configuration.server, eventLoop: group.any(), logger: logger)
        return FeedLiveness(feed: feed, record: try await link.hash(keys.lease))
    }

    public struct Iterator: AsyncIteratorProtocol {
        let session: ConsumerSession

        public mutating func next() async throws -> ColonyEvent? { try await session.next() }

        public mutating func next(isolation actor: isolated (any Actor)?) async throws -> ColonyEvent? { try await session.next() }

        /// Behind the last event that `next` returned; `StartPoint.position` goes on from it. Store it once the event has been dealt with.
        public var position: Position { session.position }

        /// How far behind the newest published entries this iterator is, by feed. Asks Redis.
        public func lag() async throws -> [FeedName: Lag] { try await session.lag() }
    }
}
