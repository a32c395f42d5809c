/// Requests without an answer yet, for exchanges whose answers name nothing: they answer in the order of the requests.
struct PendingRequests {
    /// Beyond so many the oldest is forgotten, and its answer then names nothing.
    static let capacity = 1024

    private var waiting: [(kind: String, topics: [Topic])] = []

    mutating func sent(_ topics: [Topic], kind: String = "") {
        if waiting.count == Self.capacity { waiting.removeFirst() }
        waiting.append((kind, topics))
    }

    /// The topics of the oldest request that fits, which is answered with this; empty where there is none.
    mutating func answered(where fits: (_ kind: String, _ topics: [Topic]) -> Bool = { _, _ in true }) -> [Topic] {
        guard let index = waiting.firstIndex(where: { fits($0.kind, $0.topics) }) else { return [] }
        return waiting.remove(at: index).topics
    }

    /// An answer that names its topics.
    mutating func answered(_ topics: [Topic]) {
        _ = answered { _, waiting in waiting == topics }
    }
}
