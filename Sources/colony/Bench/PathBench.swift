import Cluster
import Coordination
import RedisClient
import Simulator

/// Measures the packet path: the simulator's fastest source -> a program under test -> a fresh redis-server.
///
/// Each measurement has its own server and socket; programs take turns within a round, so that a machine that slows down slows all of them.
struct PathBench: Sendable {
    enum Part: String, CaseIterable, Sendable { case throughput, latency, streams }

    var rounds = 5
    var packets = 400_000
    var sizes = [200, 1300]
    /// Over TLS or not.
    var transports = [false, true]
    var parts = Part.allCases
    /// Packets a second at which latency is measured.
    var rates = [1000, 10_000, 50_000]
    /// How long each latency is measured.
    var seconds = 4.0
    /// Streams of the many-streams run.
    var streams = 1000
    var programs: PathPrograms
    /// Where the C programs are.
    var directory: String

    /// Trades of this symbol are the packets.
    static let topic = "trade BTCUSDT"
    static let stream = "colony:{binance}:trade:BTCUSDT"

    func run() async throws -> PathResults {
        var results = PathResults(bench: self)
        for missing in programs.missing { Console.error("not measured: \(missing.name): \(missing.reason)") }
        if parts.contains(.throughput) {
            for isTLS in transports {
                for size in sizes {
                    for round in 1...rounds { try await measureThroughput(size: size, isTLS: isTLS, round: round, &results) }
                }
            }
        }
        if parts.contains(.latency) {
            for round in 1...rounds {
                for rate in rates { try await measureLatency(rate: rate, round: round, &results) }
            }
        }
        if parts.contains(.streams) {
            for round in 1...rounds { try await measureStreams(round: round, &results) }
        }
        return results
    }

    private func measureThroughput(size: Int, isTLS: Bool, round: Int, _ results: inout PathResults) async throws {
        for program in programs.measured {
            let count = program.packets(of: packets)
            let sample = try await BenchRig.with { rig -> PathSample in
                let plan = SourcePlan(exchange: "binance", bytes: size, count: UInt64(count + 1000))
                return try await rig.withSource(plan, isTLS: isTLS) { try await throughput(program, rig, $0, packets: count) }
            }
            results.add(sample, PathResults.Case(isTLS: isTLS, size: size, program: program))
            report(
                round, "\(isTLS ? "wss" : "ws") \(size) B  \(program.name)",
                "\(BenchText.decimal(sample.microsecondsPerPacket)) us per packet, \(Int(sample.packetsPerSecond)) packets/s")
            // The same batches from a C program, at once, while the machine is what it was.
            guard !isTLS, program.role == .worker, program == programs.measured.first, sample.packetsPerBatch >= 1 else { continue }
            let batch = max(1, Int(sample.packetsPerBatch.rounded()))
            let fed = try await BenchRig.with { rig in try await ceiling(rig, size: size, batch: batch) }
            results.add(ceiling: fed, beside: sample, size: size, batch: batch)
            report(round, "ws \(size) B  publish function fed by C, \(batch) a batch", "\(Int(fed)) packets/s")
        }
    }

    func report(_ round: Int, _ what: String, _ found: String) {
        Console.error("round \(round)/\(rounds)  \(what): \(found)")
    }

    private func throughput(
        _ program: PathProgram, _ rig: BenchRig, _ simulator: ExchangeSimulator, packets: Int
    ) async throws -> PathSample {
        switch program.kind {
        case .worker(let executable):
            return try await rig.withWorker(executable, simulator, topics: [Self.topic]) { pid in
                try await worker(pid, rig, packets: packets)
            }
        case .peer:
            let before = try await rig.redisCPU()
            let report = try await rig.report(
                of: try rig.arguments(program.kind, simulator, packets: packets), as: PeerReport.self)
            let after = try await rig.redisCPU()
            return PathSample(
                microsecondsPerPacket: report.microsecondsPerPacket, packetsPerSecond: Double(report.packets) / report.wallSeconds,
                redisMicrosecondsPerPacket: (after - before) * 1e6 / Double(report.packets),
                peakMemoryKilobytes: report.peakMemoryKilobytes)
        }
    }

    private func worker(_ pid: Int32, _ rig: BenchRig, packets: Int) async throws -> PathSample {
        let before = ProcessUsage(pid: pid)
        let redisBefore = try await rig.redisCPU()
        let callsBefore = try await rig.calls(of: "fcall")
        try await rig.until("the first packet is stored") { try await rig.nextSequence() > 1 }
        let started = LocalTime.now()
        let first = try await rig.nextSequence()
        try await rig.until("\(packets) packets are stored") { try await rig.nextSequence() >= packets }
        let last = try await rig.nextSequence()
        let wall = Double((LocalTime.now() - started).wholeNanoseconds) / 1e9
        let after = ProcessUsage(pid: pid)
        let redisAfter = try await rig.redisCPU()
        let calls = try await rig.calls(of: "fcall") - callsBefore
        return PathSample(
            microsecondsPerPacket: (after.cpuSeconds - before.cpuSeconds) * 1e6 / Double(last),
            packetsPerSecond: Double(last - first) / wall, redisMicrosecondsPerPacket: (redisAfter - redisBefore) * 1e6 / Double(last),
            peakMemoryKilobytes: after.peakMemoryKilobytes, packetsPerBatch: Double(last) / max(1, calls))
    }

    /// Packets a second that the publish function takes from a C program.
    private func ceiling(_ rig: BenchRig, size: Int, batch: Int) async throws -> Double {
        _ = try await rig.link.send(FunctionLibrary.colony1.loadArguments)
        let keys = Keys().feed(FeedName("binance"), group: "binance")
        let token = "bench.0000000000000000:1"
        // A private server: the record of a live lease is simply put there.
        _ = try await rig.link.send([
            "HSET", .string(keys.lease), "state", "held", "holder", "bench.0000000000000000", "epoch", "1", "token", .string(token),
            "renewals",
            "0", "ttl_ms", "6000", "phase", "live", "pending", "none", "next_sequence", "1", "last_ms", "0", "control_sequence", "0",
        ])
        struct Report: Decodable, Sendable {
            var packets: Int
            var wallSeconds: Double

            enum CodingKeys: String, CodingKey {
                case packets
                case wallSeconds = "wall_s"
            }
        }
        let report = try await rig.report(
            of: [
                "\(directory)/PathCeiling", try rig.socket, keys.lease, keys.control, keys.streams, Self.stream, token, "1",
                "1763812345678", "\(size)", "\(batch)", "\(packets)",
            ], as: Report.self)
        return Double(report.packets) / report.wallSeconds
    }
}

/// What the C programs and the peers print.
struct PeerReport: Decodable, Sendable {
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
