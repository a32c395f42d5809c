/// SplitMix64: the same numbers from the same seed, everywhere.
package struct SimulationRandom: RandomNumberGenerator {
    private var state: UInt64

    /// `stream` keeps the draws of one part of the world apart from those of the others, so that leaving out a fault disturbs them less.
    package init(seed: UInt64, stream: UInt64) {
        state = seed &* 0x9E37_79B9_7F4A_7C15 ^ stream &* 0xD1B5_4A32_D192_ED03
        _ = next()
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    /// A number from 0 below `bound`.
    @inline(__always)
    mutating func below(_ bound: Int) -> Int { Int(truncatingIfNeeded: next().multipliedFullWidth(by: UInt64(bound)).high) }

    @inline(__always)
    mutating func chance(_ percent: Int) -> Bool { below(100) < percent }

    /// Nanoseconds from `low` to `high`.
    @inline(__always)
    mutating func nanoseconds(_ low: Int64, _ high: Int64) -> Int64 { low + Int64(below(Int(high - low) + 1)) }

    /// Nanoseconds between two numbers of milliseconds.
    @inline(__always)
    mutating func milliseconds(_ low: Int64, _ high: Int64) -> Int64 { nanoseconds(low * Span.millisecond, high * Span.millisecond) }

    mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }
}

/// Spans of virtual time in nanoseconds.
enum Span {
    static let microsecond: Int64 = 1000
    static let millisecond: Int64 = 1_000_000
    static let second: Int64 = 1_000_000_000
}
