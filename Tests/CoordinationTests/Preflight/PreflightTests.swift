import Coordination
import Testing

@Suite struct PreflightTests {
    /// A server as `colony up` starts it.
    private static let goodInfo = [
        "redis_version": "7.0.15", "redis_mode": "standalone", "cluster_enabled": "0", "role": "master", "loading": "0",
        "connected_slaves": "0",
        "used_memory": "1000000", "connected_clients": "10", "aof_enabled": "1", "rdb_last_bgsave_status": "ok",
        "aof_last_write_status": "ok",
    ]
    private static let goodConfiguration = [
        "maxmemory": "1000000000", "maxmemory-policy": "noeviction", "save": "", "stop-writes-on-bgsave-error": "no", "appendonly": "yes",
        "appendfsync": "everysec", "aof-load-truncated": "yes", "timeout": "0", "tcp-keepalive": "30", "stream-node-max-bytes": "16384",
        "stream-node-max-entries": "0", "maxclients": "10000", "min-replicas-to-write": "0", "min-replicas-max-lag": "10",
        "cluster-node-timeout": "4000",
    ]

    private static func good() -> PreflightFacts {
        PreflightFacts(
            info: goodInfo, configuration: goodConfiguration, libraries: ["colony1"], clockDifference: .milliseconds(-3),
            quotaBytes: 600_000_000)
    }

    private static func goodSentinel() -> PreflightFacts {
        var facts = good()
        facts.topology = .sentinel
        facts.info["connected_slaves"] = "1"
        facts.configuration["min-replicas-to-write"] = "1"
        facts.configuration["min-replicas-max-lag"] = "2"
        return facts
    }

    @Test func `the settings of the embedded server have no findings`() {
        #expect(Preflight.findings(Self.good()) == [])
        #expect(Preflight.findings(Self.goodSentinel()) == [])
    }

    struct Wrong: Sendable, CustomTestStringConvertible {
        var check: PreflightFinding.Check
        var severity: PreflightFinding.Severity
        /// What problem and remedy must show.
        var shows: [String]
        var isSentinel = false
        var change: @Sendable (inout PreflightFacts) -> Void
        var testDescription: String { "\(check) \(severity) \(shows)" }
    }

    static let wrongs: [Wrong] = [
        Wrong(check: .version, severity: .error, shows: ["6.2.14", "7.0"]) { $0.info["redis_version"] = "6.2.14" },
        Wrong(check: .version, severity: .error, shows: ["unknown"]) { $0.info["redis_version"] = nil },
        Wrong(check: .role, severity: .error, shows: ["replica", "master"]) { $0.info["role"] = "slave" },
        Wrong(check: .loading, severity: .warning, shows: ["loading"]) { $0.info["loading"] = "1" },
        Wrong(check: .topology, severity: .error, shows: ["redis.cluster: true"]) { $0.info["cluster_enabled"] = "1" },
        Wrong(check: .topology, severity: .error, shows: ["remove redis.cluster"]) { $0.topology = .cluster },
        Wrong(check: .eviction, severity: .error, shows: ["allkeys-lru", "noeviction"]) {
            $0.configuration["maxmemory-policy"] = "allkeys-lru"
        },
        Wrong(check: .unreadable, severity: .warning, shows: ["maxmemory-policy", "noeviction"]) {
            $0.configuration["maxmemory-policy"] = nil
        },
        Wrong(check: .memory, severity: .warning, shows: ["maxmemory is 0"]) { $0.configuration["maxmemory"] = "0" },
        Wrong(check: .memory, severity: .warning, shows: ["763 MiB", "954 MiB"]) { $0.info["used_memory"] = "800000001" },
        Wrong(check: .quota, severity: .error, shows: ["573 MiB", "60 %"]) { $0.quotaBytes = 600_000_001 },
        Wrong(check: .snapshots, severity: .error, shows: ["3600 1", "stop-writes-on-bgsave-error no"]) {
            $0.configuration["save"] = "3600 1 300 100"
            $0.configuration["stop-writes-on-bgsave-error"] = "yes"
        },
        Wrong(check: .unreadable, severity: .warning, shows: ["stop-writes-on-bgsave-error"]) { $0.configuration["save"] = nil },
        Wrong(check: .persistence, severity: .warning, shows: ["nothing is written", "appendonly yes"]) {
            $0.configuration["appendonly"] = "no"
        },
        Wrong(check: .persistence, severity: .error, shows: ["replicas", "appendonly yes"]) {
            $0.configuration["appendonly"] = "no"
            $0.info["connected_slaves"] = "2"
        },
        Wrong(check: .persistence, severity: .warning, shows: ["only snapshots"]) {
            $0.configuration["appendonly"] = "no"
            $0.configuration["save"] = "60 1"
        },
        Wrong(check: .fsync, severity: .warning, shows: ["appendfsync is no", "everysec"]) { $0.configuration["appendfsync"] = "no" },
        Wrong(check: .fsync, severity: .advice, shows: ["always"]) { $0.configuration["appendfsync"] = "always" },
        Wrong(check: .truncation, severity: .warning, shows: ["aof-load-truncated yes"]) { $0.configuration["aof-load-truncated"] = "no" },
        Wrong(check: .disk, severity: .warning, shows: ["snapshot failed"]) { $0.info["rdb_last_bgsave_status"] = "err" },
        Wrong(check: .disk, severity: .error, shows: ["append-only file failed"]) { $0.info["aof_last_write_status"] = "err" },
        Wrong(check: .timeout, severity: .warning, shows: ["300 s", "timeout 0"]) { $0.configuration["timeout"] = "300" },
        Wrong(check: .keepalive, severity: .advice, shows: ["tcp-keepalive 30"]) { $0.configuration["tcp-keepalive"] = "0" },
        Wrong(check: .nodes, severity: .advice, shows: ["4096 bytes", "16384"]) { $0.configuration["stream-node-max-bytes"] = "4096" },
        Wrong(check: .nodes, severity: .advice, shows: ["100 entries"]) { $0.configuration["stream-node-max-entries"] = "100" },
        Wrong(check: .clients, severity: .warning, shows: ["81 of 100", "maxclients 200"]) {
            $0.configuration["maxclients"] = "100"
            $0.info["connected_clients"] = "81"
        },
        Wrong(check: .clock, severity: .warning, shows: ["-7 s"]) { $0.clockDifference = .seconds(-7) },
        Wrong(check: .library, severity: .error, shows: ["colony1"]) { $0.libraries = ["other"] },
        Wrong(check: .permissions, severity: .error, shows: ["hset, xadd", "+hset +xadd"]) { $0.deniedCommands = ["xadd", "hset"] },
        Wrong(check: .replicas, severity: .error, shows: ["no replica"], isSentinel: true) {
            $0.info["connected_slaves"] = "0"
            $0.configuration["min-replicas-to-write"] = nil
        },
        Wrong(check: .replicas, severity: .error, shows: ["min-replicas-to-write is 0"], isSentinel: true) {
            $0.configuration["min-replicas-to-write"] = "0"
        },
        Wrong(check: .replicas, severity: .error, shows: ["max-lag 0"], isSentinel: true) {
            $0.configuration["min-replicas-max-lag"] = "0"
        },
        Wrong(check: .replicas, severity: .error, shows: ["is 2", "1 replicas"], isSentinel: true) {
            $0.configuration["min-replicas-to-write"] = "2"
        },
        Wrong(check: .unreadable, severity: .warning, shows: ["min-replicas-to-write"], isSentinel: true) {
            $0.configuration["min-replicas-max-lag"] = nil
        },
    ]

    @Test(arguments: wrongs)
    func `a wrong setting is found with its value and what to change`(wrong: Wrong) {
        var facts = wrong.isSentinel ? Self.goodSentinel() : Self.good()
        wrong.change(&facts)
        let findings = Preflight.findings(facts).filter { $0.check == wrong.check }
        #expect(findings.map(\.severity) == [wrong.severity])
        let text = findings.map(\.description).joined()
        for part in wrong.shows { #expect(text.contains(part), "\(text)") }
        #expect(text.hasPrefix(wrong.severity.rawValue))
    }

    @Test(arguments: ["volatile-lru", "volatile-ttl", "noeviction"])
    func `policies that never touch a key without expiry are fine`(policy: String) {
        var facts = Self.good()
        facts.configuration["maxmemory-policy"] = policy
        #expect(Preflight.findings(facts) == [])
    }

    @Test(arguments: [["server_name": "valkey", "redis_version": "7.2.4"], ["valkey_version": "8.1.0"]])
    func `valkey is fine whatever its version`(fields: [String: String]) {
        var facts = Self.good()
        facts.info["redis_version"] = nil
        facts.info.merge(fields) { $1 }
        #expect(Preflight.findings(facts) == [])
    }

    @Test func `where CONFIG is not allowed, INFO is used as far as it goes and the rest is said to be unknown`() {
        var facts = Self.good()
        facts.configuration = [:]
        facts.info["maxmemory_policy"] = "allkeys-lfu"
        facts.info["maxmemory"] = "1000000000"
        let findings = Preflight.findings(facts)
        #expect(findings.map(\.check) == [.eviction, .unreadable])
        #expect(findings.last?.problem.contains("stop-writes-on-bgsave-error") == true)
    }

    @Test func `errors come first, then warnings, then advice`() {
        var facts = Self.good()
        facts.configuration["tcp-keepalive"] = "0"
        facts.configuration["timeout"] = "5"
        facts.deniedCommands = ["wait"]
        facts.info["role"] = "slave"
        #expect(Preflight.findings(facts).map(\.severity) == [.error, .error, .warning, .advice])
    }

    @Test func `the server's own times are what the lease is checked against`() {
        var facts = Self.goodSentinel()
        facts.configuration["min-replicas-max-lag"] = "10"
        let topology = Preflight.topology(facts, downAfter: .seconds(5))
        #expect(topology == .replicated(maxLag: .seconds(10), downAfter: .seconds(5)))
        #expect(LeaseTiming().violations(reconnectCap: .seconds(1), topology: topology).map(\.rule) == [.i4, .i4])
        facts.topology = .cluster
        #expect(Preflight.topology(facts) == .cluster(nodeTimeout: .seconds(4)))
        facts.topology = .single
        #expect(Preflight.topology(facts) == .single)
    }
}
