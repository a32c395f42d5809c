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

/// A feed is handed over on request.
struct MoveScenario: Scenario {
    func run(_ stage: inout DrillStage) async throws {
        for run in 1...stage.plan.runs {
            try await stage.pause(0...1000)
            let producers = try await stage.producers()
            let choices = producers.flatMap { producer in producer.feeds.map { (producer, $0) } }
            guard let (owner, feed) = choices.randomElement(using: &stage.random) else { continue }
            let fault = try stage.fault("move", run: run, worker: owner.id, feeds: [feed.text])
            let move = try await stage.cluster.client.move(feed, to: nil, force: true, within: stage.patience) { _ in }
            if let gap = move.gapMilliseconds { stage.story.add(Double(gap), to: "without a websocket") }
            let gaps = try await stage.acquisitions(of: [feed], after: fault, notBy: owner.id, within: .seconds(5))
            for gap in gaps { stage.story.add(gap, to: "asked to handed over") }
            try await stage.untilWhole("the cluster after \(feed) was moved")
            stage.tell(
                "run \(run): moved \(feed) from \(move.from) to \(move.to); without a websocket for "
                    + (move.gapMilliseconds.map { "\($0) ms" } ?? "no time"))
        }
    }

    func judge(_ evidence: Evidence) -> [DrillPromise] { Handover.judge(evidence) }
}

/// Every worker is replaced, one after the other: drained first, so that each feed goes to a successor that is ready for it.
struct DeployScenario: Scenario {
    func run(_ stage: inout DrillStage) async throws {
        for run in 1...stage.plan.runs {
            let workers = try await stage.cluster.readyWorkers().sorted { $0.id < $1.id }
            for worker in workers {
                let name = String(worker.id.prefix { $0 != "." })
                let held = try await stage.producers().first { $0.id == worker.id }?.feeds ?? []
                let started = LocalTime.now()
                let fault = try stage.fault("deploy", run: run, worker: worker.id, feeds: held.map(\.text))
                _ = try await stage.cluster.client.drain(name, force: stage.plan.pace == .zero, within: stage.patience) { _ in }
                let gaps = try await stage.acquisitions(of: held, after: fault, notBy: worker.id, within: .seconds(20))
                for gap in gaps { stage.story.add(gap, to: "asked to handed over") }
                kill(Int32(worker.pid), SIGTERM)
                try await stage.cluster.view.until("the end of \(name)", within: .seconds(20)) { _ in
                    Launch.isRunning(Int32(worker.pid)) ? "process \(worker.pid) still runs" : nil
                }
                try await stage.untilWhole("the cluster after \(name) was replaced")
                stage.tell(
                    "run \(run): replaced \(name) with \(held.count) feeds in \(DrillStage.text(DrillStage.milliseconds(since: started)))")
                // A worker that has just come counts, as one who could take over, only after the settle time.
                try await Task.sleep(for: stage.cluster.client.configuration.placement.settle + .seconds(2))
            }
        }
    }

    func judge(_ evidence: Evidence) -> [DrillPromise] { Handover.judge(evidence) }
}

enum Handover {
    /// Whether every feed was given up by its owner, in order.
    static func judge(_ evidence: Evidence) -> [DrillPromise] {
        let silent = evidence.story.faults.filter { fault in
            let ended = evidence.events.filter { $0.at >= fault.wall && $0.event == "released" && $0.worker == fault.worker }
            return !Set(fault.feeds).isSubset(of: Set(ended.map(\.feed)))
        }
        let count = evidence.story.faults.reduce(0) { $0 + $1.feeds.count }
        let gaps = evidence.verdict.packetGap
        return [
            DrillPromise(
                .takeoverTime, kept: silent.isEmpty,
                silent.isEmpty
                    ? "\(count) feeds handed over by their owners; without a websocket for p99 "
                        + "\(evidence.verdict.websocketGap.p99.map { DrillStage.text($0) } ?? "-"), without packets for p99 "
                        + "\(gaps.p99.map { DrillStage.text($0) } ?? "-")"
                    : "not every feed of \(silent.map(\.worker)) was handed over")
        ]
    }
}
