/// How long to wait before the next attempt: at once, then doubling from 50 ms up to 2 s, each time between half and all of it.
package struct Backoff: Sendable, Equatable {
    package static let first: Duration = .milliseconds(50)
    package static let cap: Duration = .seconds(2)

    /// Failures since the last success.
    package private(set) var failures = 0

    package init() {}

    package mutating func succeeded() { failures = 0 }

    /// Counts a failure; returns the time to wait.
    package mutating func failed(using random: inout some RandomNumberGenerator) -> Duration {
        failures += 1
        if failures == 1 { return .zero }
        let doubled = Backoff.first * (1 << min(failures - 2, 10))
        let longest = min(doubled, Backoff.cap)
        return longest * Double.random(in: 0.5...1, using: &random)
    }
}
