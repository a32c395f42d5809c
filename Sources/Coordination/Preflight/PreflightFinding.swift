/// One thing about a Redis server that a worker's promises depend on.
public struct PreflightFinding: Sendable, Hashable, CustomStringConvertible {
    public enum Severity: String, Sendable, Hashable, Comparable, CaseIterable {
        /// Something that could be better.
        case advice
        /// A promise is weaker than the documentation says.
        case warning
        /// A promise cannot be kept: a worker refuses to start.
        case error

        public static func < (left: Severity, right: Severity) -> Bool {
            allCases.firstIndex(of: left) ?? 0 < allCases.firstIndex(of: right) ?? 0
        }
    }

    public enum Check: String, Sendable, Hashable, CaseIterable {
        case version, role, loading, topology, eviction, memory, quota, snapshots, persistence, fsync, truncation, disk, replicas, timeout,
            keepalive,
            nodes, clients, clock, library, permissions, unreadable
    }

    public var check: Check
    public var severity: Severity
    /// What is wrong, with the values found.
    public var problem: String
    /// What to change, as one would type it where there is such a command.
    public var remedy: String

    public init(_ check: Check, _ severity: Severity, _ problem: String, _ remedy: String) {
        self.check = check
        self.severity = severity
        self.problem = problem
        self.remedy = remedy
    }

    public var description: String { "\(severity.rawValue): \(problem); \(remedy)" }
}

/// What is known of a server, and what is expected of it.
public struct PreflightFacts: Sendable {
    public enum Topology: Sendable, Hashable { case single, sentinel, cluster }

    /// The fields of `INFO` (all sections), by Redis' names.
    public var info: [String: String]
    /// The answer to `CONFIG GET *`; empty where the server or its access rules do not allow it.
    public var configuration: [String: String]
    public var topology: Topology
    /// The function libraries loaded (`FUNCTION LIST`); nil if not asked.
    public var libraries: Set<String>?
    /// Commands the worker's user may not use, of `Preflight.neededCommands`.
    public var deniedCommands: [String]
    /// The server's TIME minus the worker's wall clock, corrected by half the round trip; nil if not measured.
    public var clockDifference: Duration?
    /// What all streams together may hold at their MAXLEN, in bytes, as estimated from configuration; nil if unknown.
    public var quotaBytes: Int64?

    public init(
        info: [String: String], configuration: [String: String], topology: Topology = .single, libraries: Set<String>? = nil,
        deniedCommands: [String] = [], clockDifference: Duration? = nil, quotaBytes: Int64? = nil
    ) {
        self.info = info
        self.configuration = configuration
        self.topology = topology
        self.libraries = libraries
        self.deniedCommands = deniedCommands
        self.clockDifference = clockDifference
        self.quotaBytes = quotaBytes
    }

    /// A setting from `CONFIG GET`, or from the field of `INFO` that shows it as well.
    func setting(_ name: String, infoField: String? = nil) -> String? { configuration[name] ?? infoField.flatMap { info[$0] } }

    func number(_ name: String, infoField: String? = nil) -> Int64? { setting(name, infoField: infoField).flatMap { Int64($0) } }

    var replicas: Int64 { info["connected_slaves"].flatMap { Int64($0) } ?? 0 }
}
