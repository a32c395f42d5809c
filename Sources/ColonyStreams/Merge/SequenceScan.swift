internal import Coordination

/// Checks that a reader of all streams of a feed misses none: then the sequences have no hole that no `gap` marker names.
enum SequenceScan {
    /// `entries` in the order of ids, the first one behind `position`. A position that is a mere time (epoch 0) leaves open what comes
    /// first.
    static func isUnbroken(_ entries: [StreamEntry], behind position: EntryID) -> Bool {
        if position.epoch == 0 { return false }
        var epoch = position.epoch
        var next = position.sequence + 1
        for entry in entries {
            if case .foreign = entry.content { continue }
            if epoch != entry.id.epoch {
                if !opens(entry, behind: epoch, next: next) { return false }
                epoch = entry.id.epoch
                next = entry.id.sequence
            }
            var first = entry.id.sequence
            if case .marker(let marker) = entry.content, marker.kind == .gap { first = marker.number("from") ?? first }
            if first > next { return false }
            next = entry.id.sequence + 1
        }
        return true
    }

    /// A marker opens an epoch and tells how many entries the one before has: otherwise its tail may be in a stream that is not read.
    private static func opens(_ entry: StreamEntry, behind epoch: Int, next: Int) -> Bool {
        guard entry.id.sequence == 0, case .marker(let marker) = entry.content else { return false }
        return marker.previousEpoch == epoch && marker.previousNext == next
    }
}
