import Coordination
import Drills
import Simulator
import Testing

@Suite struct DrillPlanTests {
    private func options(_ kind: DrillKind) -> DrillOptions { DrillOptions(kind: kind, seed: 1, executable: "/usr/bin/colony") }

    @Test(arguments: DrillKind.allCases)
    func `every kind has a plan of its own and an explanation`(kind: DrillKind) throws {
        let plan = try DrillPlan(options(kind))
        #expect(!plan.exchanges.isEmpty)
        #expect(plan.hosts.reduce(0, +) >= 1)
        #expect(plan.runs >= 1)
        #expect(kind.explanation.count > 30)
    }

    @Test func `a pace that is not the exchanges' own is reported`() throws {
        #expect(try DrillPlan(options(.kill)).remarks.contains { $0.contains("pace 0s instead of 60 s") })
        #expect(try !DrillPlan(options(.flap)).remarks.contains { $0.contains("pace") })
    }

    @Test func `exchanges are chosen by number or by name`() throws {
        var options = options(.kill)
        options.exchangeCount = 40
        #expect(try DrillPlan(options).exchanges.count == 40)
        options.exchanges = ["kraken", "okx"]
        #expect(try DrillPlan(options).exchanges == ["kraken", "okx"])
    }

    @Test func `what cannot be done is refused with the reason`() throws {
        var unknown = options(.kill)
        unknown.exchanges = ["nowhere"]
        expectRefusal(unknown, "nowhere")
        var alone = options(.kill)
        alone.workers = 1
        expectRefusal(alone, "at least 2 workers")
        var misplaced = options(.kill)
        misplaced.sabotage = .pace
        expectRefusal(misplaced, "'flap' and 'storm'")
        var setting = options(.kill)
        setting.settings = ["lease.ttl"]
        expectRefusal(setting, "key=value")
    }

    @Test func `exchanges are as far away as asked for, within reason`() throws {
        var options = options(.deploy)
        #expect(try DrillPlan(options).latency == .zero)
        options.latency = .milliseconds(40)
        #expect(try DrillPlan(options).latency == .milliseconds(40))
        options.latency = .seconds(3)
        expectRefusal(options, "--latency is 0s to 2s, not 3s")
    }

    @Test func `the Sentinels are given times that fit the leases`() throws {
        for profile in ["normal", "fast", "calm"] {
            var options = options(.failoverRedis)
            options.settings = ["lease.profile=\(profile)"]
            let plan = try DrillPlan(options)
            let violations = plan.timing.violations(
                reconnectCap: .milliseconds(250), topology: .replicated(maxLag: .seconds(2), downAfter: plan.downAfter))
            #expect(violations.isEmpty, "\(profile): \(violations)")
        }
        #expect(try DrillPlan(options(.failoverRedis)).settings["lease.profile"] == "calm")
        var elsewhere = options(.failoverRedis)
        elsewhere.network = .namespaces
        expectRefusal(elsewhere, "loopback")
    }

    @Test func `a build without the pace is still judged by it`() throws {
        var options = options(.flap)
        options.sabotage = .pace
        let plan = try DrillPlan(options)
        #expect(plan.configuredPace == .zero)
        #expect(plan.pace == .seconds(60))
    }

    private func expectRefusal(_ options: DrillOptions, _ words: String) {
        do throws(DrillError) {
            _ = try DrillPlan(options)
            Issue.record("not refused: \(words)")
        } catch {
            #expect(error.code == .usage)
            #expect(error.description.contains(words))
        }
    }
}
