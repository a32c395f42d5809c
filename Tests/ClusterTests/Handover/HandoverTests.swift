import Cluster
import Coordination
import Glibc
import Simulator
import TestSupport
import Testing

/// Moves, drains and deploys with real processes.
@Suite struct HandoverTests {
    private static let two = ["binance": "trade BTCUSDT", "kraken": "trade BTC/USD"]

    @Test(.timeLimit(.minutes(2)))
    func `a feed is moved to the worker that was named, once within its pace`() async throws {
        try await withSupervisedCluster(workers: 2, topics: Self.two) { cluster in
            try await cluster.until("was live") { $0.areAllLive && $0.ready.count == 2 }
            let from = try await cluster.holder(of: "binance")
            let to = from == "w-1" ? "w-2" : "w-1"
            let moved = try await cluster.run(["move", "binance", "--to", to])
            #expect(moved.exit == .code(0), "\(moved.errors)")
            #expect(moved.output.contains("binance moved from \(from) to \(to)"))
            #expect(try await cluster.holder(of: "binance") == to)
            // The successor knew before its dial what is wanted: its address has asked, and no message had to.
            let records = cluster.simulator.truth.recent.filter { $0.exchange == "binance" }
            let last = try #require(records.last { $0.kind == .open })
            #expect(last.text("request") == "/binance/stream?streams=btcusdt@trade")
            #expect(!records.contains { $0.socket == last.socket && $0.kind == .answer })

            let again = try await cluster.run(["move", "binance", "--to", from])
            #expect(again.exit == .code(1))
            #expect(again.errors.contains("without a websocket for"), "\(again.errors)")
            #expect(try await cluster.holder(of: "binance") == to)

            let nowhere = try await cluster.run(["move", "kraken", "--to", "nobody", "--force"])
            #expect(nowhere.exit == .code(1))
            #expect(nowhere.errors.contains("nobody is not ready"), "\(nowhere.errors)")
            #expect(cluster.simulator.truth.summaries.allSatisfy { $0.mostOpen <= 1 })
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `a drained worker holds nothing and takes nothing, until it is told to`() async throws {
        try await withSupervisedCluster(workers: 2, topics: Self.two) { cluster in
            try await cluster.until("was live") { $0.areAllLive && $0.ready.count == 2 }
            let busy = try await cluster.holder(of: "kraken")
            let other = busy == "w-1" ? "w-2" : "w-1"
            let drained = try await cluster.run(["drain", busy])
            #expect(drained.exit == .code(0), "\(drained.errors)")
            let status = try await cluster.until("was live at the other worker") {
                $0.areAllLive && $0.feeds.allSatisfy { $0.holder.hasPrefix("\(other).") }
            }
            #expect(status.workers.first { $0.id.hasPrefix("\(busy).") }?.state == "draining")
            let moved = try await cluster.run(["move", "binance", "--to", busy, "--force"])
            #expect(moved.exit == .code(1))

            let undone = try await cluster.run(["drain", busy, "--undo"])
            #expect(undone.exit == .code(0), "\(undone.errors)")
            try await cluster.until("had two ready workers") { $0.ready.count == 2 }
            #expect(cluster.simulator.truth.summaries.allSatisfy { $0.mostOpen <= 1 })
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `a hang-up replaces every worker, and no feed has two websockets on the way`() async throws {
        try await withSupervisedCluster(workers: 2, topics: Self.two, pace: "1s") { cluster in
            let before = try await cluster.until("was live") { $0.areAllLive && $0.ready.count == 2 }
            let old = Set(before.workers.map(\.id))
            cluster.supervisor.signal(SIGHUP)
            let after = try await cluster.until("was live on new processes") { status in
                status.areAllLive && status.ready.count == 2 && status.ready.allSatisfy { !old.contains($0.id) }
            }
            #expect(Set(after.ready.map { $0.id.prefix { $0 != "." } }) == ["w-1", "w-2"])
            for summary in cluster.simulator.truth.summaries {
                #expect(summary.mostOpen <= 1)
                // First connection, then once or twice moved.
                #expect((2...3).contains(summary.socketsOpened), "\(summary.exchange): \(summary.socketsOpened)")
            }
        }
    }
}
