/// A stretch of the timeline as SVG: a lane per feed with its holders, its websocket, what it waits for, its packets; faults across all.
struct TimelineChart: Sendable {
    let timeline: Timeline
    let colours: HolderColours
    let faults: [DrillStory.Fault]
    let lanes: [String]
    let axis: ChartAxis
    private let laneHeight: Double

    private static let width = 1270.0
    private static let top = 50.0
    static let openColour = "#2e9e62"

    init(timeline: Timeline, colours: HolderColours, faults: [DrillStory.Fault], lanes: [String], from: Int64, to: Int64, zero: Int64) {
        self.timeline = timeline
        self.colours = colours
        self.faults = faults
        self.lanes = lanes
        axis = ChartAxis(from: from, to: to, zero: zero, left: Self.nameWidth(lanes), right: Self.width - 62)
        laneHeight = lanes.count > 12 ? 38 : 58
    }

    /// Room for the longest name of a lane.
    static func nameWidth(_ names: [String]) -> Double { min(220, Double(names.map(\.count).max() ?? 0) * 7.2 + 16) }

    /// What is drawn, in the order of reading; of the marks only those that occur.
    func legend() -> String {
        var parts = [
            "<i style=\"background:\(Self.openColour)\"></i>websocket open", "<i style=\"background:#c3ccd8\"></i>packets per second",
            "<i class=\"line\"></i>fault",
        ]
        let kinds = Set(lanes.flatMap { timeline.spans[$0] ?? [] }.map(\.kind))
        for kind in [Timeline.Span.Kind.cooling, .due, .connecting] where kinds.contains(kind) {
            parts.append("<i style=\"background:\(Self.colour(of: kind))\"></i>\(Self.words(kind))")
        }
        let marks = Set(lanes.flatMap { timeline.marks[$0] ?? [] }.map(\.kind))
        for kind in Timeline.Mark.Kind.allCases where marks.contains(kind) {
            parts.append(
                "<svg width=\"14\" height=\"12\">\(Self.symbol(kind, 7, 6, title: ""))</svg> \(DrillReport.escape(Self.words(kind)))")
        }
        if faults.contains(where: { $0.healedBoot != nil }) {
            parts.append("<i style=\"background:#fbe9e9\"></i>until the fault was taken back")
        }
        if hasTwo { parts.append("<i style=\"background:#d32f2f\"></i>two websockets open") }
        return "<div class=\"legend\"><b>lease held by</b> \(colours.key)</div><div class=\"legend\">"
            + parts.map { "<span>\($0)</span>" }.joined() + "</div>"
    }

    var svg: String {
        let height = Self.top + laneHeight * Double(lanes.count) + 8
        var svg = bands(height)
        for tick in axis.ticks {
            let x = axis.x(tick.boot)
            svg += SVG.line(x, Self.top - 6, x, height, stroke: "#e6eaf0")
            svg += SVG.label(tick.text, x, 12, anchor: "middle", style: "fill:#66758a")
        }
        for (index, lane) in lanes.enumerated() { svg += self.lane(lane, y: Self.top + laneHeight * Double(index)) }
        return SVG.page(Self.width, height, svg + marks(height))
    }

    // MARK: Across

    private func bands(_ height: Double) -> String {
        faults.compactMap { fault in
            guard let healed = fault.healedBoot, healed > axis.from, fault.boot < axis.to else { return nil }
            let left = axis.x(fault.boot)
            return SVG.rectangle(
                left, Self.top - 6, axis.x(healed) - left, height - Self.top, fill: "#fbe9e9", title: "\(fault.kind) \(fault.detail)")
        }.joined()
    }

    /// The fault's word and its worker where there is room, else its number.
    private func marks(_ height: Double) -> String {
        let inside = faults.filter { $0.boot >= axis.from && $0.boot <= axis.to }
        var free = -Double.infinity
        return inside.map { fault in
            let at = axis.x(fault.boot)
            let worker = Failover.name(fault.worker)
            var svg = SVG.line(at, Self.top - 8, at, height, stroke: "#d32f2f", width: 1.5)
            svg += "<title>\(DrillReport.escape("\(fault.kind) \(fault.worker) \(fault.detail)"))</title>"
            let half = Double(max(fault.kind.count, worker.count)) * 3.4 + 3
            let style = "fill:#c62828;font-weight:600"
            if at - half > free {
                svg += SVG.label(fault.kind, at, 27, anchor: "middle", style: style)
                if !worker.isEmpty { svg += SVG.label(worker, at, 40, anchor: "middle", style: "fill:#c62828") }
                free = at + half
            }
            return "<g>\(svg)</g>"
        }.joined()
    }

    // MARK: A lane

    private func lane(_ feed: String, y: Double) -> String {
        let isSlim = laneHeight < 50
        let bar = 15.0
        let thin = isSlim ? 5.0 : 7.0
        var svg = SVG.line(0, y, Self.width, y, stroke: "#dde3ea")
        svg += SVG.label(SVG.fitted(feed, into: axis.left - 8) ?? feed, 4, y + 15, style: "font-weight:600")
        let below = y + 3 + bar + thin + 4
        svg += rates(feed, y: below, height: y + laneHeight - 2 - below)
        for span in timeline.spans[feed] ?? [] where span.to > axis.from && span.from < axis.to {
            let (left, right) = (axis.x(span.from), axis.x(span.to))
            if span.kind == .held {
                let name = Failover.name(span.worker)
                svg += SVG.rectangle(
                    left, y + 3, right - left, bar, fill: colours[name],
                    title: "\(span.worker) for \(DrillStage.text(Double(span.to - span.from) / 1e6))")
                if let fitted = SVG.fitted(name, into: right - left - 8) {
                    svg += SVG.label(fitted, left + 4, y + 14.5, style: "fill:#fff;font-size:10.5px")
                }
            } else {
                svg += SVG.rectangle(
                    left, y + 5 + bar, right - left, thin, fill: Self.colour(of: span.kind),
                    title: "\(Self.words(span.kind)) for \(DrillStage.text(Double(span.to - span.from) / 1e6))")
            }
        }
        svg += sockets(feed, y: y + 5 + bar, height: thin)
        for mark in timeline.marks[feed] ?? [] where mark.boot >= axis.from && mark.boot <= axis.to {
            svg += Self.symbol(mark.kind, axis.x(mark.boot), y + 5 + bar + thin / 2, title: mark.text)
        }
        return svg
    }

    private var hasTwo: Bool {
        lanes.contains { lane in
            let sockets = timeline.sockets[lane] ?? []
            return zip(sockets, sockets.dropFirst()).contains { $1.open < $0.close ?? .max }
        }
    }

    private func sockets(_ feed: String, y: Double, height: Double) -> String {
        var svg = ""
        var before = Int64.min
        for socket in timeline.sockets[feed] ?? [] {
            let close = socket.close ?? axis.to
            if close > axis.from, socket.open < axis.to {
                let left = axis.x(socket.open)
                svg += SVG.rectangle(
                    left, y, axis.x(close) - left, height, fill: Self.openColour, title: "websocket \(socket.number) open")
                if socket.open < before {
                    svg += SVG.rectangle(
                        left, y - 2, axis.x(min(before, close)) - left, height + 4, fill: "#d32f2f", title: "two websockets open")
                }
            }
            before = max(before, close)
        }
        return svg
    }

    /// Packets per second in steps, each over the buckets it counts; the lane's largest at the right.
    private func rates(_ feed: String, y: Double, height: Double) -> String {
        guard let counts = timeline.packets[feed], axis.to > axis.from else { return "" }
        let first = max(0, Int((axis.from - timeline.from) / timeline.bucket))
        let last = min(counts.count, Int((axis.to - timeline.from) / timeline.bucket) + 1)
        guard last > first else { return "" }
        let group = max(1, (last - first) / 550)
        var steps: [(from: Double, to: Double, rate: Double)] = []
        for start in stride(from: first, to: last, by: group) {
            let end = min(last, start + group)
            let sum = counts[start..<end].reduce(0, +)
            steps.append(
                (
                    axis.x(timeline.from + Int64(start) * timeline.bucket), axis.x(timeline.from + Int64(end) * timeline.bucket),
                    Double(sum) / (Double(Int64(end - start) * timeline.bucket) / 1e9)
                ))
        }
        let most = max(1, steps.map(\.rate).max() ?? 1)
        let base = y + height
        var path = "M\(SVG.text(steps[0].from)) \(SVG.text(base))"
        for step in steps { path += "V\(SVG.text(base - step.rate / most * height))H\(SVG.text(step.to))" }
        return "<path d=\"\(path)V\(SVG.text(base))Z\" fill=\"#c3ccd8\"/>"
            + SVG.label("\(Int(most.rounded()))/s", axis.right + 5, y + 9, style: "fill:#66758a;font-size:10px")
    }

    // MARK: What means what

    static func colour(of kind: Timeline.Span.Kind) -> String {
        switch kind {
        case .held: "#4477aa"
        case .cooling: "#f2b134"
        case .due: "#f7dd8b"
        case .connecting: "#8fc7e8"
        }
    }

    static func words(_ kind: Timeline.Span.Kind) -> String {
        switch kind {
        case .held: "lease held"
        case .cooling: "held back by the pace"
        case .due: "reconnect due"
        case .connecting: "connecting"
        }
    }

    static func words(_ kind: Timeline.Mark.Kind) -> String {
        switch kind {
        case .ended: "websocket ended"
        case .gap: "packets declared lost"
        case .restored: "feed restored into Redis"
        case .quarantined: "quarantined after crashes"
        }
    }

    /// A shape of its own for each kind.
    static func symbol(_ kind: Timeline.Mark.Kind, _ x: Double, _ y: Double, title: String) -> String {
        func shape(_ path: String, _ style: String) -> String {
            "<path transform=\"translate(\(SVG.text(x)) \(SVG.text(y)))\" d=\"\(path)\" \(style)>"
                + "<title>\(DrillReport.escape(title))</title></path>"
        }
        return switch kind {
        case .ended: shape("M-3.5-3.5L3.5 3.5M-3.5 3.5L3.5-3.5", "stroke=\"#c62828\" stroke-width=\"2\"")
        case .gap: shape("M0-5L5 0L0 5L-5 0Z", "fill=\"#e07b00\" stroke=\"#fff\"")
        case .restored: shape("M0-5L5 4H-5Z", "fill=\"#1c4fa0\" stroke=\"#fff\"")
        case .quarantined: shape("M-4-4H4V4H-4Z", "fill=\"#1c2733\" stroke=\"#fff\"")
        }
    }
}
