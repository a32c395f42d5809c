package import Coordination
package import RedisClient

/// What the Sentinels of a configuration told, and what it means for leases. Pure.
package struct SentinelExamination: Sendable {
    /// The address with the Sentinels, for the texts.
    package var endpoint: RedisEndpoint
    package var master: String
    package var states: [(node: RedisNode, state: Result<SentinelState, RedisError>)]

    package init(
        endpoint: RedisEndpoint, master: String, states: [(node: RedisNode, state: Result<SentinelState, RedisError>)]
    ) {
        self.endpoint = endpoint
        self.master = master
        self.states = states
    }

    private var answers: [(node: RedisNode, state: SentinelState)] {
        states.compactMap { item in
            if case .success(let state) = item.state { (item.node, state) } else { nil }
        }
    }

    /// The smallest `down-after-milliseconds`, since one Sentinel is enough to begin with; nil if none told it.
    package var downAfter: Duration? { answers.compactMap(\.state.downAfter).min() }

    /// I4's numbers, and in words which of them had to be assumed because they could not be read; empty: none.
    package func topology(_ facts: PreflightFacts) -> (topology: LeaseTiming.Topology, assumed: String) {
        var assumed: [String] = []
        if facts.configuration["min-replicas-max-lag"] == nil {
            assumed.append("min-replicas-max-lag to be 2 s (CONFIG GET is not allowed)")
        }
        if downAfter == nil { assumed.append("down-after-milliseconds to be 5000 (no Sentinel answered SENTINEL MASTER)") }
        return (Preflight.topology(facts, downAfter: downAfter ?? .seconds(5)), assumed.joined(separator: " and "))
    }

    /// Breaches of I4 with the numbers.
    package func violations(_ facts: PreflightFacts, lease: LeaseTiming, reconnectCap: Duration) -> [String] {
        let (topology, assumed) = topology(facts)
        let note = assumed.isEmpty ? "" : " (assumed: \(assumed))"
        return lease.violations(reconnectCap: reconnectCap, topology: topology).filter { $0.rule == .i4 }.map { "\($0.description)\(note)" }
    }

    // MARK: For `colony doctor`

    package func findings(_ facts: PreflightFacts, lease: LeaseTiming, reconnectCap: Duration) -> [DoctorFinding] {
        var found: [DoctorFinding] = []
        for (node, state) in states {
            if case .failure(let error) = state {
                found.append(
                    .init("Sentinel", .warning, "\(node): \(error.description)", "start it, correct redis.url, or see redis.sentinel.*"))
            }
        }
        guard !answers.isEmpty else {
            return found + [.init("Sentinel", .error, "no Sentinel of \(endpoint) can be asked", "without them no failover is followed")]
        }
        for (node, state) in answers { found.append(.init("Sentinel", .ok, Self.line(node, state))) }
        found += agreement() + quorum()
        let violations = violations(facts, lease: lease, reconnectCap: reconnectCap)
        found += violations.map { .init("Sentinel", .error, "impossible lease times: \($0)", remedy(facts)) }
        let (_, assumed) = topology(facts)
        if violations.isEmpty {
            let text = "the lease times fit the failover times (I4)" + (assumed.isEmpty ? "" : ", assumed \(assumed)")
            found.append(.init("Sentinel", assumed.isEmpty ? .ok : .advice, text, assumed.isEmpty ? "" : "make sure, or allow it"))
        }
        return found
    }

    private static func line(_ node: RedisNode, _ state: SentinelState) -> String {
        let number: (Int?) -> String = { $0.map(String.init) ?? "?" }
        return "\(node): '\(state.master.map(\.description) ?? "no address")', quorum \(number(state.quorum)) of "
            + "\(number(state.otherSentinels.map { $0 + 1 })) Sentinels, \(number(state.replicas)) replicas, down-after-milliseconds "
            + "\(state.downAfter.map { "\($0.wholeMilliseconds)" } ?? "?"), failover-timeout "
            + "\(state.failoverTimeout.map { "\($0.wholeMilliseconds)" } ?? "?"), flags \(state.flags.sorted().joined(separator: ","))"
    }

    private func agreement() -> [DoctorFinding] {
        var found: [DoctorFinding] = []
        let places = Set(answers.compactMap(\.state.master))
        if places.count > 1 {
            found.append(
                .init(
                    "Sentinel", .warning,
                    "they name different masters: \(places.map(\.description).sorted().joined(separator: ", ")); a failover goes on, or some "
                        + "are cut off", "look again in a minute; then compare SENTINEL MASTER \(master) at each"))
        }
        let downAfters = Set(answers.compactMap(\.state.downAfter))
        if downAfters.count > 1 {
            found.append(
                .init(
                    "Sentinel", .warning, "they have different down-after-milliseconds; the smallest counts",
                    "SENTINEL SET \(master) down-after-milliseconds alike at each"))
        }
        let troubled = answers.filter { !$0.state.flags.isDisjoint(with: ["s_down", "o_down", "failover_in_progress"]) }
        if !troubled.isEmpty {
            found.append(
                .init(
                    "Sentinel", .warning, "\(troubled.count) of them see the master down or a failover in progress",
                    "look again in a minute"))
        }
        return found
    }

    private func quorum() -> [DoctorFinding] {
        var found: [DoctorFinding] = []
        let problems = Set(answers.compactMap(\.state.quorumProblem))
        found += problems.sorted().map {
            .init("Sentinel", .error, "no failover could be agreed on: \($0.prefix(200))", "start the missing Sentinels")
        }
        let known = answers.compactMap { $0.state.otherSentinels.map { $0 + 1 } }.max() ?? states.count
        if known < 3 {
            found.append(
                .init(
                    "Sentinel", .warning, "\(known) Sentinel(s) watch '\(master)': without one of them there may be no failover",
                    "run three, on three hosts"))
        }
        if let quorum = answers.compactMap(\.state.quorum).min(), quorum * 2 <= known, known > 1 {
            found.append(
                .init(
                    "Sentinel", .advice, "the quorum is \(quorum) of \(known): few suffice to call the master down",
                    "SENTINEL SET \(master) quorum \(known / 2 + 1)"))
        }
        return found
    }

    private func remedy(_ facts: PreflightFacts) -> String {
        "SENTINEL SET \(master) down-after-milliseconds 5000 at each Sentinel; CONFIG SET min-replicas-max-lag 2 on master and replicas"
    }
}
