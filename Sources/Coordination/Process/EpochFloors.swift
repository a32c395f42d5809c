/// The highest epoch seen per feed: the caller's floor of `acquire`, `begin` and `resume`.
///
/// It keeps epochs growing over the loss of Redis' data set. A floor never falls.
public struct EpochFloors: Sendable, Hashable {
    private var epochs: [FeedName: Int] = [:]

    public init() {}

    public var count: Int { epochs.count }

    /// The floor of a feed; 0 if nothing is known.
    public subscript(feed: FeedName) -> Int { epochs[feed] ?? 0 }

    /// Notes an epoch read in any reply. True if the floor rose, that is, if it is worth storing.
    ///
    /// Epochs outside 1...18,000,000 are no epochs and change nothing.
    @discardableResult
    public mutating func raise(_ feed: FeedName, to epoch: Int) -> Bool {
        guard (1...EntryID.maximumEpoch).contains(epoch), epoch > self[feed] else { return false }
        epochs[feed] = epoch
        return true
    }

    /// Takes over every higher floor of `other`.
    public mutating func merge(_ other: EpochFloors) { epochs.merge(other.epochs) { max($0, $1) } }

    /// One line per feed, `<epoch> <feed>`, sorted by feed.
    public var encoded: String {
        epochs.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)\n" }.joined()
    }

    /// Reads what `encoded` wrote. Lines that are none are left out and their numbers (from 1) returned: what is readable still counts.
    public static func decode(_ text: String) -> (floors: EpochFloors, badLines: [Int]) {
        var floors = EpochFloors()
        var badLines: [Int] = []
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() where !line.isEmpty {
            let parts = line.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, let epoch = Int(parts[0]), (1...EntryID.maximumEpoch).contains(epoch), isFeed(parts[1]) else {
                badLines.append(index + 1)
                continue
            }
            floors.raise(FeedName(String(parts[1])), to: epoch)
        }
        return (floors, badLines)
    }

    private static func isFeed(_ text: Substring) -> Bool { !text.isEmpty && text.utf8.allSatisfy { $0 > 32 && $0 != 127 } }
}
