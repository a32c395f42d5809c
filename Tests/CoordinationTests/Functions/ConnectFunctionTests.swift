import Coordination
import RedisClient
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct ConnectFunctionTests {
    @Test func gateWaitsForTheDueTimeThenSaysGoAgainAndAgain() async throws {
        try await withLab { lab in
            let token = try await lab.held(by: lab.a, connect: 1000)
            let gate = GateCall(feed: lab.feed, token: token, paceMilliseconds: 60_000)
            #expect(try await lab.texts(gate) == ["0", "DUE", "1000"])
            try await lab.advance(999)
            #expect(try await lab.texts(gate) == ["0", "DUE", "1"])
            try await lab.advance(1)
            #expect(try await lab.texts(gate) == ["1", "GO"])
            #expect(try await lab.record()["phase"] == "connecting")
            let before = try await lab.digest()
            #expect(try await lab.texts(gate) == ["1", "GO"])
            #expect(try await lab.digest() == before)
        }
    }

    @Test func gateAdmitsACoolingReconnectWhenThePaceIsOverThenAddsTheDelay() async throws {
        try await withLab { lab in
            var token = try await lab.live(by: lab.a)
            #expect(try await lab.call(lab.disconnection(token, first: 1, delay: 0)) == .ended(pending: .due, milliseconds: 0))
            token = try await lab.opened(token)
            try await lab.advance(30_000)
            #expect(try await lab.call(lab.disconnection(token, first: 1, delay: 2100)) == .ended(pending: .cooling, milliseconds: 30_000))
            try await lab.advance(29_999)
            #expect(try await lab.gate(token) == .cooling(milliseconds: 1))
            #expect(try await lab.hash(lab.feed.disconnects)["count"] == "1")
            try await lab.advance(1)
            #expect(try await lab.gate(token) == .due(milliseconds: 2100))
            #expect(try await lab.hash(lab.feed.disconnects)["count"] == "2")
            #expect(try await lab.hash(lab.feed.disconnects)["last_admitted"] == "\(lab.now)")
            #expect(try await lab.gate(token) == .due(milliseconds: 2100))
            try await lab.advance(2100)
            #expect(try await lab.gate(token) == .go)
        }
    }

    @Test func feedsOfOneGroupShareThePace() async throws {
        try await withLab { lab in
            let first = try await lab.live(by: lab.a)
            let shard = FunctionLab.keys.feed(FeedName("binance/2"), group: "binance")
            _ = try await lab.call(InitCall(feed: shard, server: "run-1"))
            var claim = lab.acquisition(by: lab.a, .seen(renewals: 0), seenEpoch: 0, connect: 0)
            claim.feed = shard
            _ = try await lab.call(claim)
            var token = Token(incarnation: lab.a, epoch: 1)
            #expect(try await lab.call(GateCall(feed: shard, token: token, paceMilliseconds: 60_000)) == .go)
            var begin = lab.beginning(token)
            begin.feed = shard
            _ = try await lab.call(begin)
            token.epoch = 2
            #expect(try await lab.call(lab.disconnection(first, first: 1)) == .ended(pending: .due, milliseconds: 100))
            try await lab.advance(10_000)
            var end = lab.disconnection(token, first: 1)
            end.feed = shard
            #expect(try await lab.call(end) == .ended(pending: .cooling, milliseconds: 50_000))
            #expect(try await lab.hash(lab.feed.disconnects)["feed"] == "binance")
        }
    }

    @Test func aDueTimeFarAheadOfAClockThatWentBackIsDrawnIn() async throws {
        try await withLab { lab in
            let token = try await lab.held(by: lab.a, connect: 2000)
            try await lab.setClock(lab.now - 5000)
            #expect(try await lab.gate(token) == .due(milliseconds: 7000))
            try await lab.setClock(lab.now - 3_600_000)
            #expect(try await lab.gate(token) == .due(milliseconds: 2000))
            try await lab.advance(2000)
            #expect(try await lab.gate(token) == .go)
        }
    }

    @Test func aPaceInTheFutureOfAClockThatWentBackLastsOnePaceAtMost() async throws {
        try await withLab { lab in
            var token = try await lab.live(by: lab.a)
            _ = try await lab.call(lab.disconnection(token, first: 1, delay: 0))
            token = try await lab.opened(token)
            try await lab.setClock(lab.now - 3_600_000)
            #expect(try await lab.call(lab.disconnection(token, first: 1, hard: false)) == .refused(milliseconds: 60_000))
            try await lab.advance(1000)
            #expect(try await lab.call(lab.disconnection(token, first: 1)) == .ended(pending: .cooling, milliseconds: 59_000))
        }
    }

    @Test func aPaceOfZeroAlwaysAdmits() async throws {
        try await withLab { lab in
            lab.pace = 0
            var token = try await lab.live(by: lab.a)
            for step in [Int64(0), 0, -1000] {
                try await lab.advance(step)
                let end = try await lab.call(lab.disconnection(token, first: 1, hard: false, delay: 0))
                #expect(end == .ended(pending: .due, milliseconds: 0))
                token = try await lab.opened(token)
            }
        }
    }

    @Test func gateRefusesStaleCallersAndTellsALiveRecord() async throws {
        try await withLab { lab in
            let token = try await lab.live(by: lab.a)
            #expect(try await lab.gate(token) == .notPending)
            #expect(try await lab.gate(Token(incarnation: lab.a, epoch: token.epoch - 1)) == .fenced)
            #expect(try await lab.gate(Token(incarnation: lab.b, epoch: token.epoch)) == .fenced)
        }
    }

    @Test func retrySetsTheNextAttemptWithoutAnAdmission() async throws {
        try await withLab { lab in
            let token = try await lab.held(by: lab.a)
            #expect(try await lab.gate(token) == .go)
            try await lab.advance(300)
            let retry = RetryCall(feed: lab.feed, token: token, waitMilliseconds: 4000)
            #expect(try await lab.texts(retry) == ["1", "due", "4000"])
            #expect(try await lab.record()["phase"] == "waiting")
            #expect(try await lab.gate(token) == .due(milliseconds: 4000))
            try await lab.advance(500)
            #expect(try await lab.texts(retry) == ["1", "due", "4000"])
            #expect(try await lab.hash(lab.feed.disconnects).isEmpty)
            #expect(
                try await lab.call(RetryCall(feed: lab.feed, token: Token(incarnation: lab.b, epoch: 1), waitMilliseconds: 1)) == .fenced)
        }
    }

    @Test func retryIsRefusedWhileLiveAndNeverTurnsCoolingIntoDue() async throws {
        try await withLab { lab in
            var token = try await lab.live(by: lab.a)
            #expect(try await lab.call(RetryCall(feed: lab.feed, token: token, waitMilliseconds: 1)) == .live)
            _ = try await lab.call(lab.disconnection(token, first: 1, delay: 0))
            token = try await lab.opened(token)
            _ = try await lab.call(lab.disconnection(token, first: 1))
            let before = try await lab.digest()
            #expect(
                try await lab.call(RetryCall(feed: lab.feed, token: token, waitMilliseconds: 1))
                    == .waiting(pending: .cooling, milliseconds: 60_000))
            #expect(try await lab.digest() == before)
        }
    }

    @Test func beginOpensAnEpochWithItsMarker() async throws {
        try await withLab { lab in
            let token = try await lab.held(by: lab.a)
            _ = try await lab.gate(token)
            try await lab.advance(120)
            let fence = try await lab.entries(lab.feed.control)[0].id
            let call = lab.beginning(token)
            #expect(try await lab.texts(call) == ["1", "2", "\(lab.now)", "\(lab.now)"])
            let record = try await lab.record()
            #expect(record["token"] == "\(lab.a):2" && record["epoch"] == "2" && record["phase"] == "live" && record["pending"] == "none")
            #expect(record["next_sequence"] == "1" && record["control_sequence"] == "0" && record["previous_epoch"] == "1")
            #expect(
                try await lab.entries(lab.feed.control)[1]
                    == .init(
                        id: lab.id(lab.now, 2, 0),
                        fields: [
                            "marker", "up", "at", "\(lab.now)", "worker", lab.a.text, "previous_epoch", "1", "previous_next", "1", "after",
                            fence,
                        ]))
            #expect(try await lab.events().last == "connected")

            let before = try await lab.digest()
            try await lab.setClock(lab.now)
            #expect(try await lab.texts(call) == ["1", "2", "\(lab.now)", "\(lab.now)"])
            #expect(try await lab.digest() == before)
        }
    }

    @Test func theSecondWebsocketOfAFeedIsAReconnect() async throws {
        try await withLab { lab in
            let token = try await lab.live(by: lab.a)
            _ = try await lab.call(lab.releasing(.dead(lab.a)))
            _ = try await lab.call(lab.acquisition(by: lab.b, .free, seenEpoch: token.epoch))
            _ = try await lab.opened(Token(incarnation: lab.b, epoch: token.epoch + 1))
            #expect(try await lab.events().last == "reconnected")
        }
    }

    @Test func beginNeedsTokenAndGo() async throws {
        try await withLab { lab in
            let token = try await lab.held(by: lab.a)
            let before = try await lab.digest()
            #expect(try await lab.call(lab.beginning(token)) == .notConnecting)
            #expect(try await lab.call(lab.beginning(Token(incarnation: lab.b, epoch: 1))) == .fenced)
            #expect(try await lab.digest() == before)
            _ = try await lab.gate(token)
            #expect(try await lab.call(lab.beginning(Token(incarnation: lab.a, epoch: 0))) == .fenced)
            #expect(try await lab.call(lab.beginning(token, floor: EntryID.maximumEpoch)) == .epochExhausted)
            _ = try await lab.call(lab.beginning(token, floor: 41, floorMilliseconds: lab.now + 7, jump: 200))
            #expect(try await lab.record()["epoch"] == "241")
            #expect(try await lab.record()["last_ms"] == "\(lab.now + 7)")
        }
    }
}
