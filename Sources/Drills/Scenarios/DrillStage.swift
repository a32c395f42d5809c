internal import Cluster
internal import Coordination
internal import Glibc
internal import History
internal import Ingest
internal import Simulator

/// What scenarios work with: the cluster, the seed's random numbers, the notes of what was done.
struct DrillStage {
    let cluster: DrillCluster
    let faultLog: FaultLog
    var random: SplitMix64
    var story = DrillStory()

    var plan: DrillPlan { cluster.plan }

    func tell(_ text: String) { cluster.tell(text) }

    /// A random moment within `range`.
    mutating func pause(_ range: ClosedRange<Int64>) async throws {
        try await Task.sleep(for: .milliseconds(Int64.random(in: range, using: &random)))
    }

    /// Notes a fault; to be called directly before it is brought about.
    @discardableResult
    mutating func fault(
        _ kind: String, run: Int, worker: String = "", feeds: [String] = [], detail: String = "", isProvedDeath: Bool = false
    ) throws -> DrillStory.Fault {
        let fault = DrillStory.Fault(
            run: run, kind: kind, boot: LocalTime.now().nanoseconds, healedBoot: nil, wall: WallClock.nanoseconds() / 1_000_000,
            worker: worker, feeds: feeds, detail: detail, isProvedDeath: isProvedDeath)
        try faultLog.add(kind, worker: worker, feeds: feeds, detail: detail, boot: fault.boot)
        story.faults.append(fault)
        return fault
    }

    /// Notes that the last fault was taken back.
    mutating func healed() {
        guard !story.faults.isEmpty else { return }
        story.faults[story.faults.count - 1].healedBoot = LocalTime.now().nanoseconds
    }

    /// A worker that produces, with what it holds.
    struct Producer {
        var id: String
        var pid: Int32
        var host: Int
        var feeds: [FeedName]
    }

    /// The producers at this moment, in a stable order; only those whose process is known.
    func producers() async throws -> [Producer] {
        let leases = try await cluster.view.leases()
        let workers = try await cluster.readyWorkers()
        return workers.compactMap { worker in
            let feeds = leases.filter { $0.holder == worker.id && $0.isLive }.map(\.feed)
            guard !feeds.isEmpty, let host = DrillHost.number(ofWorker: worker.id) else { return nil }
            return Producer(id: worker.id, pid: Int32(worker.pid), host: host, feeds: feeds)
        }.sorted { $0.id < $1.id }
    }

    /// One of them by chance, as likely as it has feeds.
    mutating func victim() async throws -> Producer {
        let producers = try await producers()
        let slots = producers.flatMap { producer in producer.feeds.map { _ in producer } }
        guard let chosen = slots.randomElement(using: &random) else {
            throw DrillError(.injection, "no worker produces anything, so none can be the victim")
        }
        return chosen
    }

    /// Milliseconds from `fault` to the next acquisition of each of these feeds by another than `holder`, as the event log has it. Waits for
    /// them; throws `.notRecovered` when some do not come.
    func acquisitions(of feeds: [FeedName], after fault: DrillStory.Fault, notBy holder: String, within limit: Duration) async throws
        -> [Double]
    {
        let deadline = LocalTime.now() + limit
        let wanted = Set(feeds.map(\.text))
        while true {
            var gaps: [String: Double] = [:]
            for event in cluster.events.events where event.at >= fault.wall && wanted.contains(event.feed) && event.worker != holder {
                guard event.event == "acquired" || event.event == "taken_over", gaps[event.feed] == nil else { continue }
                gaps[event.feed] = Double(event.at - fault.wall)
            }
            if gaps.count == wanted.count { return gaps.values.sorted() }
            guard LocalTime.now() < deadline else {
                throw DrillError(
                    .notRecovered,
                    "\(wanted.subtracting(gaps.keys).sorted().joined(separator: " ")) was not taken over within \(DrillPlan.text(limit))")
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    /// Enough for every rule to run its course, on a loaded machine too.
    var patience: Duration { .seconds(60) + plan.pace * (1 + cluster.view.feeds.count / max(1, plan.exchanges.count)) }

    @discardableResult
    func untilWhole(_ what: String, beyond: [FeedName: Int] = [:]) async throws -> [ClusterView.Lease] {
        try await cluster.untilWhole(what, within: patience, beyond: beyond)
    }

    /// The epochs of now, to be left behind.
    func epochs() async throws -> [FeedName: Int] {
        Dictionary(uniqueKeysWithValues: try await cluster.view.leases().map { ($0.feed, $0.epoch) })
    }

    static func text(_ milliseconds: Double) -> String {
        milliseconds >= 10_000 ? "\((milliseconds / 100).rounded() / 10) s" : "\(Int(milliseconds.rounded())) ms"
    }

    static func milliseconds(since start: LocalTime) -> Double { Double((LocalTime.now() - start).wholeNanoseconds) / 1e6 }
}

/// A kind of drill.
protocol Scenario: Sendable {
    /// Does it, `plan.runs` times, and waits for the cluster to be whole behind each.
    func run(_ stage: inout DrillStage) async throws
    /// What this kind demands beyond the contract's rules, given what was found.
    func judge(_ evidence: Evidence) -> [DrillPromise]
    /// Rules whose breach is part of the fault itself.
    func excused(_ plan: DrillPlan) -> Set<HistoryRule>
}

extension Scenario {
    func excused(_ plan: DrillPlan) -> Set<HistoryRule> { [] }
}

/// What is judged.
struct Evidence: Sendable {
    var plan: DrillPlan
    var story: DrillStory
    var verdict: HistoryVerdict
    var timeline: Timeline
    var events: [ClusterEvent]
}
