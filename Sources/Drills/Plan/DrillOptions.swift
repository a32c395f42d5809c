/// What the command asks for; nil: the kind's own.
package struct DrillOptions: Sendable {
    package enum Network: String, Sendable, CaseIterable {
        /// A network namespace per host where this user may make them, loopback with the fault proxy otherwise.
        case automatic = "auto"
        case namespaces
        case loopback
    }

    /// A guard that is taken away on purpose, to show that the drill would notice.
    package enum Sabotage: String, Sendable, CaseIterable {
        case fencing, deadman, pace
    }

    package var kind: DrillKind
    package var seed: UInt64
    package var runs: Int?
    package var workers: Int?
    package var exchanges: [String] = []
    package var exchangeCount: Int?
    package var rate: Double?
    package var minutes: Double?
    package var pace: Duration?
    /// Round-trip time between workers and exchanges.
    package var latency: Duration?
    package var network = Network.automatic
    package var hasDeadman = true
    package var sabotage: Sabotage?
    /// The directory that is kept; nil: a temporary one.
    package var keep: String?
    package var logLevel = "info"
    /// The program of which supervisors, workers and exchanges are started.
    package var executable: String
    /// Further settings of all workers, `key=value`.
    package var settings: [String] = []

    package init(kind: DrillKind, seed: UInt64, executable: String) {
        self.kind = kind
        self.seed = seed
        self.executable = executable
    }
}
