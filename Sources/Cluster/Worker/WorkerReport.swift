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

    /// `subscriptions` as a worker writes them: a JSON object, made once for many beats. Empty where this was read.
    private var subscriptionsText = ""

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
        subscriptionsText = status.subscriptions
        reason = status.reason
        connections = status.connections
        failures = status.failures
    }

    /// Something of this worker's own, not merely a feed it watches.
    var isOwn: Bool { packets > 0 || !["idle", "watch", "claim"].contains(phase) }

    static func decodeOne(_ text: String) -> WorkerFeedReport? { try? JSONDecoder().decode(Self.self, from: Data(text.utf8)) }

    /// Written by hand: it is made once a second, and a generic encoder builds a tree of thousands of values for it.
    static func encode(_ reports: [String: WorkerFeedReport]) -> String {
        var text = "{"
        text.reserveCapacity(reports.values.reduce(0) { $0 + $1.subscriptionsText.utf8.count + 400 })
        for (feed, report) in reports.sorted(by: { $0.key < $1.key }) {
            if text.utf8.count > 1 { text += "," }
            append(feed, to: &text)
            text += ":"
            report.append(to: &text)
        }
        return text + "}"
    }

    func json() -> String {
        var text = ""
        append(to: &text)
        return text
    }

    private func append(to text: inout String) {
        text += "{\"phase\":"
        Self.append(phase, to: &text)
        text += ",\"epoch\":\(epoch),\"packets\":\(packets),\"packets_per_s\":\(packetsPerSecond)"
        text += ",\"bytes\":\(bytes),\"streams\":\(streams),\"dropped\":\(dropped),\"malformed\":\(malformed)"
        text += ",\"ring_bytes\":\(ringBytes)"
        if let connections { text += ",\"connections\":\(connections)" }
        if let failures { text += ",\"failures\":\(failures)" }
        if let subscriptionsVersion { text += ",\"subscriptions_version\":\(subscriptionsVersion)" }
        text += ",\"subscriptions\":"
        if subscriptionsText.isEmpty {
            var line = JSONLine()
            for (topic, state) in subscriptions { line.add(topic, .text(state)) }
            text += line.text()
        } else {
            text += subscriptionsText
        }
        text += ",\"reason\":"
        Self.append(reason, to: &text)
        text += "}"
    }

    /// A JSON string (RFC 8259).
    private static func append(_ string: String, to text: inout String) {
        text += "\""
        if string.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x22 && $0 != 0x5C }) {
            text += string
        } else {
            for scalar in string.unicodeScalars {
                switch scalar {
                case "\"": text += "\\\""
                case "\\": text += "\\\\"
                case _ where scalar.value < 0x20:
                    let hex = String(scalar.value, radix: 16)
                    text += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
                default: text.unicodeScalars.append(scalar)
                }
            }
        }
        text += "\""
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
