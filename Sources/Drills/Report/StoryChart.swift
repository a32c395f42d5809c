/// One fault under the magnifying glass: for each feed who had the lease, when a websocket was open, and every packet; the steps numbered.
struct StoryChart: Sendable {
    let timeline: Timeline
    let colours: HolderColours
    /// What the red line is called.
    let title: String
    let isDeath: Bool
    let failovers: [Failover]
    /// By feed, boot nanoseconds.
    let packetTimes: [String: [Int64]]
    let axis: ChartAxis

    private static let width = 1270.0
    private static let top = 40.0
    private static let laneHeight = 106.0

    /// A little before the fault until a little after the last step, never less than 200 ms.
    static func window(_ failovers: [Failover], fault: Int64) -> ClosedRange<Int64> {
        let duration = max(100_000_000, Failover.duration(failovers))
        return fault - duration * 2 / 5...fault + duration * 8 / 5
    }

    init(
        timeline: Timeline, colours: HolderColours, title: String, isDeath: Bool, failovers: [Failover], fault: Int64,
        packetTimes: [String: [Int64]]
    ) {
        self.timeline = timeline
        self.colours = colours
        self.title = title
        self.isDeath = isDeath
        self.failovers = failovers
        self.packetTimes = packetTimes
        let window = Self.window(failovers, fault: fault)
        axis = ChartAxis(
            from: window.lowerBound, to: window.upperBound, zero: fault,
            left: TimelineChart.nameWidth(failovers.map(\.feed)) + 76, right: Self.width - 12)
    }

    var svg: String {
        let height = Self.top + Self.laneHeight * Double(failovers.count) + 4
        var svg = ""
        for tick in axis.ticks {
            let x = axis.x(tick.boot)
            svg += SVG.line(x, Self.top - 4, x, height, stroke: "#eef1f5")
            svg += SVG.label(tick.text, x, 12, anchor: "middle", style: "fill:#66758a")
        }
        for (index, failover) in failovers.enumerated() { svg += lane(failover, y: Self.top + Self.laneHeight * Double(index)) }
        let at = axis.x(axis.zero)
        svg += SVG.line(at, Self.top - 10, at, height, stroke: "#d32f2f", width: 1.5)
        svg += SVG.label(title, at, 27, anchor: "middle", style: "fill:#c62828;font-weight:600;font-size:12px")
        return SVG.page(Self.width, height, svg)
    }

    // MARK: A lane

    private func lane(_ failover: Failover, y: Double) -> String {
        var svg = SVG.line(0, y, Self.width, y, stroke: "#dde3ea")
        let rows = axis.left - 72
        svg += SVG.label(failover.feed, 4, y + 42, style: "font-weight:600")
        svg += SVG.label("lease", rows, y + 42, style: "fill:#66758a") + SVG.label("websocket", rows, y + 63, style: "fill:#66758a")
        svg += SVG.label("packets", rows, y + 86, style: "fill:#66758a")
        svg += leases(failover, y: y + 28, height: 20)
        svg += waits(failover.feed, y: y + 53, height: 13) + sockets(failover.feed, y: y + 53, height: 13)
        svg += packets(failover.feed, y: y + 72, height: 20)
        return svg + numbers(failover, y: y + 12, bottom: y + 94)
    }

    private func leases(_ failover: Failover, y: Double, height: Double) -> String {
        var svg = ""
        for span in timeline.spans[failover.feed] ?? [] where span.kind == .held && span.to > axis.from && span.from < axis.to {
            let name = Failover.name(span.worker)
            let (left, right) = (axis.x(span.from), axis.x(span.to))
            svg += SVG.rectangle(left, y, right - left, height, fill: colours[name], title: span.worker)
            if let fitted = SVG.fitted(name, into: right - left - 8) { svg += SVG.label(fitted, left + 5, y + 14, style: "fill:#fff") }
        }
        // What is written down as held by a process that is gone already.
        if isDeath, let free = failover.leaseFree {
            svg += SVG.rectangle(
                axis.x(failover.fault), y, axis.x(free) - axis.x(failover.fault), height, fill: "#fff",
                title: "holder dead, lease not free yet",
                extra: "fill-opacity=\"0.55\"")
        }
        return svg
    }

    private func waits(_ feed: String, y: Double, height: Double) -> String {
        var svg = ""
        for span in timeline.spans[feed] ?? [] where span.kind != .held && span.to > axis.from && span.from < axis.to {
            let (left, right) = (axis.x(span.from), axis.x(span.to))
            let words = TimelineChart.words(span.kind)
            svg += SVG.rectangle(
                left, y, right - left, height, fill: TimelineChart.colour(of: span.kind),
                title: "\(words) for \(DrillStage.text(Double(span.to - span.from) / 1e6))")
            if let fitted = SVG.fitted(words, into: right - left - 6) { svg += SVG.label(fitted, left + 3, y + 10.5) }
        }
        return svg
    }

    private func sockets(_ feed: String, y: Double, height: Double) -> String {
        (timeline.sockets[feed] ?? []).filter { $0.open < axis.to && $0.close ?? axis.to > axis.from }.map { socket in
            let (left, right) = (axis.x(socket.open), axis.x(socket.close ?? axis.to))
            var svg = SVG.rectangle(
                left, y, right - left, height, fill: TimelineChart.openColour, title: "websocket \(socket.number) open")
            if let fitted = SVG.fitted("open", into: right - left - 8) { svg += SVG.label(fitted, left + 5, y + 10.5, style: "fill:#fff") }
            return svg
        }.joined()
    }

    /// Each as a line of its own, unless there are more than can be told apart.
    private func packets(_ feed: String, y: Double, height: Double) -> String {
        let times = (packetTimes[feed] ?? []).filter { $0 >= axis.from && $0 <= axis.to }
        var path = ""
        var last = -1.0
        for time in times {
            let x = (axis.x(time) * 2).rounded() / 2
            if x - last >= 0.5 { path += "M\(x) \(SVG.text(y))V\(SVG.text(y + height))" }
            last = x
        }
        return "<path d=\"\(path)\" stroke=\"#5f6f86\" stroke-width=\"1.2\"><title>\(times.count) packets</title></path>"
    }

    /// The steps' numbers above the bars, pushed apart where they would cover each other, each with a line down to its moment.
    private func numbers(_ failover: Failover, y: Double, bottom: Double) -> String {
        var svg = ""
        let steps = [(number: 1, label: title, boot: failover.fault)] + failover.steps
        for (step, x) in zip(steps, Self.apart(steps.map { axis.x($0.boot) }, by: 18)) {
            let at = axis.x(step.boot)
            let colour = step.number == 1 ? "#c62828" : "#1c2733"
            svg += "<path d=\"M\(SVG.text(x)) \(SVG.text(y + 7))L\(SVG.text(at)) \(SVG.text(y + 15))V\(SVG.text(bottom))\" fill=\"none\" "
            svg += "stroke=\"\(colour)\" stroke-width=\"0.9\" stroke-dasharray=\"2 2\"/>"
            svg += "<circle cx=\"\(SVG.text(x))\" cy=\"\(SVG.text(y))\" r=\"8\" fill=\"\(colour)\"><title>"
            svg += DrillReport.escape("\(step.label): \(DrillStage.text(Double(step.boot - failover.fault) / 1e6))") + "</title></circle>"
            svg += SVG.label("\(step.number)", x, y + 4, anchor: "middle", style: "fill:#fff;font-weight:600")
        }
        return svg
    }

    /// Positions at least `distance` apart, in the same order, none before its own.
    static func apart(_ positions: [Double], by distance: Double) -> [Double] {
        var placed: [Double] = []
        for position in positions { placed.append(max(position, (placed.last ?? -.infinity) + distance)) }
        return placed
    }
}
