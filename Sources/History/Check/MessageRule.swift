internal import ColonyExchanges
internal import Coordination

/// Holds a feed's entries against what the exchange sent: S3 (sent, once, in order, in its stream) and S9 (received, so stored or declared).
struct MessageRule {
    struct Totals {
        /// Of the tails: what the worker took, by its own count.
        var tailReceived = 0
        var stored = 0
        var lost = 0
        var gapped = 0
        var tail = 0
        var duplicated = 0
        var answers = 0

        var received: Int { stored + lost + gapped + tailReceived }
    }

    /// How an epoch ended, as far as it says what became of its last messages.
    private enum Ending {
        case open
        /// `down` complete=yes: everything received is stored or declared.
        case complete
        /// The rest is declared lost.
        case declared
    }

    private struct Hole {
        var place: Int
        var number: UInt64
        var boot: Int64
    }

    private let feed: String
    private let control: String
    private let clock: ClockMap
    private let topics: [Topic]
    private let spill: MessageSpill
    /// The feed's sockets in the order in which they were opened.
    private let sockets: [TrueSocket]
    /// Which of them an epoch belongs to, where a worker's journal tells.
    private let socketOfEpoch: [Int: Int]
    private var nextSocket = 0
    private var current: SocketCursor?
    private var before: SocketCursor?
    private var ending = Ending.open
    /// An `up` was seen and its socket is not known yet.
    private var seeks = false
    /// Declared lost since the last entry that was matched.
    private var budget = 0
    /// The last sequence of the running epoch that was seen.
    private var lastSequence = 0
    private var holes: [Hole] = []
    /// Where the last entries were: to go back when a `rollback` repeats them.
    private var recent: [(epoch: Int, sequence: Int, place: Int)] = []
    private var knownStreams: Set<String> = []
    private(set) var totals = Totals()
    private static let recentLimit = 1 << 17

    init(
        feed: String, control: String, clock: ClockMap, truth: TruthHistory, sockets: [TrueSocket]
    ) {
        self.feed = feed
        self.control = control
        self.clock = clock
        topics = truth.topics
        spill = truth.messages
        self.sockets = sockets
        var places: [Int: Int] = [:]
        for (place, socket) in sockets.enumerated() {
            for epoch in socket.owner?.epochs ?? [] { places[epoch] = place }
        }
        socketOfEpoch = places
    }

    // MARK: Markers

    mutating func mark(_ entry: FeedEntry, into findings: inout Findings) throws(HistoryError) {
        switch entry.kind {
        case .fence:
            if case .open = ending { ending = .declared }
            try endSocket(&findings)
        case .up:
            if case .open = ending { ending = .declared }
            try endSocket(&findings)
            ending = .open
            budget = 0
            lastSequence = 0
            if let place = socketOfEpoch[entry.id.epoch] {
                current = SocketCursor(sockets[place], spill)
                nextSocket = place + 1
                seeks = false
            } else {
                seeks = true
            }
        case .rollback: try rollBack(entry, &findings)
        case .down(let isComplete): ending = isComplete ? .complete : .declared
        case .gap(let from, let to):
            budget += max(0, to - from + 1)
            lastSequence = to
        case .packet, .foreign: break
        }
    }

    /// The websocket goes on under a new epoch, and what was not acknowledged comes once more.
    private mutating func rollBack(_ entry: FeedEntry, _ findings: inout Findings) throws(HistoryError) {
        if let place = socketOfEpoch[entry.id.epoch], current?.socket.number != sockets[place].number {
            // Redis lost this socket's opening as well: what went before is another's, and ended with it.
            if current != nil {
                if case .open = ending { ending = .declared }
                try endSocket(&findings)
            }
            lastSequence = 0
            current = SocketCursor(sockets[place], spill)
            nextSocket = place + 1
        }
        ending = .open
        budget = 0
        defer { lastSequence = 0 }
        // What Redis lost of the acknowledged, and no reader saw before, is declared by the marker itself.
        if let next = entry.previousNext { budget = max(0, next - 1 - lastSequence) }
        guard let next = entry.previousNext, let epoch = entry.previousEpoch else { return }
        guard let repeated = recent.first(where: { $0.epoch == epoch && $0.sequence >= next }) else { return }
        guard let position = current?.position, repeated.place < position else { return }
        totals.stored -= recent.count { $0.epoch == epoch && $0.sequence >= next }
        try current?.rewind(to: repeated.place)
    }

    // MARK: Entries

    mutating func take(_ entry: FeedEntry, hash: UInt64, bytes: Int, into findings: inout Findings) throws(HistoryError) {
        lastSequence = entry.id.sequence
        if seeks { try seek(hash, bytes) }
        guard var cursor = current else {
            // Without a socket nothing can be said of data; answers are none.
            if !sockets.isEmpty, entry.stream != control {
                add(.s3, entry, "\(entry.id) of \(entry.stream) was sent on no socket of this feed", &findings)
            }
            return
        }
        if cursor.socket.isSource {
            totals.stored += 1
            return
        }
        findings.checked(.s3, "links and messages")
        if let place = try cursor.ahead(hash: hash, bytes: bytes) {
            let message = try cursor.message(at: place)
            try pass(&cursor, to: place, entry, &findings)
            try cursor.match(place)
            cursor.advance(to: place + 1)
            remember(entry, place)
            if message.isData { totals.stored += 1 } else { totals.answers += 1 }
            judgeStream(entry, message, &findings)
        } else {
            try judgeUnmatched(entry, hash, bytes, &cursor, &findings)
        }
        current = cursor
    }

    /// The socket of an epoch that no journal names: the next one that sent this.
    private mutating func seek(_ hash: UInt64, _ bytes: Int) throws(HistoryError) {
        for place in nextSocket..<sockets.count {
            var cursor = SocketCursor(sockets[place], spill)
            let sentIt = try cursor.ahead(hash: hash, bytes: bytes) != nil
            guard sentIt || sockets[place].isSource else { continue }
            current = cursor
            nextSocket = place + 1
            seeks = false
            return
        }
    }

    private mutating func pass(
        _ cursor: inout SocketCursor, to place: Int, _ entry: FeedEntry, _ findings: inout Findings
    ) throws(HistoryError) {
        defer { budget = 0 }
        guard place > cursor.position else { return }
        for skipped in cursor.position..<place {
            let message = try cursor.message(at: skipped)
            let isMatched = try cursor.isMatched(skipped)
            guard message.isData, !isMatched else { continue }
            if budget > 0 {
                budget -= 1
                totals.gapped += 1
            } else {
                miss(message, skipped)
            }
        }
    }

    private mutating func miss(_ message: TrueMessage, _ place: Int) {
        totals.lost += 1
        if holes.count < 10_000 { holes.append(Hole(place: place, number: message.number, boot: message.boot)) }
    }

    private mutating func judgeUnmatched(
        _ entry: FeedEntry, _ hash: UInt64, _ bytes: Int, _ cursor: inout SocketCursor, _ findings: inout Findings
    ) throws(HistoryError) {
        if let passed = try cursor.passed(hash: hash) {
            let message = try cursor.message(at: passed.place)
            if passed.isMatched {
                totals.duplicated += message.isData ? 1 : 0
                add(
                    .s3, entry, "message \(message.number) of socket \(cursor.socket.number) is stored twice, again as \(entry.id)",
                    &findings)
            } else {
                try cursor.match(passed.place)
                if let hole = holes.firstIndex(where: { $0.place == passed.place }) {
                    holes.remove(at: hole)
                    totals.lost -= 1
                }
                if message.isData { totals.stored += 1 } else { totals.answers += 1 }
                add(
                    .s3, entry, "message \(message.number) of socket \(cursor.socket.number) is stored as \(entry.id), behind later ones",
                    &findings)
            }
            return
        }
        if var old = before, let passed = try old.passed(hash: hash) {
            let message = try old.message(at: passed.place)
            totals.duplicated += passed.isMatched && message.isData ? 1 : 0
            add(
                .s3, entry,
                "\(entry.id) is message \(message.number) of socket \(old.socket.number), not of the epoch's socket \(cursor.socket.number)",
                &findings)
            return
        }
        // Garbage that was sent on command is kept on the control stream.
        if cursor.socket.hasRaw, entry.stream == control {
            totals.answers += 1
            return
        }
        add(.s3, entry, "\(entry.id) of \(entry.stream) holds \(bytes) bytes that socket \(cursor.socket.number) never sent", &findings)
    }

    private mutating func judgeStream(_ entry: FeedEntry, _ message: TrueMessage, _ findings: inout Findings) {
        guard message.topic > 0, entry.stream != control else { return }
        let key = "\(message.topic) \(entry.stream)"
        guard !knownStreams.contains(key) else { return }
        let topic = topics[message.topic]
        let isOwn = entry.stream.hasSuffix(":\(topic.channel):\(FeedKeys.encode(topic.symbol))")
        if isOwn || entry.stream.hasSuffix(":\(topic.channel):\(Topic.allSymbols)") {
            if knownStreams.count < 100_000 { knownStreams.insert(key) }
        } else {
            add(.s3, entry, "message \(message.number), \(topic), is stored in \(entry.stream)", &findings)
        }
    }

    private mutating func remember(_ entry: FeedEntry, _ place: Int) {
        recent.append((entry.id.epoch, entry.id.sequence, place))
        if recent.count > 2 * Self.recentLimit { recent.removeFirst(Self.recentLimit) }
    }

    // MARK: The end of a socket

    mutating func finish(into findings: inout Findings) throws(HistoryError) { try endSocket(&findings) }

    private mutating func endSocket(_ findings: inout Findings) throws(HistoryError) {
        defer {
            holes = []
            recent = []
        }
        guard var cursor = current else { return }
        let taken = cursor.socket.hasRaw ? nil : cursor.socket.owner?.messages
        let reached = cursor.position
        for place in reached..<max(reached, cursor.count) {
            let message = try cursor.message(at: place)
            guard message.isData else { continue }
            let wasReceived = taken.map { place < $0 } ?? false
            switch ending {
            case .complete where wasReceived:
                if budget > 0 {
                    budget -= 1
                    totals.gapped += 1
                } else {
                    miss(message, place)
                }
            case .complete, .declared, .open:
                totals.tail += 1
                if wasReceived { totals.tailReceived += 1 }
            }
            cursor.advance(to: place)
        }
        cursor.advance(to: cursor.count)
        findings.checked(.s9, "sockets")
        for hole in holes {
            findings.add(
                HistoryViolation(
                    .s9, feed: feed, boot: hole.boot,
                    "message \(hole.number) of socket \(cursor.socket.number) was received, is not stored, and no marker declares it"))
        }
        before = cursor
        current = nil
    }

    private func add(_ rule: HistoryRule, _ entry: FeedEntry, _ text: String, _ findings: inout Findings) {
        findings.add(HistoryViolation(rule, feed: feed, boot: clock.boot(redisMilliseconds: entry.id.milliseconds), text))
    }
}
