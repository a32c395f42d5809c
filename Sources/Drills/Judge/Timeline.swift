internal import Coordination

/// Who held what when, which websocket was open when, and how many packets flowed. All times are CLOCK_BOOTTIME in nanoseconds.
package struct Timeline: Sendable {
    package struct Socket: Sendable, Equatable {
        package var number: UInt64
        package var open: Int64
        /// Nil: still open at the end of the record.
        package var close: Int64?
        /// Path of the request: an exchange may have several addresses, a feed each.
        package var path = ""
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
        package var boot: Int64
        package var text: String
    }

    package var from: Int64
    package var to: Int64
    /// By exchange, in order of opening.
    package var sockets: [String: [Socket]] = [:]
    /// Packets in each `bucket` since `from`, by exchange.
    package var packets: [String: [Int]] = [:]
    /// By feed.
    package var spans: [String: [Span]] = [:]
    package var marks: [String: [Mark]] = [:]
    package let bucket: Int64

    /// `bootOfWall`: nanoseconds to add to a wall clock's milliseconds times a million.
    package init(events: [ClusterEvent], bootOfWall: Int64, from: Int64, to: Int64, bucket: Int64 = 50_000_000) {
        self.from = from
        self.to = to
        self.bucket = bucket
        for (feed, list) in Dictionary(grouping: events, by: \.feed) {
            var lane = Lane(end: to)
            for event in list { lane.take(event, at: event.at * 1_000_000 + bootOfWall) }
            lane.finish()
            spans[feed] = lane.spans
            marks[feed] = lane.marks
        }
    }

    package mutating func read(truth path: String) throws {
        var sockets: [String: [Socket]] = [:]
        var places: [UInt64: Int] = [:]
        var packets: [String: [Int]] = [:]
        let (from, to, bucket) = (from, to, bucket)
        try TruthLines.read(path) { line in
            switch line.kind {
            case "open":
                places[line.socket] = sockets[line.exchange, default: []].count
                sockets[line.exchange, default: []].append(Socket(number: line.socket, open: line.boot, path: line.path))
            case "close":
                if let place = places[line.socket] { sockets[line.exchange]?[place].close = line.boot }
            default:
                guard line.boot >= from, line.boot <= to else { return }
                let index = Int((line.boot - from) / bucket)
                var counts = packets[line.exchange] ?? []
                if counts.count <= index { counts += Array(repeating: 0, count: index + 1 - counts.count) }
                counts[index] += 1
                packets[line.exchange] = counts
            }
        }
        self.sockets = sockets
        self.packets = packets
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
                marks.append(Mark(boot: boot, text: "\(event.event): \(event.reason)"))
            case "admitted": begin(.due, boot)
            case "connecting": begin(.connecting, boot)
            case "connected", "reconnected": endWait(boot)
            case "gap", "resumed", "quarantined": marks.append(Mark(boot: boot, text: "\(event.event): \(event.reason)"))
            default: break
            }
        }

        mutating func finish() {
            letGo(end)
            endWait(end)
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

    /// Milliseconds during which an exchange had two websockets, the older of them not one whose link to the exchange was cut.
    var overlapBesidesCuts: Double {
        let cuts = story.faults.filter { $0.kind == "cut-exchange" || $0.kind == "island" }
        var total: Int64 = 0
        for (exchange, all) in timeline.sockets {
            for sockets in Dictionary(grouping: all, by: \.path).values {
                for (older, newer) in zip(sockets, sockets.dropFirst()) {
                    let end = older.close ?? timeline.to
                    let isCut = cuts.contains { cut in
                        older.open < cut.boot && end > cut.boot && cut.feeds.contains { $0.prefix { $0 != "/" } == exchange }
                    }
                    if newer.open < end, !isCut { total += end - newer.open }
                }
            }
        }
        return Double(total) / 1e6
    }
}
