/// Hands held feeds over to other workers, one disconnect of a budget group at a time: waits for the pace, names the successor, lets it make
/// itself ready for a bounded time, then gives the feed up. Pure: time comes in, actions go out. Only the owner of a feed does this.
public struct HandoverMachine: Sendable {
    public struct Order: Sendable, Hashable {
        public var feed: FeedName
        public var budget: String
        /// nil: chosen when its turn comes.
        public var target: String?
        public var reason: String
        /// True: does not wait for the pace; the successor may have to cool down.
        public var isForced: Bool
        /// True: an end of the connection is no disconnect, as there is none (cooling, waiting): the pace has nothing to say.
        public var isIdle: Bool

        public init(feed: FeedName, budget: String, target: String? = nil, reason: String, isForced: Bool = false, isIdle: Bool = false) {
            self.feed = feed
            self.budget = budget
            self.target = target
            self.reason = reason
            self.isForced = isForced
            self.isIdle = isIdle
        }
    }

    public enum Action: Sendable, Hashable {
        /// Tell this worker that the feed is coming; it answers when it is ready.
        case invite(FeedName, worker: String)
        /// Give the feed up, with this worker preferred.
        case give(FeedName, to: String?, reason: String)
        /// Nothing more is to be asked about this feed's invitation.
        case forget(FeedName, worker: String)
        /// Call `woken` at this time; it replaces the one asked for before.
        case wake(LocalTime)
    }

    /// What the owner knows when a turn comes.
    public struct View {
        /// Whether the admission of a feed's budget group is free.
        public var isPaceFree: (FeedName) -> Bool
        /// A successor for a feed; nil: there is none.
        public var successor: (FeedName) -> String?

        public init(isPaceFree: @escaping (FeedName) -> Bool, successor: @escaping (FeedName) -> String?) {
            self.isPaceFree = isPaceFree
            self.successor = successor
        }
    }

    private enum Stage: Sendable, Hashable {
        /// For the pace, or for another feed of its budget group. Next: inviting, giving.
        case waiting
        /// The successor makes itself ready. Next: giving.
        case inviting(worker: String, until: LocalTime)
        /// Being given up. Next: gone.
        case giving(worker: String?)
    }

    private struct Handover: Sendable, Hashable {
        var order: Order
        var stage: Stage
    }

    /// A successor that has not answered by then gets the feed as it is.
    public let patience: Duration
    private var handovers: [FeedName: Handover] = [:]
    /// Feeds in the order they were asked for.
    private var queue: [FeedName] = []
    /// When a feed of a budget group was last given up: until Redis has told of it, what is known of the group's pace is out of date.
    private var gaveAt: [String: LocalTime] = [:]
    private var wakeAt: LocalTime?

    /// How long the owner's knowledge of a pace may lag behind.
    private static let knowledgeLag = Duration.milliseconds(2500)
    /// How often those that wait for the pace are looked at.
    private static let look = Duration.milliseconds(500)

    public init(patience: Duration) { self.patience = patience }

    public var isEmpty: Bool { handovers.isEmpty }
    /// Feeds under way, in the order they were asked for.
    public var feeds: [FeedName] { queue }

    public func isUnderWay(_ feed: FeedName) -> Bool { handovers[feed] != nil }

    /// The feeds that still wait for their pace.
    public var waiting: [FeedName] { queue.filter { handovers[$0]?.stage == .waiting } }

    /// Asks for handovers. One that is under way already goes on as it is, but a forced order hurries one that waits.
    public mutating func order(_ orders: [Order], view: View, now: LocalTime) -> [Action] {
        for order in orders {
            if var known = handovers[order.feed] {
                guard known.stage == .waiting else { continue }
                known.order = order
                handovers[order.feed] = known
            } else {
                handovers[order.feed] = Handover(order: order, stage: .waiting)
                queue.append(order.feed)
            }
        }
        return advance(view, now)
    }

    /// The invited worker says that it is ready, or that it will not be readier than it is.
    public mutating func answered(_ feed: FeedName, by worker: String, view: View, now: LocalTime) -> [Action] {
        guard case .inviting(worker, _)? = handovers[feed]?.stage else { return [] }
        return give(feed, to: worker, now) + advance(view, now)
    }

    /// The feed is no longer held here, whatever the reason.
    public mutating func gone(_ feed: FeedName, view: View, now: LocalTime) -> [Action] {
        guard let handover = handovers.removeValue(forKey: feed) else { return [] }
        queue.removeAll { $0 == feed }
        var actions: [Action] = []
        switch handover.stage {
        case .waiting: break
        case .inviting(let worker, _): actions.append(.forget(feed, worker: worker))
        case .giving(let worker):
            gaveAt[handover.order.budget] = now
            if let worker { actions.append(.forget(feed, worker: worker)) }
        }
        return actions + advance(view, now)
    }

    /// Nothing is handed over any more, but for what is being given up at this moment.
    public mutating func cancel() -> [Action] {
        var actions: [Action] = []
        for feed in queue {
            switch handovers[feed]?.stage {
            case .waiting?: handovers[feed] = nil
            case .inviting(let worker, _)?:
                handovers[feed] = nil
                actions.append(.forget(feed, worker: worker))
            case .giving?, nil: break
            }
        }
        queue.removeAll { handovers[$0] == nil }
        return actions
    }

    /// The time of the last `.wake` has come; early calls do no harm.
    public mutating func woken(view: View, now: LocalTime) -> [Action] {
        wakeAt = nil
        var actions: [Action] = []
        for feed in queue {
            if case .inviting(let worker, let until)? = handovers[feed]?.stage, until <= now { actions += give(feed, to: worker, now) }
        }
        return actions + advance(view, now)
    }

    private mutating func give(_ feed: FeedName, to worker: String?, _ now: LocalTime) -> [Action] {
        guard var handover = handovers[feed] else { return [] }
        handover.stage = .giving(worker: worker)
        handovers[feed] = handover
        return [.give(feed, to: worker, reason: handover.order.reason)]
    }

    /// Starts what may start, and says when to look again.
    private mutating func advance(_ view: View, _ now: LocalTime) -> [Action] {
        var actions: [Action] = []
        var busy = Set(
            handovers.values.filter { $0.stage != .waiting && !$0.order.isForced && !$0.order.isIdle }.map(\.order.budget))
        for feed in queue {
            guard var handover = handovers[feed], handover.stage == .waiting else { continue }
            let order = handover.order
            if !order.isForced && !order.isIdle {
                let isRecent = gaveAt[order.budget].map { now - $0 < Self.knowledgeLag } ?? false
                guard !busy.contains(order.budget), !isRecent, view.isPaceFree(feed) else { continue }
                busy.insert(order.budget)
            }
            guard let worker = order.target ?? view.successor(feed) else {
                // Nobody else is there: whoever comes takes it.
                actions += give(feed, to: nil, now)
                continue
            }
            handover.stage = .inviting(worker: worker, until: now + patience)
            handovers[feed] = handover
            actions.append(.invite(feed, worker: worker))
        }
        let times = handovers.values.compactMap { handover -> LocalTime? in
            switch handover.stage {
            case .waiting: now + Self.look
            case .inviting(_, let until): until
            case .giving: nil
            }
        }
        if let at = times.min(), wakeAt.map({ at < $0 || $0 <= now }) ?? true {
            wakeAt = at
            actions.append(.wake(at))
        }
        return actions
    }
}
