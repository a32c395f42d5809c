import Coordination

/// Compares what the exchanges say they did with what the streams hold. A pure function: lines and dumps in, violations out.
enum TruthChecker {
    enum Violation: Equatable, Hashable, Sendable {
        /// Two sockets of one exchange were open at the same time.
        case socketsOverlap(exchange: String, UInt64, UInt64)
        /// A packet is not stored, though it is not the tail of a killed socket.
        case lost(exchange: String, socket: UInt64, number: UInt64)
        /// A payload is stored more often than it was sent.
        case storedAgain(exchange: String, hash: String, sent: Int, stored: Int)
        /// A data stream holds a payload that was never sent.
        case neverSent(exchange: String, hash: String)
        /// The packets of a socket are stored in another order than they were sent in.
        case order(exchange: String, socket: UInt64, number: UInt64)
        /// The sequences of an epoch are not 0, 1, 2 and so on.
        case sequence(exchange: String, epoch: Int, expected: Int, found: Int)
        /// An entry names another predecessor than the one its stream holds.
        case chain(stream: String, epoch: Int, sequence: Int, expected: Int, found: Int)
        /// The producer itself declared a loss.
        case gap(exchange: String, epoch: Int, from: Int, to: Int)
    }

    /// - Parameters:
    ///   - killed: sockets whose owner was killed: the end of what they sent may be missing, but nothing before a packet that is stored.
    ///   - isAnswer: tells answers to requests from pushed data; the record lists the latter only.
    ///   - closing: what a socket's owner need not have taken any more: packets sent so long before the exchange saw its close frame
    ///     (or, without one, the end of the connection).
    static func violations(
        truth: [TruthLine], feeds: [FeedDump], killed: Set<UInt64> = [], closing slack: Duration = .zero,
        isAnswer: (FeedDump.Packet) -> Bool = { $0.isControl }
    ) -> [Violation] {
        var found = overlaps(truth)
        for feed in feeds {
            let lines = truth.filter { $0.exchange == feed.exchange }
            found += packets(lines, feed, killed: killed, slack: slack, isAnswer: isAnswer)
            found += sequences(feed)
            found += chains(feed)
        }
        return found
    }

    // MARK: Sockets

    private static func overlaps(_ truth: [TruthLine]) -> [Violation] {
        var open: [String: [UInt64]] = [:]
        var found: [Violation] = []
        for line in truth {
            switch line.kind {
            case .open:
                found += (open[line.exchange] ?? []).map { .socketsOverlap(exchange: line.exchange, $0, line.socket) }
                open[line.exchange, default: []].append(line.socket)
            case .close: open[line.exchange]?.removeAll { $0 == line.socket }
            case .start, .refused, .subscribe, .unsubscribe, .packet, .answer, .raw, .withheld, .source, .fault, .summary: break
            }
        }
        return found
    }

    // MARK: Packets

    private static func packets(
        _ lines: [TruthLine], _ feed: FeedDump, killed: Set<UInt64>, slack: Duration, isAnswer: (FeedDump.Packet) -> Bool
    ) -> [Violation] {
        var sent: [String: Int] = [:]
        for line in lines where line.kind == .packet { sent[line.hash, default: 0] += 1 }
        var stored: [String: [Int]] = [:]
        var found: [Violation] = []
        for (position, packet) in feed.packets.enumerated() {
            if sent[packet.hash] == nil {
                if !isAnswer(packet) { found.append(.neverSent(exchange: feed.exchange, hash: packet.hash)) }
            } else {
                stored[packet.hash, default: []].append(position)
            }
        }
        for (hash, positions) in stored.sorted(by: { $0.value[0] < $1.value[0] }) where positions.count > sent[hash, default: 0] {
            found.append(.storedAgain(exchange: feed.exchange, hash: hash, sent: sent[hash, default: 0], stored: positions.count))
        }
        // Equal payloads are matched in the order in which they were sent.
        var next: [String: Int] = [:]
        var positions: [UInt64: [(line: TruthLine, position: Int?)]] = [:]
        for line in lines where line.kind == .packet {
            let turn = next[line.hash, default: 0]
            next[line.hash] = turn + 1
            let places = stored[line.hash] ?? []
            positions[line.socket, default: []].append((line, turn < places.count ? places[turn] : nil))
        }
        let closes = Dictionary(lines.filter { $0.kind == .close }.map { ($0.socket, $0) }) { first, _ in first }
        for (socket, list) in positions.sorted(by: { $0.key < $1.key }) {
            found += check(list, of: socket, feed.exchange, close: closes[socket], isKilled: killed.contains(socket), slack: slack)
        }
        return found
    }

    private static func check(
        _ list: [(line: TruthLine, position: Int?)], of socket: UInt64, _ exchange: String, close: TruthLine?, isKilled: Bool,
        slack: Duration
    ) -> [Violation] {
        var found: [Violation] = []
        let lastStored = list.lastIndex { $0.position != nil } ?? -1
        let end = close.map { ($0.closing == 0 ? $0.boot : $0.closing) - nanoseconds(slack) } ?? .max
        var previous = -1
        for (index, (line, position)) in list.enumerated() {
            if let position {
                if position < previous { found.append(.order(exchange: exchange, socket: socket, number: line.number)) }
                previous = max(previous, position)
            } else if index < lastStored || !(isKilled || line.boot >= end) {
                found.append(.lost(exchange: exchange, socket: socket, number: line.number))
            }
        }
        return found
    }

    private static func nanoseconds(_ duration: Duration) -> Int64 {
        duration.components.seconds * 1_000_000_000 + duration.components.attoseconds / 1_000_000_000
    }

    // MARK: Sequences

    private static func sequences(_ feed: FeedDump) -> [Violation] {
        var found: [Violation] = []
        var epochs: [Int: [ClosedRange<Int>]] = [:]
        for packet in feed.packets { epochs[packet.id.epoch, default: []].append(packet.id.sequence...packet.id.sequence) }
        for mark in feed.marks {
            var from = mark.id.sequence
            if mark.kind == "gap" {
                from = min(from, mark.fields["from"].flatMap { Int($0) } ?? from)
                found.append(.gap(exchange: feed.exchange, epoch: mark.id.epoch, from: from, to: mark.id.sequence))
            }
            epochs[mark.id.epoch, default: []].append(from...mark.id.sequence)
        }
        for (epoch, ranges) in epochs.sorted(by: { $0.key < $1.key }) {
            var expected = 0
            for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
                if range.lowerBound != expected {
                    found.append(.sequence(exchange: feed.exchange, epoch: epoch, expected: expected, found: range.lowerBound))
                }
                expected = range.upperBound + 1
            }
        }
        return found
    }

    private static func chains(_ feed: FeedDump) -> [Violation] {
        struct Place: Hashable {
            var stream: String
            var epoch: Int
        }
        var entries: [Place: [(sequence: Int, previous: Int?)]] = [:]
        for packet in feed.packets {
            entries[Place(stream: packet.stream, epoch: packet.id.epoch), default: []].append((packet.id.sequence, packet.previous))
        }
        // A marker opens an epoch (no `prev`), or stands in the chain (`down`), or beside it (`gap`).
        for mark in feed.marks where mark.kind != "gap" {
            entries[Place(stream: mark.stream, epoch: mark.id.epoch), default: []].append(
                (mark.id.sequence, mark.fields["prev"].flatMap { Int($0) }))
        }
        var found: [Violation] = []
        for (place, list) in entries.sorted(by: { ($0.key.stream, $0.key.epoch) < ($1.key.stream, $1.key.epoch) }) {
            var before = 0
            for entry in list.sorted(by: { $0.sequence < $1.sequence }) {
                if let previous = entry.previous, previous != before {
                    found.append(
                        .chain(stream: place.stream, epoch: place.epoch, sequence: entry.sequence, expected: before, found: previous))
                }
                before = entry.sequence
            }
        }
        return found
    }
}
