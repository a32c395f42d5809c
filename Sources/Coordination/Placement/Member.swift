/// A worker as the others see it: its beat and what it tells of itself in `worker:<incarnation>`.
public struct Member: Sendable, Hashable {
    public enum State: String, Sendable, Hashable {
        case ready
        /// Leaves: holds feeds, takes none.
        case draining
    }

    public var incarnation: Incarnation
    public var state: State
    /// Its share of the feeds compared with the others; above 0.
    public var weight: Double
    /// The sum of the weights of the feeds it holds.
    public var load: Int
    public var host: String
    /// Redis TIME of its last beat, ms.
    public var beatAt: Int64

    public init(incarnation: Incarnation, state: State = .ready, weight: Double = 1, load: Int = 0, host: String = "", beatAt: Int64 = 0) {
        self.incarnation = incarnation
        self.state = state
        self.weight = weight
        self.load = load
        self.host = host
        self.beatAt = beatAt
    }

    public var name: String { incarnation.name }
}

/// The workers of the cluster. Reading only: who is silent is suspected and removed by the `beat` function.
public enum Membership {
    /// The fields of `worker:<incarnation>` that `members` needs, in this order, for `HMGET`.
    public static let fields = ["state", "weight", "load", "host"]

    /// The members from the `beats` zset (incarnation and score) and the hash fields of each, in the same order.
    ///
    /// Of several incarnations with one name the one that beat last counts. Who has no hash yet, or a state this version does not know,
    /// does not count: nothing may be planned with it. A weight or load that is no number counts as 1 and 0.
    public static func members(beats: [(incarnation: Incarnation, at: Int64)], values: [[String?]]) -> [Member] {
        var byName: [String: Member] = [:]
        for ((incarnation, beatAt), values) in zip(beats, values) {
            guard values.count == fields.count, let state = values[0].flatMap(Member.State.init(rawValue:)) else { continue }
            let weight = values[1].flatMap(Double.init) ?? 1
            let member = Member(
                incarnation: incarnation, state: state, weight: weight.isFinite && weight > 0 ? weight : 1,
                load: max(0, values[2].flatMap { Int($0) } ?? 0), host: values[3] ?? "", beatAt: beatAt)
            if let other = byName[member.name], (other.beatAt, other.incarnation.text) > (beatAt, incarnation.text) { continue }
            byName[member.name] = member
        }
        return byName.values.sorted { $0.name < $1.name }
    }
}
