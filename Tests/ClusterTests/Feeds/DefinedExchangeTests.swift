import Cluster
import Foundation
import RedisClient
import Simulator
import TestSupport
import Testing

/// The exchange of the README's example, simulated from the same file that the worker reads.
@Suite struct DefinedExchangeTests {
    /// The YAML block of the README that defines `mygateway`.
    private static func example() throws -> String {
        let readme = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../../README.md").standardized
        let text = try String(contentsOf: readme, encoding: .utf8)
        let blocks = text.components(separatedBy: "```yaml\n").dropFirst().map { $0.components(separatedBy: "\n```")[0] }
        return try #require(blocks.first { $0.contains("mygateway:") }, "the README has no example of mygateway")
    }

    @Test(.timeLimit(.minutes(2)))
    func `the README's example works against the simulator that is given the same file`() async throws {
        try await withRedis { redis in
            let directory = try OrphanGuard.shared.makeDirectory("defined")
            defer { try? FileManager.default.removeItem(atPath: directory) }
            let port = try freePort()
            let file = "\(directory)/colony.yaml"
            let yaml = try Self.example()
                .replacing("redis://127.0.0.1:6379", with: "unix:\(redis.socketPath)")
                .replacing("ws://127.0.0.1:8765/", with: "ws://127.0.0.1:\(port)/")
            #expect(yaml.contains("unix:") && yaml.contains(":\(port)/"), "the example's addresses have changed: \(yaml)")
            try
                (yaml
                + "\nexchange: { connect_delay: 0s }\nplacement: { settle: 0s }\nworker: { state_directory: \"\(directory)/state\" }\n")
                .write(toFile: file, atomically: true, encoding: .utf8)
            let exchange = try await ColonyProgram.spawn(
                ["exchange", "serve", "--config", file, "--plain", "--port", "\(port)", "--heartbeat-factor", "0.2"])
            defer { exchange.signal(SIGKILL) }
            try await exchange.output.waitFor("mygateway  ws://localhost:\(port)/mygateway/", timeout: .seconds(30))
            let worker = try await ColonyProgram.spawn(
                ["worker", "--single", "--config", file, "--set", "exchanges.mygateway.heartbeat.interval=2s"])
            defer { worker.signal(SIGKILL) }
            let redisConnection = try await RedisConnection.connect(to: .init(address: .unix(path: redis.socketPath)), on: Loops.next())
            defer { redisConnection.close() }
            try await eventually("data came; the worker wrote:\n\(worker.output.text)", within: .seconds(60)) {
                let count = try await redisConnection.send(["XLEN", "colony:{mygateway}:trades:BTC-USD"]).integer ?? 0
                return count > 100 ? count : nil
            }
            // Ten heartbeat periods of the exchange's have passed: the client's were what it wanted.
            let events = try await redisConnection.send(["XRANGE", "colony:{mygateway}:events", "-", "+"]).array ?? []
            let words = events.map { entry in (entry.array?[1].array ?? []).compactMap(\.string).joined(separator: " ") }
            #expect(!words.contains { $0.contains("disconnected") }, "\(words)")
            worker.signal(SIGTERM)
            _ = try await worker.waitForExit()
        }
    }
}
