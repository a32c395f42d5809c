internal import Coordination
internal import DequeModule

/// Keeps the messages of one connection inside the exchange's limit of so many in any window.
struct MessagePacer: Sendable {
    private let limit: Int
    private let usable: Int
    private let window: Duration
    private var sent = Deque<LocalTime>()
    private var pausedUntil: LocalTime?

    /// `reserved` of the `limit` messages are left to others than the caller of `slot`; at least one is not.
    init(limit: Int, window: Duration, reserved: Int) {
        self.limit = max(limit, 1)
        self.usable = max(self.limit - max(reserved, 0), 1)
        // The network may squeeze what was sent in time into less of it; a tenth more costs little.
        self.window = window + window / 10
    }

    /// Notes messages of any kind that went out, heartbeats and answers among them.
    mutating func note(_ count: Int = 1, at now: LocalTime) {
        forget(before: now)
        for _ in 0..<min(count, limit) { sent.append(now) }
        while sent.count > limit { sent.removeFirst() }
    }

    /// The exchange complained: nothing for a whole window.
    mutating func pause(at now: LocalTime) { pausedUntil = now + window }

    /// The earliest time at which the next message may go out; `now` or before means at once.
    mutating func slot(at now: LocalTime) -> LocalTime {
        forget(before: now)
        let free = sent.count < usable ? now : sent[sent.count - usable] + window
        return max(free, pausedUntil ?? free)
    }

    private mutating func forget(before now: LocalTime) {
        while let first = sent.first, first + window <= now { sent.removeFirst() }
        if let until = pausedUntil, until <= now { pausedUntil = nil }
    }
}
