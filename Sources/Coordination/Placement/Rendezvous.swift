/// Weighted rendezvous hashing: who is best placed for a feed, the same for everybody who knows the same workers.
///
/// `score = weight / -ln(fraction(pair(hash(feed), hash(worker name))))`; the highest score is rank 1, equal scores go by name. Names, not
/// incarnations: a restart keeps its place. A worker that comes or goes changes the order of no two others.
public enum Rendezvous {
    /// A worker as far as scores go.
    public struct Candidate: Sendable, Hashable {
        public let name: String
        /// Above 0; 1 is usual.
        public let weight: Double
        let hash: UInt64

        public init(name: String, weight: Double) {
            self.name = name
            self.weight = weight
            self.hash = StableHash.of(name)
        }
    }

    public static func score(_ feed: FeedName, _ worker: Candidate) -> Double { score(StableHash.of(feed.text), worker) }

    /// For callers that keep the feed's hash.
    static func score(_ feed: UInt64, _ worker: Candidate) -> Double {
        worker.weight / -StableHash.logarithm(StableHash.fraction(StableHash.pair(feed, worker.hash)))
    }

    /// The candidates from rank 1 on.
    public static func ranked(_ feed: FeedName, among candidates: [Candidate]) -> [Candidate] {
        let hash = StableHash.of(feed.text)
        return candidates.map { (score(hash, $0), $0) }
            .sorted { isBetter($0.0, $0.1.name, than: $1.0, $1.1.name) }
            .map(\.1)
    }

    static func isBetter(_ score: Double, _ name: String, than other: Double, _ otherName: String) -> Bool {
        score != other ? score > other : name < otherName
    }

    /// The indices of those of the others that satisfy `counts` and are placed better than `worker`, or nil if its rank is beyond `limit`.
    ///
    /// Stops as soon as enough better ones are found: a few dozen scores on average, however many workers there are.
    static func better(
        _ feed: UInt64, than worker: Candidate, among others: [Candidate], limit: Int, counts: (Int) -> Bool
    ) -> [Int]? {
        let own = score(feed, worker)
        var better: [Int] = []
        for index in others.indices where counts(index) {
            let other = others[index]
            if isBetter(score(feed, other), other.name, than: own, worker.name) {
                better.append(index)
                if better.count >= limit { return nil }
            }
        }
        return better
    }

    /// The best of the others that satisfy `counts`.
    static func best(_ feed: UInt64, among others: [Candidate], counts: (Int) -> Bool) -> Int? {
        var best: (index: Int, score: Double)?
        for index in others.indices where counts(index) {
            let score = score(feed, others[index])
            if let found = best, !isBetter(score, others[index].name, than: found.score, others[found.index].name) { continue }
            best = (index, score)
        }
        return best?.index
    }
}
