import Coordination
import RedisClient
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct EndFunctionTests {
    @Test func aHardEndIsAdmittedOrCoolsAndWritesDownBehindTheLastPacket() async throws {
        try await withLab { lab in
            let token = try await lab.live(by: lab.a)
            _ = try await lab.call(lab.publication(token, first: 1, [lab.packet(0, token, 1), lab.packet(0, token, 2, previous: 1)]))
            let call = lab.disconnection(token, first: 3, delay: 1200)
            #expect(try await lab.texts(call) == ["1", "due", "1200"])
            #expect(
                try await lab.entries(lab.feed.control).last
                    == .init(
                        id: lab.id(lab.now, 2, 3),
                        fields: [
                            "marker", "down", "at", "\(lab.now)", "reason", "end", "complete", "yes", "admitted", "1", "prev", "2",
                        ]))
            let record = try await lab.record()
            #expect(record["phase"] == "waiting" && record["next_sequence"] == "4" && record["state"] == "held")
            #expect(try await lab.events().last == "disconnected")
            let before = try await lab.digest()
            #expect(try await lab.texts(call) == ["1", "due", "1200"])
            #expect(try await lab.digest() == before)
            try await lab.advance(1000)
            #expect(try await lab.texts(call) == ["1", "due", "200"])
        }
    }

    @Test func aSoftErrorInsideThePaceKeepsTheSocketWithoutEffect() async throws {
        try await withLab { lab in
            var token = try await lab.live(by: lab.a)
            #expect(try await lab.call(lab.disconnection(token, first: 1, hard: false, delay: 0)) == .ended(pending: .due, milliseconds: 0))
            token = try await lab.opened(token)
            try await lab.advance(59_999)
            let before = try await lab.digest()
            #expect(try await lab.texts(lab.disconnection(token, first: 1, hard: false)) == ["0", "REFUSED", "1"])
            #expect(try await lab.digest() == before)
            try await lab.advance(1)
            #expect(
                try await lab.call(lab.disconnection(token, first: 1, hard: false)) == .ended(pending: .due, milliseconds: 100))
        }
    }

    @Test func disconnectNeedsTokenAndEverythingStored() async throws {
        try await withLab { lab in
            let token = try await lab.live(by: lab.a)
            let before = try await lab.digest()
            #expect(try await lab.call(lab.disconnection(Token(incarnation: lab.b, epoch: 2), first: 1)) == .fenced)
            #expect(try await lab.call(lab.disconnection(token, first: 2)) == .gap(next: 1))
            #expect(try await lab.digest() == before)
        }
    }

    @Test func downSortsBehindAHigherIdThatSomebodyElseWrote() async throws {
        try await withLab { lab in
            let token = try await lab.live(by: lab.a)
            try await lab.send("XADD", .string(lab.feed.control), .string("\(lab.now + 5)-18000000000000000000"), "foreign", "1")
            #expect(try await lab.call(lab.disconnection(token, first: 1)) == .ended(pending: .due, milliseconds: 100))
            #expect(try await lab.entries(lab.feed.control).last?.id == lab.id(lab.now + 6, 2, 1))
        }
    }

    @Test(arguments: ["clean", "dead"])
    func releasingALiveLeaseIsADisconnectThatIsNeverRefused(how: String) async throws {
        try await withLab { lab in
            var token = try await lab.live(by: lab.a)
            _ = try await lab.call(lab.disconnection(token, first: 1, delay: 0))
            token = try await lab.opened(token)
            try await lab.advance(20_000)
            let call = lab.releasing(how == "clean" ? .clean(token) : .dead(lab.a), preferred: "b")
            #expect(try await lab.texts(call) == ["1"])
            let down = try await lab.entries(lab.feed.control).last
            #expect(down?["complete"] == (how == "clean" ? "yes" : "no"))
            #expect(down?["admitted"] == "0")
            let record = try await lab.record()
            #expect(record["state"] == "free" && record["holder"] == "" && record["token"] == "" && record["phase"] == "waiting")
            #expect(record["renewals"] == "1" && record["renewed_at"] == "\(lab.now)" && record["preferred"] == "b")
            #expect(record["pending"] == "cooling" && record["pending_until"] == "\(lab.now + 40_000)")
            #expect(record["crashes"] == (how == "clean" ? nil : "1"))
            #expect(try await lab.events().suffix(2) == [how == "clean" ? "disconnected" : "crashed", "released"])
            let before = try await lab.digest()
            #expect(try await lab.call(call) == .notHeld)
            #expect(try await lab.digest() == before)
        }
    }

    @Test func releaseWhileConnectingDrawsAFreshWaitAndWhileWaitingLeavesWhatIsOwed() async throws {
        try await withLab { lab in
            var token = try await lab.held(by: lab.a, connect: 700)
            _ = try await lab.call(lab.releasing(.clean(token)))
            #expect(try await lab.record()["pending_until"] == "\(lab.now + 700)")
            _ = try await lab.call(lab.acquisition(by: lab.a, .free, seenEpoch: 1))
            token.epoch = 2
            try await lab.advance(700)
            #expect(try await lab.gate(token) == .go)
            _ = try await lab.call(lab.releasing(.dead(lab.a)))
            #expect(try await lab.record()["pending_until"] == "\(lab.now + 300)")
            #expect(try await lab.record()["crashes"] == "1")
            #expect(try await lab.hash(lab.feed.disconnects).isEmpty)
        }
    }

    @Test func releaseTellsWhoIsWrong() async throws {
        try await withLab { lab in
            #expect(try await lab.call(lab.releasing(.dead(lab.a))) == .fenced)
            try await lab.initialize()
            #expect(try await lab.call(lab.releasing(.dead(lab.a))) == .notHeld)
            let token = try await lab.live(by: lab.a)
            let before = try await lab.digest()
            #expect(try await lab.texts(lab.releasing(.dead(lab.b))) == ["0", "OTHER", lab.a.text])
            #expect(try await lab.call(lab.releasing(.clean(Token(incarnation: lab.a, epoch: token.epoch - 1)))) == .fenced)
            #expect(try await lab.digest() == before)
        }
    }

    @Test func releaseWakesTheGroup() async throws {
        try await withLab { lab in
            let token = try await lab.held(by: lab.a)
            let subscriber = try await SubscribedConnection(to: lab.connection.endpoint, channel: lab.feed.wake)
            _ = try await lab.call(lab.releasing(.clean(token)))
            #expect(Wake(try await subscriber.next()) == .freed(FeedName("binance")))
            try await subscriber.close()
        }
    }

    @Test func theThirdDeathWithinTheSpanIsQuarantined() async throws {
        try await withLab { lab in
            lab.pace = 0
            var token = try await lab.live(by: lab.a)
            for death in 1...3 {
                _ = try await lab.call(lab.releasing(.dead(token.incarnation)))
                let pending = Int64(try await lab.record()["pending_until"] ?? "") ?? 0
                #expect(pending - lab.now == (death == 3 ? 600_000 : 0))
                if death == 3 { continue }
                _ = try await lab.call(lab.acquisition(by: lab.a, .free, seenEpoch: token.epoch))
                token = try await lab.opened(Token(incarnation: lab.a, epoch: token.epoch + 1))
            }
            #expect(try await lab.events().suffix(2) == ["quarantined", "released"])
        }
    }

    @Test func resumeOfAnUntouchedRecordGoesOn() async throws {
        try await withLab { lab in
            let token = try await lab.live(by: lab.a)
            _ = try await lab.call(lab.publication(token, first: 1, [lab.packet(0, token, 1)]))
            let before = try await lab.digest()
            #expect(try await lab.texts(lab.resumption(by: lab.a, epoch: token.epoch)) == ["1", "SAME", "2", "\(lab.now)"])
            #expect(try await lab.digest() == before)
        }
    }

    @Test func resumeRestoresALostRecordBehindEverythingThatWasSent() async throws {
        try await withLab { lab in
            let token = try await lab.live(by: lab.a)
            let up = try await lab.entries(lab.feed.control).last?.id
            try await lab.send("DEL", .string(lab.feed.lease))
            lab.server = "run-2"
            let call = lab.resumption(by: lab.a, epoch: token.epoch, next: 18, floorMilliseconds: lab.now + 44, age: 5000)
            #expect(try await lab.texts(call) == ["1", "NEW", "102", "\(lab.now + 44)", "\(lab.now)"])
            #expect(
                try await lab.entries(lab.feed.control).last
                    == .init(
                        id: lab.id(lab.now + 44, 102, 0),
                        fields: [
                            "marker", "rollback", "at", "\(lab.now)", "worker", lab.a.text, "reason", "lost", "previous_epoch", "2",
                            "previous_next", "18", "after", up ?? "",
                        ]))
            let record = try await lab.record()
            let expected = [
                "state": "held", "holder": lab.a.text, "token": "\(lab.a):102", "epoch": "102", "renewals": "0", "ttl_ms": "6000",
                "renewed_at": "\(lab.now)", "phase": "live", "next_sequence": "1", "control_sequence": "0", "pending": "none",
                "previous_epoch": "2", "previous_next": "18", "last_ms": "\(lab.now + 44)", "server": "run-2", "connections": "1",
            ]
            #expect(record == expected)
            #expect(try await lab.hash(lab.feed.disconnects) == ["last_admitted": "\(lab.now - 5000)"])
            let before = try await lab.digest()
            #expect(try await lab.texts(call) == ["1", "NEW", "102", "\(lab.now + 44)", "\(lab.now)"])
            #expect(try await lab.digest() == before)
        }
    }

    @Test func resumeWithRenumberOpensANewEpochBehindTheForeignId() async throws {
        try await withLab { lab in
            let token = try await lab.live(by: lab.a)
            let call = lab.resumption(by: lab.a, epoch: token.epoch, floorMilliseconds: lab.now + 900, renumber: true)
            #expect(try await lab.texts(call) == ["1", "NEW", "3", "\(lab.now + 900)", "\(lab.now)"])
            #expect(try await lab.entries(lab.feed.control).last?["reason"] == "order")
            #expect(try await lab.texts(call)[1] == "NEW")
            #expect(try await lab.record()["epoch"] == "3")
        }
    }

    @Test func theHighestEpochWins() async throws {
        try await withLab { lab in
            let token = try await lab.live(by: lab.a)
            let before = try await lab.digest()
            // The record's epoch, but not its holder; an older epoch.
            #expect(try await lab.call(lab.resumption(by: lab.b, epoch: token.epoch)) == .fenced)
            #expect(try await lab.call(lab.resumption(by: lab.b, epoch: token.epoch - 1)) == .fenced)
            #expect(try await lab.digest() == before)
            // A higher one than the record's: what Redis lost with it is jumped over.
            let reply = try await lab.call(lab.resumption(by: lab.b, epoch: token.epoch + 5, jump: 300))
            #expect(reply == .restored(epoch: token.epoch + 305, lastMilliseconds: lab.now, now: lab.now))
            // The control stream remembers what the record lost.
            try await lab.send("DEL", .string(lab.feed.lease))
            #expect(try await lab.call(lab.resumption(by: lab.a, epoch: token.epoch)) == .fenced)
            #expect(try await lab.call(lab.resumption(by: lab.a, epoch: EntryID.maximumEpoch)) == .epochExhausted)
        }
    }

    @Test func resumeNeverShortensThePace() async throws {
        try await withLab { lab in
            let token = try await lab.live(by: lab.a)
            _ = try await lab.call(lab.disconnection(token, first: 1, delay: 0))
            _ = try await lab.opened(token)
            let admitted = lab.now
            try await lab.advance(100)
            try await lab.send("DEL", .string(lab.feed.lease))
            _ = try await lab.call(lab.resumption(by: lab.a, epoch: token.epoch + 1, age: 5000))
            #expect(try await lab.hash(lab.feed.disconnects)["last_admitted"] == "\(admitted)")
        }
    }
}
