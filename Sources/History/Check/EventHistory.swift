/// What the event logs of the budget groups say: admissions (S6, S7), and that every act was its holder's (S10).
struct EventHistory {
    /// Time during which one worker held the lease; boot nanoseconds where the clock is known, else Redis' ms.
    struct Acquisition {
        var feed: String
        var worker: String
        var epoch: Int
        var boot: Int64
        /// `.max`: not given back.
        var ended: Int64 = .max
        /// Its holder gave it up of its own accord.
        var isHandedBack = false
    }

    private struct Feed {
        var holder: String?
        var epoch = 0
        var admissions = 0
        var hasBeenUp = false
        /// Since the last `up` something happened that excuses another count.
        var isExcused = false
        var attempts = 0
        var startsWithAcquisition = false
        var wasResumed = false
        /// Index of the running acquisition.
        var acquisition: Int?
        /// Whose holder was last told to have crashed.
        var crashedEpoch = 0
    }

    private(set) var acquisitions: [Acquisition] = []
    private(set) var admissions = 0
    private(set) var minimumSpacing: Int64?
    private var feeds: [String: Feed] = [:]
    private var lastAdmission: (at: Int64, feed: String)?
    private let clock: ClockMap

    init(clock: ClockMap) { self.clock = clock }

    /// Reads the log of one budget group.
    mutating func read(_ path: String, paceMilliseconds: Int64, into findings: inout Findings) throws(HistoryError) {
        lastAdmission = nil
        let reader = try LineReader(path)
        while try reader.next() { try take(reader, pace: paceMilliseconds, &findings) }
    }

    /// Attempts that were granted for an exchange's feeds; nil when the logs do not reach back to the beginning, or lost something.
    func attempts(of exchange: String) -> Int? {
        let list = feeds.filter { $0.key == exchange || $0.key.hasPrefix("\(exchange)/") }.values
        guard !list.isEmpty, list.allSatisfy({ $0.startsWithAcquisition && !$0.wasResumed }) else { return nil }
        return list.reduce(0) { $0 + $1.attempts }
    }

    private mutating func take(_ line: LineReader, pace: Int64, _ findings: inout Findings) throws(HistoryError) {
        let event = try line.demand(line.text("event"), "event")
        let name = try line.demand(line.text("feed"), "feed")
        let epoch = Int(try line.demand(line.integer("epoch"), "epoch"))
        let at = try line.demand(line.integer("at"), "at")
        let worker = line.text("worker") ?? ""
        let boot = clock.boot(redisMilliseconds: at)
        var feed = feeds[name] ?? Feed(startsWithAcquisition: event == "acquired")
        judgeToken(event, name, worker, epoch, boot, feed, &findings)
        feed.epoch = max(feed.epoch, epoch)
        if line.is("admitted", "1") {
            feed.admissions += 1
            judgeSpacing(at, name, boot, pace, &findings)
        }
        switch event {
        case "acquired", "taken_over":
            if let running = feed.acquisition { acquisitions[running].ended = boot ?? at }
            feed.holder = worker
            feed.acquisition = acquisitions.count
            acquisitions.append(Acquisition(feed: name, worker: worker, epoch: epoch, boot: boot ?? at))
        case "crashed": feed.crashedEpoch = epoch
        case "released":
            if let running = feed.acquisition {
                acquisitions[running].ended = boot ?? at
                acquisitions[running].isHandedBack = feed.crashedEpoch != epoch
            }
            feed.holder = ""
            feed.acquisition = nil
        case "quarantined": feed.isExcused = true
        case "resumed":
            feed.isExcused = true
            feed.wasResumed = true
            feed.holder = worker
        case "connecting": feed.attempts += 1
        case "connected", "reconnected":
            judgeUp(feed, name, boot, &findings)
            feed.admissions = 0
            feed.hasBeenUp = true
            feed.isExcused = false
        default: break
        }
        feeds[name] = feed
    }

    /// S10: acts of a lease come from its holder, under its newest epoch.
    private func judgeToken(
        _ event: String, _ name: String, _ worker: String, _ epoch: Int, _ boot: Int64?, _ feed: Feed, _ findings: inout Findings
    ) {
        findings.checked(.s10, "acts in the event logs")
        if epoch < feed.epoch {
            findings.add(
                HistoryViolation(.s10, feed: name, boot: boot, "'\(event)' of \(worker) under epoch \(epoch), behind epoch \(feed.epoch)"))
            return
        }
        guard event != "acquired", event != "taken_over", event != "resumed", let holder = feed.holder, holder != worker else { return }
        findings.add(
            HistoryViolation(
                .s10, feed: name, boot: boot,
                "'\(event)' of \(worker) under epoch \(epoch), but \(holder.isEmpty ? "nobody" : holder) held the lease"))
    }

    /// S6.
    private mutating func judgeSpacing(_ at: Int64, _ name: String, _ boot: Int64?, _ pace: Int64, _ findings: inout Findings) {
        admissions += 1
        findings.checked(.s6, "admissions")
        defer { lastAdmission = (at, name) }
        guard let last = lastAdmission else { return }
        let spacing = at - last.at
        minimumSpacing = min(minimumSpacing ?? spacing, spacing)
        guard spacing < pace else { return }
        findings.add(
            HistoryViolation(
                .s6, feed: name, boot: boot,
                "a disconnect was admitted \(HistoryVerdict.text(Double(spacing) / 1000)) s after that of \(last.feed); the pace is "
                    + "\(HistoryVerdict.text(Double(pace) / 1000)) s"))
    }

    /// S7: exactly one admission since the last `up`.
    private func judgeUp(_ feed: Feed, _ name: String, _ boot: Int64?, _ findings: inout Findings) {
        guard feed.hasBeenUp, !feed.isExcused else { return }
        findings.checked(.s7, "reconnects and attempts")
        guard feed.admissions != 1 else { return }
        findings.add(
            HistoryViolation(.s7, feed: name, boot: boot, "reconnected under epoch \(feed.epoch) with \(feed.admissions) admissions, not 1")
        )
    }
}
