/// What a worker remembers of the catalogue, so that a Redis that comes back empty does not read as "all feeds were removed".
///
/// Within one data set (`generation`) the catalogue is what Redis says. When the data set is another, feeds that only the memory knows are kept,
/// and named for being entered again, until they have been seen in Redis.
public struct CatalogueMemory: Sendable {
    /// The catalogue to act on.
    public private(set) var feeds: [FeedName: CatalogueEntry] = [:]
    /// Feeds of a lost data set that are not yet entered again.
    public private(set) var missing: Set<FeedName> = []
    /// Of the data set that was read last; empty before the first.
    private var generation = ""

    public init() {}

    /// Takes in what Redis holds, read in the data set `generation`; afterwards `feeds` and `missing` are up to date.
    public mutating func read(_ stored: [FeedName: CatalogueEntry], generation: String) {
        if generation != self.generation {
            // The first data set of this life: there is nothing to remember.
            if !self.generation.isEmpty { missing.formUnion(feeds.keys) }
            self.generation = generation
        }
        missing = missing.filter { stored[$0] == nil && feeds[$0] != nil }
        feeds = stored.merging(feeds.filter { missing.contains($0.key) }) { stored, _ in stored }
    }
}
