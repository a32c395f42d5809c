/// When a worker that ended is started again: at once after a long life, else later and later.
struct RestartBackoff: Sendable {
    var cap: Duration = .seconds(30)
    private var failures = 0

    init(cap: Duration = .seconds(30)) { self.cap = cap }

    /// Exit codes that a restart does not mend: configuration, exchange, name in use, Redis unfit.
    static func isFinal(_ code: Int32) -> Bool { [64, 65, 73, 78].contains(code) }

    mutating func next(ranFor life: Duration) -> Duration {
        if life > .seconds(60) { failures = 0 }
        defer { failures += 1 }
        return min(cap, .milliseconds(100) * (1 << min(failures, 9)))
    }
}
