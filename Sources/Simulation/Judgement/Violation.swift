/// A promise that was broken in a run.
package struct Violation: Sendable, Equatable, CustomStringConvertible {
    /// The invariant's name in section 16.2 of the contract (`S4`, `L1`), or another rule's.
    package var rule: String
    package var text: String
    /// Nanoseconds from the start of the run.
    package var at: Int64

    package var description: String { "\(rule) at \(at / Span.millisecond) ms: \(text)" }
}
