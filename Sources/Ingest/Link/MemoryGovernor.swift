/// Shortens all retentions in proportion before Redis refuses writes, and gives them back when there is room again.
///
/// Told once a second what the server uses, and sooner when a publish was refused for want of memory. Above 80 % of `maxmemory` the factor of
/// every MAXLEN falls; below 70 % it rises again. A retention that a stream has never filled frees nothing by falling: so each reading above the
/// mark also asks for a share of what the streams really hold.
package struct MemoryGovernor {
    /// What is to be done about memory.
    package struct Step: Equatable, Sendable {
        /// What every retention by count is multiplied with from now on.
        package var factor: Double
        /// The share of its entries that every stream keeps now; 1: nothing has to go at once.
        package var share: Double
    }

    private static let high = 0.8
    private static let low = 0.7
    /// Below this the rest of the memory is not ours.
    package static let leastFactor = 0.0001
    /// What a stream keeps at worst: readers must find its links.
    package static let leastEntries = 10

    /// What every retention by count is multiplied with.
    package private(set) var factor = 1.0

    package init() {}

    /// `limit` 0: none. Nil: nothing is to be done.
    package mutating func read(usedBytes: Int, limitBytes: Int) -> Step? {
        let used = limitBytes > 0 ? Double(usedBytes) / Double(limitBytes) : 0
        if used > Self.high {
            // A little more than the excess: whole nodes are trimmed, and packets come in meanwhile.
            let share = 0.95 * Self.high / used
            factor = max(Self.leastFactor, factor * share)
            return Step(factor: factor, share: share)
        }
        guard used < Self.low, factor < 1 else { return nil }
        factor = min(1, factor * 1.1)
        return Step(factor: factor, share: 1)
    }
}

extension MemoryGovernor {
    /// A retention by count under this factor.
    static func shorten(_ maxlen: Int, by factor: Double) -> Int {
        max(min(maxlen, leastEntries), Int((Double(maxlen) * factor).rounded(.up)))
    }

    /// How many of its `length` entries a stream keeps.
    static func keep(_ share: Double, of length: Int) -> Int { max(leastEntries, Int((Double(length) * share).rounded(.up))) }
}
