import FoundationEssentials

/// The cluster at a glance, as `colony status --json` prints it.
public struct ClusterStatus: Codable, Sendable {
    public struct Worker: Codable, Sendable {
        /// `<name>.<16 hex digits>`
        public var id: String
        public var pid: Int
        public var host: String
        /// `ready`, `draining`
        public var state: String
        /// Feeds it holds.
        public var feeds: [String]
        /// Milliseconds since its last beat, on Redis' clock.
        public var beatAgeMilliseconds: Int64
        public var version: String

        enum CodingKeys: String, CodingKey {
            case id, pid, host, state, feeds
            case beatAgeMilliseconds = "beat_age_ms"
            case version
        }
    }

    public struct Feed: Codable, Sendable {
        public var feed: String
        public var exchange: String
        /// The incarnation that holds the lease; empty: nobody.
        public var holder: String
        public var epoch: Int
        /// `waiting`, `connecting`, `live`
        public var phase: String
        /// `none`, `cooling`, `due`
        public var pending: String
        /// Until the reconnect is due or may be admitted.
        public var pendingMilliseconds: Int64
        /// Of all workers that beat.
        public var packetsTotal: Int
        public var packetsPerSecond: Double
        public var streams: Int
        public var subscriptions: [String: String]
        /// Admitted disconnects of the budget group, and milliseconds since the last one; nil: none yet.
        public var disconnects: Int
        public var lastAdmittedAgeMilliseconds: Int64?
        public var dropped: Int
        /// Why the last websocket ended or did not come about, as its holder tells it; empty while there is one.
        public var reason: String
        /// Milliseconds since the lease was given back; nil while somebody holds it, and where nobody ever did.
        public var freeMilliseconds: Int64?

        enum CodingKeys: String, CodingKey {
            case feed, exchange, holder, epoch, phase, pending
            case pendingMilliseconds = "pending_ms"
            case packetsTotal = "packets_total"
            case packetsPerSecond = "packets_per_s"
            case streams, subscriptions, disconnects
            case lastAdmittedAgeMilliseconds = "last_admitted_age_ms"
            case dropped, reason
            case freeMilliseconds = "free_ms"
        }
    }

    public struct Redis: Codable, Sendable {
        public var address: String
        public var version: String
        public var role: String
        public var usedMemoryBytes: Int
        public var generation: String

        enum CodingKeys: String, CodingKey {
            case address, version, role
            case usedMemoryBytes = "used_memory_bytes"
            case generation
        }
    }

    public var workers: [Worker]
    public var feeds: [Feed]
    public var redis: Redis
    /// Packets by `<feed>|<incarnation>`; not part of the JSON.
    public var packetsByFeedAndWorker: [String: Int] = [:]

    enum CodingKeys: String, CodingKey { case workers, feeds, redis }

    public func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
}
