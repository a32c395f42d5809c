import ColonyExchanges
import Coordination

/// What becomes of the feeds of workers that are about to be drained.
public struct DrainOutlook: Sendable, Equatable {
    /// Feeds that the workers hold together.
    public var feeds: Int
    /// Workers that take feeds and are not drained themselves.
    public var successors: Int

    public init(draining names: [String], of status: ClusterStatus) {
        let drained = status.workers.filter { names.contains(String($0.id.prefix { $0 != "." })) }
        feeds = drained.reduce(0) { $0 + $1.feeds.count }
        successors = status.workers.count { worker in worker.isReady && !drained.contains { $0.id == worker.id } }
    }

    /// nil when somebody is there to take them.
    public var warning: String? {
        guard successors == 0, feeds > 0 else { return nil }
        return
            "no other worker is ready: nothing will be received of \(feeds.of("feed")) until one is (start one, or `colony drain --undo`)"
    }
}
