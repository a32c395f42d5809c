import Cluster
import Coordination
import FoundationEssentials
import Logging
import NIOCore
import NIOPosix
import RedisClient
import Simulator
import Subprocess
import SystemPackage

/// What every measurement runs in: a fresh redis-server of its own, a fresh source, a directory that goes with them.
struct BenchRig: Sendable {
    let directory: RunDirectory
    let redis: EmbeddedRedis.Running
    let link: RedisConnection

    /// Runs `body` with a fresh server without an append-only file.
    static func with<Result: Sendable>(_ body: @escaping @Sendable (BenchRig) async throws -> Result) async throws -> Result {
        let directory = try RunDirectory(keeping: nil)
        defer { directory.remove() }
        let logger = Logger(label: "colony.bench") { _ in SwiftLogNoOpLogHandler() }
        var redis = EmbeddedRedis(directory: "\(directory.path)/redis")
        redis.extraArguments = ["--appendonly", "no"]
        return try await redis.run(logger: logger) { running in
            let link = try await RedisConnection.connect(
                to: running.endpoint, name: "colony:bench", on: MultiThreadedEventLoopGroup.singleton.next())
            return try await body(BenchRig(directory: directory, redis: running, link: link))
        }
    }

    /// Runs `body` with a simulated exchange that sends by `plan`.
    func withSource<Result: Sendable>(
        _ plan: SourcePlan, isTLS: Bool, _ body: (ExchangeSimulator) async throws -> Result
    ) async throws -> Result {
        var simulation = SimulatorConfiguration()
        simulation.exchanges = ["binance"]
        simulation.isTLS = isTLS
        simulation.directory = directory.path
        simulation.market.acceptsAnySymbol = true
        simulation.sources = [plan]
        let simulator = try await ExchangeSimulator.start(simulation)
        do {
            let result = try await body(simulator)
            try await simulator.stop()
            return result
        } catch {
            try await simulator.stop()
            throw error
        }
    }

    var socket: String {
        get throws {
            guard case .unix(let path) = redis.endpoint.address else { throw ClusterError(.supervisor, "Redis has no unix socket") }
            return path
        }
    }

    /// Seconds of CPU that the server has taken.
    func redisCPU() async throws -> Double {
        let info = RedisServerInfo(try await link.send(["INFO", "cpu"]).string ?? "")
        return (Double(info.fields["used_cpu_user"] ?? "") ?? 0) + (Double(info.fields["used_cpu_sys"] ?? "") ?? 0)
    }

    /// How often a command was called.
    func calls(of command: String) async throws -> Double {
        let info = RedisServerInfo(try await link.send(["INFO", "commandstats"]).string ?? "")
        let field = info.fields["cmdstat_\(command)"]?.split(separator: ",").first { $0.hasPrefix("calls=") }
        return field.flatMap { Double($0.dropFirst(6)) } ?? 0
    }

    func until(_ what: String, within limit: Duration = .seconds(60), _ condition: () async throws -> Bool) async throws {
        let deadline = LocalTime.now() + limit
        while !(try await condition()) {
            guard LocalTime.now() < deadline else { throw ClusterError(.supervisor, "the benchmark waited in vain until \(what)") }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    /// Runs a program that prints one JSON object.
    func report<Report: Decodable & Sendable>(of command: [String], as type: Report.Type) async throws -> Report {
        let outcome = try await Subprocess.run(
            .path(FilePath(command[0])), arguments: Arguments(Array(command.dropFirst())),
            environment: .inherit.updating(["NODE_PATH": PathPrograms.nodePath]), output: .string(limit: 65_536),
            error: .string(limit: 65_536))
        guard outcome.terminationStatus.isSuccess else {
            throw ClusterError(.supervisor, "\(command[0]) failed: \(outcome.standardError) (\(outcome.terminationStatus))")
        }
        do {
            return try JSONDecoder().decode(type, from: Data(outcome.standardOutput.utf8))
        } catch {
            throw ClusterError(.supervisor, "\(command[0]) printed no report but '\(outcome.standardOutput.prefix(200))'")
        }
    }

    /// Runs a worker with these topics of the source until `body` returns; `body` gets its process id, with the lease held and the connection
    /// not yet due: everything before is start-up and not the path.
    func withWorker<Result: Sendable>(
        _ executable: String, _ simulator: ExchangeSimulator, topics: [String], _ body: @escaping @Sendable (Int32) async throws -> Result
    ) async throws -> Result {
        var lines = [
            "redis: { url: \"\(redis.endpoint)\", direct: true, embedded_generation: bench }",
            "worker: { state_directory: \"\(directory.path)/state\" }", "placement: { settle: 0s }",
            "exchanges:", "  binance:", "    url: \"\(try simulator.url("binance"))\"", "    connect_delay: 1500ms",
            "    topics: [ \(topics.joined(separator: ", ")) ]",
        ]
        if let ca = simulator.caFile { lines.append("    tls: { roots: \"\(ca)\" }") }
        let file = "\(directory.path)/bench.yaml"
        try directory.write(lines.joined(separator: "\n") + "\n", to: file)
        _ = try await link.send(["HSET", "colony:{workers}:meta", "generation", "bench"])
        let link = link
        return try await Subprocess.run(
            .path(FilePath(executable)),
            arguments: ["worker", "--single", "--name", "bench", "--config", file, "--log-level", "error"], input: .none,
            output: .sequence, error: .currentStandardError
        ) { execution in
            let pid = execution.processIdentifier.value
            try await until("the worker holds the lease") { try await link.send(["HGET", Self.lease, "state"]).string == "held" }
            let result = try await body(pid)
            await execution.teardown(using: [.gracefulShutDown(allowedDurationToNextStep: .seconds(2))])
            return result
        }.closureResult
    }

    static let lease: RedisArgument = "colony:{binance}:lease:binance"

    /// The sequence the lease record expects next.
    func nextSequence() async throws -> Int {
        Int(try await link.send(["HGET", Self.lease, "next_sequence"]).integer ?? 0)
    }

    /// What a peer is told on its command line.
    func arguments(_ kind: PathProgram.Kind, _ simulator: ExchangeSimulator, packets: Int) throws -> [String] {
        guard case .peer(let command, let encoder) = kind else { return [] }
        var words =
            command + [
                "localhost", "\(simulator.port)", "/binance/stream",
                #"{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":1}"#, try socket, "baseline", "\(packets)",
            ]
        if let encoder { words.append(encoder) }
        if let ca = simulator.caFile { words.append(ca) }
        return words
    }
}
