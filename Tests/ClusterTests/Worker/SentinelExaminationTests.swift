import Cluster
import Coordination
import NIOCore
import RedisClient
import Testing

/// What `colony doctor` and a starting worker make of the Sentinels' answers.
@Suite struct SentinelExaminationTests {
    private static let nodes = (1...3).map { RedisNode(host: "s\($0)", port: 26_379) }

    private static func state(_ changes: [String: String] = [:], quorumProblem: String? = nil) -> SentinelState {
        var fields = [
            "ip": "10.0.0.1", "port": "6379", "flags": "master", "quorum": "2", "num-other-sentinels": "2", "num-slaves": "2",
            "down-after-milliseconds": "5000", "failover-timeout": "60000",
        ]
        for (name, value) in changes { fields[name] = value }
        let values = fields.flatMap { [RedisValue.bytes(ByteBuffer(string: $0.key)), .bytes(ByteBuffer(string: $0.value))] }
        return SentinelState(fields: values, quorumProblem: quorumProblem)
    }

    private static func examination(_ states: [Result<SentinelState, RedisError>]) -> SentinelExamination {
        let sentinel = RedisSentinel(nodes: nodes, master: "m")
        return SentinelExamination(
            endpoint: RedisEndpoint(address: .sentinel(sentinel)), master: "m",
            states: zip(nodes, states).map { (node: $0, state: $1) })
    }

    private static func facts(maxLag: String? = "2") -> PreflightFacts {
        var configuration = ["min-replicas-to-write": "1"]
        configuration["min-replicas-max-lag"] = maxLag
        return PreflightFacts(info: ["role": "master", "connected_slaves": "2"], configuration: configuration, topology: .sentinel)
    }

    private static func findings(_ states: [Result<SentinelState, RedisError>], maxLag: String? = "2") -> [DoctorFinding] {
        examination(states).findings(facts(maxLag: maxLag), lease: LeaseTiming(), reconnectCap: .seconds(1))
    }

    private static let sound: [Result<SentinelState, RedisError>] = Array(repeating: .success(state()), count: 3)

    @Test func `a sound set-up has nothing to change, and its numbers are told`() {
        let found = Self.findings(Self.sound)
        #expect(found.allSatisfy { $0.level == .ok && $0.remedy.isEmpty }, "\(found)")
        for word in ["quorum 2 of 3", "2 replicas", "down-after-milliseconds 5000", "10.0.0.1:6379", "I4"] {
            #expect(found.contains { $0.text.contains(word) }, "\(word) is not in \(found)")
        }
    }

    @Test func `the smallest down-after counts, since one Sentinel is enough to begin with`() {
        var states = Self.sound
        states[1] = .success(Self.state(["down-after-milliseconds": "1000"]))
        let examination = Self.examination(states)
        #expect(examination.downAfter == .seconds(1))
        let violations = examination.violations(Self.facts(), lease: LeaseTiming(), reconnectCap: .seconds(1))
        #expect(violations.count == 1)
        #expect(violations.first?.contains("8250 ms is not below down-after-milliseconds 1000 ms + lease.ttl 6000 ms = 7000 ms") == true)
        let found = Self.findings(states)
        #expect(found.contains { $0.level == .error && $0.text.contains("I4") && $0.remedy.contains("down-after-milliseconds") })
        #expect(found.contains { $0.level == .warning && $0.text.contains("different down-after") })
    }

    @Test func `what cannot be read is assumed, and the assumption is told`() {
        let refusal: Result<SentinelState, RedisError> = .failure(RedisError(.noPermission, "NOPERM"))
        let examination = Self.examination([refusal, refusal, refusal])
        let (topology, assumed) = examination.topology(Self.facts(maxLag: nil))
        #expect(topology == .replicated(maxLag: .seconds(2), downAfter: .seconds(5)))
        #expect(assumed.contains("min-replicas-max-lag to be 2 s") && assumed.contains("down-after-milliseconds to be 5000"))
        #expect(examination.topology(Self.facts(maxLag: "3")).topology == .replicated(maxLag: .seconds(3), downAfter: .seconds(5)))
        // A breach that rests on an assumption says so.
        let calm = LeaseTiming(ttl: .milliseconds(2500), selfFence: .milliseconds(1000), closeSlack: .milliseconds(100))
        let violation = examination.violations(Self.facts(maxLag: nil), lease: calm, reconnectCap: .milliseconds(1)).first
        #expect(violation?.contains("assumed: min-replicas-max-lag") == true)
    }

    @Test(arguments: [
        (state(["num-other-sentinels": "0"]), DoctorFinding.Level.warning, "run three"),
        (state(["quorum": "1"]), .advice, "quorum 2"),
        (state(["flags": "master,o_down"]), .warning, "look again"),
        (state(["port": "6380"]), .warning, "SENTINEL MASTER m"),
        (state(quorumProblem: "NOQUORUM 1 usable Sentinels"), .error, "start the missing Sentinels"),
    ])
    func `each fault is found with what to do`(state: SentinelState, level: DoctorFinding.Level, remedy: String) {
        // One that differs from the others; or all of them, where it takes all.
        let isShared = state.otherSentinels == 0
        let states: [Result<SentinelState, RedisError>] =
            isShared ? Array(repeating: .success(state), count: 3) : [.success(state)] + Self.sound.dropFirst()
        let found = Self.findings(states)
        #expect(found.contains { $0.level == level && $0.remedy.contains(remedy) }, "\(found)")
    }

    @Test func `a Sentinel that cannot be asked is a warning, all of them an error`() {
        let away: Result<SentinelState, RedisError> = .failure(RedisError(.refused, "nobody listens"))
        #expect(Self.findings([away] + Self.sound.dropFirst()).contains { $0.level == .warning && $0.text.contains("s1:26379") })
        #expect(Self.findings([away, away, away]).contains { $0.level == .error && $0.text.contains("no Sentinel") })
    }
}
