import Coordination
import Testing

@Suite struct LeaseTimingTests {
    @Test(arguments: LeaseTiming.Profile.allCases)
    func `every profile keeps every inequality, on one server and with the default replication and cluster settings`(
        profile: LeaseTiming.Profile
    ) {
        // The default down-after and node-timeout are those of the normal profile; `fast` needs its own.
        let topologies: [LeaseTiming.Topology] =
            profile == .fast
            ? [.single, .replicated(), .cluster(nodeTimeout: .milliseconds(2500))] : [.single, .replicated(), .cluster()]
        for topology in topologies {
            #expect(profile.timing.violations(reconnectCap: profile.reconnectCap, topology: topology) == [])
        }
    }

    @Test func `the defaults are the normal profile`() {
        #expect(LeaseTiming() == LeaseTiming.Profile.normal.timing)
    }

    struct Broken: Sendable, CustomTestStringConvertible {
        var rules: [LeaseTiming.Violation.Rule]
        /// Numbers and keys the error text must show.
        var shows: [String]
        var topology = LeaseTiming.Topology.single
        var reconnectCap = Duration.seconds(1)
        var change: @Sendable (inout LeaseTiming) -> Void = { _ in }
        var testDescription: String { "\(rules) \(shows)" }
    }

    static let broken: [Broken] = [
        // H + K = T fails even with perfect clocks: the inequality is strict (r8).
        Broken(rules: [.i1], shows: ["lease.self_fence 4500 ms", "lease.close_slack 1500 ms", "6000 ms", "1.0/1.0"]) {
            $0.closeSlack = .milliseconds(1500)
            $0.rateErrorMillionths = 0
        },
        Broken(rules: [.i1], shows: ["1.005/0.995", "= 6001 ms", "lease.ttl 6000 ms"]) { $0.closeSlack = .milliseconds(1441) },
        Broken(rules: [.i2], shows: ["lease.renew 1234 ms", "lease.renew_timeout 800 ms", "= 4502 ms"]) {
            $0.renewEvery = .milliseconds(1234)
        },
        Broken(rules: [.i3], shows: ["redis.reconnect_cap 2700 ms", "= 4500 ms"], reconnectCap: .milliseconds(2700)),
        Broken(
            rules: [.i4], shows: ["min-replicas-max-lag 5000 ms", "6000 ms"],
            topology: .replicated(maxLag: .seconds(5), downAfter: .seconds(6))),
        Broken(
            rules: [.i4], shows: ["down-after-milliseconds 2000 ms", "= 8250 ms", "= 8000 ms"],
            topology: .replicated(downAfter: .seconds(2))),
        Broken(rules: [.i5], shows: ["cluster-node-timeout 5000 ms", "6000 ms"], topology: .cluster(nodeTimeout: .seconds(5))),
        Broken(rules: [.range], shows: ["lease.ttl", "0 ms"]) { $0.ttl = .zero },
        Broken(rules: [.range], shows: ["1000000 millionths"]) { $0.rateErrorMillionths = 1_000_000 },
    ]

    @Test(arguments: broken)
    func `a broken inequality is named with its numbers`(broken: Broken) {
        var timing = LeaseTiming()
        broken.change(&timing)
        let violations = timing.violations(reconnectCap: broken.reconnectCap, topology: broken.topology)
        #expect(violations.map(\.rule) == broken.rules)
        let text = violations.map(\.description).joined(separator: "\n")
        for part in broken.shows { #expect(text.contains(part), "\(text)") }
    }

    @Test func `the last value that keeps each inequality passes`() {
        var timing = LeaseTiming()
        timing.closeSlack = .milliseconds(1440)
        #expect(timing.violations(reconnectCap: .milliseconds(2699)) == [])
        timing = LeaseTiming(renewEvery: .milliseconds(1233))
        #expect(timing.violations(reconnectCap: .seconds(1)) == [])
    }

    @Test func `all broken rules are reported at once`() {
        let timing = LeaseTiming(renewEvery: .seconds(2), closeSlack: .seconds(3))
        #expect(
            timing.violations(reconnectCap: .seconds(4), topology: .cluster(nodeTimeout: .seconds(9))).map(\.rule) == [.i1, .i2, .i3, .i5])
    }

    @Test func `deadlines and bounds follow from the durations`() {
        let timing = LeaseTiming()
        let sentAt = LocalTime(nanoseconds: 10_000_000_000)
        #expect(timing.deadline(sentAt: sentAt) == LocalTime(nanoseconds: 14_500_000_000))
        #expect(timing.closedBy(deadline: timing.deadline(sentAt: sentAt)) == LocalTime(nanoseconds: 15_250_000_000))
        #expect(timing.takeoverBound(roundTrip: .milliseconds(2), stagger: .milliseconds(150)) == .milliseconds(6654))
        #expect(timing.observeEvery(rank: 1) == .milliseconds(500))
        #expect(timing.observeEvery(rank: 2) == .milliseconds(1000))
        #expect(timing.observation(declared: .seconds(15)) == .seconds(15))
        #expect(timing.observation(declared: .seconds(4)) == .seconds(6))
    }
}
