package import Cluster
internal import Coordination
internal import FoundationEssentials
internal import Glibc
internal import History
internal import Simulator

/// The harmless kinds against a cluster that runs already. It sees what any operator sees; loads, exchanges and faults are the cluster's own.
package struct TargetDrill: Sendable {
    package struct Result: Sendable {
        package let kind: DrillKind
        package let seed: UInt64
        package let runs: Int
        package let promises: [DrillPromise]
        let gaps: [Double]

        package var isKept: Bool { promises.allSatisfy(\.kept) }

        /// The keys of a drill's JSON; what only a private cluster's exchanges can tell is null.
        package func json() throws -> String {
            let quantiles = HistoryVerdict.Quantiles(gaps)
            let empty: [String: Double?] = ["p50": nil, "p99": nil, "max": nil]
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
            let document = Document(
                kind: kind.rawValue, seed: seed, runs: runs, promises: promises,
                leaseGap: ["p50": quantiles.p50, "p99": quantiles.p99, "max": quantiles.max], packetGap: empty,
                packets: ["sent": nil, "stored": nil, "lost": nil, "duplicated": nil, "stale": nil],
                sockets: ["overlap_ms": nil, "connects": nil], admissions: ["count": nil, "min_spacing_s": nil])
            return String(decoding: try encoder.encode(document), as: UTF8.self) + "\n"
        }

        private struct Document: Encodable {
            var kind: String
            var seed: UInt64
            var runs: Int
            var promises: [DrillPromise]
            var leaseGap: [String: Double?]
            var packetGap: [String: Double?]
            var packets: [String: Int?]
            var sockets: [String: Double?]
            var admissions: [String: Double?]

            enum CodingKeys: String, CodingKey {
                case kind, seed, runs, promises
                case leaseGap = "lease_gap_ms"
                case packetGap = "packet_gap_ms"
                case packets, sockets, admissions
            }
        }
    }

    private let kind: DrillKind
    private let client: ClusterClient
    private let runs: Int
    private let seed: UInt64
    private let tell: @Sendable (String) -> Void

    /// Refuses kinds that a cluster in use would not survive unnoticed.
    package init(
        kind: DrillKind, client: ClusterClient, runs: Int, seed: UInt64, tell: @escaping @Sendable (String) -> Void
    ) throws(DrillError) {
        guard kind.isHarmless else {
            let harmless = DrillKind.allCases.filter(\.isHarmless).map(\.rawValue).joined(separator: ", ")
            throw DrillError(
                .usage,
                "the drill '\(kind.rawValue)' breaks more than one worker and is not run against a cluster in use; with --target there are "
                    + "\(harmless). Without --target it runs against a private cluster")
        }
        guard runs >= 1 else { throw DrillError(.usage, "--runs is at least 1, not \(runs)") }
        self.kind = kind
        self.client = client
        self.runs = runs
        self.seed = seed
        self.tell = tell
    }

    package func run() async throws -> Result {
        var random = SplitMix64(seed: seed)
        var gaps: [Double] = []
        var worst = 0.0
        try await untilWhole(within: .seconds(30))
        tell("\(kind.rawValue) against \(client.configuration.redis.endpoint): seed \(seed), \(runs) runs")
        for run in 1...runs {
            switch kind {
            case .move: gaps += try await move(run, &random)
            case .deploy: try await deploy(run)
            default: gaps += try await kill(run, &random)
            }
            worst = gaps.max() ?? 0
        }
        let bound: Double? = kind == .kill ? KillScenario.bound : nil
        let p99 = HistoryVerdict.Quantiles(gaps).p99 ?? 0
        let detail =
            switch kind {
            case .kill:
                "lease with the successor: \(KillScenario.p99(HistoryVerdict.Quantiles(gaps))), bound 250 ms (looked at every 10 ms)"
            case .move: "\(gaps.count) feeds handed over by their owners, without a websocket for \(DrillStage.text(worst)) at most"
            default: "every worker was emptied and filled again, \(runs) times"
            }
        return Result(
            kind: kind, seed: seed, runs: runs, promises: [DrillPromise(.takeoverTime, kept: bound.map { p99 <= $0 } ?? true, detail)],
            gaps: gaps)
    }

    private func move(_ run: Int, _ random: inout SplitMix64) async throws -> [Double] {
        let feeds = try await client.status().feeds.filter { $0.phase == "live" }
        guard let feed = feeds.randomElement(using: &random) else { throw DrillError(.injection, "no feed is live, so none can be moved") }
        // Not by force: a cluster in use keeps its pace.
        let move = try await client.move(FeedName(feed.feed), to: nil, force: false, within: .seconds(150)) { _ in }
        tell(
            "run \(run): moved \(move.feed) from \(move.from) to \(move.to), \(move.gapMilliseconds.map { "\($0) ms" } ?? "no time") without"
        )
        try await untilWhole(within: .seconds(150))
        return move.gapMilliseconds.map { [Double($0)] } ?? []
    }

    private func deploy(_ run: Int) async throws {
        for worker in try await client.members().filter({ $0.state == .ready }).map(\.name).sorted() {
            let answer = try await client.drain(worker, force: false, within: .seconds(600)) { _ in }
            _ = try await client.undrain(worker) { _ in }
            try await untilWhole(within: .seconds(150))
            tell("run \(run): emptied \(worker): \(answer.detail)")
        }
    }

    /// Only a worker of this host, whose process certainly is one.
    private func kill(_ run: Int, _ random: inout SplitMix64) async throws -> [Double] {
        let status = try await client.status()
        let ready = status.workers.filter { $0.state == "ready" && $0.beatAgeMilliseconds < 3000 }
        guard ready.count > 1 else { throw DrillError(.injection, "only one worker is ready: nobody could take over, so none is killed") }
        let here = ready.filter { $0.host == ProcessInformation.hostName && !$0.feeds.isEmpty && Self.isWorker(Int32($0.pid)) }
        guard let victim = here.randomElement(using: &random) else {
            throw DrillError(.injection, "no worker that holds feeds runs on this host; run the drill where one does")
        }
        let started = LocalTime.now()
        Glibc.kill(Int32(victim.pid), SIGKILL)
        var gaps: [String: Double] = [:]
        while gaps.count < victim.feeds.count {
            for feed in try await client.status().feeds where victim.feeds.contains(feed.feed) && gaps[feed.feed] == nil {
                if !feed.holder.isEmpty, feed.holder != victim.id { gaps[feed.feed] = DrillStage.milliseconds(since: started) }
            }
            guard DrillStage.milliseconds(since: started) < 30_000 else {
                throw DrillError(.notRecovered, "\(victim.feeds.count - gaps.count) feeds of \(victim.id) were not taken over within 30 s")
            }
            try await Task.sleep(for: .milliseconds(10))
        }
        tell("run \(run): killed \(victim.id) with \(victim.feeds.count) feed(s); leases after \(DrillStage.text(gaps.values.max() ?? 0))")
        try await untilWhole(within: .seconds(150))
        return gaps.values.sorted()
    }

    private static func isWorker(_ pid: Int32) -> Bool {
        guard let file = fopen("/proc/\(pid)/cmdline", "r") else { return false }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = fread(&bytes, 1, bytes.count, file)
        let words = bytes[..<count].split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        return words.contains("worker") && words.contains("--single")
    }

    /// Every feed live. Waits out the pace, which a cluster in use has.
    private func untilWhole(within limit: Duration) async throws {
        let deadline = LocalTime.now() + limit
        while true {
            let waiting = try await client.status().feeds.filter { $0.phase != "live" }
            if waiting.isEmpty { return }
            guard LocalTime.now() < deadline else {
                throw DrillError(
                    .notRecovered, "\(waiting.map(\.feed).joined(separator: " ")) did not become live within \(DrillPlan.text(limit))")
            }
            try await Task.sleep(for: .milliseconds(100))
        }
    }
}
