import Cluster
import Foundation
import Glibc
import Simulator
import TestSupport

/// A supervisor with workers on a private Redis, and exchanges in this process.
struct SupervisedCluster: Sendable {
    let configurationFile: String
    let client: ClusterClient
    let simulator: ExchangeSimulator
    let supervisor: ChildProcess

    func run(_ arguments: [String]) async throws -> ColonyProgram.Outcome {
        try await ColonyProgram.run(arguments + ["--config", configurationFile])
    }

    /// Waits until the cluster looks as wanted.
    @discardableResult
    func until(_ what: String, _ matches: @Sendable (ClusterStatus) -> Bool) async throws -> ClusterStatus {
        try await eventually("the cluster \(what); the workers wrote:\n\(supervisor.output.text)", within: .seconds(45)) {
            let status = try await client.status()
            return matches(status) ? status : nil
        }
    }

    /// The name of the worker that holds a feed; empty: nobody.
    func holder(of feed: String) async throws -> String {
        let holder = try await client.status().feeds.first { $0.feed == feed }?.holder ?? ""
        return String(holder.prefix { $0 != "." })
    }
}

extension ClusterStatus {
    var areAllLive: Bool { !feeds.isEmpty && feeds.allSatisfy { $0.phase == "live" && !$0.holder.isEmpty } }
    var ready: [Worker] { workers.filter { $0.state == "ready" && $0.beatAgeMilliseconds < 5000 } }
}

/// Runs `body` beside `workers` processes under a supervisor `w` that wants one stream of each exchange (`<id>: <channel> <symbol>`). Delays are
/// zero; the pace is as given.
func withSupervisedCluster(
    workers: Int, topics: [String: String], pace: String = "60s", more: [String] = [], _ body: (SupervisedCluster) async throws -> Void
) async throws {
    try await withRedis { redis in
        let directory = try OrphanGuard.shared.makeDirectory("supervised")
        defer { try? FileManager.default.removeItem(atPath: directory) }
        var configuration = SimulatorConfiguration()
        configuration.exchanges = topics.keys.sorted()
        configuration.directory = directory
        let simulator = try await ExchangeSimulator.start(configuration)
        do {
            let file = "\(directory)/colony.yaml"
            var lines = [
                "redis:", "  url: \"unix:\(redis.socketPath)\"", "worker:", "  name: w", "  processes: \(workers)",
                "  state_directory: \"\(directory)/state\"", "placement:", "  settle: 300ms", "dashboard:", "  listen: \"off\"",
                "exchange:", "  connect_delay: 0s",
                "  pace: \(pace)",
            ]
            lines += more + ["exchanges:"]
            for (id, topic) in topics.sorted(by: { $0.key < $1.key }) {
                lines += [
                    "  \(id):", "    url: \"\(try simulator.url(id))\"", "    tls:", "      roots: \"\(simulator.caFile ?? "")\"",
                    "    topics:", "      - \"\(topic)\"",
                ]
            }
            try (lines.joined(separator: "\n") + "\n").write(toFile: file, atomically: true, encoding: .utf8)
            let supervisor = try await ColonyProgram.spawn(["worker", "--config", file, "--log-level", "info"])
            let client = try await ClusterClient.connect(try ConfigurationLoader(file: file, environment: [:]).load().configuration)
            defer { client.close() }
            do {
                try await body(
                    SupervisedCluster(configurationFile: file, client: client, simulator: simulator, supervisor: supervisor))
                supervisor.signal(SIGTERM)
                _ = try await supervisor.waitForExit()
            } catch {
                let family = ProcessIdentity.descendants(of: supervisor.pid)
                supervisor.signal(SIGKILL)
                for process in family { process.signal(SIGKILL) }
                throw error
            }
        } catch {
            try await simulator.stop()
            throw error
        }
        try await simulator.stop()
    }
}
