import Glibc

/// The worker's wall clock: only for the `time` field of entries and for people.
package enum WallClock {
    /// Nanoseconds since 1970.
    package static func nanoseconds() -> Int64 {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return Int64(now.tv_sec) &* 1_000_000_000 &+ Int64(now.tv_nsec)
    }
}
