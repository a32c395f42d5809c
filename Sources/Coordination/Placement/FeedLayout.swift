/// How an exchange's topics are spread over its feeds: one feed per address that serves channels of its own (branch), each split by symbol
/// into shards.
///
/// | feed | carries |
/// |---|---|
/// | `<exchange>` | shard 1 of the main address |
/// | `<exchange>/<n>` | shard n of it, from 2 on |
/// | `<exchange>/<branch>` | shard 1 of a branch |
/// | `<exchange>/<branch>-<n>` | shard n of a branch, from 2 on |
///
/// The split is a rendezvous of symbol and shard: all channels of a symbol at one address go together, and when the number of shards
/// changes from N to M only the symbols move that a new shard takes or a dropped one leaves.
public struct FeedLayout: Sendable, Hashable {
    public static let maximumShards = 64

    public let exchange: String
    /// Names of the exchange's further addresses, in the character set of feed names.
    public let branches: [String]
    public let shards: Int

    public init(exchange: String, branches: [String], shards: Int) {
        precondition((1...Self.maximumShards).contains(shards), "\(shards) shards of \(exchange)")
        self.exchange = exchange
        self.branches = branches
        self.shards = shards
    }

    /// All feeds, those of the main address first.
    public var feeds: [FeedName] {
        ([nil] + branches.map { Optional($0) }).flatMap { branch in (1...shards).map { name(branch, shard: $0) } }
    }

    /// The feed of a topic, by its symbol and the branch that serves its channel. A branch this layout does not know is served at the main
    /// address.
    public func feed(of symbol: String, branch: String?) -> FeedName {
        let branch = branch.flatMap { branches.contains($0) ? $0 : nil }
        guard shards > 1 else { return name(branch, shard: 1) }
        let hash = StableHash.of(symbol)
        let scores = (1...shards).map { (shard: $0, score: StableHash.pair(hash, StableHash.of("shard \($0)"))) }
        let best = scores.max { $0.score != $1.score ? $0.score < $1.score : $0.shard > $1.shard }
        return name(branch, shard: best?.shard ?? 1)
    }

    /// The branch whose address a feed connects to; nil: the main one.
    public func branch(of feed: FeedName) -> String? {
        guard let slash = feed.text.firstIndex(of: "/") else { return nil }
        let rest = feed.text[feed.text.index(after: slash)...]
        return branches.first { rest == $0 || (rest.hasPrefix("\($0)-") && Int(rest.dropFirst($0.count + 1)) != nil) }
    }

    private func name(_ branch: String?, shard: Int) -> FeedName {
        switch (branch, shard) {
        case (nil, 1): FeedName(exchange)
        case (nil, _): FeedName("\(exchange)/\(shard)")
        case (let branch?, 1): FeedName("\(exchange)/\(branch)")
        case (let branch?, _): FeedName("\(exchange)/\(branch)-\(shard)")
        }
    }
}
