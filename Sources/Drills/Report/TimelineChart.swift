internal import Coordination

/// A stretch of the timeline as SVG: a lane per feed with its holders, its websocket, what it waits for, its packets; faults across all.
struct TimelineChart: Sendable {
    let timeline: Timeline
    let faults: [DrillStory.Fault]
    let lanes: [String]
    let from: Int64
    let to: Int64
    /// What the axis counts from.
    let zero: Int64
    let laneHeight: Double

    private static let width = 1270.0
    private static let left = 120.0
    private static let top = 34.0

    private static let palette = [
        "#4477aa", "#66aa55", "#aa6633", "#8866bb", "#338899", "#bb5577", "#77772b", "#5566cc", "#996644", "#448866",
    ]

    static let legend =
        "<div class=\"legend\"><span><i style=\"background:#4477aa\"></i>lease, coloured by holder</span>"
        + "<span><i style=\"background:#2e9e62\"></i>websocket open</span><span><i style=\"background:#d32f2f\"></i>two websockets</span>"
        + "<span><i style=\"background:#f2b134\"></i>cooling</span><span><i style=\"background:#f7dd8b\"></i>due</span>"
        + "<span><i style=\"background:#8fc7e8\"></i>connecting</span><span><i style=\"background:#c3ccd8\"></i>packets per second</span>"
        + "<span><i style=\"background:#d32f2f;width:9px;border-radius:5px\"></i>a websocket ended, a gap, a restored feed</span>"
        + "<span><i style=\"background:#d32f2f;width:3px\"></i>fault</span><span><i style=\"background:#f9dada\"></i>until it was taken back</span>"
        + "</div>"

    var svg: String {
        let height = Self.top + laneHeight * Double(lanes.count) + 8
        var svg =
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(Int(Self.width)) \(Int(height))\" width=\"\(Int(Self.width))\" "
        svg += "height=\"\(Int(height))\" role=\"img\">"
        svg += bands(height) + axis(height)
        for (index, lane) in lanes.enumerated() { svg += self.lane(lane, y: Self.top + laneHeight * Double(index)) }
        return svg + marks(height) + "</svg>"
    }

    // MARK: Across

    private func x(_ boot: Int64) -> Double {
        let share = Double(min(max(boot, from), to) - from) / Double(max(1, to - from))
        return Self.left + share * (Self.width - Self.left - 10)
    }

    private func axis(_ height: Double) -> String {
        let seconds = Double(to - from) / 1e9
        let steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600]
        let step = steps.first { seconds / $0 <= 14 } ?? 1200
        var svg = ""
        var tick = (Double(from - zero) / 1e9 / step).rounded(.up) * step
        while tick <= Double(to - zero) / 1e9 {
            let at = Self.text(x(zero + Int64(tick * 1e9)))
            svg += "<line x1=\"\(at)\" x2=\"\(at)\" y1=\"\(Int(Self.top) - 6)\" y2=\"\(Int(height))\" stroke=\"#e6eaf0\"/>"
            svg += "<text x=\"\(at)\" y=\"12\" text-anchor=\"middle\" style=\"fill:#66758a\">\(Self.seconds(tick))</text>"
            tick += step
        }
        return svg
    }

    private func bands(_ height: Double) -> String {
        faults.compactMap { fault in
            guard let healed = fault.healedBoot, healed > from, fault.boot < to else { return nil }
            return rectangle(
                fault.boot, healed, y: Self.top - 6, height: height - Self.top, fill: "#fbe9e9", title: "\(fault.kind) \(fault.detail)")
        }.joined()
    }

    private func marks(_ height: Double) -> String {
        let inside = faults.filter { $0.boot >= from && $0.boot <= to }
        return inside.map { fault in
            let at = Self.text(x(fault.boot))
            var svg =
                "<line x1=\"\(at)\" x2=\"\(at)\" y1=\"\(Int(Self.top) - 8)\" y2=\"\(Int(height))\" stroke=\"#d32f2f\" stroke-width=\"1.5\">"
            svg += "<title>\(DrillReport.escape("\(fault.kind) \(fault.worker) \(fault.detail)"))</title></line>"
            if inside.count <= 12 {
                svg += "<text x=\"\(at)\" y=\"24\" text-anchor=\"middle\" style=\"fill:#c62828;font-weight:600\">\(fault.kind)</text>"
            }
            return svg
        }.joined()
    }

    // MARK: A lane

    private func lane(_ feed: String, y: Double) -> String {
        let bar = laneHeight * 0.26
        let thin = laneHeight * 0.11
        let exchange = String(feed.prefix { $0 != "/" })
        var svg = "<line x1=\"0\" x2=\"\(Int(Self.width))\" y1=\"\(Self.text(y))\" y2=\"\(Self.text(y))\" stroke=\"#dde3ea\"/>"
        svg += "<text x=\"4\" y=\"\(Self.text(y + bar + 6))\" style=\"font-weight:600\">\(DrillReport.escape(feed))</text>"
        svg += rates(exchange, y: y + laneHeight * 0.58, height: laneHeight * 0.38)
        for span in timeline.spans[feed] ?? [] where span.to > from && span.from < to {
            if span.kind == .held {
                svg += held(span, y: y + 4, height: bar)
            } else {
                svg += rectangle(
                    span.from, span.to, y: y + 4 + bar + 2, height: thin, fill: Self.colour(of: span.kind),
                    title: "\(span.kind.rawValue) for \(Self.milliseconds(span.to - span.from))")
            }
        }
        svg += sockets(timeline.sockets[exchange] ?? [], y: y + 4 + bar + thin + 4, height: thin)
        for mark in timeline.marks[feed] ?? [] where mark.boot >= from && mark.boot <= to {
            let at = x(mark.boot)
            svg += "<circle cx=\"\(Self.text(at))\" cy=\"\(Self.text(y + 4 + bar + thin / 2 + 2))\" r=\"3\" fill=\"#d32f2f\">"
            svg += "<title>\(DrillReport.escape(mark.text))</title></circle>"
        }
        return svg
    }

    private func held(_ span: Timeline.Span, y: Double, height: Double) -> String {
        let name = String(span.worker.prefix { $0 != "." })
        var svg = rectangle(
            span.from, span.to, y: y, height: height, fill: colour(of: name),
            title: "\(span.worker) for \(Self.milliseconds(span.to - span.from))")
        let width = x(span.to) - x(span.from)
        if width > Double(name.count) * 7 + 8, height >= 12 {
            svg += "<text x=\"\(Self.text(x(span.from) + 5))\" y=\"\(Self.text(y + height - 4))\" style=\"fill:#fff\">"
            svg += "\(DrillReport.escape(name))</text>"
        }
        return svg
    }

    private func sockets(_ sockets: [Timeline.Socket], y: Double, height: Double) -> String {
        var svg = ""
        var latest: [String: Int64] = [:]
        for socket in sockets {
            let before = latest[socket.path] ?? .min
            let close = socket.close ?? to
            if close > from, socket.open < to {
                svg += rectangle(
                    socket.open, close, y: y, height: height, fill: "#2e9e62", title: "websocket \(socket.number)")
                if socket.open < before {
                    svg += rectangle(
                        socket.open, min(before, close), y: y - 2, height: height + 4, fill: "#d32f2f", title: "two websockets open")
                }
            }
            latest[socket.path] = max(before, close)
        }
        return svg
    }

    /// Packets per second as an area, a point per two pixels at most.
    private func rates(_ exchange: String, y: Double, height: Double) -> String {
        guard let counts = timeline.packets[exchange], to > from else { return "" }
        let first = max(0, Int((from - timeline.from) / timeline.bucket))
        let last = min(counts.count, Int((to - timeline.from) / timeline.bucket) + 1)
        guard last > first else { return "" }
        let group = max(2, (last - first) / 500)
        var points: [(Double, Double)] = []
        for start in stride(from: first, to: last, by: group) {
            let sum = counts[start..<min(last, start + group)].reduce(0, +)
            let middle = timeline.from + Int64(start) * timeline.bucket + Int64(group) * timeline.bucket / 2
            points.append((x(middle), Double(sum)))
        }
        let most = max(1, points.map(\.1).max() ?? 1)
        let base = y + height
        var path = "M\(Self.text(points[0].0)) \(Self.text(base))"
        for (x, value) in points { path += "L\(Self.text(x)) \(Self.text(base - value / most * height))" }
        path += "L\(Self.text(points[points.count - 1].0)) \(Self.text(base))Z"
        return "<path d=\"\(path)\" fill=\"#c3ccd8\"/>"
    }

    private func rectangle(_ start: Int64, _ end: Int64, y: Double, height: Double, fill: String, title: String) -> String {
        let left = x(start)
        let width = max(0.6, x(end) - left)
        return "<rect x=\"\(Self.text(left))\" y=\"\(Self.text(y))\" width=\"\(Self.text(width))\" height=\"\(Self.text(height))\" "
            + "fill=\"\(fill)\"><title>\(DrillReport.escape(title))</title></rect>"
    }

    // MARK: Colours and numbers

    /// The same name has the same colour in all figures.
    private func colour(of worker: String) -> String {
        let names = Set(timeline.spans.values.flatMap { $0.filter { $0.kind == .held }.map { String($0.worker.prefix { $0 != "." }) } })
            .sorted()
        return Self.palette[(names.firstIndex(of: worker) ?? 0) % Self.palette.count]
    }

    private static func colour(of kind: Timeline.Span.Kind) -> String {
        switch kind {
        case .held: "#4477aa"
        case .cooling: "#f2b134"
        case .due: "#f7dd8b"
        case .connecting: "#8fc7e8"
        }
    }

    private static func text(_ value: Double) -> String { "\((value * 10).rounded() / 10)" }

    private static func seconds(_ value: Double) -> String {
        let rounded = (value * 10).rounded() / 10
        return rounded == rounded.rounded() ? "\(Int(rounded)) s" : "\(rounded) s"
    }

    private static func milliseconds(_ nanoseconds: Int64) -> String { DrillStage.text(Double(nanoseconds) / 1e6) }
}
