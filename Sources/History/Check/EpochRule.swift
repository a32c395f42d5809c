internal import Coordination

/// The grammar of a feed, `( fence | (up | rollback) (packet | gap)* down? )*`, one epoch each: S1, S2, S8.
struct EpochRule {
    private enum State {
        /// Nothing was read yet.
        case start
        /// A `fence`: no packet until `up`.
        case fenced
        case open
        /// Behind `down`.
        case over
    }

    /// What an entry is to the rules behind this one.
    enum Standing {
        case proper
        /// Stored behind a newer epoch.
        case stale
        /// The same sequence was stored before.
        case again
    }

    private let feed: String
    private let clock: ClockMap
    private var state = State.start
    private(set) var epoch = 0
    private var next = 0
    private var lastID: EntryID?
    private(set) var isPartial = false

    init(feed: String, clock: ClockMap) {
        self.feed = feed
        self.clock = clock
    }

    mutating func judge(_ entry: FeedEntry, into findings: inout Findings) -> Standing {
        let id = entry.id
        defer { lastID = max(lastID ?? id, id) }
        findings.checked(.s8, "entries")
        if let lastID, id <= lastID {
            add(.s8, id, "\(id) was stored behind \(lastID)", &findings)
        }
        findings.checked(.s1, "entries")
        if case .start = state { begin(entry) }
        if id.epoch < epoch {
            add(.s1, id, "\(Self.word(entry)) \(id) of epoch \(id.epoch) was stored behind epoch \(epoch)", &findings)
            return .stale
        }
        if entry.kind.isOpening {
            open(entry, &findings)
            return .proper
        }
        findings.checked(.s2, "entries")
        guard id.epoch == epoch else {
            add(.s2, id, "\(Self.word(entry)) \(id) is of epoch \(id.epoch), which no marker opened; open is \(epoch)", &findings)
            epoch = id.epoch
            state = .open
            next = id.sequence + 1
            return .proper
        }
        return continued(entry, &findings)
    }

    private mutating func begin(_ entry: FeedEntry) {
        guard !entry.kind.isOpening else { return }
        // The recording begins in the middle of an epoch.
        isPartial = true
        epoch = entry.id.epoch
        next = entry.id.sequence
        if case .gap(let from, _) = entry.kind { next = from }
        state = .open
    }

    private mutating func open(_ entry: FeedEntry, _ findings: inout Findings) {
        if entry.id.epoch == epoch, epoch > 0 {
            add(.s8, entry.id, "\(Self.word(entry)) \(entry.id) opens epoch \(epoch) once more", &findings)
        }
        if entry.id.sequence != 0 {
            add(.s2, entry.id, "\(Self.word(entry)) \(entry.id) opens an epoch with sequence \(entry.id.sequence), not 0", &findings)
        }
        epoch = entry.id.epoch
        next = 1
        if case .fence = entry.kind { state = .fenced } else { state = .open }
    }

    private mutating func continued(_ entry: FeedEntry, _ findings: inout Findings) -> Standing {
        let id = entry.id
        switch state {
        case .open, .start: break
        case .fenced:
            if case .foreign = entry.kind { break }
            add(.s2, id, "\(Self.word(entry)) \(id) stands behind a fence, before any 'up'", &findings)
        case .over: add(.s2, id, "\(Self.word(entry)) \(id) stands behind the epoch's 'down'", &findings)
        }
        let first: Int
        if case .gap(let from, let to) = entry.kind {
            first = from
            if to != id.sequence || from > to {
                add(.s2, id, "gap \(id) names \(from) to \(to)", &findings)
            }
        } else {
            first = id.sequence
        }
        if first < next {
            add(.s2, id, "sequence \(first) of epoch \(epoch) is stored again as \(id); \(next) was next", &findings)
            return .again
        }
        if first > next {
            add(.s2, id, "\(Self.word(entry)) \(id) follows sequence \(next - 1) of epoch \(epoch): a hole that no gap names", &findings)
        }
        next = id.sequence + 1
        if case .down = entry.kind { state = .over }
        return .proper
    }

    private func add(_ rule: HistoryRule, _ id: EntryID, _ text: String, _ findings: inout Findings) {
        findings.add(HistoryViolation(rule, feed: feed, boot: clock.boot(redisMilliseconds: id.milliseconds), text))
    }

    static func word(_ entry: FeedEntry) -> String {
        switch entry.kind {
        case .packet: "packet"
        case .fence: "fence"
        case .up: "up"
        case .rollback: "rollback"
        case .down: "down"
        case .gap: "gap"
        case .foreign: "entry"
        }
    }
}
