/// Shortens all retentions in proportion before Redis refuses writes, and gives them back when there is room again.
///
/// Told once a second what the server uses. At 80 % of `maxmemory` the factor of every MAXLEN begins to fall; below 70 % it rises again.
package struct MemoryGovernor {
    private static let high = 0.8
    private static let low = 0.7
    /// What is left of a retention at worst: readers keep a little, and the rest of the memory is not ours.
    package static let leastFactor = 0.01

    /// What every retention by count is multiplied with.
    package private(set) var factor = 1.0

    package init() {}

    /// `limit` 0: none. True when the factor has changed.
    package mutating func read(usedBytes: Int, limitBytes: Int) -> Bool {
        let before = factor
        let share = limitBytes > 0 ? Double(usedBytes) / Double(limitBytes) : 0
        if share > Self.high {
            // A little more than the excess: whole nodes are trimmed, and packets come in meanwhile.
            factor = max(Self.leastFactor, factor * 0.95 * Self.high / share)
        } else if share < Self.low {
            factor = min(1, factor * 1.1)
        }
        return factor != before
    }
}

extension MemoryGovernor {
    /// A retention by count under this factor; at least 1.
    static func shorten(_ maxlen: Int, by factor: Double) -> Int { max(1, Int((Double(maxlen) * factor).rounded(.up))) }
}
