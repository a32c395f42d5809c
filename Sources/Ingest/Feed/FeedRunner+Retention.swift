import Coordination
import NIOCore

/// Old entries.
extension FeedRunner {
    /// Drops what the retention does not keep, on all streams of the feed.
    func trim(_ now: LocalTime) {
        guard clockOffset != 0, machine.phase == .live else { return }
        retention.trim(redisMilliseconds: (now.nanoseconds + clockOffset) / 1_000_000)
    }
}
