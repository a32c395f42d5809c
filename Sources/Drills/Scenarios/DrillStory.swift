internal import Coordination

/// What was done to the cluster, when, and what the drill itself saw.
package struct DrillStory: Sendable {
    /// A fault as it was brought about.
    package struct Fault: Sendable {
        package var run: Int
        package var kind: String
        /// CLOCK_BOOTTIME, nanoseconds; and when it was taken back, where it is.
        package var boot: Int64
        package var healedBoot: Int64?
        /// Redis' wall clock, milliseconds.
        package var wall: Int64
        package var worker: String
        package var feeds: [String]
        package var detail: String
        /// Whether the process that was hit is gone by proof, so that its leases are free at once.
        package var isProvedDeath = false
    }

    package var faults: [Fault] = []
    package var promises: [DrillPromise] = []
    /// Measured times in milliseconds, by what they are.
    package var samples: [(name: String, milliseconds: [Double])] = []
    /// What was counted, by what it is.
    package var counts: [String: Int] = [:]
    /// When the cluster was first whole, and when the drill was over, CLOCK_BOOTTIME in nanoseconds.
    package var beganBoot: Int64 = 0
    package var endedBoot: Int64 = 0

    package init() {}

    package mutating func add(_ milliseconds: Double, to name: String) {
        if let index = samples.firstIndex(where: { $0.name == name }) {
            samples[index].milliseconds.append(milliseconds)
        } else {
            samples.append((name, [milliseconds]))
        }
    }

    package mutating func count(_ number: Int, of name: String) { counts[name, default: 0] += number }

    package func samples(_ name: String) -> [Double] { samples.first { $0.name == name }?.milliseconds ?? [] }
}

/// One promise of the contract, and whether the drill saw it kept.
package struct DrillPromise: Sendable, Codable, Equatable {
    package var id: String
    package var kept: Bool
    package var detail: String

    package init(_ id: ID, kept: Bool, _ detail: String) {
        self.id = id.rawValue
        self.kept = kept
        self.detail = detail
    }

    /// The promises of the contract's first section, in its order.
    package enum ID: String, Sendable, CaseIterable {
        case oneProducer = "one-producer"
        case fencedData = "fenced-data"
        case exactlyOnce = "exactly-once"
        case noSilentHole = "no-silent-hole"
        case onePace = "one-pace"
        case takeoverTime = "takeover-time"
        case redisRestart = "redis-restart"
        case redisFailover = "redis-failover"
        case placement

        /// For people who never saw the contract.
        package var meaning: String {
            switch self {
            case .oneProducer: "at most one worker and one websocket per feed, at any moment"
            case .fencedData: "nothing that a former holder still sends is stored behind its successor"
            case .exactlyOnce: "every packet is stored at most once, in the order of arrival"
            case .noSilentHole: "every received packet is stored, or a marker in the stream declares it lost"
            case .onePace: "reconnects of an exchange are a pace apart, over all workers"
            case .takeoverTime: "a lease is with the successor in time"
            case .redisRestart: "a restart of Redis costs no reconnect and no packet"
            case .redisFailover: "Redis failing over to its replica costs no reconnect and no gap, where leases can be held so long"
            case .placement: "no worker takes more than its share"
            }
        }
    }
}
