internal import DequeModule
package import NIOCore

/// Counts events in a sliding window: at most `rate.count` in any `rate.window`.
package struct RateWindow: Sendable {
    private let rate: ServerRules.Rate
    private var events: Deque<NIODeadline> = []

    package init(_ rate: ServerRules.Rate) { self.rate = rate }

    /// Takes an event in, or says how long to wait until one would be allowed. A refused event does not count.
    package mutating func admit(at now: NIODeadline) -> Duration? {
        let window = TimeAmount(rate.window)
        while let first = events.first, first + window <= now { events.removeFirst() }
        guard events.count >= rate.count else {
            events.append(now)
            return nil
        }
        guard let first = events.first else { return rate.window }
        return .nanoseconds((first + window - now).nanoseconds)
    }
}
