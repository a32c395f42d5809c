internal import FoundationEssentials

extension HistoryVerdict {
    /// As one JSON object, keys sorted.
    package func json() throws(HistoryError) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        do {
            return String(decoding: try encoder.encode(self), as: UTF8.self)
        } catch {
            throw HistoryError(.format, "the verdict cannot be written as JSON: \(error)")
        }
    }

    /// The table that people read.
    package var table: String {
        var lines: [String] = []
        for promise in promises {
            let mark = promise.kept ? (promise.checked ? "kept  " : "  -   ") : "BROKEN"
            let title = HistoryRule(rawValue: promise.id)?.title ?? ""
            lines.append("\(Self.padded(promise.id, 4)) \(mark)  \(title)\(promise.detail.isEmpty ? "" : ": \(promise.detail)")")
        }
        lines.append("")
        let p = packets
        lines.append(
            "packets     \(p.sent) sent, \(p.received) received, \(p.stored) stored, \(p.lost) lost outside marked gaps, \(p.gapped) in marked gaps, "
                + "\(p.tail) in declared or unreceived tails, \(p.duplicated) duplicated, \(p.stale) stale; \(p.answers) entries that are no data"
        )
        lines.append(
            "sockets     \(sockets.connects) connects, \(Self.text(sockets.overlapMilliseconds)) ms open at once (worst "
                + "\(Self.text(sockets.worstOverlapMilliseconds)) ms)")
        lines.append(
            "admissions  \(admissions.count)"
                + (admissions.minimumSpacingSeconds.map { ", at least \(Self.text($0)) s apart" } ?? ""))
        for fault in faults {
            lines.append(
                "fault       \(Self.padded(fault.kind, 14)) x \(fault.faults): lease gap \(fault.leaseGap.text), "
                    + "websocket gap \(fault.websocketGap.text), packet gap \(fault.packetGap.text)"
            )
        }
        for timeline in timelines {
            lines += ["", "\(timeline.id) \(timeline.feed): \(timeline.violation)"] + timeline.lines.map { "    \($0)" }
        }
        if !notes.isEmpty { lines += [""] + notes.map { "note: \($0)" } }
        return lines.joined(separator: "\n")
    }

    package static func text(_ number: Double) -> String { "\((number * 10).rounded() / 10)" }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}

extension HistoryVerdict.Quantiles {
    package var text: String {
        guard let p50, let p99, let max else { return "none" }
        return "p50 \(HistoryVerdict.text(p50)) ms, p99 \(HistoryVerdict.text(p99)) ms, max \(HistoryVerdict.text(max)) ms (\(count))"
    }
}
