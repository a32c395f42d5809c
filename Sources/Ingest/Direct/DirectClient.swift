public import ColonyExchanges
internal import Coordination
internal import DequeModule
public import Logging
public import NIOCore
internal import NIOPosix
internal import Synchronization

/// Follows one exchange from this process alone, for strategies that want no cluster (`producer: false`).
///
/// ```swift
/// let client = DirectClient(DirectConfiguration(dialect: try Exchanges.dialect("binance")), topics: [Topic(channel: "trade", symbol: "BTCUSDT")])
/// for await event in client {
///     if case .packet(let packet) = event { print(packet.topic?.description ?? "", packet.text) }
/// }
/// ```
///
/// The same websocket client, subscriptions and heartbeats as a producer's; no lease, no pace, no delay before the first attempt, nothing in
/// Redis. Reconnects wait not at all, then 0.1 s doubling to 30 s, each a fifth up or down, until data came in for a minute.
///
/// The connection belongs to the iterator: it opens with the first `next` and is closed when the iterator goes or the task is cancelled, which
/// ends the sequence. While `capacity` events wait to be taken nothing is read from the exchange.
public struct DirectClient: AsyncSequence, Sendable {
    public typealias Failure = Never

    public struct Packet: Sendable, Equatable {
        /// Nil: the dialect cannot name the packet's stream.
        public var topic: Topic?
        /// The message, unpacked where the exchange packs.
        public var payload: [UInt8]
        /// Receipt, nanoseconds since 1970 on this host's clock.
        public var time: Int64

        public var text: String { String(decoding: payload, as: UTF8.self) }
    }

    public enum Event: Sendable, Equatable {
        case packet(Packet)
        /// The first websocket of this client.
        case connected(peer: String)
        case reconnected(peer: String)
        /// The next attempt follows after `wait`.
        case disconnected(reason: String, wait: Duration)
        case attemptFailed(reason: String, wait: Duration)
        case subscription(Topic, SubscriptionState)
        case notice(Notice)
        case malformed(reason: String, text: String)
    }

    public let configuration: DirectConfiguration
    public let topics: [Topic]
    private let capacity: Int
    private let group: any EventLoopGroup
    private let logger: Logger

    public init(
        _ configuration: DirectConfiguration, topics: [Topic], capacity: Int = 10_000, on group: (any EventLoopGroup)? = nil,
        logger: Logger = Logger(label: "colony.direct")
    ) {
        self.configuration = configuration
        self.topics = topics
        precondition(capacity > 0, "a capacity of \(capacity) events")
        self.capacity = capacity
        self.group = group ?? MultiThreadedEventLoopGroup.singleton
        self.logger = logger
    }

    public func makeAsyncIterator() -> Iterator {
        Iterator(pump: DirectPump(capacity: capacity), start: { [self] pump in pump.start(configuration, topics, group.any(), logger) })
    }

    public struct Iterator: AsyncIteratorProtocol {
        private let owner: Owner
        private var start: ((DirectPump) -> Void)?

        /// Stops the pump when the last copy of the iterator goes.
        private final class Owner: Sendable {
            let pump: DirectPump
            init(_ pump: DirectPump) { self.pump = pump }
            deinit { pump.stop() }
        }

        init(pump: DirectPump, start: @escaping (DirectPump) -> Void) {
            owner = Owner(pump)
            self.start = start
        }

        public mutating func next() async -> Event? {
            start?(owner.pump)
            start = nil
            return await owner.pump.next()
        }

        public mutating func next(isolation actor: isolated (any Actor)?) async -> Event? {
            start?(owner.pump)
            start = nil
            return await owner.pump.next()
        }
    }
}

/// Holds the events between a feed's event loop and the one that takes them.
final class DirectPump: DirectFeedDelegate, Sendable {
    private struct State {
        var waiting: Deque<DirectClient.Event> = []
        var taker: CheckedContinuation<DirectClient.Event?, Never>?
        var isPaused = false
        var isOver = false
    }

    private let capacity: Int
    private let state = Mutex(State())
    private let feed = Mutex<(loop: any EventLoop, box: NIOLoopBoundBox<DirectFeed?>)?>(nil)

    init(capacity: Int) { self.capacity = capacity }

    func start(_ configuration: DirectConfiguration, _ topics: [Topic], _ eventLoop: any EventLoop, _ logger: Logger) {
        let box = NIOLoopBoundBox.makeEmptyBox(valueType: DirectFeed.self, eventLoop: eventLoop)
        feed.withLock { $0 = (eventLoop, box) }
        eventLoop.execute { [self] in
            let made = DirectFeed(configuration, on: eventLoop, delegate: self, logger: logger)
            box.value = made
            made.desire(topics, version: 1)
            made.start()
        }
    }

    func stop() {
        let taker = state.withLock { state in
            state.isOver = true
            state.waiting = []
            defer { state.taker = nil }
            return state.taker
        }
        taker?.resume(returning: nil)
        guard let (loop, box) = feed.withLock({ $0 }) else { return }
        loop.execute { box.value?.stop { box.value = nil } }
    }

    func next() async -> DirectClient.Event? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let ready: DirectClient.Event?? = state.withLock { state in
                    if state.isOver || Task.isCancelled { return .some(nil) }
                    if let event = state.waiting.popFirst() { return event }
                    state.taker = continuation
                    return nil
                }
                if let ready { continuation.resume(returning: ready) }
                resumeReading()
            }
        } onCancel: {
            stop()
        }
    }

    /// The exchange waits in its socket while too much is waiting here.
    private func resumeReading() {
        let isDue = state.withLock { state in
            guard state.isPaused, state.waiting.count <= capacity / 2 else { return false }
            state.isPaused = false
            return true
        }
        if isDue, let (loop, box) = feed.withLock({ $0 }) { loop.execute { box.value?.isReading = true } }
    }

    private func put(_ event: DirectClient.Event) {
        let (taker, isFull) = state.withLock { state -> (CheckedContinuation<DirectClient.Event?, Never>?, Bool) in
            guard !state.isOver else { return (nil, false) }
            if let taker = state.taker {
                state.taker = nil
                return (taker, false)
            }
            // A burst that was read already still comes in whole: it is bounded by the socket's buffer.
            state.waiting.append(event)
            let isFull = state.waiting.count >= capacity && !state.isPaused
            if isFull { state.isPaused = true }
            return (nil, isFull)
        }
        taker?.resume(returning: event)
        if isFull, let (loop, box) = feed.withLock({ $0 }) { loop.execute { box.value?.isReading = false } }
    }

    func directFeed(received payload: UnsafeRawBufferPointer, of topic: Topic?, wallNanoseconds: Int64) {
        put(.packet(DirectClient.Packet(topic: topic, payload: Array(payload), time: wallNanoseconds)))
    }

    func directFeed(happened event: DirectFeed.Event) {
        switch event {
        case .connected(let peer): put(.connected(peer: peer))
        case .reconnected(let peer): put(.reconnected(peer: peer))
        case .disconnected(let reason, let wait): put(.disconnected(reason: reason, wait: wait))
        case .attemptFailed(let reason, let wait): put(.attemptFailed(reason: reason, wait: wait))
        case .subscription(let topic, let state): put(.subscription(topic, state))
        case .notice(let notice): put(.notice(notice))
        case .malformed(let reason, let text): put(.malformed(reason: reason, text: text))
        case .keptAlive: break
        }
    }
}
