internal import Cluster
internal import Coordination
internal import Glibc
internal import History

/// SIGTERM of the worker that holds most feeds.
struct TermScenario: Scenario {
    /// The contract's bounds, milliseconds.
    static let freeBound = 300.0
    static let exitBound = 500.0

    func run(_ stage: inout DrillStage) async throws {
        for run in 1...stage.plan.runs {
            try await stage.pause(0...1500)
            let producers = try await stage.producers()
            guard let victim = producers.max(by: { $0.feeds.count < $1.feeds.count }) else { continue }
            try await Self.drain(victim, &stage, run: run)
        }
    }

    /// Ends one worker in order and waits until everything is in other hands and the worker is back.
    static func drain(_ victim: DrillStage.Producer, _ stage: inout DrillStage, run: Int) async throws {
        let fault = try stage.fault("term", run: run, worker: victim.id, feeds: victim.feeds.map(\.text), isProvedDeath: true)
        let started = LocalTime.now()
        kill(victim.pid, SIGTERM)
        while Launch.isRunning(victim.pid), LocalTime.now() - started < .seconds(10) { try await Task.sleep(for: .milliseconds(1)) }
        let exited = DrillStage.milliseconds(since: started)
        stage.story.add(exited, to: "exit")
        let gaps = try await stage.acquisitions(of: victim.feeds, after: fault, notBy: victim.id, within: .seconds(20))
        let names = Set(victim.feeds.map(\.text))
        var free: [String: Double] = [:]
        for event in stage.cluster.events.events where event.at >= fault.wall && event.event == "released" && event.worker == victim.id {
            if names.contains(event.feed), free[event.feed] == nil { free[event.feed] = Double(event.at - fault.wall) }
        }
        let freed = free.values.max() ?? .infinity
        stage.story.add(free.count == names.count ? freed : .infinity, to: "all free")
        for gap in gaps { stage.story.add(gap, to: "lease gap") }
        try await stage.untilWhole("the cluster after \(victim.id) was ended")
        stage.tell(
            "run \(run): ended \(victim.id.prefix { $0 != "." }) with \(victim.feeds.count) feeds; all free after \(DrillStage.text(freed)), "
                + "gone after \(DrillStage.text(exited)), last lease with a successor after \(DrillStage.text(gaps.last ?? 0))")
    }

    static func judgeDrain(_ evidence: Evidence) -> [DrillPromise] {
        let free = evidence.story.samples("all free").max() ?? 0
        let exit = evidence.story.samples("exit").max() ?? 0
        return [
            DrillPromise(
                .takeoverTime, kept: free <= freeBound, "orderly end: all leases free after \(DrillStage.text(free)) at most, bound 300 ms"),
            DrillPromise(
                .takeoverTime, kept: exit <= exitBound, "orderly end: process gone after \(DrillStage.text(exit)) at most, bound 500 ms"),
        ]
    }

    func judge(_ evidence: Evidence) -> [DrillPromise] { Self.judgeDrain(evidence) }
}

/// Every worker is replaced, one after the other.
struct DeployScenario: Scenario {
    func run(_ stage: inout DrillStage) async throws {
        for run in 1...stage.plan.runs {
            var replaced: Set<String> = []
            while let next = try await stage.cluster.readyWorkers().map(\.id).sorted().first(where: {
                !replaced.contains(String($0.prefix { $0 != "." }))
            }) {
                let name = String(next.prefix { $0 != "." })
                replaced.insert(name)
                guard let victim = try await stage.producers().first(where: { $0.id == next }) else {
                    stage.tell("run \(run): \(name) holds nothing; it is replaced without a handover")
                    continue
                }
                try await TermScenario.drain(victim, &stage, run: run)
            }
        }
    }

    func judge(_ evidence: Evidence) -> [DrillPromise] {
        // In order: the marker says that everything received before it is stored.
        let silent = evidence.story.faults.filter { fault in
            let ended = evidence.events.filter { $0.at >= fault.wall && $0.event == "released" && $0.worker == fault.worker }
            return Set(ended.map(\.feed)) != Set(fault.feeds)
        }
        return TermScenario.judgeDrain(evidence) + [
            DrillPromise(
                .takeoverTime, kept: silent.isEmpty,
                silent.isEmpty ? "every feed was handed over by its owner" : "not every feed of \(silent.map(\.worker)) was handed over")
        ]
    }
}
