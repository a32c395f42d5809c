internal import Cluster
package import Coordination
internal import RedisClient

/// The lease records as they stand in Redis, read over the drill's own line.
package final class ClusterView: Sendable {
    package struct Lease: Sendable, Equatable {
        package var feed: FeedName
        package var state = ""
        package var holder = ""
        package var epoch = 0
        package var phase = ""
        package var pending = ""
        /// The next sequence that will be stored in this epoch.
        package var nextSequence = 0
        /// Redis TIME of the newest entry, milliseconds.
        package var lastMilliseconds: Int64 = 0

        package var isLive: Bool { state == "held" && phase == "live" }
    }

    private let link: OperatorLink
    private let keys: [FeedKeys]

    init(link: OperatorLink, keys: [FeedKeys]) {
        self.link = link
        self.keys = keys
    }

    package var feeds: [FeedName] { keys.map(\.feed) }

    func keys(of feed: FeedName) -> FeedKeys? { keys.first { $0.feed == feed } }

    /// All records at (nearly) one moment.
    package func leases() async throws -> [Lease] {
        try await withThrowingTaskGroup(of: (Int, Lease).self) { group in
            for (index, feed) in keys.enumerated() {
                group.addTask { [link] in
                    let reply = try await link.send(
                        ["HMGET", .string(feed.lease), "state", "holder", "epoch", "phase", "pending", "next_sequence", "last_ms"])
                    let fields = (reply.array ?? []).map { $0.string ?? "" }
                    guard fields.count == 7 else { return (index, Lease(feed: feed.feed)) }
                    return (
                        index,
                        Lease(
                            feed: feed.feed, state: fields[0], holder: fields[1], epoch: Int(fields[2]) ?? 0, phase: fields[3],
                            pending: fields[4], nextSequence: Int(fields[5]) ?? 0, lastMilliseconds: Int64(fields[6]) ?? 0)
                    )
                }
            }
            var leases = keys.map { Lease(feed: $0.feed) }
            for try await (index, lease) in group { leases[index] = lease }
            return leases
        }
    }

    /// Looks until `missing` finds nothing any more; throws `.notRecovered` with what it found last when `limit` is over.
    @discardableResult
    package func until(
        _ what: String, within limit: Duration, every interval: Duration = .milliseconds(25), _ missing: ([Lease]) async throws -> String?
    ) async throws -> [Lease] {
        let deadline = LocalTime.now() + limit
        var last = "nothing was read"
        while true {
            do {
                let now = try await leases()
                guard let found = try await missing(now) else { return now }
                last = found
            } catch let error as RedisError {
                // Redis may be what is down.
                last = error.description
            }
            guard LocalTime.now() < deadline else {
                throw DrillError(.notRecovered, "\(what) did not come about within \(DrillPlan.text(limit)): \(last)")
            }
            try await Task.sleep(for: interval)
        }
    }
}
