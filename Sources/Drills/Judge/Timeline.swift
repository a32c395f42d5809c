internal import Coordination
package import History

/// Who held what when, which websocket was open when, and how many packets flowed. All times are CLOCK_BOOTTIME in nanoseconds.
package struct Timeline: Sendable {
    package struct Socket: Sendable, Equatable {
        package var number: UInt64
        package var open: Int64
        /// Nil: still open at the end of the record.
        package var close: Int64?
        package var firstPacket: Int64?
        package var lastPacket: Int64?
    }

    /// A stretch of a lane.
    package struct Span: Sendable, Equatable {
        package enum Kind: String, Sendable {
            case held, cooling, due, connecting
        }

        package var kind: Kind
        package var worker: String
        package var from: Int64
        package var to: Int64
    }

    /// A moment of a lane.
    package struct Mark: Sendable, Equatable {
        package enum Kind: String, Sendable, CaseIterable {
            /// The websocket or its worker ended.
            case ended
            /// Packets were declared lost.
            case gap
            /// The feed was restored into a Redis that had forgotten it.
            case restored
            case quarantined
        }

        package var kind: Kind
        package var boot: Int64
        package var text: String
    }

    /// A line of the event log.
    package struct Act: Sendable, Equatable {
        package var boot: Int64
        package var event: String
        package var worker: String
    }

    package var from: Int64
    package var to: Int64
    /// By feed, in order of opening.
    package var sockets: [String: [Socket]] = [:]
    /// Packets in each `bucket` since `from`, by feed.
    package var packets: [String: [Int]] = [:]
    /// By feed.
    package var spans: [String: [Span]] = [:]
    package var marks: [String: [Mark]] = [:]
    package var acts: [String: [Act]] = [:]
    package let bucket: Int64

    /// `bootOfWall`: nanoseconds to add to a wall clock's milliseconds times a million.
    package init(events: [ClusterEvent], bootOfWall: Int64, from: Int64, to: Int64, bucket: Int64 = 50_000_000) {
        self.from = from
        self.to = to
        self.bucket = bucket
        for (feed, list) in Dictionary(grouping: events, by: \.feed) {
            var lane = Lane(end: to)
            for event in list {
                let boot = event.at * 1_000_000 + bootOfWall
                lane.take(event, at: boot)
                acts[feed, default: []].append(Act(boot: boot, event: event.event, worker: event.worker))
            }
            lane.finish()
            spans[feed] = lane.spans
            marks[feed] = lane.marks
        }
    }

    package var feeds: [String] { spans.keys.sorted() }

    static func exchange(of feed: String) -> String { String(feed.prefix { $0 != "/" }) }

    /// The websockets of all feeds of one exchange.
    func sockets(ofExchange exchange: String) -> [Socket] {
        sockets.filter { Self.exchange(of: $0.key) == exchange }.flatMap(\.value)
    }

    /// Reads the exchanges' record. `owners` tells whose websockets they were.
    package mutating func read(truth path: String, owners: SocketFeeds) throws {
        var reading = TruthReading(from: from, to: to, bucket: bucket)
        try TruthLines.read(path) { reading.take($0) }
        (sockets, packets) = reading.finished(owners: owners, feeds: feeds)
    }

    /// When packets were sent between `start` and `end`, by feed, at most `limit` of each.
    package func packetTimes(truth path: String, from start: Int64, to end: Int64, limit: Int = 4000) throws -> [String: [Int64]] {
        var feeds: [UInt64: String] = [:]
        for (feed, list) in sockets { for socket in list { feeds[socket.number] = feed } }
        var times: [String: [Int64]] = [:]
        try TruthLines.read(path) { line in
            guard line.kind == "packet", line.boot >= start, line.boot <= end, let feed = feeds[line.socket] else { return }
            if times[feed]?.count ?? 0 < limit { times[feed, default: []].append(line.boot) }
        }
        return times
    }

    /// What one feed's events say about its lane.
    private struct Lane {
        let end: Int64
        var spans: [Span] = []
        var marks: [Mark] = []
        private var holder: (worker: String, since: Int64)?
        private var wait: (kind: Span.Kind, since: Int64)?

        init(end: Int64) { self.end = end }

        mutating func take(_ event: ClusterEvent, at boot: Int64) {
            switch event.event {
            case "acquired", "taken_over":
                letGo(boot)
                holder = (event.worker, boot)
            case "released": letGo(boot)
            case "disconnected", "crashed":
                begin(event.isAdmitted == false ? .cooling : .due, boot)
                mark(.ended, event, boot)
            case "admitted": begin(.due, boot)
            case "connecting": begin(.connecting, boot)
            case "connected", "reconnected": endWait(boot)
            case "gap": mark(.gap, event, boot)
            case "resumed": mark(.restored, event, boot)
            case "quarantined": mark(.quarantined, event, boot)
            default: break
            }
        }

        mutating func finish() {
            letGo(end)
            endWait(end)
        }

        private mutating func mark(_ kind: Mark.Kind, _ event: ClusterEvent, _ boot: Int64) {
            marks.append(Mark(kind: kind, boot: boot, text: "\(event.event): \(event.reason)"))
        }

        private mutating func letGo(_ boot: Int64) {
            if let holder { spans.append(Span(kind: .held, worker: holder.worker, from: holder.since, to: boot)) }
            holder = nil
        }

        private mutating func begin(_ kind: Span.Kind, _ boot: Int64) {
            endWait(boot)
            wait = (kind, boot)
        }

        private mutating func endWait(_ boot: Int64) {
            if let wait { spans.append(Span(kind: wait.kind, worker: "", from: wait.since, to: boot)) }
            wait = nil
        }
    }
}

extension Evidence {
    /// Websockets opened between the first fault and the end of the drill.
    var reconnects: Int {
        guard let first = story.faults.first else { return 0 }
        return reconnects(from: first.boot, to: story.endedBoot)
    }

    /// Websockets opened between two moments, CLOCK_BOOTTIME in nanoseconds.
    func reconnects(from start: Int64, to end: Int64) -> Int {
        timeline.sockets.values.reduce(0) { sum, sockets in sum + sockets.count { $0.open > start && $0.open < end } }
    }

    /// Milliseconds during which a feed had two websockets, the older of them not one whose link to the exchange was cut.
    var overlapBesidesCuts: Double {
        let cuts = story.faults.filter { $0.kind == "cut-exchange" || $0.kind == "island" }
        var total: Int64 = 0
        for (feed, sockets) in timeline.sockets {
            for (older, newer) in zip(sockets, sockets.dropFirst()) {
                let end = older.close ?? timeline.to
                let isCut = cuts.contains { $0.feeds.contains(feed) && older.open < $0.boot && end > $0.boot }
                if newer.open < end, !isCut { total += end - newer.open }
            }
        }
        return Double(total) / 1e6
    }
}

/// Gathers sockets and packets of the exchanges' record; whose they were is known only at the end.
private struct TruthReading {
    private struct Entry {
        var exchange: String
        var path: String
        var peer: String
        var socket: Timeline.Socket
        /// Packets by bucket, from the bucket in which the first came.
        var base = 0
        var counts: [Int] = []
    }

    let from: Int64
    let to: Int64
    let bucket: Int64
    private var entries: [Entry] = []
    private var places: [UInt64: Int] = [:]

    init(from: Int64, to: Int64, bucket: Int64) {
        self.from = from
        self.to = to
        self.bucket = bucket
    }

    mutating func take(_ line: TruthLines.Line) {
        if line.kind == "open" {
            places[line.socket] = entries.count
            entries.append(
                Entry(
                    exchange: line.exchange, path: line.path, peer: line.peer,
                    socket: Timeline.Socket(number: line.socket, open: line.boot)))
            return
        }
        guard let place = places[line.socket] else { return }
        if line.kind == "close" {
            entries[place].socket.close = line.boot
            return
        }
        if entries[place].socket.firstPacket == nil { entries[place].socket.firstPacket = line.boot }
        entries[place].socket.lastPacket = line.boot
        guard line.boot >= from, line.boot <= to else { return }
        let index = Int((line.boot - from) / bucket)
        if entries[place].counts.isEmpty { entries[place].base = index }
        let at = index - entries[place].base
        // The record is in the order of sending.
        guard at >= 0 else { return }
        while entries[place].counts.count <= at { entries[place].counts.append(0) }
        entries[place].counts[at] += 1
    }

    func finished(owners: SocketFeeds, feeds: [String]) -> (sockets: [String: [Timeline.Socket]], packets: [String: [Int]]) {
        let owned = entries.map { owners.feed(ofPeer: $0.peer, opened: $0.socket.open, closed: $0.socket.close ?? .max) }
        // A feed has one address: it tells whose the websockets are that no journal knows.
        var byPath: [String: Set<String>] = [:]
        for (entry, feed) in zip(entries, owned) { if let feed { byPath["\(entry.exchange) \(entry.path)", default: []].insert(feed) } }
        var sockets: [String: [Timeline.Socket]] = [:]
        var packets: [String: [Int]] = [:]
        for (entry, owner) in zip(entries, owned) {
            let known = byPath["\(entry.exchange) \(entry.path)"] ?? []
            let only = feeds.filter { Timeline.exchange(of: $0) == entry.exchange }
            let feed = owner ?? (known.count == 1 ? known.first : nil) ?? (only.count == 1 ? only.first : nil) ?? entry.exchange
            sockets[feed, default: []].append(entry.socket)
            guard !entry.counts.isEmpty else { continue }
            var counts = packets[feed] ?? []
            let end = entry.base + entry.counts.count
            if counts.count < end { counts += Array(repeating: 0, count: end - counts.count) }
            for (index, count) in entry.counts.enumerated() { counts[entry.base + index] += count }
            packets[feed] = counts
        }
        return (sockets, packets)
    }
}
