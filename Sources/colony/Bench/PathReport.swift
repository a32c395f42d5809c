import FoundationEssentials

extension PathResults {
    var text: String {
        var parts = [machine.line]
        if !bench.programs.versions.isEmpty { parts.append("peers: " + bench.programs.versions.joined(separator: ", ")) }
        if !throughput.isEmpty { parts.append(throughputText) }
        if !latency.isEmpty {
            parts.append("latency, websocket in to consumer out, ws 200 B, medians of \(bench.rounds) rounds\n\n" + table(latency))
        }
        if !streams.isEmpty {
            parts.append("latency over many streams, read by one connection for every 32; memory of the worker\n\n" + table(streams))
        }
        var bars = TextTable(["BAR", "MEASURED", "", "LIMIT", ""], rightAligned: [1, 3])
        for bar in self.bars {
            bars.add([bar.bar, BenchText.decimal(bar.measured), bar.relation, BenchText.decimal(bar.limit), bar.isKept ? "kept" : "MISSED"])
        }
        parts.append(bars.text)
        parts += bench.programs.missing.map { "not measured: \($0.name): \($0.reason)" }
        return parts.joined(separator: "\n\n")
    }

    private var throughputText: String {
        var table = TextTable(
            [
                "", "BYTES", "PROGRAM", "CPU us/packet", "to C hiredis", "to C by hand", "to worker", "packets/s", "Redis us/packet",
                "peak MB",
            ],
            rightAligned: [1, 3, 4, 5, 6, 7, 8, 9])
        for row in throughput {
            table.add([
                row.transport, "\(row.bytes)", row.program, BenchText.decimal(row.cpuMicroseconds), BenchText.decimal(row.ratioToHiredis),
                BenchText.decimal(row.ratioToResp), BenchText.decimal(row.ratioToWorker), "\(Int(row.packetsPerSecond))",
                BenchText.decimal(row.redisMicroseconds), "\(row.peakMemoryKilobytes / 1024)",
            ])
        }
        for row in ceiling {
            table.add([
                "ws", "\(row.bytes)", "publish function fed by C, \(row.packetsPerBatch) a batch", "", "", "",
                "\(BenchText.decimal(row.workerShare)) of it", "\(Int(row.packetsPerSecond))",
            ])
        }
        return
            "medians of \(bench.rounds) rounds of \(bench.packets) packets (slow programs get fewer); the worker's publish function does more per "
            + "packet in Redis than the XADD of all others\n\n" + table.text
    }

    private func table(_ rows: [LatencyRow]) -> String {
        var table = TextTable(
            ["packets/s", "STREAMS", "PROGRAM", "p50 us", "p99 us", "p99.9 us", "p50 ratio", "p99 ratio", "resident MB"],
            rightAligned: [0, 1, 3, 4, 5, 6, 7, 8])
        for row in rows {
            table.add([
                "\(row.packetsPerSecond)", "\(row.streams)", row.program, "\(Int(row.p50))", "\(Int(row.p99))", "\(Int(row.p999))",
                BenchText.decimal(row.p50Ratio), BenchText.decimal(row.p99Ratio), row.residentKilobytes.map { "\($0 / 1024)" } ?? "",
            ])
        }
        return table.text
    }

    private struct Document: Encodable {
        var machine: BenchMachine
        var versions: [String]
        var rounds: Int
        var packets: Int
        var throughput: [Throughput]
        var ceiling: [CeilingRow]
        var latency: [LatencyRow]
        var streams: [LatencyRow]
        var bars: [PathBar]
        var notMeasured: [String: String]

        enum CodingKeys: String, CodingKey {
            case machine, versions, rounds, packets, throughput, ceiling, latency, streams, bars
            case notMeasured = "not_measured"
        }
    }

    func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let missing = Dictionary(bench.programs.missing.map { ($0.name, $0.reason) }) { first, _ in first }
        let document = Document(
            machine: machine, versions: bench.programs.versions, rounds: bench.rounds, packets: bench.packets, throughput: throughput,
            ceiling: ceiling, latency: latency, streams: streams, bars: bars, notMeasured: missing)
        return String(decoding: try encoder.encode(document), as: UTF8.self)
    }
}
