import FoundationEssentials

/// One measurement of one program.
struct PathSample: Sendable {
    var microsecondsPerPacket: Double
    var packetsPerSecond: Double
    var redisMicrosecondsPerPacket: Double
    var peakMemoryKilobytes: Int
}

/// All measurements of a run, as medians and as ratios to the C programs.
struct PathResults: Sendable {
    private struct Key: Hashable {
        var isTLS: Bool
        var size: Int
        var program: PathBench.Program
    }

    let rounds: Int
    let packets: Int
    private var samples: [Key: [PathSample]] = [:]

    init(rounds: Int, packets: Int) {
        self.rounds = rounds
        self.packets = packets
    }

    mutating func add(_ sample: PathSample, program: PathBench.Program, size: Int, isTLS: Bool) {
        samples[Key(isTLS: isTLS, size: size, program: program), default: []].append(sample)
    }

    private struct Row: Encodable {
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

        enum CodingKeys: String, CodingKey {
            case transport, bytes, program
            case cpuMicroseconds = "cpu_us_per_packet"
            case redisMicroseconds = "redis_cpu_us_per_packet"
            case packetsPerSecond = "packets_per_s"
            case peakMemoryKilobytes = "peak_memory_kb"
            case ratioToHiredis = "ratio_to_c_hiredis"
            case ratioToResp = "ratio_to_c_resp"
        }
    }

    private var rows: [Row] {
        samples.keys.sorted { ($0.isTLS ? 1 : 0, $0.size, $0.program.rawValue) < ($1.isTLS ? 1 : 0, $1.size, $1.program.rawValue) }.map {
            key in
            let own = samples[key] ?? []
            return Row(
                transport: key.isTLS ? "wss" : "ws", bytes: key.size, program: key.program.rawValue,
                cpuMicroseconds: Self.median(own.map(\.microsecondsPerPacket)),
                redisMicroseconds: Self.median(own.map(\.redisMicrosecondsPerPacket)),
                packetsPerSecond: Self.median(own.map(\.packetsPerSecond)), peakMemoryKilobytes: own.map(\.peakMemoryKilobytes).max() ?? 0,
                ratioToHiredis: ratio(key, to: .hiredis), ratioToResp: ratio(key, to: .resp))
        }
    }

    private func ratio(_ key: Key, to program: PathBench.Program) -> Double {
        let own = samples[key] ?? []
        let other = samples[Key(isTLS: key.isTLS, size: key.size, program: program)] ?? []
        return Self.median(zip(own, other).map { $0.microsecondsPerPacket / $1.microsecondsPerPacket })
    }

    private static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        return sorted.isEmpty ? 0 : sorted[sorted.count / 2]
    }

    /// Two places behind the point.
    static func format(_ value: Double) -> String {
        let hundredths = Int((value * 100).rounded())
        return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
    }

    var text: String {
        var table = TextTable(
            ["", "BYTES", "PROGRAM", "CPU us/packet", "vs C hiredis", "vs C by hand", "packets/s", "Redis us/packet", "peak MB"],
            rightAligned: [1, 3, 4, 5, 6, 7, 8])
        for row in rows {
            table.add([
                row.transport, "\(row.bytes)", row.program, Self.format(row.cpuMicroseconds), Self.format(row.ratioToHiredis),
                Self.format(row.ratioToResp), "\(Int(row.packetsPerSecond))", Self.format(row.redisMicroseconds),
                "\(row.peakMemoryKilobytes / 1024)",
            ])
        }
        return
            "medians of \(rounds) rounds, \(packets) packets each; the worker's publish function does more per packet in Redis than XADD\n\n"
            + table.text
    }

    func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        return String(decoding: try encoder.encode(rows), as: UTF8.self)
    }
}
