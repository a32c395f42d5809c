internal import Coordination

/// What every source says about a feed around the times of its violations: read once more, after the rules.
struct Timelines {
    private struct Window {
        var violation: HistoryViolation
        var lines: [(boot: Int64, text: String)] = []
    }

    private var windows: [Window]
    private let exchanges: Set<String>
    private static let before: Int64 = 3_000_000_000
    private static let after: Int64 = 2_000_000_000
    private static let linesPerWindow = 80

    /// One window per violation that has a time, at most `limit`.
    init(_ violations: [HistoryViolation], limit: Int = 20) {
        var perRule: [HistoryRule: Int] = [:]
        var chosen: [HistoryViolation] = []
        for violation in violations where violation.boot != nil && perRule[violation.rule, default: 0] < 3 && chosen.count < limit {
            perRule[violation.rule, default: 0] += 1
            chosen.append(violation)
        }
        windows = chosen.map { Window(violation: $0) }
        exchanges = Set(chosen.map { String($0.feed.prefix { $0 != "/" }) })
    }

    var isEmpty: Bool { windows.isEmpty }

    mutating func read(_ directory: RecordingDirectory, clock: ClockMap) throws(HistoryError) {
        for path in directory.truthFiles { try readTruth(path) }
        for path in directory.workerFiles { try readWorker(path) }
        for path in directory.eventFiles { try readEvents(path, clock) }
        for path in directory.feedFiles { try readMarkers(path, clock) }
    }

    mutating func add(_ faults: [FaultRecord]) {
        for fault in faults {
            let what = [fault.kind, fault.worker, fault.feeds.joined(separator: " "), fault.detail].filter { !$0.isEmpty }
            add(fault.boot, feed: nil, "FAULT \(what.joined(separator: " "))")
        }
    }

    var finished: [HistoryVerdict.Timeline] {
        windows.map { window in
            let middle = window.violation.boot ?? 0
            // Too many: those nearest to the violation.
            let near = window.lines.sorted { abs($0.boot - middle) < abs($1.boot - middle) }.prefix(Self.linesPerWindow)
            let lines = near.sorted { $0.boot < $1.boot }.map { line in
                let milliseconds = HistoryVerdict.text(Double(line.boot - middle) / 1e6)
                return "\(line.boot >= middle ? "+" : "")\(milliseconds) ms  \(line.text)"
            }
            return HistoryVerdict.Timeline(
                id: window.violation.rule.rawValue, feed: window.violation.feed, violation: window.violation.text, lines: lines)
        }
    }

    // MARK: Sources

    private mutating func add(_ boot: Int64, feed: String?, _ text: @autoclosure () -> String) {
        for at in windows.indices {
            guard let middle = windows[at].violation.boot, boot >= middle - Self.before, boot <= middle + Self.after else { continue }
            let own = windows[at].violation.feed
            // A violation of an exchange as a whole concerns all its feeds.
            if let feed, !own.isEmpty, feed != own, String(feed.prefix { $0 != "/" }) != own { continue }
            guard windows[at].lines.count < 20_000 else { continue }
            windows[at].lines.append((boot, text()))
        }
    }

    private func isNear(_ boot: Int64) -> Bool {
        windows.contains { window in
            window.violation.boot.map { boot >= $0 - Self.before && boot <= $0 + Self.after } ?? false
        }
    }

    private mutating func readTruth(_ path: String) throws(HistoryError) {
        let reader = try LineReader(path)
        while try reader.next() {
            guard !reader.is("t", "packet"), !reader.is("t", "answer"), let boot = reader.integer("boot"), isNear(boot) else { continue }
            let exchange = reader.text("exchange") ?? ""
            guard exchanges.contains(exchange) || exchanges.contains("") else { continue }
            add(boot, feed: nil, "exchange \(Self.words(reader, without: ["boot", "wall"]))")
        }
    }

    private mutating func readWorker(_ path: String) throws(HistoryError) {
        let worker = String(path.split(separator: "/").last?.dropLast(6) ?? "")
        let reader = try LineReader(path)
        while try reader.next() {
            guard let boot = reader.integer("boot"), isNear(boot) else { continue }
            add(boot, feed: reader.text("feed"), "\(worker) \(Self.words(reader, without: ["boot"]))")
        }
    }

    private mutating func readEvents(_ path: String, _ clock: ClockMap) throws(HistoryError) {
        let reader = try LineReader(path)
        while try reader.next() {
            guard let at = reader.integer("at"), let boot = clock.boot(redisMilliseconds: at), isNear(boot) else { continue }
            add(boot, feed: reader.text("feed"), "event \(Self.words(reader, without: ["t", "at"]))")
        }
    }

    private mutating func readMarkers(_ path: String, _ clock: ClockMap) throws(HistoryError) {
        let reader = try LineReader(path)
        var feed = ""
        while try reader.next() {
            if reader.is("t", "feed") {
                feed = reader.text("feed") ?? ""
                guard exchanges.contains(String(feed.prefix { $0 != "/" })) else { return }
                continue
            }
            guard reader.is("t", "marker") else { continue }
            let entry = try FeedEntry(reader)
            guard let boot = clock.boot(redisMilliseconds: entry.id.milliseconds), isNear(boot) else { continue }
            add(boot, feed: feed, "stream \(Self.words(reader, without: ["t", "stream"]))")
        }
    }

    private static func words(_ line: LineReader, without: Set<String>) -> String {
        line.all.filter { !without.contains($0.name) && !$0.value.isEmpty }.map { $0.name == "t" ? $0.value : "\($0.name)=\($0.value)" }
            .joined(separator: " ")
    }
}
