public import Coordination
import FoundationEssentials

/// What can be asked in the requests hash, and of whom; its text is the hash's field.
///
/// | field | asked of | by |
/// |---|---|---|
/// | `move:<feed>` | the feed's owner: hand it over | operators |
/// | `drain:<worker>`, `ready:<worker>` | the worker: hand everything over and take nothing; take again | operators, supervisors |
/// | `rebalance:<worker>` | the worker: give away what is above its share | operators |
/// | `take:<worker>:<feed>` | the worker: the feed is coming, make ready | the feed's owner |
/// | `deploy:<supervisor>` | the supervisor: replace its workers one by one | operators |
/// | `answer:<field>` | whoever asked `<field>` | whoever was asked |
public enum RequestSubject: Sendable, Hashable {
    case move(FeedName)
    case drain(worker: String)
    case ready(worker: String)
    case rebalance(worker: String)
    case take(worker: String, feed: FeedName)
    case deploy(supervisor: String)

    public var field: String {
        switch self {
        case .move(let feed): "move:\(feed)"
        case .drain(let worker): "drain:\(worker)"
        case .ready(let worker): "ready:\(worker)"
        case .rebalance(let worker): "rebalance:\(worker)"
        case .take(let worker, let feed): "take:\(worker):\(feed)"
        case .deploy(let supervisor): "deploy:\(supervisor)"
        }
    }

    public var answerField: String { "answer:\(field)" }

    /// nil for a field of another version, or an answer's.
    public init?(field: String) {
        let words = field.split(separator: ":", maxSplits: 1).map(String.init)
        guard words.count == 2, !words[1].isEmpty else { return nil }
        switch words[0] {
        case "move": self = .move(FeedName(words[1]))
        case "drain": self = .drain(worker: words[1])
        case "ready": self = .ready(worker: words[1])
        case "rebalance": self = .rebalance(worker: words[1])
        case "deploy": self = .deploy(supervisor: words[1])
        case "take":
            let parts = words[1].split(separator: ":", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { return nil }
            self = .take(worker: parts[0], feed: FeedName(parts[1]))
        default: return nil
        }
    }

    /// The subject that a field answers; nil for a field that is no answer.
    public init?(answerField: String) {
        guard answerField.hasPrefix("answer:") else { return nil }
        self.init(field: String(answerField.dropFirst(7)))
    }
}

/// The value of a request: JSON.
public struct ClusterRequest: Codable, Sendable, Equatable {
    /// Random; the answer repeats it.
    public var id: String
    /// Who asks, for logs.
    public var by: String
    /// The worker that is to get the feed or feeds; nil: the best one.
    public var to: String?
    /// Also against the pace: the successor may have to cool down.
    public var force: Bool?

    public init(id: String, by: String, to: String? = nil, force: Bool? = nil) {
        self.id = id
        self.by = by
        self.to = to
        self.force = force
    }

    /// How long after it was asked a request may still be taken up, ms on Redis' clock.
    static let validMilliseconds: Int64 = 60_000

    func json() throws -> String { try RequestJSON.encode(self) }
    static func decode(_ text: String) -> ClusterRequest? { try? JSONDecoder().decode(Self.self, from: Data(text.utf8)) }
}

/// The value of an answer: JSON.
public struct ClusterAnswer: Codable, Sendable, Equatable {
    public enum State: String, Codable, Sendable {
        /// Taken up; more will follow.
        case accepted
        /// Under way: `left` are not done.
        case running
        case done
        /// Nothing was done; `detail` says why.
        case refused
    }

    public var id: String
    public var state: State
    /// Who answers.
    public var worker: String
    public var detail: String
    /// Feeds (or workers, for `deploy`) that are not done, with what they wait for where that is known.
    public var left: [String]

    public init(id: String, state: State, worker: String, detail: String = "", left: [String] = []) {
        self.id = id
        self.state = state
        self.worker = worker
        self.detail = detail
        self.left = left
    }

    public var isFinal: Bool { state == .done || state == .refused }

    func json() throws -> String { try RequestJSON.encode(self) }
    static func decode(_ text: String) -> ClusterAnswer? { try? JSONDecoder().decode(Self.self, from: Data(text.utf8)) }
}

private enum RequestJSON {
    static func encode(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }
}
