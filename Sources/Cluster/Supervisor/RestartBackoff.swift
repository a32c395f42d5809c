/// When a worker that ended is started again: at once after a long life, else later and later.
struct RestartBackoff: Sendable {
    private var failures = 0

    /// Exit codes that a restart does not mend: configuration, exchange, name in use, Redis unfit.
    static func isFinal(_ code: Int32) -> Bool { [64, 65, 73, 78].contains(code) }

    mutating func next(ranFor life: Duration) -> Duration {
        if life > .seconds(60) { failures = 0 }
        defer { failures += 1 }
        return min(.seconds(30), .milliseconds(100) * (1 << min(failures, 9)))
    }
}
