import Cluster
import Coordination
import FoundationEssentials
import Glibc
import Logging
import NIOCore
import NIOPosix
import RedisClient
import Simulator
import Subprocess
import SystemPackage

/// Measures the packet path: the simulator's fastest source -> a program under test -> a fresh redis-server.
///
/// Each measurement has its own server and socket; programs take turns within a round, so that a machine that slows down slows all of them.
struct PathBench: Sendable {
    enum Program: String, CaseIterable, Sendable {
        case colony = "colony worker"
        case hiredis = "C, hiredis"
        case resp = "C, protocol by hand"
    }

    let rounds: Int
    let packets: Int
    let sizes: [Int]
    /// Over TLS or not.
    let transports: [Bool]

    func run() async throws -> PathResults {
        let baseline = "\(directoryOfProgram)/PathBaseline"
        guard access(baseline, X_OK) == 0 else {
            throw ClusterError(.configuration, "\(baseline) is not there; build everything: swift build -c release")
        }
        var results = PathResults(rounds: rounds, packets: packets)
        for isTLS in transports {
            for size in sizes {
                for round in 1...rounds {
                    for program in Program.allCases {
                        let sample = try await measure(program, size: size, isTLS: isTLS, baseline: baseline)
                        results.add(sample, program: program, size: size, isTLS: isTLS)
                        Console.error(
                            "round \(round)/\(rounds)  \(isTLS ? "wss" : "ws") \(size) B  \(program.rawValue): "
                                + "\(PathResults.format(sample.microsecondsPerPacket)) us per packet, \(Int(sample.packetsPerSecond)) packets/s"
                        )
                    }
                }
            }
        }
        return results
    }

    private var directoryOfProgram: String {
        String(ProcessInformation.executable.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/"))
    }

    private func measure(_ program: Program, size: Int, isTLS: Bool, baseline: String) async throws -> PathSample {
        let directory = try RunDirectory(keeping: nil)
        defer { directory.remove() }
        let logger = Logger(label: "colony.bench") { _ in SwiftLogNoOpLogHandler() }
        var redis = EmbeddedRedis(directory: "\(directory.path)/redis")
        redis.extraArguments = ["--appendonly", "no"]
        return try await redis.run(logger: logger) { running in
            var simulation = SimulatorConfiguration()
            simulation.exchanges = ["binance"]
            simulation.isTLS = isTLS
            simulation.directory = directory.path
            simulation.sources = [SourcePlan(exchange: "binance", bytes: size, count: UInt64(packets + 1000))]
            let simulator = try await ExchangeSimulator.start(simulation)
            do {
                let sample =
                    switch program {
                    case .colony: try await measureColony(directory, running, simulator)
                    case .hiredis: try await measureBaseline(baseline, "hiredis", running, simulator)
                    case .resp: try await measureBaseline(baseline, "resp", running, simulator)
                    }
                try await simulator.stop()
                return sample
            } catch {
                try await simulator.stop()
                throw error
            }
        }
    }

    private func measureBaseline(
        _ baseline: String, _ encoder: String, _ redis: EmbeddedRedis.Running, _ simulator: ExchangeSimulator
    ) async throws -> PathSample {
        let link = try await connect(redis)
        let before = try await redisCPU(link)
        guard case .unix(let socket) = redis.endpoint.address else { throw ClusterError(.supervisor, "no unix socket") }
        var arguments = [
            "localhost", "\(simulator.port)", "/binance/stream", #"{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":1}"#, socket,
            "baseline", "\(packets)", encoder,
        ]
        if let ca = simulator.caFile { arguments.append(ca) }
        let outcome = try await Subprocess.run(
            .path(FilePath(baseline)), arguments: Arguments(arguments), output: .string(limit: 65_536), error: .string(limit: 65_536))
        guard let text = outcome.standardOutput as String?, outcome.terminationStatus.isSuccess else {
            throw ClusterError(.supervisor, "the C program failed: \(outcome.standardError)")
        }
        struct Report: Decodable {
            var packets: Int
            var wallSeconds: Double
            var microsecondsPerPacket: Double
            var peakMemoryKilobytes: Int

            enum CodingKeys: String, CodingKey {
                case packets
                case wallSeconds = "wall_s"
                case microsecondsPerPacket = "us_per_packet"
                case peakMemoryKilobytes = "maxrss_kb"
            }
        }
        let report = try JSONDecoder().decode(Report.self, from: Data(text.utf8))
        let after = try await redisCPU(link)
        return PathSample(
            microsecondsPerPacket: report.microsecondsPerPacket, packetsPerSecond: Double(report.packets) / report.wallSeconds,
            redisMicrosecondsPerPacket: (after - before) * 1e6 / Double(report.packets), peakMemoryKilobytes: report.peakMemoryKilobytes)
    }

    private func measureColony(
        _ directory: RunDirectory, _ redis: EmbeddedRedis.Running, _ simulator: ExchangeSimulator
    ) async throws -> PathSample {
        var lines = [
            "redis: { url: \"\(redis.endpoint)\", direct: true, embedded_generation: bench }",
            "worker: { state_directory: \"\(directory.path)/state\" }", "placement: { settle: 0s }",
            "exchanges:", "  binance:", "    url: \"\(try simulator.url("binance"))\"", "    connect_delay: 1500ms",
            "    topics: [ trade BTCUSDT ]",
        ]
        if let ca = simulator.caFile { lines.append("    tls: { roots: \"\(ca)\" }") }
        let file = "\(directory.path)/bench.yaml"
        try directory.write(lines.joined(separator: "\n") + "\n", to: file)
        let link = try await connect(redis)
        _ = try await link.send(["HSET", "colony:{workers}:meta", "generation", "bench"])
        let packets = packets
        let outcome = try await Subprocess.run(
            .path(FilePath(ProcessInformation.executable)),
            arguments: ["worker", "--single", "--name", "bench", "--config", file, "--log-level", "warning"], input: .none,
            output: .sequence,
            error: .currentStandardError
        ) { execution in
            let pid = execution.processIdentifier.value
            let lease: RedisArgument = "colony:{binance}:lease:binance"
            // Held, and the connection not yet due: everything before is start-up and not the path.
            try await until("the worker holds the lease") { try await link.send(["HGET", lease, "state"]).string == "held" }
            let before = ProcessUsage(pid: pid)
            let redisBefore = try await redisCPU(link)
            try await until("the first packet is stored") { try await link.send(["HGET", lease, "next_sequence"]).integer ?? 0 > 1 }
            let started = LocalTime.now()
            var first = Int64(1)
            if let next = try await link.send(["HGET", lease, "next_sequence"]).integer { first = next }
            try await until("\(packets) packets are stored") {
                try await link.send(["HGET", lease, "next_sequence"]).integer ?? 0 >= Int64(packets)
            }
            let last = try await link.send(["HGET", lease, "next_sequence"]).integer ?? 0
            let wall = Double((LocalTime.now() - started).wholeNanoseconds) / 1e9
            let after = ProcessUsage(pid: pid)
            let redisAfter = try await redisCPU(link)
            let sample = PathSample(
                microsecondsPerPacket: (after.cpuSeconds - before.cpuSeconds) * 1e6 / Double(last),
                packetsPerSecond: Double(last - first) / wall, redisMicrosecondsPerPacket: (redisAfter - redisBefore) * 1e6 / Double(last),
                peakMemoryKilobytes: after.peakMemoryKilobytes)
            await execution.teardown(using: [.gracefulShutDown(allowedDurationToNextStep: .seconds(2))])
            return sample
        }
        return outcome.closureResult
    }

    private func connect(_ redis: EmbeddedRedis.Running) async throws -> RedisConnection {
        try await RedisConnection.connect(to: redis.endpoint, name: "colony:bench", on: MultiThreadedEventLoopGroup.singleton.next())
    }

    private func redisCPU(_ link: RedisConnection) async throws -> Double {
        let info = RedisServerInfo(try await link.send(["INFO", "cpu"]).string ?? "")
        return (Double(info.fields["used_cpu_user"] ?? "") ?? 0) + (Double(info.fields["used_cpu_sys"] ?? "") ?? 0)
    }

    private func until(_ what: String, _ condition: () async throws -> Bool) async throws {
        let deadline = LocalTime.now() + .seconds(60)
        while !(try await condition()) {
            guard LocalTime.now() < deadline else { throw ClusterError(.supervisor, "the benchmark waited in vain until \(what)") }
            try await Task.sleep(for: .milliseconds(10))
        }
    }
}

/// CPU time and memory of another process, from /proc.
struct ProcessUsage: Sendable {
    var cpuSeconds = 0.0
    var peakMemoryKilobytes = 0

    init(pid: Int32) {
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        if let stat = Self.read("/proc/\(pid)/stat"), let close = stat.lastIndex(of: ")") {
            let fields = stat[stat.index(after: close)...].split(separator: " ")
            if fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) { cpuSeconds = (user + system) / ticks }
        }
        if let status = Self.read("/proc/\(pid)/status"), let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM") }) {
            peakMemoryKilobytes = Int(line.filter(\.isNumber)) ?? 0
        }
    }

    private static func read(_ path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 8192)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }
}
