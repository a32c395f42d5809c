internal import Coordination
internal import History
internal import Simulator

/// The exchanges cut all websockets at once.
struct StormScenario: Scenario {
    func run(_ stage: inout DrillStage) async throws {
        for run in 1...stage.plan.runs {
            try await stage.pause(0...max(1000, stage.plan.pace.wholeMilliseconds))
            try await Self.strike(&stage, run: run)
        }
    }

    static func strike(_ stage: inout DrillStage, run: Int) async throws {
        let kind = Fault.CutKind.allCases.randomElement(using: &stage.random) ?? .reset
        let started = LocalTime.now()
        try stage.fault("storm", run: run, feeds: stage.cluster.view.feeds.map(\.text), detail: kind.rawValue)
        let before = try await stage.epochs()
        let reached = try await stage.cluster.exchange.command("cut * \(kind.rawValue)")
        try await stage.untilWhole("the cluster after a storm", beyond: before)
        stage.tell(
            "run \(run): all websockets cut (\(kind.rawValue), \(reached)); whole again after "
                + DrillStage.text(DrillStage.milliseconds(since: started)))
    }

    func judge(_ evidence: Evidence) -> [DrillPromise] { [Pace.judge(evidence)] }
}

/// The exchanges cut each websocket a few seconds after it was opened, for minutes.
struct FlapScenario: Scenario {
    func run(_ stage: inout DrillStage) async throws {
        for run in 1...stage.plan.runs {
            let interval = Int64.random(in: 2000...6000, using: &stage.random)
            try stage.fault("flap", run: run, feeds: stage.cluster.view.feeds.map(\.text), detail: "every \(interval) ms")
            try await stage.cluster.exchange.command("flap * \(interval)ms")
            let end = LocalTime.now() + .milliseconds(Int64(stage.plan.minutes * 60_000))
            var told = LocalTime.now()
            while LocalTime.now() < end {
                try await Task.sleep(for: .milliseconds(500))
                guard LocalTime.now() - told >= .seconds(20) else { continue }
                told = .now()
                let leases = try await stage.cluster.view.leases()
                stage.tell(
                    "run \(run): \(leases.count { $0.isLive }) of \(leases.count) feeds live, \(leases.count { $0.pending == "cooling" }) "
                        + "cooling, \((end - LocalTime.now()).components.seconds) s to go")
            }
            try await stage.cluster.exchange.command("heal *")
            stage.healed()
            try await stage.untilWhole("the cluster after the exchanges flapped")
        }
    }

    func judge(_ evidence: Evidence) -> [DrillPromise] {
        let pace = Double(evidence.plan.pace.wholeMilliseconds) / 1000
        guard pace > 0 else { return [] }
        var worst = (exchange: "", count: 0, allowed: 0)
        for fault in evidence.story.faults {
            let end = fault.healedBoot ?? evidence.story.endedBoot
            let seconds = Double(end - fault.boot) / 1e9
            // One at the first cut, then one per pace.
            let allowed = Int(seconds / pace) + 1
            for exchange in Set(evidence.timeline.sockets.keys.map(Timeline.exchange)) {
                let count = evidence.timeline.sockets(ofExchange: exchange).count { $0.open > fault.boot && $0.open <= end }
                if count - allowed > worst.count - worst.allowed || worst.exchange.isEmpty { worst = (exchange, count, allowed) }
            }
        }
        return [
            Pace.judge(evidence),
            DrillPromise(
                .onePace, kept: worst.count <= worst.allowed,
                "most reconnects of one exchange while it flapped: \(worst.count) (\(worst.exchange)), allowed \(worst.allowed)"),
        ]
    }
}

enum Pace {
    /// The smallest time between two admissions against the pace the drill is judged by, which sabotage does not change.
    static func judge(_ evidence: Evidence) -> DrillPromise {
        let pace = Double(evidence.plan.pace.wholeMilliseconds) / 1000
        let admissions = evidence.verdict.admissions
        guard pace > 0, let spacing = admissions.minimumSpacingSeconds else {
            return DrillPromise(.onePace, kept: true, "\(admissions.count) admissions, none to compare")
        }
        return DrillPromise(
            .onePace, kept: spacing >= pace,
            "\(admissions.count) admissions, \((spacing * 1000).rounded() / 1000) s apart at least, pace \(DrillPlan.text(evidence.plan.pace))"
        )
    }
}
