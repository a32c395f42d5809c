import Cluster
import Coordination
import Simulator

/// Ages of packets when a consumer has them, in microseconds.
struct LatencySample: Decodable, Sendable {
    var packets: Int
    var p50: Double
    var p99: Double
    var p999: Double
    var max: Double
    /// Memory of the program at the end; 0 where it was not looked at.
    var residentKilobytes = 0

    enum CodingKeys: String, CodingKey {
        case packets
        case p50 = "p50_us"
        case p99 = "p99_us"
        case p999 = "p999_us"
        case max = "max_us"
    }
}

extension PathBench {
    private static let warmUp = 1.0
    /// Subscribing to a thousand streams takes its time: exchanges limit the requests a second.
    private static let streamsWarmUp = 8.0
    static let streamsRate = 5000
    static let memoryRate = 500

    /// Websocket in to consumer out at a fixed rate, program by program.
    func measureLatency(rate: Int, round: Int, _ results: inout PathResults) async throws {
        for program in programs.measured where [.worker, .hiredis, .resp].contains(program.role) {
            let sample = try await BenchRig.with { rig -> LatencySample in
                let plan = SourcePlan(exchange: "binance", bytes: 200, rate: Double(rate), numbers: .bootTime)
                return try await rig.withSource(plan, isTLS: false) { simulator in
                    try await latency(program, rig, simulator, rate: rate)
                }
            }
            results.add(sample, rate: rate, program: program)
            report(
                round, "\(rate)/s  \(program.name)", "p50 \(Int(sample.p50)) us, p99 \(Int(sample.p99)) us, p99.9 \(Int(sample.p999)) us")
        }
    }

    private func latency(
        _ program: PathProgram, _ rig: BenchRig, _ simulator: ExchangeSimulator, rate: Int
    ) async throws -> LatencySample {
        switch program.kind {
        case .worker(let executable):
            return try await rig.withWorker(executable, simulator, topics: [Self.topic]) { _ in
                // Connects long before the worker does.
                try await read(rig, [Self.stream], warmUp: Self.warmUp)
            }
        case .peer:
            let packets = Int(Double(rate) * (Self.warmUp + seconds + 0.5))
            async let sample = read(rig, ["baseline"], warmUp: Self.warmUp)
            _ = try await rig.report(of: try rig.arguments(program.kind, simulator, packets: packets), as: PeerReport.self)
            return try await sample
        }
    }

    private func read(_ rig: BenchRig, _ streams: [String], warmUp: Double) async throws -> LatencySample {
        try await rig.report(of: ["\(directory)/PathReader", try rig.socket, "\(warmUp)", "\(seconds)"] + streams, as: LatencySample.self)
    }

    /// One stream against many: latency at the same rate, and memory at a low one, so that the ring holds next to nothing.
    func measureStreams(round: Int, _ results: inout PathResults) async throws {
        guard let program = programs.measured.first, case .worker(let executable) = program.kind else { return }
        for count in [1, streams] {
            let symbols = count == 1 ? ["BTCUSDT"] : (1...count).map { "S\($0)USDT" }
            let topics = symbols.map { "trade \($0)" }
            let keys = symbols.map { "colony:{binance}:trade:\($0)" }
            var sample = try await BenchRig.with { rig -> LatencySample in
                let plan = SourcePlan(exchange: "binance", bytes: 200, rate: Double(Self.streamsRate), numbers: .bootTime)
                return try await rig.withSource(plan, isTLS: false) { simulator in
                    try await rig.withWorker(executable, simulator, topics: topics) { _ in
                        try await read(rig, keys, warmUp: Self.streamsWarmUp)
                    }
                }
            }
            sample.residentKilobytes = try await BenchRig.with { rig -> Int in
                let plan = SourcePlan(exchange: "binance", bytes: 200, rate: Double(Self.memoryRate))
                return try await rig.withSource(plan, isTLS: false) { simulator in
                    try await rig.withWorker(executable, simulator, topics: topics) { pid in
                        // All streams have had packets, several times over, and several beats have told of them.
                        try await rig.until("packets of all streams are stored") { try await rig.nextSequence() > 10 * Self.memoryRate }
                        return ProcessUsage(pid: pid).residentKilobytes
                    }
                }
            }
            results.add(sample, streams: count)
            report(
                round, "\(Self.streamsRate)/s over \(count) streams",
                "p50 \(Int(sample.p50)) us, p99 \(Int(sample.p99)) us, \(sample.residentKilobytes) kB at \(Self.memoryRate)/s")
        }
    }
}
