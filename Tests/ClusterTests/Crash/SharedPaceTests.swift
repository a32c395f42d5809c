import Cluster
import Coordination
import Foundation
import Glibc
import Simulator
import TestSupport
import Testing

/// Feeds that share a budget group share one pace, whoever produces them.
@Suite struct SharedPaceTests {
    /// Names of two workers, each the better place for one of the exchanges.
    private static func names(_ exchanges: [String]) -> [String] {
        for turn in 0..<1000 {
            let names = ["host\(turn)-a", "host\(turn)-b"]
            let candidates = names.map { Rendezvous.Candidate(name: $0, weight: 1) }
            let best = exchanges.map { Rendezvous.ranked(FeedName($0), among: candidates)[0].name }
            if best == names { return names }
        }
        return []
    }

    @Test(.timeLimit(.minutes(3)))
    func `of two losses within the pace, at producers of different workers, exactly one is admitted`() async throws {
        let exchanges = ["binance", "kraken"]
        let settings = ["connect_delay: 1s...1s", "pace: 60s"]
        try await withCrashCluster(exchanges: exchanges, settings: settings, budget: "shared") { cluster in
            let names = Self.names(exchanges)
            let workers = [try await cluster.worker(names[0]), try await cluster.worker(names[1])]
            defer { for worker in workers { worker.signal(SIGKILL) } }
            var since: ContinuousClock.Instant?
            try await eventually("both workers had counted each other", within: .seconds(60)) { () async throws -> Bool? in
                let ready = try await cluster.client.status().workers.filter { $0.state == "ready" }
                guard ready.count == 2 else { return nil }
                // A worker that has joined is counted by the others with one of their next beats.
                let known = since ?? .now
                since = known
                return ContinuousClock.now - known > .seconds(3) ? true : nil
            }
            for exchange in exchanges { try await cluster.want(exchange) }
            var holders: Set<String> = []
            for exchange in exchanges {
                let record = try await cluster.until(exchange, "a live holder") { $0["phase"] == "live" }
                holders.insert(record["holder"] ?? "")
            }
            try #require(holders.count == 2, "one worker holds both: \(holders)")

            let cut = try cluster.simulator.inject(.cut(.reset))
            #expect(cut == 2)
            var pendings: [String] = []
            for exchange in exchanges {
                let record = try await cluster.until(exchange, "the loss") { $0["phase"] != "live" || $0["connections"] == "2" }
                pendings.append(record["pending"] ?? "")
            }
            let events = try await eventually("both losses were logged", within: .seconds(30)) {
                let events = try await cluster.events("binance")
                return events.count { $0["event"] == "disconnected" } == 2 ? events : nil
            }
            let losses = events.filter { $0["event"] == "disconnected" }
            let losers = Set(losses.map { $0["worker"] ?? "" })
            let admitted = losses.map { $0["admitted"] ?? "" }.sorted()
            let cooling = pendings.count { $0 == "cooling" }
            let disconnects = try await cluster.hash(cluster.feed("binance").disconnects)
            #expect(losers == holders)
            #expect(admitted == ["0", "1"])
            #expect(cooling == 1)
            #expect(disconnects["count"] == "1")
        }
    }
}
