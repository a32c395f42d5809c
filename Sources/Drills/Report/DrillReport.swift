internal import FoundationEssentials
internal import History

/// What a drill showed.
package struct DrillReport: Sendable {
    package let plan: DrillPlan
    package let story: DrillStory
    let verdict: HistoryVerdict
    package let timeline: Timeline
    package let promises: [DrillPromise]
    package let networkName: String
    /// When each packet around the slowest fault was sent, by feed.
    let storyPackets: [String: [Int64]]

    init(
        plan: DrillPlan, story: DrillStory, verdict: HistoryVerdict, timeline: Timeline, promises: [DrillPromise], networkName: String,
        storyPackets: [String: [Int64]] = [:]
    ) {
        self.storyPackets = storyPackets
        self.plan = plan
        self.story = story
        self.verdict = verdict
        self.timeline = timeline
        self.promises = promises
        self.networkName = networkName
    }

    package var isKept: Bool { promises.allSatisfy(\.kept) }
    package var broken: [DrillPromise] { promises.filter { !$0.kept } }

    /// How often the fault was brought about.
    package var runs: Int { story.faults.count }

    // MARK: JSON

    private struct Quantiles: Codable {
        var p50: Double?
        var p99: Double?
        var max: Double?

        init(_ quantiles: HistoryVerdict.Quantiles) {
            (p50, p99, max) = (quantiles.p50.map(Self.round), quantiles.p99.map(Self.round), quantiles.max.map(Self.round))
        }

        private static func round(_ value: Double) -> Double { (value * 10).rounded() / 10 }

        // Stable keys: what was not measured is null.
        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(p50, forKey: .p50)
            try container.encode(p99, forKey: .p99)
            try container.encode(max, forKey: .max)
        }
    }

    private struct Document: Encodable {
        var kind: String
        var seed: UInt64
        var runs: Int
        var promises: [DrillPromise]
        var leaseGap: Quantiles
        var packetGap: Quantiles
        var packets: [String: Int]
        var sockets: Sockets
        var admissions: Admissions

        struct Sockets: Encodable {
            var overlap: Double
            var connects: Int

            enum CodingKeys: String, CodingKey {
                case overlap = "overlap_ms"
                case connects
            }
        }

        struct Admissions: Encodable {
            var count: Int
            var spacing: Double?

            enum CodingKeys: String, CodingKey {
                case count
                case spacing = "min_spacing_s"
            }

            func encode(to encoder: any Encoder) throws {
                var container = encoder.container(keyedBy: CodingKeys.self)
                try container.encode(count, forKey: .count)
                try container.encode(spacing, forKey: .spacing)
            }
        }

        enum CodingKeys: String, CodingKey {
            case kind, seed, runs, promises
            case leaseGap = "lease_gap_ms"
            case packetGap = "packet_gap_ms"
            case packets, sockets, admissions
        }
    }

    /// One object with stable keys: kind, seed, runs, promises, lease_gap_ms, packet_gap_ms, packets, sockets, admissions.
    package func json() throws -> String {
        let packets = verdict.packets
        let document = Document(
            kind: plan.kind.rawValue, seed: plan.options.seed, runs: runs, promises: promises, leaseGap: Quantiles(verdict.leaseGap),
            packetGap: Quantiles(verdict.packetGap),
            packets: [
                "sent": packets.sent, "stored": packets.stored, "lost": packets.lost, "duplicated": packets.duplicated,
                "stale": packets.stale,
            ],
            sockets: .init(overlap: verdict.sockets.overlapMilliseconds, connects: verdict.sockets.connects),
            admissions: .init(count: verdict.admissions.count, spacing: verdict.admissions.minimumSpacingSeconds))
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
        return String(decoding: try encoder.encode(document), as: UTF8.self) + "\n"
    }

    // MARK: Text

    /// For the terminal: numbers per kind of fault, then each promise.
    package var text: String {
        let packets = verdict.packets
        var lines = ["", Self.table(verdict.faults), ""]
        lines.append("lease gap: from the fault until a worker has the lease; packet gap: until the first packet of the next websocket")
        for kind in verdict.faults {
            let gap = kind.websocketGap
            guard let p50 = gap.p50, let p99 = gap.p99, let max = gap.max else { continue }
            lines.append(
                "  \(kind.kind), without a websocket by the exchanges' record: \(gap.count) times, p50 \(DrillStage.text(p50)), "
                    + "p99 \(DrillStage.text(p99)), max \(DrillStage.text(max))")
        }
        for sample in story.samples {
            let numbers = HistoryVerdict.Quantiles(sample.milliseconds)
            // The lease gap is judged, and shown above, by the recording; what was seen live is the same but for the clocks' milliseconds.
            guard sample.name != "late batches stored", sample.name != "lease gap" else { continue }
            lines.append(
                "  \(sample.name): \(numbers.count) times, p50 \(DrillStage.text(numbers.p50 ?? 0)), p99 \(DrillStage.text(numbers.p99 ?? 0)), "
                    + "max \(DrillStage.text(numbers.max ?? 0))")
        }
        for (name, number) in story.counts.sorted(by: { $0.key < $1.key }) { lines.append("  \(name): \(number)") }
        lines += [
            "",
            "packets     sent \(packets.sent), stored \(packets.stored), in marked gaps \(packets.gapped), in declared tails \(packets.tail), "
                + "lost \(packets.lost), duplicated \(packets.duplicated), stale \(packets.stale)",
            "websockets  \(verdict.sockets.connects) connects, two of one feed open at once for \(Self.number(verdict.sockets.overlapMilliseconds)) ms",
            "admissions  \(verdict.admissions.count), smallest spacing "
                + (verdict.admissions.minimumSpacingSeconds.map { "\(Self.number($0)) s" } ?? "-"),
            "",
        ]
        for promise in promises { lines.append("\(promise.kept ? "kept  " : "BROKEN")  \(promise.id): \(promise.detail)") }
        for note in verdict.notes { lines.append("note: \(note)") }
        return lines.joined(separator: "\n")
    }

    /// One row per kind of fault, numbers under the end of their headings.
    static func table(_ kinds: [HistoryVerdict.FaultKind]) -> String {
        var rows = [["", "", "LEASE GAP", "", "", "PACKET GAP", "", ""], ["FAULT", "TIMES", "p50", "p99", "max", "p50", "p99", "max"]]
        for kind in kinds {
            let times = [
                kind.leaseGap.p50, kind.leaseGap.p99, kind.leaseGap.max, kind.packetGap.p50, kind.packetGap.p99, kind.packetGap.max,
            ]
            rows.append([kind.kind, "\(kind.faults)"] + times.map { $0.map { DrillStage.text($0) } ?? "-" })
        }
        let widths = (0..<8).map { column in max(column > 1 ? 9 : 0, rows.map { $0[column].count }.max() ?? 0) }
        return rows.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                let padding = String(repeating: " ", count: max(0, widths[column] - cell.count))
                line += (column == 0 ? cell + padding : padding + cell) + (column == 7 ? "" : "  ")
            }
            while line.last == " " { line.removeLast() }
            return line
        }.joined(separator: "\n")
    }

    static func number(_ value: Double) -> String {
        let rounded = (value * 100).rounded() / 100
        return rounded == rounded.rounded() ? "\(Int(rounded))" : "\(rounded)"
    }
}
