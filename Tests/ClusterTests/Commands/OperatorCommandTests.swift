import Cluster
import Foundation
import TestSupport
import Testing

/// What programs read of the operators' commands.
@Suite struct OperatorCommandTests {
    private struct JSONObject {
        let fields: [String: Any]

        init(_ text: some StringProtocol) throws {
            fields = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        }

        var keys: Set<String> { Set(fields.keys) }

        func first(_ name: String) throws -> [String: Any] { try #require((fields[name] as? [[String: Any]])?.first) }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a subscription can come before the first worker`() async throws {
        try await withRedis { redis in
            let address = ["--redis", "unix:\(redis.socketPath)"]
            let subscribed = try await ColonyProgram.run(["subscribe", "kraken", "trade", "BTC/USD"] + address)
            #expect(subscribed.exit == .code(0), "\(subscribed.errors)")
            let listed = try await ColonyProgram.run(["subscriptions", "--json"] + address)
            let row = try JSONObject(listed.output)
            #expect(row.fields as? [String: String] == ["exchange": "kraken", "channel": "trade", "symbol": "BTC/USD", "state": "pending"])
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `status as JSON has the documented keys`() async throws {
        try await withLightCluster(exchange: "kraken", topics: ["trade BTC/USD"]) { cluster in
            try await cluster.until("received") { $0.subscriptions.values.contains("receiving") }
            let outcome = try await cluster.run(["status", "--json"])
            #expect(outcome.exit == .code(0), "\(outcome.errors)")
            #expect(outcome.output.split(separator: "\n").count == 1)
            let status = try JSONObject(outcome.output)
            #expect(status.keys == ["workers", "feeds", "redis"])
            let worker = try status.first("workers")
            #expect(Set(worker.keys) == ["id", "pid", "host", "state", "feeds", "beat_age_ms", "version"])
            #expect(worker["pid"] as? Int == Int(cluster.worker.pid))
            #expect(worker["feeds"] as? [String] == ["kraken"])
            let feed = try status.first("feeds")
            let required: Set = [
                "feed", "exchange", "holder", "epoch", "phase", "pending", "pending_ms", "packets_total", "packets_per_s", "streams",
                "subscriptions", "disconnects", "dropped", "reason",
            ]
            // Left out before the first disconnect.
            #expect(Set(feed.keys).subtracting(["last_admitted_age_ms"]) == required)
            #expect(feed["holder"] as? String == worker["id"] as? String)
            #expect(feed["phase"] as? String == "live")
            let redis = try #require(status.fields["redis"] as? [String: Any])
            #expect(Set(redis.keys) == ["address", "version", "role", "used_memory_bytes", "generation"])
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `tail as JSON is one object a line, and sequences only grow`() async throws {
        try await withLightCluster(exchange: "kraken", topics: ["trade BTC/USD", "ticker BTC/USD", "book BTC/USD"]) { cluster in
            try await cluster.until("received") { $0.subscriptions.values.contains("receiving") }
            let outcome = try await cluster.run(["tail", "kraken", "--json", "--since", "1m", "--count", "150"])
            #expect(outcome.exit == .code(0), "\(outcome.errors)")
            let lines = try outcome.output.split(separator: "\n").map { try JSONObject($0) }
            var packets = 0
            var last = (epoch: 0, sequence: -1)
            for line in lines {
                #expect(line.keys.isSuperset(of: ["stream", "id", "epoch", "sequence"]))
                let place = (
                    epoch: try #require(line.fields["epoch"] as? Int), sequence: try #require(line.fields["sequence"] as? Int)
                )
                #expect(place > last, "\(place) follows \(last)")
                last = place
                guard let data = line.fields["data"] as? String else { continue }
                packets += 1
                #expect(line.keys.isSuperset(of: ["time", "whole"]))
                _ = try JSONObject(data)
            }
            #expect(packets == 150)
            #expect(lines.contains { $0.fields["marker"] as? String == "up" })
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `the printed configuration tells where values come from, and no secrets`() async throws {
        let path = try OrphanGuard.shared.makeDirectory("config") + "/colony.yaml"
        let text = """
            redis:
              url: "redis://someone:hush-in-url@127.0.0.1:6379"
            exchanges:
              binance:
                proxy: "http://someone:hush-in-proxy@127.0.0.1:3128"
                pace: 30s
            """
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        let outcome = try await ColonyProgram.run(
            ["config", "--config", path, "--set", "lease.ttl=7s"],
            environment: ["COLONY_REDIS_PASSWORD": "hush-in-environment", "COLONY_DRAIN_LIMIT": "700ms"])
        #expect(outcome.exit == .code(0), "\(outcome.errors)")
        #expect(!outcome.output.contains("hush"))
        #expect(!outcome.errors.contains("hush"))
        func row(_ key: String) throws -> [String] {
            let line = try #require(outcome.output.split(separator: "\n").first { $0.hasPrefix("\(key) ") }, "no \(key)")
            return line.split(separator: " ").map(String.init)
        }
        #expect(try row("redis.url") == ["redis.url", "********", "file", path])
        #expect(try row("redis.password") == ["redis.password", "********", "environment", "COLONY_REDIS_PASSWORD"])
        #expect(try row("exchanges.binance.proxy") == ["exchanges.binance.proxy", "********", "file", path])
        #expect(try row("exchanges.binance.pace") == ["exchanges.binance.pace", "30s", "file", path])
        #expect(try row("lease.ttl") == ["lease.ttl", "7s", "flag"])
        #expect(try row("drain.limit") == ["drain.limit", "700ms", "environment", "COLONY_DRAIN_LIMIT"])
        #expect(try row("namespace") == ["namespace", "colony", "default"])
    }
}
