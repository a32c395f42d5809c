internal import Glibc

/// The clocks of the truth log.
package struct TruthClock: Sendable {
    /// CLOCK_BOOTTIME in nanoseconds.
    package var boot: @Sendable () -> Int64
    /// Milliseconds since 1970.
    package var wall: @Sendable () -> Int64

    package init(boot: @escaping @Sendable () -> Int64, wall: @escaping @Sendable () -> Int64) {
        self.boot = boot
        self.wall = wall
    }

    package static let system = TruthClock(
        boot: { nanoseconds(CLOCK_BOOTTIME) }, wall: { nanoseconds(CLOCK_REALTIME) / 1_000_000 })

    private static func nanoseconds(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        let result = clock_gettime(clock, &time)
        precondition(result == 0, "clock_gettime(\(clock)) failed with \(errno)")
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
