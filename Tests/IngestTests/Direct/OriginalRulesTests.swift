import Coordination
import Ingest
import Testing

/// The two rules by which the original client dealt with a disconnect, as an oracle beside ours.
///
/// Producer: a loss less than 60 s after the last admitted one is refused, and the socket object kept; otherwise the time is noted and the
/// reconnect comes after 1 to 5 s. Not a producer: neither delay nor limit.
@Suite("The original client's rules of disconnection") struct OriginalRulesTests {
    /// The original, with its map of one exchange.
    private struct Original {
        var isProducer: Bool
        var lastAdmitted: Int64?

        /// Nil: refused; else the reconnect may come after these milliseconds.
        mutating func lost(at now: Int64) -> ClosedRange<Int64>? {
            guard isProducer else { return 0...0 }
            if let lastAdmitted, now - lastAdmitted < 60_000 { return nil }
            lastAdmitted = now
            return 1000...5000
        }
    }

    /// One producer of ours on the model of the functions, with a clock that the test sets.
    private struct Producer {
        var model = FunctionModel()
        let feed = Keys().feed(FeedName("binance"), group: "binance")
        let worker = Incarnation(name: "a", random: 1)
        var epoch = 0

        var token: Token { Token(incarnation: worker, epoch: epoch) }

        mutating func acquire(at now: Int64) throws {
            _ = try model.call(InitCall(feed: feed, server: "s"), now: now)
            let call = AcquireCall(
                feed: feed, incarnation: worker, ttlMilliseconds: 6000, mode: .seen(renewals: 0), seenEpoch: 0, floor: 0,
                floorMilliseconds: 0, delayMilliseconds: 0, connectMilliseconds: 0, paceMilliseconds: 60_000,
                quarantineMilliseconds: 600_000, server: "s", jump: 100, reason: "test")
            guard case .granted(let grant) = try model.call(call, now: now) else { throw Failure() }
            epoch = grant.epoch
            try open(at: now)
        }

        struct Failure: Error {}

        /// Goes through the gate, which must be open, and begins.
        mutating func open(at now: Int64) throws {
            guard try gate(at: now) == .go else { throw Failure() }
            let call = BeginCall(feed: feed, token: token, floor: 0, floorMilliseconds: 0, server: "s", jump: 100)
            guard case .opened(let fresh, _, _) = try model.call(call, now: now) else { throw Failure() }
            epoch = fresh
        }

        mutating func gate(at now: Int64) throws -> GateReply {
            try model.call(GateCall(feed: feed, token: token, paceMilliseconds: 60_000), now: now)
        }

        mutating func lost(at now: Int64, isSoft: Bool, delay: Int64) throws -> DisconnectReply {
            try model.call(
                DisconnectCall(
                    feed: feed, token: token, first: 1, hard: !isSoft, delayMilliseconds: delay, paceMilliseconds: 60_000, reason: "test"),
                now: now)
        }
    }

    /// Milliseconds between one websocket's opening and its loss.
    private static let lives: [[Int64]] = [
        [0], [59_999], [60_000], [1, 1], [1, 59_000], [1, 55_000, 4000], [61_000, 61_000], [1, 60_000, 30_000, 30_000, 1],
        [10_000, 10_000, 10_000, 10_000, 10_000, 10_000, 10_000],
    ]

    @Test("a producer's usable socket goes on exactly when the original would have been refused", arguments: lives)
    func soft(lives: [Int64]) throws {
        var original = Original(isProducer: true)
        var producer = Producer()
        var now: Int64 = 1_800_000_000_000
        try producer.acquire(at: now)
        for (round, life) in lives.enumerated() {
            now += life
            let delay = 1000 + Int64(round) * 500
            let allowed = original.lost(at: now)
            switch try producer.lost(at: now, isSoft: true, delay: delay) {
            case .refused: #expect(allowed == nil, "round \(round)")
            case .ended(let pending, let wait):
                #expect(pending == .due && allowed?.contains(wait) == true, "round \(round): \(pending) \(wait)")
                // Not a millisecond before the delay is over.
                #expect(try producer.gate(at: now + wait - 1) == .due(milliseconds: 1))
                now += wait
                try producer.open(at: now)
            case let other: Issue.record("round \(round): \(other)")
            }
        }
    }

    @Test("a producer's dead socket is reconnected when the original's next admission would have been free", arguments: lives)
    func hard(lives: [Int64]) throws {
        var original = Original(isProducer: true)
        var producer = Producer()
        var now: Int64 = 1_800_000_000_000
        try producer.acquire(at: now)
        for (round, life) in lives.enumerated() {
            now += life
            let delay: Int64 = 3000
            let allowed = original.lost(at: now)
            guard case .ended(let pending, let wait) = try producer.lost(at: now, isSoft: false, delay: delay) else {
                Issue.record("round \(round): no end")
                return
            }
            #expect((pending == .due) == (allowed != nil), "round \(round)")
            now += wait
            if pending == .cooling {
                // The original spun on its dead socket until the pace was over; ours waits, and is admitted at that same moment.
                #expect(try producer.gate(at: now - 1) == .cooling(milliseconds: 1))
                #expect(try producer.gate(at: now) == .due(milliseconds: delay))
                #expect(original.lost(at: now) != nil, "round \(round)")
                now += delay
            }
            try producer.open(at: now)
        }
    }

    @Test("who is no producer is never refused and the first reconnect never delayed", arguments: lives)
    func nonProducer(lives: [Int64]) {
        var random = SeededGenerator(seed: 3)
        var original = Original(isProducer: false)
        var machine = DirectMachine()
        var now: Int64 = 0
        _ = machine.handle(.start, now: at(now), random: &random)
        var isFirst = true
        for life in lives {
            _ = machine.handle(.dialed, now: at(now), random: &random)
            _ = machine.handle(.dataReceived, now: at(now), random: &random)
            now += life
            _ = machine.handle(.dataReceived, now: at(now), random: &random)
            let actions = machine.handle(.ended(reason: "reset"), now: at(now), random: &random)
            let wait: Duration? = actions.lazy.compactMap { if case .report(.disconnected(_, let wait)) = $0 { wait } else { nil } }.first
            #expect(original.lost(at: now) == 0...0)
            if isFirst || life >= 60_000 { #expect(wait == .zero) }
            // Where it differs, it is by the back-off alone: the original tried over a thousand times a second.
            #expect(wait.map { $0 <= .milliseconds(30_000 * 12 / 10) } == true)
            isFirst = life >= 60_000
            guard let wake = machine.wakeAt else {
                isFirst = false
                continue
            }
            isFirst = false
            now = (wake - at(0)).wholeMilliseconds + 1
            #expect(machine.handle(.timer, now: at(now), random: &random) == [.dial])
        }
    }
}
