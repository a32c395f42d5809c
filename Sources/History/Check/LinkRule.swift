internal import Coordination

/// `prev` and `after` of a feed's streams: part of S3.
struct LinkRule {
    private struct Stream {
        /// The last entry: of the chain, and of all.
        var epoch: Int
        var sequence: Int
        var lastID: String
        /// Redis lost data since: what it says of the entry before may be older than what was read.
        var isUncertain = false
    }

    private let feed: String
    private let control: String
    private let clock: ClockMap
    private var streams: [String: Stream] = [:]
    /// The ranges declared lost in the running epoch, in order.
    private var gaps: [ClosedRange<Int>] = []
    private var epoch = 0
    /// The recording reaches back to the first entry of the feed, so that a stream not met is new.
    private var isWhole = false

    init(feed: String, control: String, clock: ClockMap) {
        self.feed = feed
        self.control = control
        self.clock = clock
    }

    mutating func judge(_ entry: FeedEntry, into findings: inout Findings) {
        if entry.kind.isOpening {
            if streams.isEmpty { isWhole = entry.previousEpoch == 0 }
            epoch = entry.id.epoch
            gaps = []
        }
        let known = streams[entry.stream]
        findings.checked(.s3, "links and messages")
        switch entry.kind {
        case .fence, .up: judgeAfter(entry, known, &findings)
        case .rollback:
            // It tells what Redis has now, which is less than what was read.
            for key in streams.keys { streams[key]!.isUncertain = true }
        case .gap(let from, let to):
            // Outside the chain.
            if from <= to { gaps.append(from...to) }
            streams[entry.stream, default: Stream(epoch: epoch, sequence: 0, lastID: "")].lastID = entry.id.description
            return
        case .packet, .down: judgePrevious(entry, known, &findings)
        case .foreign: return
        }
        streams[entry.stream] = Stream(epoch: entry.id.epoch, sequence: entry.id.sequence, lastID: entry.id.description)
    }

    private func judgePrevious(_ entry: FeedEntry, _ known: Stream?, _ findings: inout Findings) {
        guard let previous = entry.previous else {
            return add(entry, "\(EpochRule.word(entry)) \(entry.id) of \(entry.stream) has no 'prev'", &findings)
        }
        if let known, known.epoch == entry.id.epoch {
            guard previous != known.sequence, !isLost(previous) else { return }
            return add(
                entry,
                "\(EpochRule.word(entry)) \(entry.id) of \(entry.stream) names \(previous) as the entry before, which is \(known.sequence)",
                &findings)
        }
        // The first of its stream in this epoch.
        if previous != 0 {
            guard !isLost(previous), known != nil || isWhole else { return }
            return add(
                entry,
                "\(EpochRule.word(entry)) \(entry.id) is the first of epoch \(entry.id.epoch) in \(entry.stream), but names \(previous) before it",
                &findings)
        }
        if entry.stream != control { judgeAfter(entry, known, &findings) }
    }

    private func judgeAfter(_ entry: FeedEntry, _ known: Stream?, _ findings: inout Findings) {
        guard let after = entry.after else {
            return add(entry, "\(EpochRule.word(entry)) \(entry.id) of \(entry.stream) has no 'after'", &findings)
        }
        let expected: String
        if let known {
            guard !known.isUncertain else { return }
            expected = known.lastID
        } else {
            guard isWhole else { return }
            expected = "0-0"
        }
        guard after != expected else { return }
        add(
            entry, "\(EpochRule.word(entry)) \(entry.id) of \(entry.stream) says it follows \(after), but it follows \(expected)", &findings
        )
    }

    private func isLost(_ sequence: Int) -> Bool {
        var low = 0
        var high = gaps.count
        while low < high {
            let middle = (low + high) / 2
            if gaps[middle].upperBound < sequence { low = middle + 1 } else { high = middle }
        }
        return low < gaps.count && gaps[low].contains(sequence)
    }

    private func add(_ entry: FeedEntry, _ text: String, _ findings: inout Findings) {
        findings.add(HistoryViolation(.s3, feed: feed, boot: clock.boot(redisMilliseconds: entry.id.milliseconds), text))
    }
}
