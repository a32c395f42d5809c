import Coordination
import Glibc
import Logging
import RedisClient
import Simulator
import TestSupport
import Testing

@testable import Cluster

/// The holder is killed in each state that a reconnect goes through; its successor finds what the contract says (sections 6 and 8).
@Suite struct CrashStateTests {
    /// How the successor comes by the lease.
    enum Proof: CaseIterable, Sendable {
        /// The supervisor reaped the process and reports its death.
        case reaped
        /// Nobody says anything: the record is unchanged for T.
        case observed
    }

    /// What the successor took over.
    private struct Takeover {
        /// The record as the dead holder left it.
        var left: [String: String]
        var events: [[String: String]]
        /// When the lease left the dead holder, by Redis' clock: released, or taken over.
        var at: Int64
        var successor: ChildProcess
    }

    /// Lets the death of `dead` be known, starts the successor, and waits until it holds the lease.
    private static func takeOver(_ cluster: CrashCluster, by proof: Proof) async throws -> Takeover {
        let left = try await cluster.record("binance")
        let dead = Incarnation(left["holder"] ?? "")
        if proof == .reaped {
            let reporter = DeathReporter(configuration: cluster.configuration, logger: Logger(label: "test"))
            await reporter.report(dead, feeds: [FeedName("binance")])
        }
        let successor = try await cluster.worker("b")
        let record = try await cluster.until("binance", "the successor as holder") { $0["holder"]?.hasPrefix("b.") == true }
        let events = try await cluster.events("binance")
        let change = proof == .reaped ? "released" : "taken_over"
        let at = try #require(events.last { $0["event"] == change }?["at"].flatMap { Int64($0) })
        #expect(Int(record["epoch"] ?? "") ?? 0 > Int(left["epoch"] ?? "") ?? .max)
        return Takeover(left: left, events: events, at: at, successor: successor)
    }

    private static func admissions(_ events: [[String: String]]) -> [Int64] {
        events.filter { $0["admitted"] == "1" }.compactMap { $0["at"].flatMap { Int64($0) } }
    }

    private static func times(_ event: String, _ events: [[String: String]]) -> [Int64] {
        events.filter { $0["event"] == event }.compactMap { $0["at"].flatMap { Int64($0) } }
    }

    /// The exchange never saw two sockets, and the second of them belongs to the successor.
    private static func finish(_ cluster: CrashCluster, _ takeover: Takeover, connects: Int) async throws {
        takeover.successor.signal(SIGKILL)
        _ = try await takeover.successor.waitForExit()
        let summary = cluster.simulator.truth.summary(of: "binance")
        #expect(summary.mostOpen <= 1)
        #expect(summary.socketsOpened == connects)
    }

    @Test(.timeLimit(.minutes(3)), arguments: Proof.allCases)
    func `wait: the first connection that a dead holder owed is due at its time, without an admission`(proof: Proof) async throws {
        try await withCrashCluster(settings: ["connect_delay: 600s...600s"]) { cluster in
            let holder = try await cluster.worker("a")
            defer { holder.signal(SIGKILL) }
            try await cluster.want("binance")
            try await cluster.until("binance", "a holder that waits") { $0["state"] == "held" && $0["pending"] == "due" }
            try await cluster.kill(holder, named: "a")
            let takeover = try await Self.takeOver(cluster, by: proof)
            let record = try await cluster.record("binance")
            #expect(record["phase"] == "waiting" && record["pending"] == "due")
            #expect(record["pending_until"] == takeover.left["pending_until"])
            #expect(record["crashes"] ?? "0" == "0")
            let disconnects = try await cluster.hash(cluster.feed("binance").disconnects)
            #expect(disconnects == [:])
            try await Self.finish(cluster, takeover, connects: 0)
        }
    }

    @Test(.timeLimit(.minutes(3)), arguments: Proof.allCases)
    func `due: an admitted reconnect keeps its time, and is not counted again`(proof: Proof) async throws {
        try await withCrashCluster(settings: ["connect_delay: 8s...8s", "pace: 600s"]) { cluster in
            let holder = try await cluster.worker("a")
            defer { holder.signal(SIGKILL) }
            try await cluster.want("binance")
            try await cluster.until("binance", "a live holder") { $0["phase"] == "live" }
            _ = try cluster.simulator.inject(.cut(.close), exchange: "binance")
            try await cluster.until("binance", "an admitted reconnect") { $0["phase"] == "waiting" && $0["pending"] == "due" }
            try await cluster.kill(holder, named: "a")
            let takeover = try await Self.takeOver(cluster, by: proof)
            let record = try await cluster.until("binance", "a live successor") { $0["phase"] == "live" }
            let events = try await cluster.events("binance")
            let until = try #require(Int64(takeover.left["pending_until"] ?? ""))
            #expect(record["pending_until"] == takeover.left["pending_until"])
            let connecting = try #require(Self.times("connecting", events).last)
            #expect(connecting >= until)
            #expect(Self.admissions(events).count == 1)
            let disconnects = try await cluster.hash(cluster.feed("binance").disconnects)
            #expect(disconnects["count"] == "1")
            #expect(record["crashes"] ?? "0" == "0")
            try await Self.finish(cluster, takeover, connects: 2)
        }
    }

    @Test(.timeLimit(.minutes(3)), arguments: Proof.allCases)
    func `cool: a reconnect inside the pace cools down to its end, and is admitted then, once`(proof: Proof) async throws {
        let pace: Int64 = 25_000
        try await withCrashCluster(settings: ["connect_delay: 1s...1s", "pace: 25s"]) { cluster in
            let holder = try await cluster.worker("a")
            defer { holder.signal(SIGKILL) }
            try await cluster.want("binance")
            let first = try await cluster.until("binance", "a live holder") { $0["phase"] == "live" }
            _ = try cluster.simulator.inject(.cut(.close), exchange: "binance")
            let firstEpoch = first["epoch"] ?? ""
            try await cluster.until("binance", "a second websocket") { $0["phase"] == "live" && $0["epoch"] != firstEpoch }
            _ = try cluster.simulator.inject(.cut(.close), exchange: "binance")
            try await cluster.until("binance", "a reconnect that cools") { $0["pending"] == "cooling" }
            try await cluster.kill(holder, named: "a")
            let takeover = try await Self.takeOver(cluster, by: proof)
            let before = Self.admissions(takeover.events)
            #expect(before.count == 1)
            let admitted = try #require(before.first)
            #expect(takeover.left["pending_until"] == "\(admitted + pace)")
            #expect(takeover.left["pending_delay"] == "1000")
            try await cluster.until("binance", "a live successor") { $0["phase"] == "live" }
            let events = try await cluster.events("binance")
            let admissions = Self.admissions(events)
            #expect(admissions.count == 2)
            let second = try #require(admissions.last)
            #expect(second - admitted >= pace)
            let connecting = try #require(Self.times("connecting", events).last)
            #expect(connecting >= second + 1000)
            let record = try await cluster.record("binance")
            #expect(record["crashes"] ?? "0" == "0")
            try await Self.finish(cluster, takeover, connects: 3)
        }
    }

    @Test(.timeLimit(.minutes(3)), arguments: Proof.allCases)
    func `dial: a crash while connecting waits a fresh connect_delay, is a crash, and no admission`(proof: Proof) async throws {
        try await withCrashCluster(settings: ["connect_delay: 1s...1s", "takeover_delay: 0s"]) { cluster in
            _ = try cluster.simulator.inject(.slowHandshake(.seconds(600)), exchange: "binance")
            let holder = try await cluster.worker("a")
            defer { holder.signal(SIGKILL) }
            try await cluster.want("binance")
            try await cluster.until("binance", "a holder that connects") { $0["phase"] == "connecting" }
            try await cluster.kill(holder, named: "a")
            _ = try cluster.simulator.inject(.heal, exchange: "binance")
            try await Self.judgeConnecting(cluster, by: proof, connects: 1)
        }
    }

    @Test(.timeLimit(.minutes(3)), arguments: Proof.allCases)
    func `begin: a crash with a websocket whose epoch never began is one while connecting`(proof: Proof) async throws {
        try await withCrashCluster(settings: ["connect_delay: 1s...1s", "takeover_delay: 0s"]) { cluster in
            _ = try cluster.simulator.inject(.slowHandshake(.milliseconds(1500)), exchange: "binance")
            let holder = try await cluster.worker("a")
            defer { holder.signal(SIGKILL) }
            try await cluster.want("binance")
            try await cluster.until("binance", "a holder that connects") { $0["phase"] == "connecting" }
            // From here nothing that writes is executed: the websocket opens, and `begin` waits.
            _ = try await cluster.connection.send(["CLIENT", "PAUSE", "60000", "WRITE"])
            _ = try await cluster.simulator.truth.first { $0.kind == .open }
            try await cluster.kill(holder, named: "a")
            _ = try await cluster.connection.send(["CLIENT", "UNPAUSE"])
            _ = try cluster.simulator.inject(.heal, exchange: "binance")
            let markers = try await cluster.markers("binance")
            #expect(!markers.contains("up"))
            let record = try await cluster.record("binance")
            #expect(record["phase"] == "connecting")
            try await Self.judgeConnecting(cluster, by: proof, connects: 2)
        }
    }

    /// The successor of a holder that died while connecting.
    private static func judgeConnecting(_ cluster: CrashCluster, by proof: Proof, connects: Int) async throws {
        let takeover = try await takeOver(cluster, by: proof)
        let record = try await cluster.until("binance", "a live successor") { $0["phase"] == "live" }
        let events = try await cluster.events("binance")
        let before = try #require(Int64(takeover.left["pending_until"] ?? ""))
        // Never the takeover delay, whatever the proof: no admission stands between two attempts.
        let due = max(before, takeover.at + 1000)
        #expect(record["pending_until"] == "\(due)")
        let connecting = try #require(times("connecting", events).last)
        #expect(connecting >= due)
        #expect(record["crashes"] == "1")
        let crashes = events.count { $0["event"] == "crashed" }
        #expect(crashes == 1)
        #expect(admissions(events) == [])
        let disconnects = try await cluster.hash(cluster.feed("binance").disconnects)
        #expect(disconnects == [:])
        let ups = try await cluster.markers("binance").count { $0 == "up" }
        #expect(ups == 1)
        try await finish(cluster, takeover, connects: connects)
    }
}
