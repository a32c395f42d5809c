import FoundationEssentials

/// One measurement of one program.
struct PathSample: Sendable {
    var microsecondsPerPacket: Double
    var packetsPerSecond: Double
    var redisMicrosecondsPerPacket: Double
    var peakMemoryKilobytes: Int
    /// Of the publish function; 0 where there is none.
    var packetsPerBatch = 0.0
}

/// All measurements of a run. What is compared are medians over the rounds of what was measured in the same round.
struct PathResults: Sendable {
    struct Case: Hashable, Sendable {
        var isTLS: Bool
        var size: Int
        var program: PathProgram

        var transport: String { isTLS ? "wss" : "ws" }
    }

    struct Ceiling: Sendable {
        var packetsPerSecond: Double
        var workerPacketsPerSecond: Double
        var packetsPerBatch: Int
    }

    let bench: PathBench
    let machine = BenchMachine()
    private var samples: [Case: [PathSample]] = [:]
    private var ceilings: [Int: [Ceiling]] = [:]
    private var latencies: [Int: [PathProgram: [LatencySample]]] = [:]
    private var byStreams: [Int: [LatencySample]] = [:]

    init(bench: PathBench) { self.bench = bench }

    mutating func add(_ sample: PathSample, _ measured: Case) { samples[measured, default: []].append(sample) }

    mutating func add(ceiling: Double, beside worker: PathSample, size: Int, batch: Int) {
        ceilings[size, default: []].append(
            Ceiling(packetsPerSecond: ceiling, workerPacketsPerSecond: worker.packetsPerSecond, packetsPerBatch: batch))
    }

    mutating func add(_ sample: LatencySample, rate: Int, program: PathProgram) {
        latencies[rate, default: [:]][program, default: []].append(sample)
    }

    mutating func add(_ sample: LatencySample, streams: Int) { byStreams[streams, default: []].append(sample) }

    // MARK: Rows

    struct Throughput: Encodable {
        var transport: String
        var bytes: Int
        var program: String
        var cpuMicroseconds: Double
        var redisMicroseconds: Double
        var packetsPerSecond: Double
        var peakMemoryKilobytes: Int
        /// This program's CPU over that of the C program with hiredis, round by round, median.
        var ratioToHiredis: Double
        var ratioToResp: Double
        /// How many times the worker's CPU this program takes.
        var ratioToWorker: Double

        enum CodingKeys: String, CodingKey {
            case transport, bytes, program
            case cpuMicroseconds = "cpu_us_per_packet"
            case redisMicroseconds = "redis_cpu_us_per_packet"
            case packetsPerSecond = "packets_per_s"
            case peakMemoryKilobytes = "peak_memory_kb"
            case ratioToHiredis = "ratio_to_c_hiredis"
            case ratioToResp = "ratio_to_c_resp"
            case ratioToWorker = "ratio_to_worker"
        }
    }

    var throughput: [Throughput] {
        cases.map { key in
            let own = samples[key] ?? []
            return Throughput(
                transport: key.transport, bytes: key.size, program: key.program.name,
                cpuMicroseconds: median(own.map(\.microsecondsPerPacket)),
                redisMicroseconds: median(own.map(\.redisMicrosecondsPerPacket)), packetsPerSecond: median(own.map(\.packetsPerSecond)),
                peakMemoryKilobytes: own.map(\.peakMemoryKilobytes).max() ?? 0, ratioToHiredis: ratio(key, to: .hiredis),
                ratioToResp: ratio(key, to: .resp), ratioToWorker: ratio(key, to: .worker))
        }
    }

    var cases: [Case] {
        bench.transports.flatMap { isTLS in
            bench.sizes.flatMap { size in bench.programs.measured.map { Case(isTLS: isTLS, size: size, program: $0) } }
        }.filter { samples[$0] != nil }
    }

    /// CPU per packet of `measured` over that of the first program of `role`.
    func ratio(_ measured: Case, to role: PathProgram.Role) -> Double {
        guard let other = bench.programs.measured.first(where: { $0.role == role }) else { return 0 }
        let others = samples[Case(isTLS: measured.isTLS, size: measured.size, program: other)] ?? []
        return median(zip(samples[measured] ?? [], others).map { $0.microsecondsPerPacket / $1.microsecondsPerPacket })
    }

    func peakKilobytes(_ role: PathProgram.Role) -> Int {
        samples.filter { $0.key.program.role == role }.flatMap(\.value).map(\.peakMemoryKilobytes).max() ?? 0
    }

    struct CeilingRow: Encodable {
        var bytes: Int
        var packetsPerBatch: Int
        var packetsPerSecond: Double
        /// The worker's packets a second over the ceiling's, round by round, median.
        var workerShare: Double

        enum CodingKeys: String, CodingKey {
            case bytes
            case packetsPerBatch = "packets_per_batch"
            case packetsPerSecond = "packets_per_s"
            case workerShare = "worker_share"
        }
    }

    var ceiling: [CeilingRow] {
        ceilings.keys.sorted().map { size in
            let rows = ceilings[size] ?? []
            return CeilingRow(
                bytes: size, packetsPerBatch: Int(median(rows.map { Double($0.packetsPerBatch) })),
                packetsPerSecond: median(rows.map(\.packetsPerSecond)),
                workerShare: median(rows.map { $0.workerPacketsPerSecond / $0.packetsPerSecond }))
        }
    }

    struct LatencyRow: Encodable {
        var program: String
        var packetsPerSecond: Int
        var streams: Int
        var p50: Double
        var p99: Double
        var p999: Double
        /// Round by round to the C program with the protocol by hand (of several streams: to one stream), median.
        var p50Ratio: Double
        var p99Ratio: Double
        var residentKilobytes: Int?

        enum CodingKeys: String, CodingKey {
            case program, streams
            case packetsPerSecond = "packets_per_s"
            case p50 = "p50_us"
            case p99 = "p99_us"
            case p999 = "p999_us"
            case p50Ratio = "p50_ratio"
            case p99Ratio = "p99_ratio"
            case residentKilobytes = "resident_kb"
        }

        init(_ program: String, rate: Int, streams: Int, _ own: [LatencySample], over base: [LatencySample]) {
            self.program = program
            packetsPerSecond = rate
            self.streams = streams
            p50 = median(own.map(\.p50))
            p99 = median(own.map(\.p99))
            p999 = median(own.map(\.p999))
            p50Ratio = median(zip(own, base).map { $0.p50 / $1.p50 })
            p99Ratio = median(zip(own, base).map { $0.p99 / $1.p99 })
            let resident = own.map(\.residentKilobytes).max() ?? 0
            residentKilobytes = resident > 0 ? resident : nil
        }
    }

    var latency: [LatencyRow] {
        latencies.keys.sorted().flatMap { rate in
            let programs = latencies[rate] ?? [:]
            let base = bench.programs.measured.first { $0.role == .resp }.flatMap { programs[$0] } ?? []
            return bench.programs.measured.compactMap { program in
                programs[program].map { LatencyRow(program.name, rate: rate, streams: 1, $0, over: base) }
            }
        }
    }

    var streams: [LatencyRow] {
        byStreams.keys.sorted().map { count in
            LatencyRow("colony worker", rate: PathBench.streamsRate, streams: count, byStreams[count] ?? [], over: byStreams[1] ?? [])
        }
    }

    /// What the streams add to the worker's memory, kB, round by round, median; nil where it was not measured.
    var addedByStreams: Double? {
        guard let many = byStreams[bench.streams], let one = byStreams[1] else { return nil }
        return median(zip(many, one).map { Double($0.residentKilobytes - $1.residentKilobytes) })
    }
}

/// 0 for no values.
func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    return sorted.isEmpty ? 0 : sorted[sorted.count / 2]
}

enum BenchText {
    /// Two places behind the point.
    static func decimal(_ value: Double) -> String {
        let hundredths = Int((abs(value) * 100).rounded())
        return "\(value < 0 ? "-" : "")\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
    }
}
