/// Shapes of a chart as text. Coordinates in pixels.
enum SVG {
    static func rectangle(
        _ x: Double, _ y: Double, _ width: Double, _ height: Double, fill: String, title: String, extra: String = ""
    ) -> String {
        "<rect x=\"\(text(x))\" y=\"\(text(y))\" width=\"\(text(max(0.6, width)))\" height=\"\(text(height))\" fill=\"\(fill)\" \(extra)>"
            + "<title>\(DrillReport.escape(title))</title></rect>"
    }

    static func label(_ content: String, _ x: Double, _ y: Double, anchor: String = "start", style: String = "") -> String {
        "<text x=\"\(text(x))\" y=\"\(text(y))\" text-anchor=\"\(anchor)\" style=\"\(style)\">\(DrillReport.escape(content))</text>"
    }

    static func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, stroke: String, width: Double = 1, extra: String = "")
        -> String
    {
        "<line x1=\"\(text(x1))\" y1=\"\(text(y1))\" x2=\"\(text(x2))\" y2=\"\(text(y2))\" stroke=\"\(stroke)\" stroke-width=\"\(width)\" "
            + "\(extra)/>"
    }

    static func page(_ width: Double, _ height: Double, _ content: String) -> String {
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(Int(width)) \(Int(height))\" width=\"\(Int(width))\" "
            + "height=\"\(Int(height))\" role=\"img\">\(content)</svg>"
    }

    /// As many characters as fit, an ellipsis where some do not; nil when not even three do.
    static func fitted(_ content: String, into width: Double) -> String? {
        let room = Int(width / 6.6)
        if content.count <= room { return content }
        return room >= 4 ? content.prefix(room - 1) + "…" : nil
    }

    static func text(_ value: Double) -> String { "\((value * 10).rounded() / 10)" }
}

/// A time axis: which moment is where, and where its ticks stand.
struct ChartAxis: Sendable {
    var from: Int64
    var to: Int64
    /// What it counts from.
    var zero: Int64
    var left: Double
    var right: Double

    func x(_ boot: Int64) -> Double {
        let share = Double(min(max(boot, from), to) - from) / Double(max(1, to - from))
        return left + share * (right - left)
    }

    /// At most about twelve, at round times; the text with its unit.
    var ticks: [(boot: Int64, text: String)] {
        let span = Double(to - from) / 1e6
        let steps: [Double] = [
            1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 3e4, 6e4, 12e4, 3e5, 6e5, 12e5,
        ]
        let step = steps.first { span / $0 <= 12 } ?? 36e5
        var ticks: [(Int64, String)] = []
        var tick = (Double(from - zero) / 1e6 / step).rounded(.up) * step
        while tick <= Double(to - zero) / 1e6 {
            let isShort = span < 5000
            ticks.append((zero + Int64(tick * 1e6), isShort ? "\(Int(tick)) ms" : "\(DrillReport.number(tick / 1000)) s"))
            tick += step
        }
        return ticks
    }
}

/// What a worker is drawn in: the same in all figures, and nothing that means something else there.
struct HolderColours: Sendable {
    private static let palette = [
        "#3f6fa8", "#8c5a3c", "#7b5aa6", "#b0567f", "#56697d", "#2f8aa3", "#4b4fa8", "#6b6b2e", "#9a7fc0", "#7d4a4a",
    ]

    let names: [String]

    init(_ timeline: Timeline) {
        names = Set(timeline.spans.values.flatMap { $0.filter { $0.kind == .held }.map { Failover.name($0.worker) } }).sorted()
    }

    subscript(worker: String) -> String { Self.palette[(names.firstIndex(of: worker) ?? 0) % Self.palette.count] }

    /// Names and colours for under a figure.
    var key: String {
        names.map { "<span><i style=\"background:\(self[$0])\"></i>\(DrillReport.escape($0))</span>" }.joined()
    }
}
