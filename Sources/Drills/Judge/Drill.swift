internal import Cluster
internal import Coordination
internal import Glibc
internal import History
internal import Ingest
internal import Simulator

/// Runs a drill from start to judgement.
package enum Drill {
    /// Throws a `DrillError` when it could not be run; broken promises are in the report. Cancelling takes the cluster down.
    package static func run(_ plan: DrillPlan, tell: @escaping @Sendable (String) -> Void) async throws -> DrillReport {
        let scenario = scenario(of: plan.kind)
        return try await DrillCluster.run(plan, tell: tell) { cluster in
            var stage = DrillStage(
                cluster: cluster, faultLog: try FaultLog(RecordingDirectory(cluster.directory.recording)),
                random: SplitMix64(seed: plan.options.seed))
            tell(
                "\(plan.kind.rawValue): seed \(plan.options.seed), \(plan.hosts.reduce(0, +)) workers on \(plan.hosts.count) hosts "
                    + "(\(cluster.network.name)), \(cluster.view.feeds.count) feeds, \(Int(plan.rate)) messages/s per stream"
                    + (plan.latency > .zero ? ", exchanges \(DrillPlan.text(plan.latency)) away" : ""))
            for remark in plan.remarks { tell("note: \(remark)") }
            try await cluster.untilWhole("the cluster at its start", within: .seconds(90))
            if plan.options.sabotage == .fencing { try await cluster.redis.load(Sabotage.withoutFence) }
            stage.story.beganBoot = LocalTime.now().nanoseconds
            do {
                try await scenario.run(&stage)
            } catch let error as DrillError where error.code == .notRecovered {
                // A cluster that does not come back breaks a promise; what was recorded until then is judged.
                stage.story.promises.append(DrillPromise(.takeoverTime, kept: false, error.description))
                tell("not recovered: \(error.description)")
            }
            // A moment of calm, so that a picture shows how it ended.
            try await Task.sleep(for: .seconds(1))
            stage.story.endedBoot = LocalTime.now().nanoseconds
            return stage.story
        } judge: { cluster, story in
            try judge(cluster, story, scenario)
        }
    }

    private static func scenario(of kind: DrillKind) -> any Scenario {
        switch kind {
        case .kill: KillScenario()
        case .killTwo: KillTwoScenario()
        case .freeze: FreezeScenario()
        case .cutRedis: CutRedisScenario()
        case .cutExchange: CutExchangeScenario()
        case .restartRedis: RestartRedisScenario()
        case .wipeRedis: WipeRedisScenario()
        case .failoverRedis: FailoverRedisScenario()
        case .storm: StormScenario()
        case .flap: FlapScenario()
        case .term: TermScenario()
        case .move: MoveScenario()
        case .deploy: DeployScenario()
        case .scale: ScaleScenario()
        case .partition: PartitionScenario()
        case .soak: SoakScenario()
        }
    }

    private static func judge(_ cluster: DrillCluster, _ story: DrillStory, _ scenario: any Scenario) throws -> DrillReport {
        let plan = cluster.plan
        var options = HistoryChecker.Options()
        options.paceMilliseconds = plan.pace.wholeMilliseconds
        options.excused = scenario.excused(plan)
        let verdict = try HistoryChecker.check(directory: RecordingDirectory(cluster.directory.recording), options: options)
        let now = (boot: LocalTime.now().nanoseconds, wall: WallClock.nanoseconds() / 1_000_000)
        var timeline = Timeline(
            events: cluster.events.events, bootOfWall: now.boot - now.wall * 1_000_000, from: story.beganBoot, to: story.endedBoot)
        try timeline.read(
            truth: cluster.directory.truth, owners: try SocketFeeds(RecordingDirectory(cluster.directory.recording)))
        var storyPackets: [String: [Int64]] = [:]
        if let (index, failovers) = Failover.slowest(in: story, timeline: timeline) {
            let window = StoryChart.window(failovers, fault: story.faults[index].boot)
            storyPackets = try timeline.packetTimes(truth: cluster.directory.truth, from: window.lowerBound, to: window.upperBound)
        }
        let evidence = Evidence(plan: plan, story: story, verdict: verdict, timeline: timeline, events: cluster.events.events)
        return DrillReport(
            plan: plan, story: story, verdict: verdict, timeline: timeline,
            promises: Judgement.promises(evidence, demands: scenario.judge(evidence)), networkName: cluster.network.name,
            storyPackets: storyPackets)
    }
}

/// The function library with its fence taken out, as a broken build would be: who shows another token than the record's writes all the same.
enum Sabotage {
    private static let fence = "    if lease[1] ~= token or token == '' then return { '0', 'FENCED' } end\n"
    private static let opening = """
            if lease[1] ~= token then
                lease[2], lease[3], lease[4], lease[5] = 'live', args[2], '0', string.match(token, ':(%d+)$')
            end

        """

    static let withoutFence = FunctionLibrary(
        name: FunctionLibrary.colony1.name, source: FunctionLibrary.colony1.source.replacing(fence, with: opening))
}
