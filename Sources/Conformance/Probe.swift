internal import ColonyExchanges
internal import Coordination
internal import Ingest
internal import Logging
internal import NIOCore
internal import Synchronization

/// What a probe has seen.
struct ProbeState: Sendable {
    var opens = 0
    /// Why connections ended, in order.
    var ends: [String] = []
    /// Attempts that failed, in order.
    var failedAttempts: [String] = []
    /// Packets of the open connection, by topic.
    var packets: [Topic: Int] = [:]
    var unrouted = 0
    var malformed: [String] = []
    var states: [Topic: SubscriptionState] = [:]
    /// Heartbeats and owed answers that went out.
    var keptAlive: [OutgoingMessage] = []
    var notices: [String] = []

    /// What there is to say when something did not come.
    var summary: String {
        var parts = ["\(opens) connections"]
        if let end = ends.last { parts.append("the last one ended: \(end)") }
        if let failure = failedAttempts.last { parts.append("the last attempt failed: \(failure)") }
        let pending = states.filter { !$0.value.isConfirmed }.keys.sorted()
        if !pending.isEmpty { parts.append("pending: \(pending.map { "\($0)" }.joined(separator: ", "))") }
        let rejected = states.sorted { $0.key < $1.key }.compactMap { topic, state -> String? in
            if case .rejected(let words) = state { "\(topic) rejected: \(words)" } else { nil }
        }
        parts += rejected
        if let first = malformed.first { parts.append("malformed: \(first)") }
        return parts.joined(separator: "; ")
    }
}

/// A client of one exchange, made of the production path's parts, whose state can be awaited.
final class Probe: DirectFeedDelegate, Sendable {
    private struct Waiter {
        var isMet: @Sendable (ProbeState) -> Bool
        var continuation: CheckedContinuation<Bool, Never>
    }

    private struct Shared {
        var state = ProbeState()
        var waiters: [Int: Waiter] = [:]
        var nextWaiter = 0
    }

    private let shared = Mutex(Shared())
    private let eventLoop: any EventLoop
    private let feed: NIOLoopBoundBox<DirectFeed?>

    init(on eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        feed = NIOLoopBoundBox.makeEmptyBox(valueType: DirectFeed.self, eventLoop: eventLoop)
    }

    /// Connects and wants these topics.
    func start(_ configuration: DirectConfiguration, topics: [Topic]) {
        eventLoop.execute { [self] in
            var logger = Logger(label: "colony.conformance")
            logger.logLevel = .critical
            let made = DirectFeed(configuration, on: eventLoop, delegate: self, logger: logger, random: LowGenerator())
            feed.value = made
            made.desire(topics, version: 1)
            made.start()
        }
    }

    func desire(_ topics: [Topic], version: Int) {
        eventLoop.execute { [feed] in feed.value?.desire(topics, version: version) }
    }

    func stop() async {
        await withCheckedContinuation { continuation in
            eventLoop.execute { [feed] in
                guard let running = feed.value else { return continuation.resume() }
                running.stop {
                    feed.value = nil
                    continuation.resume()
                }
            }
        }
    }

    var state: ProbeState { shared.withLock { $0.state } }

    /// True as soon as the state is as wanted, false when it is not within the time.
    func wait(_ limit: Duration, until isMet: @escaping @Sendable (ProbeState) -> Bool) async -> Bool {
        let id = shared.withLock { shared in
            shared.nextWaiter += 1
            return shared.nextWaiter
        }
        let deadline = eventLoop.scheduleTask(in: .nanoseconds(limit.wholeNanoseconds)) { [self] in
            shared.withLock { $0.waiters.removeValue(forKey: id) }?.continuation.resume(returning: false)
        }
        defer { deadline.cancel() }
        return await withCheckedContinuation { continuation in
            let isMetAlready = shared.withLock { shared in
                if isMet(shared.state) { return true }
                shared.waiters[id] = Waiter(isMet: isMet, continuation: continuation)
                return false
            }
            if isMetAlready { continuation.resume(returning: true) }
        }
    }

    private func change(_ edit: (inout ProbeState) -> Void) {
        let due = shared.withLock { shared in
            edit(&shared.state)
            let met = shared.waiters.filter { $0.value.isMet(shared.state) }.keys
            return met.compactMap { shared.waiters.removeValue(forKey: $0) }
        }
        for waiter in due { waiter.continuation.resume(returning: true) }
    }

    func directFeed(received payload: UnsafeRawBufferPointer, of topic: Topic?, wallNanoseconds: Int64) {
        change { state in
            if let topic { state.packets[topic, default: 0] += 1 } else { state.unrouted += 1 }
        }
    }

    func directFeed(happened event: DirectFeed.Event) {
        change { state in
            switch event {
            case .connected, .reconnected:
                state.opens += 1
                state.packets = [:]
            case .disconnected(let reason, _): state.ends.append(reason)
            case .attemptFailed(let reason, _): state.failedAttempts.append(reason)
            case .subscription(let topic, let subscription): state.states[topic] = subscription
            case .notice(let notice): state.notices.append(notice.text)
            case .keptAlive(let message): state.keptAlive.append(message)
            case .malformed(let reason, let text): state.malformed.append("\(reason): \(text.prefix(200))")
            }
        }
    }
}

/// Draws the lowest number always: planned reconnects come as early as they may.
private struct LowGenerator: RandomNumberGenerator {
    mutating func next() -> UInt64 { 0 }
}
