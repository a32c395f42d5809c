import Coordination
import Testing

/// The checker finds what is planted, and nothing in an undisturbed history.
@Suite struct TruthCheckerTests {
    /// Two sockets, one after the other, in the epochs 2 and 4: `count` packets each, and the streams that belong to them.
    private struct History {
        var truth: [TruthLine] = []
        var feed = FeedDump(exchange: "binance")

        init(count: Int = 5) {
            for socket in [1, 2] as [UInt64] {
                let start = Int64(socket) * 1_000
                let epoch = Int(socket) * 2
                truth.append(TruthLine(.open, boot: start, socket: socket))
                feed.marks.append(.init(id: id(epoch - 1, 0), stream: "control", kind: "fence", fields: [:]))
                feed.marks.append(.init(id: id(epoch, 0), stream: "control", kind: "up", fields: [:]))
                for index in 1...count {
                    var line = TruthLine(.packet, boot: start + Int64(index), socket: socket)
                    line.number = socket * 100 + UInt64(index)
                    line.hash = "hash-\(line.number)"
                    truth.append(line)
                    feed.packets.append(
                        .init(id: id(epoch, index), stream: "trade", previous: index - 1, hash: line.hash, isControl: false))
                }
                var close = TruthLine(.close, boot: start + 900, socket: socket)
                close.cause = "client"
                close.closing = start + 800
                truth.append(close)
                feed.marks.append(.init(id: id(epoch, count + 1), stream: "control", kind: "down", fields: ["prev": "0"]))
            }
        }

        func violations(killed: Set<UInt64> = [], closing: Duration = .zero) -> [TruthChecker.Violation] {
            TruthChecker.violations(truth: truth, feeds: [feed], killed: killed, closing: closing)
        }

        /// Takes a stored packet out and closes up ranks, as if it had never been received.
        mutating func forget(_ number: UInt64) {
            guard let index = feed.packets.firstIndex(where: { $0.hash == "hash-\(number)" }) else { return }
            let gone = feed.packets.remove(at: index)
            for later in feed.packets.indices where feed.packets[later].id.epoch == gone.id.epoch && later >= index {
                feed.packets[later].id.sequence -= 1
                feed.packets[later].previous -= 1
            }
            for mark in feed.marks.indices where feed.marks[mark].kind == "down" && feed.marks[mark].id.epoch == gone.id.epoch {
                feed.marks[mark].id.sequence -= 1
            }
        }
    }

    private static func id(_ epoch: Int, _ sequence: Int) -> EntryID {
        EntryID(milliseconds: Int64(epoch * 1_000 + sequence), epoch: epoch, sequence: sequence)
    }

    private static func history() -> History { History() }

    @Test func `an undisturbed history has no violations`() {
        #expect(Self.history().violations() == [])
    }

    @Test func `two sockets at once are found`() {
        var history = Self.history()
        history.truth.swapAt(6, 7)
        #expect(history.violations() == [.socketsOverlap(exchange: "binance", 1, 2)])
    }

    @Test func `a packet lost in the middle is found, whether its socket was killed or not`() {
        var history = Self.history()
        history.forget(103)
        let lost: [TruthChecker.Violation] = [.lost(exchange: "binance", socket: 1, number: 103)]
        #expect(history.violations() == lost)
        #expect(history.violations(killed: [1]) == lost)
    }

    @Test func `a missing tail is forgiven to a killed socket only`() {
        var history = Self.history()
        history.forget(105)
        history.forget(104)
        #expect(history.violations(killed: [1]) == [])
        #expect(
            history.violations(killed: [2]) == [
                .lost(exchange: "binance", socket: 1, number: 104), .lost(exchange: "binance", socket: 1, number: 105),
            ])
    }

    @Test func `what was sent when the close frame was on its way is forgiven`() {
        var history = Self.history()
        history.forget(105)
        #expect(history.violations(closing: .nanoseconds(794)) == [.lost(exchange: "binance", socket: 1, number: 105)])
        #expect(history.violations(closing: .nanoseconds(795)) == [])
    }

    @Test func `a packet stored twice is found`() {
        var history = Self.history()
        var again = history.feed.packets[9]
        again.id.sequence = 6
        again.previous = 5
        history.feed.packets.append(again)
        history.feed.marks[5].id.sequence = 7
        #expect(history.violations() == [.storedAgain(exchange: "binance", hash: "hash-205", sent: 1, stored: 2)])
    }

    @Test func `an equal payload that was sent twice may be stored twice`() {
        var history = Self.history()
        history.truth[3].hash = history.truth[2].hash
        history.feed.packets[2].hash = history.feed.packets[1].hash
        #expect(history.violations() == [])
    }

    @Test func `a payload that nobody sent is found on a data stream, and is an answer on the control stream`() {
        var history = Self.history()
        history.feed.packets.append(
            .init(id: Self.id(3, 1), stream: "other", previous: 0, hash: "made-up", isControl: false))
        #expect(history.violations() == [.neverSent(exchange: "binance", hash: "made-up")])
        history.feed.packets[10].isControl = true
        #expect(history.violations() == [])
    }

    @Test func `exchanged packets are found`() {
        var history = Self.history()
        let hash = history.feed.packets[1].hash
        history.feed.packets[1].hash = history.feed.packets[2].hash
        history.feed.packets[2].hash = hash
        #expect(history.violations() == [.order(exchange: "binance", socket: 1, number: 103)])
    }

    @Test func `a hole in the sequences is found`() {
        var history = Self.history()
        history.feed.packets[4].id.sequence = 8
        history.feed.marks[2].id.sequence = 9
        #expect(history.violations() == [.sequence(exchange: "binance", epoch: 2, expected: 5, found: 8)])
    }

    @Test func `a sequence used twice is found`() {
        var history = Self.history()
        history.feed.packets.append(
            .init(id: Self.id(4, 3), stream: "answers", previous: 0, hash: "answer", isControl: true))
        #expect(history.violations() == [.sequence(exchange: "binance", epoch: 4, expected: 4, found: 3)])
    }

    @Test func `a declared gap is told, and its sequences are accounted for`() {
        var history = Self.history()
        history.feed.packets[4].id.sequence = 8
        history.feed.marks[2].id.sequence = 9
        history.feed.marks.append(.init(id: Self.id(2, 7), stream: "control", kind: "gap", fields: ["from": "5", "to": "7"]))
        #expect(history.violations() == [.gap(exchange: "binance", epoch: 2, from: 5, to: 7)])
    }

    @Test func `an entry that names a wrong predecessor is found`() {
        var history = Self.history()
        history.feed.packets[3].previous = 1
        #expect(history.violations() == [.chain(stream: "trade", epoch: 2, sequence: 4, expected: 3, found: 1)])
    }
}
