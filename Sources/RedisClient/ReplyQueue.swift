internal import DequeModule
package import NIOCore

/// The calls that wait for replies, in the order they were written, each with a deadline; and the one timer they share.
///
/// Any deadline that passes ends the whole queue: the replies behind it could not be matched in time. The timer is armed for the earliest
/// deadline known when it was last set and is left alone when replies come, so a busy connection sets it about once per time-out.
package struct ReplyQueue<Context> {
    /// What to do when the timer went off.
    package enum WakeUp {
        /// Nobody waits.
        case rest
        case wake(at: NIODeadline)
        /// A deadline passed: all calls in their order, and whether it was theirs.
        case expired([(context: Context, isLate: Bool)])
    }

    private var calls: Deque<(deadline: NIODeadline, context: Context)> = []
    private var wakeUp: NIODeadline?

    package init() {}

    package var count: Int { calls.count }

    /// Returns when to set the timer to, in place of what it was set to; nil: leave it.
    package mutating func append(_ context: Context, deadline: NIODeadline) -> NIODeadline? {
        calls.append((deadline, context))
        if let wakeUp, wakeUp <= deadline { return nil }
        wakeUp = deadline
        return deadline
    }

    /// The call that the next reply belongs to.
    package mutating func popFirst() -> Context? {
        calls.popFirst()?.context
    }

    package mutating func timerFired(now: NIODeadline) -> WakeUp {
        wakeUp = nil
        guard let earliest = calls.lazy.map(\.deadline).min() else { return .rest }
        guard earliest <= now else {
            wakeUp = earliest
            return .wake(at: earliest)
        }
        let all = calls.map { (context: $0.context, isLate: $0.deadline <= now) }
        calls = []
        return .expired(all)
    }

    /// Everything under way, in order.
    package mutating func removeAll() -> [Context] {
        let all = calls.map(\.context)
        calls = []
        wakeUp = nil
        return all
    }
}
