import Cluster
import Coordination
import Foundation
import Glibc
import Simulator
import TestSupport
import Testing

/// Feeds that share a budget group share one pace, whoever produces them.
@Suite struct SharedPaceTests {
    @Test(.timeLimit(.minutes(3)))
    func `of losses within the pace, at producers of different workers, exactly one is admitted`() async throws {
        // Three over two workers: neither may hold all.
        let exchanges = ["binance", "kraken", "huobi"]
        let settings = ["connect_delay: 1s...1s", "pace: 60s"]
        try await withCrashCluster(exchanges: exchanges, settings: settings, budget: "shared") { cluster in
            let workers = [try await cluster.worker("host-a"), try await cluster.worker("host-b")]
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
            try #require(holders.count == 2, "one worker holds all: \(holders)")

            let cut = try cluster.simulator.inject(.cut(.reset))
            #expect(cut == 3)
            var pendings: [String] = []
            for exchange in exchanges {
                let record = try await cluster.until(exchange, "the loss") { $0["phase"] != "live" || $0["connections"] == "2" }
                pendings.append(record["pending"] ?? "")
            }
            let events = try await eventually("the losses were logged", within: .seconds(30)) {
                let events = try await cluster.events("binance")
                return events.count { $0["event"] == "disconnected" } == 3 ? events : nil
            }
            let losses = events.filter { $0["event"] == "disconnected" }
            let losers = Set(losses.map { $0["worker"] ?? "" })
            let admitted = losses.map { $0["admitted"] ?? "" }.sorted()
            let cooling = pendings.count { $0 == "cooling" }
            let disconnects = try await cluster.hash(cluster.feed("binance").disconnects)
            #expect(losers == holders)
            #expect(admitted == ["0", "0", "1"])
            #expect(cooling == 2)
            #expect(disconnects["count"] == "1")
        }
    }
}
