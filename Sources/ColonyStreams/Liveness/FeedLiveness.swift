public import Coordination

/// Is a silent feed quiet or dead? What its lease record says.
public struct FeedLiveness: Sendable, Hashable {
    public enum State: String, Sendable, Hashable { case held, free, unknown }
    /// `waiting`: no websocket; `connecting`: one is being opened; `live`: one is open.
    public enum Phase: String, Sendable, Hashable { case waiting, connecting, live }
    /// The reconnect that is owed: none, not yet admitted by the pace, or admitted and waiting for its time.
    public enum Pending: String, Sendable, Hashable { case none, cooling, due }

    public var feed: FeedName
    public var state: State
    public var phase: Phase
    /// The worker's incarnation; nil if the lease is free.
    public var holder: String?
    public var epoch: Int
    /// Last renewal or release, milliseconds since 1970 on Redis' clock.
    public var renewedAtMilliseconds: Int64
    /// The time of the newest id that was published.
    public var lastMilliseconds: Int64
    /// The sequence that is published next.
    public var nextSequence: Int
    public var timeToLiveMilliseconds: Int64
    public var pending: Pending
    /// When the reconnect may happen, milliseconds since 1970 on Redis' clock; nil if none is pending.
    public var pendingUntilMilliseconds: Int64?

    /// Reads the fields of a lease record (HGETALL); nil if the record does not exist.
    package init?(feed: FeedName, record: [String: String]) {
        guard let state = record["state"].flatMap({ State(rawValue: $0) }) else { return nil }
        func number(_ name: String) -> Int64 { record[name].flatMap { Int64($0) } ?? 0 }
        self.feed = feed
        self.state = state
        self.phase = record["phase"].flatMap { Phase(rawValue: $0) } ?? .waiting
        self.holder = record["holder"].flatMap { $0.isEmpty ? nil : $0 }
        self.epoch = Int(number("epoch"))
        self.renewedAtMilliseconds = number("renewed_at")
        self.lastMilliseconds = number("last_ms")
        self.nextSequence = Int(number("next_sequence"))
        self.timeToLiveMilliseconds = number("ttl_ms")
        self.pending = record["pending"].flatMap { Pending(rawValue: $0) } ?? .none
        self.pendingUntilMilliseconds = pending == .none ? nil : number("pending_until")
    }

    /// A holder with an open websocket renewed its lease within its time to live. `now`: milliseconds since 1970 on Redis' clock.
    public func isAlive(nowMilliseconds now: Int64) -> Bool {
        state == .held && phase == .live && now - renewedAtMilliseconds <= timeToLiveMilliseconds
    }

    /// The cut behind everything that is published: what comes later has a higher id. Nil if the record does not know.
    package var cut: EntryID? {
        guard epoch > 0, nextSequence > 0 else { return nil }
        return EntryID(milliseconds: lastMilliseconds, epoch: epoch, sequence: nextSequence - 1)
    }
}
