/// A line of the event log, `<namespace>:{<group>}:events`.
public struct ClusterEvent: Codable, Sendable, Equatable {
    /// The entry's id in its group's log.
    public var id: String
    /// `acquired`, `taken_over`, `connecting`, `connected`, `reconnected`, `disconnected`, `crashed`, `released`, `gap`, ...
    public var event: String
    public var feed: String
    /// The incarnation it is about.
    public var worker: String
    public var epoch: String
    public var reason: String
    /// `1`, `0`: whether a disconnect was admitted by the pace; empty for other events.
    public var admitted: String
    /// Redis TIME, ms.
    public var at: Int64

    public init(id: String, event: String, feed: String, worker: String, epoch: String, reason: String, admitted: String, at: Int64) {
        self.id = id
        self.event = event
        self.feed = feed
        self.worker = worker
        self.epoch = epoch
        self.reason = reason
        self.admitted = admitted
        self.at = at
    }
}
