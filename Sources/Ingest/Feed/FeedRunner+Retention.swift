import Coordination
import NIOCore

/// Old entries.
extension FeedRunner {
    /// Drops what the retention does not keep, on all streams of the feed; with a `share` below 1, of what they hold, no more than that is kept.
    func trim(_ now: LocalTime, share: Double = 1) {
        // The holder's duty, with or without a websocket: other feeds may need the memory.
        guard clockOffset != 0, machine.token != nil else { return }
        retention.trim(redisMilliseconds: (now.nanoseconds + clockOffset) / 1_000_000, share: share)
    }
}
