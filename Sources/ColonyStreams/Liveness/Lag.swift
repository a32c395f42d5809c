public import Coordination

/// How far a reader is behind what is published, computed from ids.
public struct Lag: Sendable, Hashable {
    /// Between the reader's last entry and the newest one.
    public var milliseconds: Int64
    /// Sequences of the feed in between, over all its streams: an upper bound for the entries the reader has to read. Nil if the epochs differ.
    public var sequences: Int?

    public init(position: EntryID, newest: EntryID) {
        guard newest > position else {
            self.milliseconds = 0
            self.sequences = 0
            return
        }
        self.milliseconds = newest.milliseconds - position.milliseconds
        self.sequences = newest.epoch == position.epoch ? newest.sequence - position.sequence : nil
    }

    public var isZero: Bool { sequences == 0 }
}
