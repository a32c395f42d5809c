/// Whether another live worker has this worker's name, on another host: the lock of the state directory only knows its own host. Pure.
///
/// Looks only for a while after the start: whoever came later ends, so who was there first need not look.
public struct NameWatch: Sendable {
    private let own: Incarnation
    /// T: a foreign incarnation that goes on beating for so long lives.
    private let patience: Duration
    private let startedAt: LocalTime
    /// Foreign incarnations of the name that were there when we first looked: their first beat seen, and when.
    private var rivals: [Incarnation: (beat: Int64, at: LocalTime)]?

    public init(own: Incarnation, patience: Duration, now: LocalTime) {
        self.own = own
        self.patience = patience
        self.startedAt = now
    }

    /// False once nothing can be found any more.
    public func isWatching(now: LocalTime) -> Bool { now - startedAt < patience * 3 && rivals?.isEmpty != true }

    /// The scores of the beats, as read now. Returns the incarnation whose name we have taken, once it is proved to live.
    public mutating func read(_ beats: [(incarnation: Incarnation, at: Int64)], now: LocalTime) -> Incarnation? {
        let foreign = beats.filter { $0.incarnation.name == own.name && $0.incarnation != own }
        guard let known = rivals else {
            rivals = Dictionary(foreign.map { ($0.incarnation, ($0.at, now)) }) { first, _ in first }
            return nil
        }
        for (incarnation, beat) in foreign {
            guard let first = known[incarnation] else { continue }
            // A predecessor that died just before us has beaten for the last time.
            if beat > first.beat, now - first.at >= patience { return incarnation }
        }
        return nil
    }
}
