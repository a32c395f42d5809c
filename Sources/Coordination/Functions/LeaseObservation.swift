/// The reconnect that is owed to a feed.
public enum Pending: String, Sendable, Hashable {
    /// Nothing is owed.
    case none
    /// Owed, not yet admitted by the disconnect map: ask `gate` again.
    case cooling
    /// Admitted, has its time.
    case due
}

/// What a feed's lease record says to watchers.
public struct LeaseObservation: Sendable, Hashable {
    public enum State: String, Sendable, Hashable {
        case held, free
        /// A fresh record of a data set that knows nothing yet.
        case unknown
    }

    /// What the holder does: no socket, socket opening, socket open.
    public enum Phase: String, Sendable, Hashable {
        case waiting, connecting, live
    }

    public var state: State
    /// nil unless held.
    public var holder: Incarnation?
    public var epoch: Int
    /// 0 at acquire, one more per renewal and per release: with the epoch, the value challengers watch.
    public var renewals: Int
    /// T as declared by the holder; 0 in a record that was never held.
    public var ttlMilliseconds: Int64
    public var phase: Phase
    /// Name of the worker with a head start of one second after a release.
    public var preferred: String?
    /// Highest id time published by the feed, over all epochs.
    public var lastMilliseconds: Int64
    /// Run id of the server at the last acquire or resume; empty in a record that was never held.
    public var server: String
    /// TIME, ms, of the last renewal or release, or of the making of a record nobody has held yet. Nothing is reckoned from it; it tells apart
    /// what carries the same numbers before and after a data set was emptied.
    public var renewedAt: Int64

    public init(
        state: State, holder: Incarnation?, epoch: Int, renewals: Int, ttlMilliseconds: Int64, phase: Phase, preferred: String?,
        lastMilliseconds: Int64, server: String = "", renewedAt: Int64 = 0
    ) {
        self.state = state
        self.holder = holder
        self.epoch = epoch
        self.renewals = renewals
        self.ttlMilliseconds = ttlMilliseconds
        self.phase = phase
        self.preferred = preferred
        self.lastMilliseconds = lastMilliseconds
        self.server = server
        self.renewedAt = renewedAt
    }
}
