package import Cluster
import FoundationEssentials

/// Everything the page shows, as `/api/state` answers it.
package struct DashboardState: Codable, Sendable {
    /// Redis TIME, ms.
    package var now: Int64
    package var cluster: ClusterStatus
    /// The newest first.
    package var events: [ClusterEvent]
    package var handovers: [HandoverRecord]

    package init(now: Int64, cluster: ClusterStatus, events: [ClusterEvent]) {
        self.now = now
        self.cluster = cluster
        self.handovers = HandoverHistory.records(events, limit: 40)
        self.events = Array(events.sorted { ($0.at, $0.id) > ($1.at, $1.id) }.prefix(200))
    }

    package func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
}
