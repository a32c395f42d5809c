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
        page += tiles + storySection + runsTable + wholeSection + faultTable + promiseTable + glossary
        page +=
            "<footer>seed \(plan.options.seed) &middot; \(Self.escape(networkName)) &middot; \(plan.hosts.reduce(0, +)) workers &middot; "
        page += "\(plan.exchanges.count) exchanges &middot; \(Self.number(plan.rate)) messages/s per stream"
        for remark in plan.remarks { page += "<br>\(Self.escape(remark))" }
        for note in verdict.notes { page += "<br>\(Self.escape(note))" }
        return page + "</footer></body></html>\n"
    }

    // MARK: Figures

    /// The slowest failover under the magnifying glass.
    private var storySection: String {
        guard let (index, all) = Failover.slowest(in: story, timeline: timeline) else { return "" }
        let fault = story.faults[index]
        let changed = all.filter { !$0.isUnbroken }
        let shown = Array(
            (changed.isEmpty ? all : changed).sorted { ($0.fault - $0.end, $0.feed) < ($1.fault - $1.end, $1.feed) }.prefix(5))
        let colours = HolderColours(timeline)
        let worker = Failover.name(fault.worker)
        let chart = StoryChart(
            timeline: timeline, colours: colours, title: worker.isEmpty ? fault.kind : "\(fault.kind) \(worker)",
            isDeath: fault.isProvedDeath, failovers: shown, fault: fault.boot, packetTimes: storyPackets)
        var section = "<section><h2>How a failover went: \(Self.escape(fault.kind)) \(Self.escape(worker)), run \(fault.run)</h2>"
        section += "<p class=\"sub\">The slowest of \(story.faults.count)"
        if all.count > shown.count { section += "; \(shown.count) of its \(all.count) feeds, the slowest first" }
        section += ". Time counts from the fault; websockets and packets are those of the exchange's record."
        if changed.isEmpty { section += " No lease changed hands and no websocket was opened." }
        section += "</p><div class=\"figure\">\(chart.svg)</div><div class=\"legend\"><b>lease held by</b> \(colours.key)"
        section += "<span><i style=\"background:\(TimelineChart.openColour)\"></i>websocket open</span>"
        for kind in [Timeline.Span.Kind.cooling, .due, .connecting] {
            section += "<span><i style=\"background:\(TimelineChart.colour(of: kind))\"></i>\(TimelineChart.words(kind))</span>"
        }
        section += "<span><i class=\"line grey\"></i>a packet, as the exchange sent it</span></div>"
        section += "<table><tr><th>feed</th><th>&#9312; \(Self.escape(fault.kind))</th><th>&#9313; lease free</th>"
        section += "<th>&#9314; successor has the lease</th><th>&#9315; websocket open</th><th>&#9316; first packet</th>"
        section += "<th>without packets</th></tr>"
        for failover in shown {
            func cell(_ boot: Int64?) -> String {
                "<td class=\"n\">\(boot.map { DrillStage.text(Double($0 - failover.fault) / 1e6) } ?? "-")</td>"
            }
            let hands = failover.taken == nil ? "" : " \(failover.from) &rarr; \(failover.to)"
            section += "<tr><td><b>\(Self.escape(failover.feed))</b>\(hands)</td>\(cell(failover.fault))\(cell(failover.leaseFree))"
            section += "\(cell(failover.taken))\(cell(failover.open))\(cell(failover.firstPacket))"
            section += "<td class=\"n\"><b>\(failover.withoutPackets.map { DrillStage.text(Double($0) / 1e6) } ?? "-")</b></td></tr>"
        }
        return section + "</table></section>"
    }

    private var wholeSection: String {
        let lanes = timeline.feeds
        let chart = TimelineChart(
            timeline: timeline, colours: HolderColours(timeline), faults: story.faults, lanes: lanes, from: timeline.from, to: timeline.to,
            zero: story.beganBoot)
        return "<section><h2>The whole drill</h2><p class=\"sub\">\(story.faults.count) faults, \(lanes.count) feeds; the number at the "
            + "right is the most packets per second of the lane.</p><div class=\"figure\">\(chart.svg)</div>\(chart.legend())</section>"
    }

    /// Every fault with what it cost, the slowest first.
    private var runsTable: String {
        let limit = 20
        let runs = story.faults.indices.map { (fault: story.faults[$0], failovers: Failover.all(of: $0, in: story, timeline: timeline)) }
            .sorted { Failover.duration($0.failovers) > Failover.duration($1.failovers) }
        guard runs.count > 1 else { return "" }
        func longest(_ times: [Int64?]) -> String { times.compactMap { $0 }.max().map { DrillStage.text(Double($0) / 1e6) } ?? "-" }
        var rows = ""
        for (fault, failovers) in runs.prefix(limit) {
            let names = fault.feeds.isEmpty ? "all feeds" : fault.feeds.prefix(6).joined(separator: " ")
            rows += "<tr><td class=\"n\">\(fault.run)</td><td class=\"n\">\(Self.number(Double(fault.boot - story.beganBoot) / 1e9)) s</td>"
            rows += "<td>\(Self.escape(fault.kind)) <b>\(Self.escape(Failover.name(fault.worker)))</b> \(Self.escape(fault.detail))</td>"
            rows += "<td>\(Self.escape(names))\(fault.feeds.count > 6 ? " and \(fault.feeds.count - 6) more" : "")</td>"
            rows += "<td class=\"n\">\(longest(failovers.map { failover in failover.taken.map { $0 - failover.fault } }))</td>"
            rows += "<td class=\"n\">\(longest(failovers.map { failover in failover.open.map { $0 - failover.fault } }))</td>"
            rows += "<td class=\"n\">\(longest(failovers.map(\.withoutPackets)))</td></tr>"
        }
        return "<section><h2>Each fault</h2><p class=\"sub\">Times are those of the fault's slowest feed, from the fault on"
            + (runs.count > limit ? "; the \(limit) slowest of \(runs.count)" : "")
            + ".</p><table><tr><th>run</th><th>at</th><th>fault</th>"
            + "<th>feeds it hit</th><th>successor has the lease</th><th>websocket open</th><th>without packets</th></tr>\(rows)</table></section>"
    }

    // MARK: Parts

    private var tiles: String {
        let packets = verdict.packets
        let cells: [(String, String, Bool)] = [
            ("packets sent", "\(packets.sent)", true), ("stored", "\(packets.stored)", true),
            ("lost without a marker", "\(packets.lost)", packets.lost == 0),
            ("duplicated", "\(packets.duplicated)", packets.duplicated == 0),
            ("stale", "\(packets.stale)", packets.stale == 0),
            ("two websockets at once", "\(Self.number(verdict.sockets.overlapMilliseconds)) ms", verdict.sockets.overlapMilliseconds == 0),
            ("lease gap p99", verdict.leaseGap.p99.map { DrillStage.text($0) } ?? "-", true),
            ("packet gap p99", verdict.packetGap.p99.map { DrillStage.text($0) } ?? "-", true),
            ("reconnects admitted", "\(verdict.admissions.count)", true),
            ("closest two of them", verdict.admissions.minimumSpacingSeconds.map { "\(Self.number($0)) s" } ?? "-", true),
        ]
        return "<div class=\"tiles\">"
            + cells.map { "<div class=\"tile\(!$0.2 ? " bad" : "")\"><b>\($0.1)</b><span>\($0.0)</span></div>" }.joined() + "</div>"
    }

    private var promiseTable: String {
        "<section><h2>Promises</h2><table>"
            + promises.map {
                "<tr><td class=\"\($0.kept ? "ok" : "bad")\">\($0.kept ? "kept" : "broken")</td><td><b>\($0.id)</b></td>"
                    + "<td>\(Self.escape(DrillPromise.ID(rawValue: $0.id)?.meaning ?? ""))"
                    + "<br><span class=\"sub\">checked: \(Self.escape($0.detail))</span></td></tr>"
            }.joined() + "</table></section>"
    }

    private var glossary: String {
        let words =
            [
                ("lease", "the right to hold a feed's websocket and to write its streams; one worker has it at a time"),
                ("lease gap", "from the fault until a worker has acquired the lease"),
                (
                    "packet gap",
                    "from the fault, or the last packet that still came behind it, to the first packet of the next websocket, by when they were received"
                ),
                (
                    "reconnect admitted",
                    "a lost websocket was entered in the cluster's map of disconnects; with a pace, one per exchange and pace"
                ),
                ("p50, p99", "half, and 99 of 100, of the measured times are not longer; of fewer than 100 times p99 is the largest"),
            ] + HistoryRule.allCases.map { ($0.rawValue, "rule of the history checker: \($0.title)") }
        return "<section><h2>What the words mean</h2><table>"
            + words.map { "<tr><td><b>\(Self.escape($0.0))</b></td><td>\(Self.escape($0.1))</td></tr>" }.joined() + "</table></section>"
    }

    private var faultTable: String {
        func cell(_ value: Double?) -> String { "<td class=\"n\">\(value.map { DrillStage.text($0) } ?? "-")</td>" }
        let rows = verdict.faults.map { kind in
            "<tr><td>\(Self.escape(kind.kind))</td><td class=\"n\">\(kind.faults)</td>"
                + [kind.leaseGap.p50, kind.leaseGap.p99, kind.leaseGap.max, kind.packetGap.p50, kind.packetGap.p99, kind.packetGap.max]
                .map(cell).joined() + "</tr>"
        }
        return "<section><h2>By kind of fault</h2><table><tr><th>fault</th><th>times</th><th>lease gap p50</th><th>p99</th><th>max</th>"
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
        .legend i.line{width:3px;height:12px;background:#d32f2f}.legend i.grey{width:2px;background:#5f6f86}.legend svg{vertical-align:-2px}
        footer{color:var(--soft);font-size:12px}svg text{font:11px system-ui,sans-serif;fill:var(--ink)}
        </style></head><body>
        """
    }
}
