/// The sequences of the current epoch that `gap` markers declared lost.
package struct GapLedger: Sendable, Equatable {
    /// Beyond this many the oldest are forgotten; what they covered then counts as trimmed.
    package static let capacity = 1024

    private var ranges: [ClosedRange<Int>] = []

    package init() {}

    /// Ranges come in growing order, as their markers do.
    package mutating func insert(_ range: ClosedRange<Int>) {
        if let last = ranges.last, range.lowerBound <= last.upperBound + 1, range.lowerBound >= last.lowerBound {
            ranges[ranges.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
        } else {
            ranges.append(range)
            if ranges.count > GapLedger.capacity { ranges.removeFirst() }
        }
    }

    package func contains(_ sequence: Int) -> Bool { ranges.contains { $0.contains(sequence) } }

    /// Whether all of the range is covered.
    package func covers(_ range: ClosedRange<Int>) -> Bool {
        ranges.contains { $0.lowerBound <= range.lowerBound && $0.upperBound >= range.upperBound }
    }

    package mutating func removeAll() { ranges.removeAll() }
}
