import ColonyExchanges
import Coordination
import FoundationEssentials
import Ingest

/// What a worker tells about its feeds with each beat: the `feeds` field of its hash, JSON by feed name.
public struct WorkerFeedReport: Codable, Sendable, Equatable {
    public var phase: String
    public var epoch: Int
    /// Packets of this process' life, and per second over the last beat.
    public var packets: Int
    public var packetsPerSecond: Double
    public var bytes: Int
    public var streams: Int
    /// Packets received and stored nowhere (each covered by a `gap` or `fence` marker).
    public var dropped: Int
    public var malformed: Int
    public var ringBytes: Int
    /// The last version of the desired subscriptions that was confirmed as a whole.
    public var subscriptionsVersion: Int?
    /// State by `<channel> <symbol>`.
    public var subscriptions: [String: String]
    /// Why there is no websocket; empty when there is one.
    public var reason: String
    /// Websockets opened, and attempts that failed, of this process' life; nil from a version that does not count them.
    public var connections: Int?
    public var failures: Int?

    enum CodingKeys: String, CodingKey {
        case phase, epoch, packets
        case packetsPerSecond = "packets_per_s"
        case bytes, streams, dropped, malformed
        case ringBytes = "ring_bytes"
        case subscriptionsVersion = "subscriptions_version"
        case subscriptions, reason, connections, failures
    }

    init(_ status: FeedStatus, packetsPerSecond: Double) {
        phase = status.phase.rawValue
        epoch = status.epoch
        packets = status.packets
        self.packetsPerSecond = packetsPerSecond
        bytes = status.bytes
        streams = status.streams
        dropped = status.dropped
        malformed = status.malformed
        ringBytes = status.ringBytes
        subscriptionsVersion = status.subscriptionsVersion
        subscriptions = [:]
        for subscription in status.subscriptions {
            subscriptions[subscription.topic.description] = subscription.state.description
        }
        reason = status.reason
        connections = status.connections
        failures = status.failures
    }

    /// Something of this worker's own, not merely a feed it watches.
    var isOwn: Bool { packets > 0 || !["idle", "watch", "claim"].contains(phase) }

    func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }

    static func decodeOne(_ text: String) -> WorkerFeedReport? { try? JSONDecoder().decode(Self.self, from: Data(text.utf8)) }

    static func encode(_ reports: [String: WorkerFeedReport]) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(reports), as: UTF8.self)
    }

    /// An unreadable text (another version's) reads as no reports.
    static func decode(_ text: String) -> [String: WorkerFeedReport] {
        (try? JSONDecoder().decode([String: WorkerFeedReport].self, from: Data(text.utf8))) ?? [:]
    }
}

/// What a worker tells its supervisor about itself: the `worker` line of the status pipe.
struct WorkerSelfReport: Codable, Sendable, Equatable {
    var state: String
    var isRedisUp: Bool
    var held: Int

    func json() throws -> String { String(decoding: try JSONEncoder().encode(self), as: UTF8.self) }
    static func decode(_ text: String) -> WorkerSelfReport? { try? JSONDecoder().decode(Self.self, from: Data(text.utf8)) }
}
