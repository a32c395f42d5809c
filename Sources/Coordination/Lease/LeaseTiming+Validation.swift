extension LeaseTiming {
    /// What stands behind the Redis address; each kind adds an inequality of its own.
    public enum Topology: Sendable, Hashable {
        case single
        /// A master with replicas under Sentinel: `min-replicas-max-lag` and `down-after-milliseconds`.
        case replicated(maxLag: Duration = .seconds(2), downAfter: Duration = .seconds(5))
        /// Redis Cluster: `cluster-node-timeout`.
        case cluster(nodeTimeout: Duration = .seconds(4))
    }

    /// One rule that a set of durations breaks.
    public struct Violation: Sendable, Hashable, CustomStringConvertible {
        public enum Rule: String, Sendable, Hashable {
            /// A duration is not positive, or the rate error is not in 0..<1,000,000 millionths.
            case range
            case i1 = "I1"
            case i2 = "I2"
            case i3 = "I3"
            case i4 = "I4"
            case i5 = "I5"
        }

        public var rule: Rule
        /// What is wrong, with the numbers, and what to change.
        public var description: String
    }

    /// Every rule this set breaks; empty when one producer at a time can be promised.
    ///
    /// I6 is no condition but a bound stated to users, `takeoverBound`.
    public func violations(reconnectCap: Duration, topology: Topology = .single) -> [Violation] {
        let outOfRange = rangeViolations(reconnectCap: reconnectCap)
        guard outOfRange.isEmpty else { return outOfRange }
        var found: [Violation] = []
        if !closesBeforeTakeover {
            found.append(
                Violation(
                    rule: .i1,
                    description: "I1: (lease.self_fence \(selfFence.inMilliseconds) + lease.close_slack \(closeSlack.inMilliseconds)) x "
                        + "\(rateFactor) = \(slowestClose.inMilliseconds) is not below lease.ttl \(ttl.inMilliseconds), so a challenger "
                        + "could connect before the holder has closed; raise lease.ttl or lower lease.self_fence"))
        }
        let retries = renewEvery * 3 + renewTimeout
        if selfFence < retries {
            found.append(
                Violation(
                    rule: .i2,
                    description: "I2: lease.self_fence \(selfFence.inMilliseconds) is below 3 x lease.renew \(renewEvery.inMilliseconds) + "
                        + "lease.renew_timeout \(renewTimeout.inMilliseconds) = \(retries.inMilliseconds), so three lost renewals would "
                        + "cost the lease; raise lease.self_fence (and lease.ttl with it) or lower lease.renew"))
        }
        let recovery = reconnectCap + renewEvery + renewTimeout
        if recovery >= selfFence {
            found.append(
                Violation(
                    rule: .i3,
                    description: "I3: redis.reconnect_cap \(reconnectCap.inMilliseconds) + lease.renew \(renewEvery.inMilliseconds) + "
                        + "lease.renew_timeout \(renewTimeout.inMilliseconds) = \(recovery.inMilliseconds) is not below lease.self_fence "
                        + "\(selfFence.inMilliseconds), so a holder could miss its renewal after an outage; lower redis.reconnect_cap"))
        }
        return found + topologyViolations(topology)
    }

    /// I1 in whole numbers: `(H + K) * (1 + rho) < T * (1 - rho)`, strictly (rule r8).
    private var closesBeforeTakeover: Bool {
        // Milliseconds times millionths stay far below 2^63 for any lease under a thousand years.
        let slow = (selfFence + closeSlack) * (Self.millionths + rateErrorMillionths)
        return slow < ttl * (Self.millionths - rateErrorMillionths)
    }

    /// The holder's closing as the fastest clock of a challenger may see it.
    private var slowestClose: Duration {
        (selfFence + closeSlack) * (Self.millionths + rateErrorMillionths) / (Self.millionths - rateErrorMillionths)
    }

    private static let millionths: Int64 = 1_000_000

    private var rateFactor: String {
        "\(Self.decimal(Self.millionths + rateErrorMillionths))/\(Self.decimal(Self.millionths - rateErrorMillionths))"
    }

    /// Millionths as a decimal fraction: 1005000 is `1.005`.
    private static func decimal(_ value: Int64) -> String {
        var digits = String(value % millionths)
        digits = String(repeating: "0", count: 6 - digits.count) + digits
        while digits.count > 1, digits.last == "0" { digits.removeLast() }
        return "\(value / millionths).\(digits)"
    }

    private func rangeViolations(reconnectCap: Duration) -> [Violation] {
        let named: [(String, Duration)] = [
            ("lease.ttl", ttl), ("lease.renew", renewEvery), ("lease.renew_timeout", renewTimeout), ("lease.self_fence", selfFence),
            ("lease.close_slack", closeSlack), ("lease.observe", observeEvery), ("redis.reconnect_cap", reconnectCap),
        ]
        var found: [Violation] = []
        for (key, value) in named where value < .milliseconds(1) || value > .seconds(86_400) {
            found.append(
                Violation(rule: .range, description: "\(key) is \(value.inMilliseconds); it must be between 1 ms and 24 h"))
        }
        if !(0..<Self.millionths).contains(rateErrorMillionths) {
            found.append(
                Violation(
                    rule: .range, description: "the clock rate error is \(rateErrorMillionths) millionths; it must be from 0 to 999999"))
        }
        return found
    }

    private func topologyViolations(_ topology: Topology) -> [Violation] {
        switch topology {
        case .single: return []
        case .replicated(let maxLag, let downAfter):
            var found: [Violation] = []
            let refusing = maxLag + .seconds(1)
            if refusing >= ttl {
                found.append(
                    Violation(
                        rule: .i4,
                        description:
                            "I4: min-replicas-max-lag \(maxLag.inMilliseconds) + 1000 ms = \(refusing.inMilliseconds) is not below "
                            + "lease.ttl \(ttl.inMilliseconds), so a cut-off master could grant a lease; lower min-replicas-max-lag"))
            }
            let closed = refusing + selfFence + closeSlack
            let elected = downAfter + ttl
            if closed >= elected {
                found.append(
                    Violation(
                        rule: .i4,
                        description: "I4: min-replicas-max-lag \(maxLag.inMilliseconds) + 1000 ms + lease.self_fence "
                            + "\(selfFence.inMilliseconds) + lease.close_slack \(closeSlack.inMilliseconds) = \(closed.inMilliseconds) is "
                            + "not below down-after-milliseconds \(downAfter.inMilliseconds) + lease.ttl \(ttl.inMilliseconds) = "
                            + "\(elected.inMilliseconds), so a cut-off master could keep a second holder; raise down-after-milliseconds"))
            }
            return found
        case .cluster(let nodeTimeout):
            let refusing = nodeTimeout + .seconds(1)
            guard refusing >= ttl else { return [] }
            return [
                Violation(
                    rule: .i5,
                    description:
                        "I5: cluster-node-timeout \(nodeTimeout.inMilliseconds) + 1000 ms = \(refusing.inMilliseconds) is not below "
                        + "lease.ttl \(ttl.inMilliseconds), so a minority master could grant a lease; lower cluster-node-timeout")
            ]
        }
    }
}

extension Duration {
    /// `4500 ms`; rounded up, so that a bound is never understated.
    var inMilliseconds: String { "\((wholeNanoseconds + 999_999) / 1_000_000) ms" }
}
