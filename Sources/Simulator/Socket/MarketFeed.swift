internal import ColonyExchanges
internal import NIOCore

/// When which subscription of a socket gets its next data message: each at the same rate, in turn.
struct MarketFeed: Sendable {
    private let seed: UInt64
    private let exchange: String
    /// Messages per second and subscription; 0: only what is pushed.
    private let rate: Double
    private var walks: [String: Walk] = [:]
    private var cursor = 0
    private var next: NIODeadline?

    private struct Walk {
        var walk: RandomWalk
        var previous: UInt64 = 0
    }

    /// A wake-up that comes late makes up for at most so many messages.
    private static let burst = 512

    init(seed: UInt64, exchange: String, rate: Double) {
        self.seed = seed
        self.exchange = exchange
        self.rate = rate
    }

    private func interval(_ subscriptions: Int) -> TimeAmount {
        .nanoseconds(max(1, Int64((1e9 / rate / Double(subscriptions)).rounded())))
    }

    /// When the next message is due; nil while there is nothing to send.
    func wake(_ subscriptions: SubscriptionTable) -> NIODeadline? { rate > 0 && !subscriptions.isEmpty ? next : nil }

    mutating func subscriptionsChanged(_ subscriptions: SubscriptionTable, removed: [String], now: NIODeadline) {
        for key in removed { walks[key] = nil }
        guard !subscriptions.isEmpty else {
            next = nil
            return
        }
        // The first at once: who subscribes is shown what there is, as by an exchange's snapshot.
        if rate > 0 && next == nil { next = now }
    }

    /// The subscriptions whose turn has come by `now`.
    mutating func due(_ subscriptions: SubscriptionTable, now: NIODeadline) -> [Subscription] {
        guard rate > 0, !subscriptions.isEmpty, var due = next, due <= now else { return [] }
        let interval = interval(subscriptions.count)
        var result: [Subscription] = []
        while due <= now && result.count < Self.burst {
            cursor = (cursor + 1) % subscriptions.count
            result.append(subscriptions.all[cursor])
            due = due + interval
        }
        next = max(due, now)
        return result
    }

    /// The peer took nothing for a while: what it missed does not exist.
    mutating func resume(_ subscriptions: SubscriptionTable, now: NIODeadline) {
        if next != nil, !subscriptions.isEmpty, rate > 0 { next = now + interval(subscriptions.count) }
    }

    mutating func tick(_ subscription: Subscription, number: UInt64, wallMilliseconds: Int64) -> Tick {
        var state =
            walks[subscription.key]
            ?? Walk(walk: RandomWalk(seed: seed, exchange: exchange, symbol: subscription.topic.symbol))
        let tick = state.walk.step(number: number, previous: state.previous, wallMilliseconds: wallMilliseconds)
        state.previous = number
        walks[subscription.key] = state
        return tick
    }
}
