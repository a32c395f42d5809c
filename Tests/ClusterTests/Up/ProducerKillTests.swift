import Cluster
import Coordination
import Foundation
import Glibc
import RedisClient
import TestSupport
import Testing

/// Producers that are killed without warning, under real traffic.
@Suite struct ProducerKillTests {
    /// What became of one feed of a killed producer.
    private struct Takeover: Sendable {
        /// Milliseconds.
        var fromRelease: Int64
        var fromKill: Int64
        var killedAtBoot: Int64
    }

    private static let kills = ProcessInfo.processInfo.environment["COLONY_TEST_KILLS"].flatMap { Int($0) } ?? 5

    @Test(.timeLimit(.minutes(5 + kills)))
    func `a killed producer is replaced at once, by one socket, without loss or repetition`() async throws {
        let settings = [
            "exchange.pace=0s", "exchange.quarantine=0s", "exchange.connect_delay=0s", "exchange.retention.maxlen=10000000",
            "exchange.retention.control=10000000",
        ]
        let (run, finished) = try await withUp(["--workers", "4"] + settings.flatMap { ["--set", $0] }) { cluster in
            var takeovers: [Takeover] = []
            var acquaintance = Acquaintance()
            for round in 0..<Self.kills {
                let exchange = cluster.exchanges[round % cluster.exchanges.count]
                takeovers += try await Self.kill(producerOf: exchange, cluster, &acquaintance)
            }
            try await cluster.untilReceiving()
            return (takeovers, bootNanoseconds())
        }
        let (takeovers, endedAtBoot) = run

        #expect(finished.exit == .code(0), "\(finished.output)")
        #expect(finished.survivors == [])
        #expect(takeovers.count >= Self.kills)
        let fromRelease = Self.median(takeovers.map(\.fromRelease))
        let fromKill = Self.median(takeovers.map(\.fromKill))
        print(
            "takeover after \(Self.kills) kills of producers, \(takeovers.count) feeds: released to acquired median \(fromRelease) ms, "
                + "maximum \(takeovers.map(\.fromRelease).max() ?? 0) ms; killed to acquired median \(fromKill) ms, "
                + "maximum \(takeovers.map(\.fromKill).max() ?? 0) ms")
        #expect(fromRelease <= 2_000)
        #expect(fromKill <= 2_000)

        // The exchanges' own count, as the summary tells it.
        #expect(finished.output.components(separatedBy: "at most 1 open at once").count == 4)
        #expect(finished.truth.filter { $0.kind == .summary }.map(\.mostOpen) == [1, 1, 1])
        // Before the end only the killed left their sockets, all of them without a close frame.
        let left = finished.truth.filter { $0.kind == .close && $0.boot < endedAtBoot }
        for close in left {
            #expect(close.cause != "client", "\(close)")
            #expect(takeovers.contains { (0..<10_000_000_000).contains(close.boot - $0.killedAtBoot) }, "\(close)")
        }
        #expect(left.count == takeovers.count)
        let violations = TruthChecker.violations(
            truth: finished.truth, feeds: finished.feeds, killed: Set(left.map(\.socket)), closing: drainTail, isAnswer: \.isAnswer
        )
        #expect(violations.isEmpty, "\(violations.count) violations: \(violations.prefix(10))")
    }

    /// Since when each worker is seen.
    private struct Acquaintance {
        private var since: [String: ContinuousClock.Instant] = [:]

        /// Whether two workers besides the holder of `exchange` have been ready for so long that the others certainly count them.
        mutating func hasSuccessors(of exchange: String, in status: ClusterStatus) -> Bool {
            let now = ContinuousClock.now
            let ready = status.workers.filter { $0.state == "ready" && $0.beatAgeMilliseconds < 3_000 }.map(\.id)
            since = since.filter { ready.contains($0.key) }
            for id in ready where since[id] == nil { since[id] = now }
            let holder = status.feeds.first { $0.feed == exchange }?.holder
            return since.count { $0.key != holder && now - $0.value > .seconds(3) } >= 2
        }
    }

    /// Kills the process that produces `exchange`, and waits for the successors of all its feeds.
    private static func kill(
        producerOf exchange: String, _ cluster: RunningCluster, _ acquaintance: inout Acquaintance
    ) async throws -> [Takeover] {
        let status = try await eventually("all feeds were received and successors were ready", within: .seconds(90)) {
            let status = try await cluster.untilReceiving()
            return acquaintance.hasSuccessors(of: exchange, in: status) ? status : nil
        }
        let holder = try #require(status.feeds.first { $0.feed == exchange }).holder
        let worker = try #require(status.workers.first { $0.id == holder })
        let lost = status.feeds.filter { $0.holder == holder }
        let family = ProcessIdentity.descendants(of: cluster.process.pid)
        let victim = try #require(family.first { Int($0.pid) == worker.pid })

        var logs: [(feed: ClusterStatus.Feed, log: EventLog, end: String, connection: RedisConnection)] = []
        defer { for entry in logs { entry.connection.close() } }
        for feed in lost {
            let connection = try await cluster.connect()
            let log = EventLog(feed.exchange, keys: cluster.keys, on: connection)
            logs.append((feed, log, try await log.end(), connection))
        }
        let killedAt = wallMilliseconds()
        let killedAtBoot = bootNanoseconds()
        victim.signal(SIGKILL)

        var takeovers: [Takeover] = []
        for (feed, log, end, _) in logs {
            let events = try await log.next(after: end) { ["acquired", "taken_over"].contains($0.event) }
            let acquired = try #require(events.last)
            #expect(acquired.worker != holder)
            #expect(acquired.epoch > feed.epoch)
            let released = try #require(events.first { $0.event == "released" }, "\(feed.feed): \(events)")
            takeovers.append(Takeover(fromRelease: acquired.at - released.at, fromKill: acquired.at - killedAt, killedAtBoot: killedAtBoot))
        }
        return takeovers
    }

    private static func median(_ values: [Int64]) -> Int64 {
        values.isEmpty ? .max : values.sorted()[values.count / 2]
    }
}
