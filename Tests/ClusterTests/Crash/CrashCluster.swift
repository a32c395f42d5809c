import Cluster
import ColonyExchanges
import Coordination
import Foundation
import Glibc
import RedisClient
import Simulator
import TestSupport

/// Single worker processes on a private Redis and simulated exchanges in this process. Workers have no supervisor: what becomes of the leases of one
/// that is killed is decided by the test, and by the others.
struct CrashCluster: Sendable {
    let redis: RedisServer
    let connection: RedisConnection
    let configuration: ColonyConfiguration
    let configurationFile: String
    let client: ClusterClient
    let simulator: ExchangeSimulator

    func feed(_ exchange: String) -> FeedKeys { configuration.keys(of: FeedName(exchange)) }

    /// Starts a worker process; the caller ends it.
    func worker(_ name: String) async throws -> ChildProcess {
        try await ColonyProgram.spawn(["worker", "--single", "--config", configurationFile, "--set", "worker.name=\(name)"])
    }

    func want(_ exchange: String) async throws {
        let dialect = try configuration.dialect(of: exchange)
        let topics = try client.canonical([.init(channel: "trade", symbol: dialect.profile.exampleSymbol)], exchange: exchange)
        try await client.change(exchange: exchange) { $0.formUnion(topics) }
    }

    func record(_ exchange: String) async throws -> [String: String] { try await hash(feed(exchange).lease) }

    func hash(_ key: String) async throws -> [String: String] {
        let values = try await connection.send(["HGETALL", .string(key)]).array ?? []
        var fields: [String: String] = [:]
        for index in stride(from: 0, to: values.count - 1, by: 2) { fields[values[index].string ?? ""] = values[index + 1].string }
        return fields
    }

    /// The lease record, once it looks as wanted.
    @discardableResult
    func until(_ exchange: String, _ what: String, _ matches: @Sendable ([String: String]) -> Bool) async throws -> [String: String] {
        try await eventually("the record of \(exchange) showed \(what)", within: .seconds(60), every: .milliseconds(10)) {
            let record = try await record(exchange)
            return matches(record) ? record : nil
        }
    }

    /// The whole event log of the exchange's budget group.
    func events(_ exchange: String) async throws -> [[String: String]] {
        try await entries(feed(exchange).events)
    }

    func markers(_ exchange: String) async throws -> [String] {
        try await entries(feed(exchange).control).compactMap { $0["marker"] }
    }

    private func entries(_ key: String) async throws -> [[String: String]] {
        (try await connection.send(["XRANGE", .string(key), "-", "+"]).array ?? []).map { entry in
            let flat = entry.array?[1].array ?? []
            var fields: [String: String] = [:]
            for index in stride(from: 0, to: flat.count - 1, by: 2) { fields[flat[index].string ?? ""] = flat[index + 1].string }
            return fields
        }
    }

    /// Kills a worker without warning; returns when its connections to Redis are gone.
    func kill(_ worker: ChildProcess, named name: String) async throws {
        worker.signal(SIGKILL)
        _ = try await worker.waitForExit()
        try await eventually("Redis had noticed the end of \(name)", within: .seconds(20)) {
            let clients = try await connection.send(["CLIENT", "LIST"]).string ?? ""
            return clients.contains(":\(name).") ? nil : true
        }
    }
}

/// Runs `body` on a cluster of `exchanges`, whose workers have the given settings (`key: value` under `exchange:`).
func withCrashCluster(
    exchanges: [String] = ["binance"], settings: [String], budget: String? = nil, _ body: (CrashCluster) async throws -> Void
) async throws {
    try await withRedis { redis in
        let directory = try OrphanGuard.shared.makeDirectory("crash")
        defer { try? FileManager.default.removeItem(atPath: directory) }
        var simulated = SimulatorConfiguration()
        simulated.exchanges = exchanges
        simulated.directory = directory
        let simulator = try await ExchangeSimulator.start(simulated)
        do {
            let file = "\(directory)/colony.yaml"
            var lines = [
                "redis:", "  url: \"unix:\(redis.socketPath)\"", "  embedded_generation: \"crash\"", "lease:", "  profile: fast", "worker:",
                "  state_directory: \"\(directory)/state\"", "placement:", "  settle: 0s", "exchange:",
            ]
            lines += settings.map { "  \($0)" }
            lines.append("exchanges:")
            for exchange in exchanges {
                lines += [
                    "  \(exchange):", "    url: \"\(try simulator.url(exchange))\"", "    tls:",
                    "      roots: \"\(simulator.caFile ?? "")\"",
                ]
                if let budget { lines.append("    budget: \(budget)") }
            }
            try (lines.joined(separator: "\n") + "\n").write(toFile: file, atomically: true, encoding: .utf8)
            let configuration = try ConfigurationLoader(file: file, environment: [:]).load().configuration
            let client = try await ClusterClient.connect(configuration)
            defer { client.close() }
            let connection = try await redis.connect()
            try await FunctionLibrary.colony1.load(on: connection)
            try await client.createDataSet(generation: "crash")
            try await body(
                CrashCluster(
                    redis: redis, connection: connection, configuration: configuration, configurationFile: file, client: client,
                    simulator: simulator))
        } catch {
            try await simulator.stop()
            throw error
        }
        try await simulator.stop()
    }
}
