/// One run of the checker: goes through every file once, and once more for the timelines if there is something to explain.
struct HistoryCheck {
    private let directory: RecordingDirectory
    private let options: HistoryChecker.Options
    private var findings: Findings
    private var verdict = HistoryVerdict()

    init(directory: RecordingDirectory, options: HistoryChecker.Options) {
        self.directory = directory
        self.options = options
        findings = Findings(toldPerRule: options.toldPerRule)
    }

    mutating func run() throws(HistoryError) -> HistoryVerdict {
        var clock = try readClock()
        let faults = try readFaults()
        let workers = try readWorkers()
        let truth = try readTruth(workers, &clock)
        var feeds: [FeedHistory] = []
        for path in directory.feedFiles { feeds.append(try FeedHistory(path, clock: clock)) }
        if truth.sockets.isEmpty, workers.isEmpty, feeds.isEmpty {
            throw HistoryError(
                .file, "\(directory.path) holds no recording: no truth*.jsonl, no workers/*.jsonl and no streams/feed-*.jsonl")
        }
        judgeSockets(truth, feeds, workers, faults.faults)
        let events = try readEvents(workers, clock)
        judgeAttempts(truth, events)
        try readFeeds(&feeds, truth)
        try finish(faults, truth, events, feeds, clock)
        return verdict
    }

    // MARK: Sources

    private func readClock() throws(HistoryError) -> ClockMap {
        var clock = ClockMap()
        guard directory.hasClock else { return clock }
        let reader = try LineReader(directory.clock)
        while try reader.next() {
            clock.addRedis(
                microseconds: try reader.demand(reader.integer("redis_us"), "redis_us"),
                boot: try reader.demand(reader.integer("boot"), "boot"))
        }
        return clock
    }

    private func readFaults() throws(HistoryError) -> FaultGaps {
        directory.hasFaults ? try FaultGaps(directory.faults) : FaultGaps()
    }

    private mutating func readWorkers() throws(HistoryError) -> [WorkerHistory] {
        var workers: [WorkerHistory] = []
        for path in directory.workerFiles {
            let name = String(path.split(separator: "/").last?.dropLast(6) ?? "")
            var worker = WorkerHistory(worker: name, slackMilliseconds: options.slackMilliseconds)
            try worker.read(path, into: &findings)
            if worker.hasHoles { verdict.notes.append("the journal of \(name) has holes: the disk was too slow") }
            if !worker.isDeadmanOn { verdict.notes.append("\(name) ran without its dead-man timer: S4 rests on its own deadlines") }
            workers.append(worker)
        }
        if workers.isEmpty {
            for rule in [HistoryRule.s5, .s11, .s12] { findings.unchecked(rule, because: "no worker's journal (setting `history`)") }
        }
        return workers
    }

    private mutating func readTruth(_ workers: [WorkerHistory], _ clock: inout ClockMap) throws(HistoryError) -> TruthHistory {
        var truth = TruthHistory()
        for path in directory.truthFiles { try truth.read(path, clock: &clock) }
        truth.assign(workers)
        if truth.isCutOff { verdict.notes.append("the truth log breaks off in mid-line") }
        if truth.sockets.isEmpty {
            for rule in [HistoryRule.s4, .s9] { findings.unchecked(rule, because: "no truth of the exchanges (truth*.jsonl)") }
        }
        verdict.packets.sent = truth.packets
        verdict.sockets.connects = truth.sockets.count
        return truth
    }

    private mutating func readEvents(_ workers: [WorkerHistory], _ clock: ClockMap) throws(HistoryError) -> EventHistory {
        var paces: [String: Int64] = [:]
        for worker in workers { for feed in worker.feeds.values { paces[feed.group] = feed.paceMilliseconds } }
        var events = EventHistory(clock: clock)
        for path in directory.eventFiles {
            let group = RecordingDirectory.group(ofEvents: path)
            try events.read(path, paceMilliseconds: paces[group] ?? options.paceMilliseconds, into: &findings)
        }
        if directory.eventFiles.isEmpty {
            for rule in [HistoryRule.s6, .s7, .s10] { findings.unchecked(rule, because: "no event logs (streams/events-*.jsonl)") }
        }
        if clock.steps > 0 { verdict.notes.append("Redis' clock stepped \(clock.steps) times: each may excuse one early admission (S6)") }
        verdict.admissions.count = events.admissions
        verdict.admissions.minimumSpacingSeconds = events.minimumSpacing.map { Double($0) / 1000 }
        return events
    }

    private mutating func readFeeds(_ feeds: inout [FeedHistory], _ truth: TruthHistory) throws(HistoryError) {
        let counts = Self.counts(feeds)
        for at in feeds.indices {
            let feed = feeds[at].header.feed
            try feeds[at].read(truth: truth, sockets: Self.sockets(of: feed, truth, counts), into: &findings)
            let totals = feeds[at].totals
            verdict.packets.received += totals.received
            verdict.packets.stored += totals.stored
            verdict.packets.lost += totals.lost
            verdict.packets.gapped += totals.gapped
            verdict.packets.duplicated += totals.duplicated
            verdict.packets.answers += totals.answers
            verdict.packets.stale += feeds[at].stale
            if feeds[at].isPartial { verdict.notes.append("the recording of \(feed) begins within an epoch") }
        }
        verdict.packets.tail = max(0, truth.packets - verdict.packets.stored - verdict.packets.lost - verdict.packets.gapped)
        if feeds.isEmpty {
            for rule in [HistoryRule.s1, .s2, .s3, .s8, .s9] { findings.unchecked(rule, because: "no streams (streams/feed-*.jsonl)") }
        }
    }

    private static func sockets(of feed: String, _ truth: TruthHistory, _ counts: [String: Int]) -> [TrueSocket] {
        let exchange = String(feed.prefix { $0 != "/" })
        let isOnly = counts[exchange] == 1
        return truth.sockets.filter { $0.exchange == exchange && ($0.owner?.feed == feed || (isOnly && $0.owner == nil)) }
    }

    // MARK: Rules over several sources

    private static func counts(_ feeds: [FeedHistory]) -> [String: Int] {
        Dictionary(feeds.map { (String($0.header.feed.prefix { $0 != "/" }), 1) }, uniquingKeysWith: +)
    }

    private mutating func judgeSockets(
        _ truth: TruthHistory, _ feeds: [FeedHistory], _ workers: [WorkerHistory], _ faults: [FaultRecord]
    ) {
        var overlap = OverlapRule()
        overlap.judge(truth.sockets, feedCounts: Self.counts(feeds), into: &findings)
        verdict.sockets.overlapMilliseconds = Double(overlap.total) / 1e6
        verdict.sockets.worstOverlapMilliseconds = Double(overlap.worst) / 1e6
        BeliefRule().judge(workers, truth: truth, faults: faults, into: &findings)
    }

    /// S7 by the exchanges' record: no websocket without an attempt that was granted.
    private mutating func judgeAttempts(_ truth: TruthHistory, _ events: EventHistory) {
        for (exchange, sockets) in Dictionary(grouping: truth.sockets, by: \.exchange).sorted(by: { $0.key < $1.key }) {
            guard let attempts = events.attempts(of: exchange) else { continue }
            findings.checked(.s7, "reconnects and attempts")
            guard sockets.count > attempts else { continue }
            findings.add(
                HistoryViolation(
                    .s7, feed: exchange, boot: sockets.last?.opened,
                    "\(sockets.count) websockets were opened, but only \(attempts) attempts were granted"))
        }
    }

    private mutating func finish(
        _ faults: FaultGaps, _ truth: TruthHistory, _ events: EventHistory, _ feeds: [FeedHistory], _ clock: ClockMap
    ) throws(HistoryError) {
        var faults = faults
        let counts = Self.counts(feeds)
        faults.measure(
            events.acquisitions, beginnings: Dictionary(feeds.map { ($0.header.feed, $0.beginnings) }, uniquingKeysWith: +),
            sockets: Dictionary(feeds.map { ($0.header.feed, Self.sockets(of: $0.header.feed, truth, counts)) }, uniquingKeysWith: +))
        verdict.faults = faults.kinds
        verdict.leaseGap = faults.leaseGap
        verdict.websocketGap = faults.websocketGap
        verdict.packetGap = faults.packetGap
        verdict.promises = findings.promises(excused: options.excused)
        var timelines = Timelines(findings.told)
        guard !timelines.isEmpty else { return }
        try timelines.read(directory, clock: clock)
        timelines.add(faults.faults)
        verdict.timelines = timelines.finished
    }
}
