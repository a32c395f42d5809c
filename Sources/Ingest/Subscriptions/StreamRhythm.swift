internal import Coordination

/// Learns how long a stream is usually silent, from the gaps between looks that found new data.
///
/// A gap seen that way is at most one look too long, never too short: the error is on the patient side.
struct StreamRhythm: Sendable, Hashable {
    /// Gaps needed before a stream is judged at all: a stream that spoke twice has no rhythm.
    static let neededGaps: UInt8 = 8

    private var longestNanoseconds: Int64 = 0
    private var gaps: UInt8 = 0

    var isKnown: Bool { gaps >= Self.neededGaps }
    private var longest: Duration { .nanoseconds(longestNanoseconds) }

    /// How long the stream may be silent; nil while its rhythm is unknown.
    func limit(floor: Duration, factor: Int) -> Duration? {
        isKnown ? max(floor, longest * factor) : nil
    }

    /// Takes a gap in.
    ///
    /// The longest one fades by a 32nd with each gap, so that a quiet night does not blunt the day for ever. A gap beyond the limit was an
    /// outage, or the stream has changed: it counts as half the limit, which at most doubles the next limit.
    mutating func learn(_ gap: Duration, floor: Duration, factor: Int) {
        var gap = gap
        if let limit = limit(floor: floor, factor: factor), gap > limit { gap = limit / 2 }
        longestNanoseconds = max(gap, longest - longest / 32).wholeNanoseconds
        gaps = min(gaps + 1, Self.neededGaps)
    }
}
