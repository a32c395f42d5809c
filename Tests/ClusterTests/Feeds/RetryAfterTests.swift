import Glibc
import Simulator
import TestSupport
import Testing

/// What an exchange says about when to come back is said to the cluster.
@Suite struct RetryAfterTests {
    @Test(.timeLimit(.minutes(3)), arguments: [429, 418, 503])
    func `how long an exchange wants to be left alone outlives the worker that was told`(status: Int) async throws {
        try await withCrashCluster(settings: ["connect_delay: 0s"]) { cluster in
            try cluster.simulator.inject(.refuse(status: status, retryAfter: .seconds(600)), exchange: "binance")
            let told = try await cluster.worker("a")
            defer { told.signal(SIGKILL) }
            try await cluster.want("binance")
            let left = try await cluster.until("binance", "a wait of ten minutes") { Int64($0["pending_span"] ?? "") ?? 0 > 590_000 }
            told.signal(SIGTERM)
            #expect(try await told.waitForExit() == .code(0))

            let successor = try await cluster.worker("b")
            defer { successor.signal(SIGKILL) }
            let record = try await cluster.until("binance", "the successor as holder") { $0["holder"]?.hasPrefix("b.") == true }
            #expect(record["phase"] == "waiting" && record["pending"] == "due")
            #expect(record["pending_until"] == left["pending_until"])
            #expect(cluster.simulator.truth.summary(of: "binance").refused == 1)
        }
    }
}
