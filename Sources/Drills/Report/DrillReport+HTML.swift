internal import Coordination
internal import History

extension DrillReport {
    /// A page that needs nothing else: the verdict, the numbers, and timelines drawn as SVG.
    package var html: String {
        var page = Self.head("colony drill \(plan.kind.rawValue)")
        page += "<header><h1>colony drill <b>\(plan.kind.rawValue)</b></h1>"
        page += "<p class=\"sub\">\(Self.escape(plan.kind.explanation))</p>"
        page +=
            "<p class=\"verdict \(isKept ? "ok" : "bad")\">\(isKept ? "All promises kept" : "Broken: " + broken.map(\.id).joined(separator: ", "))"
        page += "</p></header>"
        page += tiles + promiseTable + faultTable
        for figure in figures {
            page += "<section><h2>\(Self.escape(figure.title))</h2><p class=\"sub\">\(Self.escape(figure.caption))</p>"
            page += "<div class=\"figure\">\(figure.chart.svg)</div></section>"
        }
        page += TimelineChart.legend
        page +=
            "<footer>seed \(plan.options.seed) &middot; \(Self.escape(networkName)) &middot; \(plan.hosts.reduce(0, +)) workers &middot; "
        page += "\(plan.exchanges.count) exchanges &middot; \(Self.number(plan.rate)) messages/s per stream"
        for remark in plan.remarks { page += "<br>\(Self.escape(remark))" }
        for note in verdict.notes { page += "<br>\(Self.escape(note))" }
        return page + "</footer></body></html>\n"
    }

    // MARK: Figures

    private struct Figure {
        var title: String
        var caption: String
        var chart: TimelineChart
    }

    private var figures: [Figure] {
        var figures: [Figure] = []
        let base = story.beganBoot
        if let worst = slowest {
            let second: Int64 = 1_000_000_000
            let end = min(timeline.to, max(worst.end + second, worst.fault.boot + 2 * second))
            let hit = worst.fault.feeds.isEmpty ? timeline.spans.keys.sorted() : worst.fault.feeds
            let lanes = Array(hit.sorted().prefix(8))
            figures.append(
                Figure(
                    title: "The slowest: \(worst.fault.kind), run \(worst.fault.run)",
                    caption: "One second before the fault until one second after the last of its feeds was received again"
                        + (hit.count > lanes.count ? " (\(lanes.count) of \(hit.count) feeds)" : "") + ".",
                    chart: TimelineChart(
                        timeline: timeline, faults: story.faults, lanes: lanes, from: worst.fault.boot - second, to: end, zero: base,
                        laneHeight: 74)))
        }
        let lanes = timeline.spans.keys.sorted()
        figures.append(
            Figure(
                title: "The whole drill", caption: "\(story.faults.count) faults, \(lanes.count) feeds.",
                chart: TimelineChart(
                    timeline: timeline, faults: story.faults, lanes: lanes, from: timeline.from, to: timeline.to, zero: base,
                    laneHeight: lanes.count > 12 ? 34 : 58)))
        return figures
    }

    /// The fault whose feeds were longest without a websocket, and when the last of them had one again.
    private var slowest: (fault: DrillStory.Fault, end: Int64)? {
        var found: (fault: DrillStory.Fault, end: Int64)?
        for (index, fault) in story.faults.enumerated() {
            let limit = index + 1 < story.faults.count ? story.faults[index + 1].boot : timeline.to
            var end = fault.healedBoot ?? fault.boot
            for feed in fault.feeds {
                let next = timeline.sockets[String(feed.prefix { $0 != "/" })]?.first { $0.open > fault.boot && $0.open < limit }
                if let next { end = max(end, next.open) }
            }
            if found.map({ end - fault.boot > $0.end - $0.fault.boot }) ?? true { found = (fault, end) }
        }
        return found
    }

    // MARK: Parts

    private var tiles: String {
        let packets = verdict.packets
        let cells: [(String, String, Bool)] = [
            ("packets sent", "\(packets.sent)", true), ("stored", "\(packets.stored)", true),
            ("lost unmarked", "\(packets.lost)", packets.lost == 0), ("duplicated", "\(packets.duplicated)", packets.duplicated == 0),
            ("stale", "\(packets.stale)", packets.stale == 0),
            ("two sockets", "\(Self.number(verdict.sockets.overlapMilliseconds)) ms", verdict.sockets.overlapMilliseconds == 0),
            ("lease gap p99", verdict.leaseGap.p99.map { DrillStage.text($0) } ?? "-", true),
            ("packet gap p99", verdict.packetGap.p99.map { DrillStage.text($0) } ?? "-", true),
            ("admissions", "\(verdict.admissions.count)", true),
            ("closest", verdict.admissions.minimumSpacingSeconds.map { "\(Self.number($0)) s" } ?? "-", true),
        ]
        return "<div class=\"tiles\">"
            + cells.map { "<div class=\"tile\(!$0.2 ? " bad" : "")\"><b>\($0.1)</b><span>\($0.0)</span></div>" }.joined() + "</div>"
    }

    private var promiseTable: String {
        "<section><h2>Promises</h2><table>"
            + promises.map {
                "<tr><td class=\"\($0.kept ? "ok" : "bad")\">\($0.kept ? "kept" : "broken")</td><td><b>\($0.id)</b></td>"
                    + "<td>\(Self.escape($0.detail))</td></tr>"
            }.joined() + "</table></section>"
    }

    private var faultTable: String {
        func cell(_ value: Double?) -> String { "<td class=\"n\">\(value.map { DrillStage.text($0) } ?? "-")</td>" }
        let rows = verdict.faults.map { kind in
            "<tr><td>\(Self.escape(kind.kind))</td><td class=\"n\">\(kind.faults)</td>"
                + [kind.leaseGap.p50, kind.leaseGap.p99, kind.leaseGap.max, kind.packetGap.p50, kind.packetGap.p99, kind.packetGap.max]
                .map(cell).joined() + "</tr>"
        }
        return "<section><h2>Faults</h2><table><tr><th>fault</th><th>times</th><th>lease gap p50</th><th>p99</th><th>max</th>"
            + "<th>packet gap p50</th><th>p99</th><th>max</th></tr>" + rows.joined() + "</table></section>"
    }

    static func escape(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;").replacing("\"", with: "&quot;")
    }

    private static func head(_ title: String) -> String {
        """
        <!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
        <link rel="icon" href="data:,"><title>\(title)</title><style>
        :root{--ink:#1c2733;--soft:#66758a;--line:#dde3ea;--paper:#fff;--wash:#f5f7fa;--ok:#1a7f4b;--bad:#c62828}
        body{font:14px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;color:var(--ink);background:var(--wash);margin:0 auto;
        max-width:1320px;padding:24px}
        h1{font-size:22px;font-weight:400;margin:0 0 4px}h2{font-size:16px;margin:0 0 6px}
        .sub{color:var(--soft);margin:0 0 10px}.verdict{font-size:18px;font-weight:600;margin:10px 0 16px}
        .ok{color:var(--ok)}.bad{color:var(--bad)}
        section{background:var(--paper);border:1px solid var(--line);border-radius:8px;padding:14px 16px;margin:0 0 16px}
        table{border-collapse:collapse;width:100%}td,th{padding:4px 10px 4px 0;text-align:left;vertical-align:top;border-top:1px solid
        var(--line)}tr:first-child td,tr:first-child th{border-top:0}th{color:var(--soft);font-weight:500}.n{font-variant-numeric:tabular-nums}
        .tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(112px,1fr));gap:10px;margin:0 0 16px}
        .tile{background:var(--paper);border:1px solid var(--line);border-radius:8px;padding:8px 12px}
        .tile b{display:block;font-size:18px;font-variant-numeric:tabular-nums}.tile span{color:var(--soft);font-size:12px}
        .figure{overflow-x:auto}.legend{display:flex;flex-wrap:wrap;gap:6px 18px;color:var(--soft);margin:0 0 16px}
        .legend i{display:inline-block;width:18px;height:9px;border-radius:2px;margin-right:6px}
        footer{color:var(--soft);font-size:12px}svg text{font:11px system-ui,sans-serif;fill:var(--ink)}
        </style></head><body>
        """
    }
}
