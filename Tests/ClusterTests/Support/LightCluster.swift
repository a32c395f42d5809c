import Cluster
import Foundation
import Glibc
import Simulator
import TestSupport

/// One worker process on a private Redis, and an exchange in this process.
struct LightCluster: Sendable {
    let configurationFile: String
    let client: ClusterClient
    let simulator: ExchangeSimulator
    let worker: ChildProcess

    /// Waits until the first feed looks as wanted.
    @discardableResult
    func until(
        _ what: String, _ matches: @Sendable (ClusterStatus.Feed) -> Bool
    ) async throws -> ClusterStatus.Feed {
        try await eventually("a feed was there that \(what); the worker wrote:\n\(worker.output.text)", within: .seconds(40)) {
            try await client.status().feeds.first.flatMap { matches($0) ? $0 : nil }
        }
    }

    /// Waits until all feeds together look as wanted.
    @discardableResult
    func untilAll(_ what: String, within limit: Duration = .seconds(60), _ matches: @Sendable ([ClusterStatus.Feed]) -> Bool) async throws
        -> [ClusterStatus.Feed]
    {
        try await eventually("the feeds were \(what); the worker wrote:\n\(worker.output.text)", within: limit) {
            let feeds = try await client.status().feeds
            return matches(feeds) ? feeds : nil
        }
    }

    func run(_ arguments: [String], environment: [String: String] = [:]) async throws -> ColonyProgram.Outcome {
        try await ColonyProgram.run(arguments + ["--config", configurationFile], environment: environment)
    }
}

/// Runs `body` beside a worker that wants `topics` (`<channel> <symbol>`) of `exchange`; all is taken down afterwards. `settings` are lines of YAML
/// of the exchange, `simulation` changes what the exchange is like.
func withLightCluster(
    exchange: String, topics: [String], certificate defect: LocalAuthority.Defect = .none, settings: [String] = [],
    simulation change: (inout SimulatorConfiguration) -> Void = { _ in },
    _ body: (LightCluster) async throws -> Void
) async throws {
    try await withRedis { redis in
        let directory = try OrphanGuard.shared.makeDirectory("light")
        defer { try? FileManager.default.removeItem(atPath: directory) }
        var configuration = SimulatorConfiguration()
        configuration.exchanges = [exchange]
        configuration.certificateDefect = defect
        configuration.directory = directory
        change(&configuration)
        let simulator = try await ExchangeSimulator.start(configuration)
        do {
            let file = "\(directory)/colony.yaml"
            var lines = [
                "redis:", "  url: \"unix:\(redis.socketPath)\"", "worker:", "  name: light", "  state_directory: \"\(directory)/state\"",
                "placement:", "  settle: 0s", "exchange:", "  connect_delay: 0s", "exchanges:", "  \(exchange):",
                "    url: \"\(try simulator.url(exchange))\"", "    tls:", "      roots: \"\(simulator.caFile ?? "")\"", "    topics:",
            ]
            lines += topics.map { "      - \"\($0)\"" } + settings.map { "    \($0)" }
            try (lines.joined(separator: "\n") + "\n").write(toFile: file, atomically: true, encoding: .utf8)
            let worker = try await ColonyProgram.spawn(["worker", "--single", "--config", file])
            // Not waited for: what is asked of the cluster afterwards is its records.
            defer { worker.signal(SIGKILL) }
            let client = try await ClusterClient.connect(try ConfigurationLoader(file: file, environment: [:]).load().configuration)
            defer { client.close() }
            try await body(LightCluster(configurationFile: file, client: client, simulator: simulator, worker: worker))
            worker.signal(SIGTERM)
            _ = try await worker.waitForExit()
        } catch {
            try await simulator.stop()
            throw error
        }
        try await simulator.stop()
    }
}

/// What the configuration of a worker says of one exchange: lines of YAML.
struct ExchangeSection: Sendable {
    var exchange: String
    var settings: [String]
}

/// Runs `body` beside one worker process on a private Redis, for which `sections` say where the exchanges are and what is wanted of them.
func withSingleWorker(_ sections: [ExchangeSection], _ body: (ChildProcess, ClusterClient) async throws -> Void) async throws {
    try await withRedis { redis in
        let directory = try OrphanGuard.shared.makeDirectory("single")
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let file = "\(directory)/colony.yaml"
        var lines = [
            "redis:", "  url: \"unix:\(redis.socketPath)\"", "worker:", "  name: single", "  state_directory: \"\(directory)/state\"",
            "placement:", "  settle: 0s", "exchanges:",
        ]
        for section in sections { lines += ["  \(section.exchange):"] + section.settings.map { "    \($0)" } }
        try (lines.joined(separator: "\n") + "\n").write(toFile: file, atomically: true, encoding: .utf8)
        let worker = try await ColonyProgram.spawn(["worker", "--single", "--config", file])
        defer { worker.signal(SIGKILL) }
        let client = try await ClusterClient.connect(try ConfigurationLoader(file: file, environment: [:]).load().configuration)
        defer { client.close() }
        try await body(worker, client)
        worker.signal(SIGTERM)
        _ = try await worker.waitForExit()
    }
}
