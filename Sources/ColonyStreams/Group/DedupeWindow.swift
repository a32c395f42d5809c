package import Coordination
internal import DequeModule

/// The newest entries that were dealt with, so that one delivered again (a lost acknowledgement, a claim) is not dealt with twice.
package struct DedupeWindow: Sendable {
    private struct Key: Hashable {
        var stream: String
        var id: EntryID
    }

    package let capacity: Int
    private var known: Set<Key> = []
    private var order: Deque<Key> = []

    /// The oldest are forgotten beyond `capacity`.
    package init(capacity: Int) { self.capacity = max(1, capacity) }

    package func contains(_ id: EntryID, of stream: String) -> Bool { known.contains(Key(stream: stream, id: id)) }

    package mutating func insert(_ id: EntryID, of stream: String) {
        let key = Key(stream: stream, id: id)
        guard known.insert(key).inserted else { return }
        order.append(key)
        if order.count > capacity, let oldest = order.popFirst() { known.remove(oldest) }
    }
}
