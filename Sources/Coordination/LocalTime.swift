internal import CDeadman

/// A moment of the local clock that judges leases, CLOCK_BOOTTIME in nanoseconds. Machines get it as a parameter; only shells read it.
public struct LocalTime: Hashable, Sendable, Comparable {
    public var nanoseconds: Int64

    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// The moment now.
    public static func now() -> LocalTime { LocalTime(nanoseconds: colony_boot_nanoseconds()) }

    public static func < (left: LocalTime, right: LocalTime) -> Bool { left.nanoseconds < right.nanoseconds }
    public static func + (left: LocalTime, right: Duration) -> LocalTime {
        LocalTime(nanoseconds: left.nanoseconds + right.wholeNanoseconds)
    }
    public static func - (left: LocalTime, right: LocalTime) -> Duration { .nanoseconds(left.nanoseconds - right.nanoseconds) }
}

extension Duration {
    /// Whole nanoseconds; exact for anything under 292 years.
    public var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }

    /// Whole milliseconds, rounded down.
    public var wholeMilliseconds: Int64 { wholeNanoseconds / 1_000_000 }
}
