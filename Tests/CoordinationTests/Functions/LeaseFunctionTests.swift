import Coordination
import RedisClient
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct LeaseFunctionTests {
    @Test func initMakesARecordThatBelongsToNobodyOnce() async throws {
        try await withLab { lab in
            let made = try await lab.texts(InitCall(feed: lab.feed, server: "run-1"))
            #expect(made == ["1"])
            #expect(
                try await lab.record() == [
                    "state": "unknown", "epoch": "0", "renewals": "0", "phase": "waiting", "pending": "none", "next_sequence": "0",
                    "last_ms": "0", "server": "run-1", "renewed_at": "\(lab.now)",
                ])
            #expect(try await lab.texts(InitCall(feed: lab.feed, server: "run-2")) == ["0"])
            #expect(try await lab.record()["server"] == "run-1")
        }
    }

    @Test func initBesideAnOldControlStreamKnowsNoServerSoTheNextEpochJumps() async throws {
        try await withLab { lab in
            let token = try await lab.live(by: lab.a)
            try await lab.send("DEL", .string(lab.feed.lease))
            try await lab.initialize()
            #expect(try await lab.record()["server"] == nil)
            let reply = try await lab.call(lab.acquisition(by: lab.b, .seen(renewals: 0), seenEpoch: 0, jump: 345))
            guard case .granted(let grant) = reply else { throw TestFailure("\(reply)") }
            #expect(grant.epoch == token.epoch + 345)
        }
    }

    @Test func observeTellsTenFieldsPerRecordAndNothingForAMissingOne() async throws {
        try await withLab { lab in
            let other = FunctionLab.keys.feed(FeedName("binance/2"), group: "binance")
            let token = try await lab.held(by: lab.a)
            let call = ObserveCall(feeds: [lab.feed, other])
            let rows = try await lab.connection.send(call.arguments(library: lab.library)).array ?? []
            #expect(
                rows.map { $0.array?.map { $0.string ?? "?" } } == [
                    ["held", lab.a.text, "\(token.epoch)", "0", "6000", "waiting", "", "\(lab.now)", lab.server, "\(lab.now)"], [],
                ])
            let seen = try await lab.call(call)
            #expect(
                seen == [
                    LeaseObservation(
                        state: .held, holder: lab.a, epoch: 1, renewals: 0, ttlMilliseconds: 6000, phase: .waiting, preferred: nil,
                        lastMilliseconds: lab.now, server: lab.server, renewedAt: lab.now), nil,
                ])
        }
    }

    @Test func observeReadsAFreshRecord() async throws {
        try await withLab { lab in
            try await lab.initialize()
            #expect(
                try await lab.call(ObserveCall(feeds: [lab.feed])) == [
                    LeaseObservation(
                        state: .unknown, holder: nil, epoch: 0, renewals: 0, ttlMilliseconds: 0, phase: .waiting, preferred: nil,
                        lastMilliseconds: 0, server: lab.server, renewedAt: lab.now)
                ])
        }
    }

    @Test func aFreshRecordDiffersFromTheOneBeforeTheDataSetWasEmptied() async throws {
        try await withLab { lab in
            try await lab.initialize()
            let before = try await lab.call(ObserveCall(feeds: [lab.feed]))
            try await lab.send("DEL", .string(lab.feed.lease))
            try await lab.advance(1)
            try await lab.initialize()
            #expect(try await lab.call(ObserveCall(feeds: [lab.feed])) != before)
        }
    }

    @Test func acquireGrantsWhatWasSeenAndWritesFenceRecordAndEvent() async throws {
        try await withLab { lab in
            try await lab.initialize()
            let texts = try await lab.texts(lab.acquisition(by: lab.a, .seen(renewals: 0), seenEpoch: 0, connect: 1500))
            #expect(texts == ["1", "1", "due", "1500", "0", "0", "\(lab.now)", "\(lab.now)"])
            let record = try await lab.record()
            let expected = [
                "state": "held", "holder": lab.a.text, "token": "\(lab.a):1", "epoch": "1", "renewals": "0", "ttl_ms": "6000",
                "phase": "waiting", "next_sequence": "1", "control_sequence": "0", "previous_epoch": "0", "previous_next": "0",
                "last_ms": "\(lab.now)", "server": "run-1", "pending": "due", "pending_until": "\(lab.now + 1500)", "pending_delay": "1500",
                "pending_span": "1500", "renewed_at": "\(lab.now)",
            ]
            #expect(record == expected)
            #expect(
                try await lab.entries(lab.feed.control) == [
                    .init(
                        id: lab.id(lab.now, 1, 0),
                        fields: [
                            "marker", "fence", "at", "\(lab.now)", "worker", lab.a.text, "reason", "test", "previous_epoch", "0",
                            "previous_next", "0", "after", "0-0",
                        ])
                ])
            let event = try await lab.entries(lab.feed.events)[0]
            #expect(
                event.fields == [
                    "event", "acquired", "feed", "binance", "worker", lab.a.text, "epoch", "1", "reason", "test", "admitted", "", "at",
                    "\(lab.now)",
                ])
        }
    }

    @Test func aRepeatedAcquireGivesTheSameGrantWithoutEffect() async throws {
        try await withLab { lab in
            try await lab.initialize()
            let call = lab.acquisition(by: lab.a, .seen(renewals: 0), seenEpoch: 0, connect: 1500)
            let first = try await lab.texts(call)
            let before = try await lab.digest()
            #expect(try await lab.texts(call) == first)
            #expect(try await lab.digest() == before)
            try await lab.advance(500)
            let later = try await lab.texts(call)
            #expect(later[3] == "1000")
            #expect(Array(later[4...6]) == Array(first[4...6]))
        }
    }

    @Test func whoGoesAtOnceIsToldSoWhereGateWouldSaySo() async throws {
        try await withLab { lab in
            let token = try await lab.live(by: lab.a)
            _ = try await lab.call(lab.releasing(.clean(token)))
            let call = lab.acquisition(by: lab.b, .free, seenEpoch: token.epoch, goesAtOnce: true)
            let texts = try await lab.texts(call)
            #expect(Array(texts[1...3]) == ["\(token.epoch + 1)", "due", "0"])
            #expect(texts.last == "GO")
            #expect(try await lab.record()["phase"] == "connecting")
            #expect(try await lab.events().suffix(2) == ["acquired", "connecting"])
            // The reply was lost: it is said again, and so does `gate`.
            let before = try await lab.digest()
            #expect(try await lab.texts(call) == texts)
            #expect(try await lab.gate(Token(incarnation: lab.b, epoch: token.epoch + 1)) == .go)
            #expect(try await lab.digest() == before)
            // Who does not ask for it is no repeat of it.
            let other = try await lab.texts(lab.acquisition(by: lab.b, .free, seenEpoch: token.epoch))
            #expect(other == ["0", "CHANGED", lab.b.text, "\(token.epoch + 1)", "0"])
        }
    }

    @Test func nobodyGoesBeforeTheReconnectIsDueNorWhileItCools() async throws {
        try await withLab { lab in
            try await lab.initialize()
            let early = try await lab.texts(lab.acquisition(by: lab.a, .seen(renewals: 0), seenEpoch: 0, connect: 1, goesAtOnce: true))
            #expect(early == ["1", "1", "due", "1", "0", "0", "\(lab.now)", "\(lab.now)"])
            #expect(try await lab.record()["phase"] == "waiting")
        }
        try await withLab { lab in
            let first = try await lab.live(by: lab.a)
            _ = try await lab.call(lab.disconnection(first, first: 1, delay: 0))
            let second = try await lab.opened(first)
            _ = try await lab.call(lab.releasing(.clean(second)))
            let cooling = try await lab.call(lab.acquisition(by: lab.b, .free, seenEpoch: second.epoch, goesAtOnce: true))
            guard case .granted(let grant) = cooling else { throw TestFailure("\(cooling)") }
            #expect(grant.pending == .cooling)
            #expect(!grant.isGo)
            #expect(try await lab.record()["phase"] == "waiting")
            // The time has come while the feed changed hands: only `gate` admits what cools.
            try await lab.advance(lab.pace)
            let third = Token(incarnation: lab.b, epoch: grant.epoch)
            _ = try await lab.call(lab.releasing(.clean(third)))
            let late = try await lab.call(lab.acquisition(by: lab.a, .free, seenEpoch: third.epoch, goesAtOnce: true))
            guard case .granted(let grant) = late else { throw TestFailure("\(late)") }
            #expect(!grant.isGo)
            #expect(try await lab.gate(Token(incarnation: lab.a, epoch: grant.epoch)) == .go)
        }
    }

    @Test func acquireRefusesWhateverIsNotAsSeen() async throws {
        try await withLab { lab in
            #expect(try await lab.call(lab.acquisition(by: lab.a, .free, seenEpoch: 0)) == .missing)
            try await lab.initialize()
            #expect(try await lab.texts(lab.acquisition(by: lab.a, .free, seenEpoch: 0)) == ["0", "CHANGED", "", "0", "0"])
            let token = try await lab.live(by: lab.a)
            _ = try await lab.call(RenewCall(leases: [.init(feed: lab.feed, token: token)]))
            let changed = AcquireReply.changed(holder: lab.a, epoch: token.epoch, renewals: 1)
            let before = try await lab.digest()
            #expect(try await lab.call(lab.acquisition(by: lab.b, .free, seenEpoch: token.epoch)) == changed)
            #expect(try await lab.call(lab.acquisition(by: lab.b, .seen(renewals: 0), seenEpoch: token.epoch)) == changed)
            #expect(try await lab.call(lab.acquisition(by: lab.b, .seen(renewals: 1), seenEpoch: token.epoch - 1)) == changed)
            #expect(try await lab.call(lab.acquisition(by: lab.b, .dead(holder: lab.b), seenEpoch: token.epoch)) == changed)
            #expect(try await lab.digest() == before)
        }
    }

    @Test func aClaimOfARecordThatWasRemovedMeanwhileFindsNothingAsSeen() async throws {
        try await withLab { lab in
            try await lab.initialize()
            let seen = try #require(try await lab.call(ObserveCall(feeds: [lab.feed])).first ?? nil)
            try await lab.send("DEL", .string(lab.feed.lease))
            try await lab.advance(40)
            try await lab.initialize()
            let fresh = try #require(try await lab.call(ObserveCall(feeds: [lab.feed])).first ?? nil)
            #expect((fresh.epoch, fresh.renewals) == (seen.epoch, seen.renewals))
            let before = try await lab.digest()
            let late = lab.acquisition(by: lab.a, .seen(renewals: seen.renewals, renewedAt: seen.renewedAt), seenEpoch: seen.epoch)
            #expect(try await lab.call(late) == .changed(holder: nil, epoch: 0, renewals: 0))
            #expect(try await lab.digest() == before)
            let due = lab.acquisition(by: lab.a, .seen(renewals: fresh.renewals, renewedAt: fresh.renewedAt), seenEpoch: fresh.epoch)
            guard case .granted = try await lab.call(due) else { throw TestFailure("what was seen is not granted") }
        }
    }

    @Test func thePreferredWorkerHasAHeadStartOfOneSecond() async throws {
        try await withLab { lab in
            let token = try await lab.held(by: lab.a)
            #expect(try await lab.call(lab.releasing(.clean(token), preferred: "b")) == .released)
            try await lab.advance(300)
            let other = Incarnation("c.00000000000000cc")
            #expect(try await lab.call(lab.acquisition(by: other, .free, seenEpoch: 1)) == .reserved(milliseconds: 700))
            try await lab.advance(699)
            #expect(try await lab.call(lab.acquisition(by: other, .free, seenEpoch: 1)) == .reserved(milliseconds: 1))
            try await lab.setClock(lab.now - 500)
            guard case .granted = try await lab.call(lab.acquisition(by: lab.b, .free, seenEpoch: 1)) else {
                throw TestFailure("the preferred worker was refused")
            }
        }
    }

    @Test(arguments: [Int64(1000), -5000])
    func theHeadStartEndsAfterASecondOrWhenTheClockGoesBack(step: Int64) async throws {
        try await withLab { lab in
            let token = try await lab.held(by: lab.a)
            _ = try await lab.call(lab.releasing(.clean(token), preferred: "b"))
            try await lab.advance(step)
            guard case .granted = try await lab.call(lab.acquisition(by: Incarnation("c.00000000000000cc"), .free, seenEpoch: 1)) else {
                throw TestFailure("still reserved")
            }
        }
    }

    @Test func theNextEpochIsAboveRecordFloorAndControlStream() async throws {
        try await withLab { lab in
            try await lab.initialize()
            let reply = try await lab.call(
                lab.acquisition(by: lab.a, .seen(renewals: 0), seenEpoch: 0, floor: 8900, floorMilliseconds: lab.now + 50, jump: 108))
            guard case .granted(let grant) = reply else { throw TestFailure("\(reply)") }
            // The caller knows of an epoch that Redis has lost, and perhaps others with it.
            #expect(grant.epoch == 9008)
            #expect(grant.lastMilliseconds == lab.now + 50)
            #expect(try await lab.entries(lab.feed.control)[0].id == "\(lab.now + 50)-9008000000000000")

            // Beyond 2^53 every digit must survive.
            let top = EntryID(milliseconds: lab.now + 60, epoch: 17_999_998, sequence: 999_999_999_999)
            try await lab.send("XADD", .string(lab.feed.control), .string(top.description), "foreign", "1")
            let second = try await lab.call(lab.acquisition(by: lab.b, .dead(holder: lab.a), seenEpoch: 9008))
            guard case .granted(let grant) = second else { throw TestFailure("\(second)") }
            #expect(grant.epoch == 17_999_999)
            #expect(try await lab.entries(lab.feed.control)[2].id == "\(lab.now + 60)-17999999000000000000")
            #expect(try await lab.entries(lab.feed.control)[2]["after"] == top.description)
        }
    }

    @Test func anotherServerJumpsAndTheEndOfTheCounterRefuses() async throws {
        try await withLab { lab in
            let token = try await lab.live(by: lab.a)
            lab.server = "run-2"
            let reply = try await lab.call(lab.acquisition(by: lab.b, .dead(holder: lab.a), seenEpoch: token.epoch, jump: 777))
            guard case .granted(let grant) = reply else { throw TestFailure("\(reply)") }
            #expect(grant.epoch == token.epoch + 777)
            #expect(try await lab.record()["server"] == "run-2")
            let before = try await lab.digest()
            let last = lab.acquisition(by: lab.a, .dead(holder: lab.b), seenEpoch: grant.epoch, floor: EntryID.maximumEpoch)
            #expect(try await lab.texts(last) == ["0", "EPOCH"])
            #expect(try await lab.digest() == before)
        }
    }

    @Test func aTakeoverOfALiveHolderIsADisconnect() async throws {
        try await withLab { lab in
            let token = try await lab.live(by: lab.a)
            let texts = try await lab.texts(lab.acquisition(by: lab.b, .dead(holder: lab.a), seenEpoch: token.epoch, delay: 0))
            #expect(Array(texts[1...3]) == ["3", "due", "0"])
            #expect(
                try await lab.hash(lab.feed.disconnects) == [
                    "last_admitted": "\(lab.now)", "count": "1", "reason": "test", "feed": "binance", "worker": lab.a.text,
                ])
            #expect(try await lab.events().suffix(2) == ["crashed", "taken_over"])
            #expect(try await lab.entries(lab.feed.events).suffix(2).first?["admitted"] == "1")

            let again = try await lab.opened(Token(incarnation: lab.b, epoch: 3))
            try await lab.advance(20_000)
            let cooling = try await lab.texts(lab.acquisition(by: lab.a, .seen(renewals: 0), seenEpoch: again.epoch, delay: 2100))
            #expect(Array(cooling[1...3]) == ["5", "cooling", "40000"])
            #expect(try await lab.hash(lab.feed.disconnects)["count"] == "1")
            #expect(try await lab.record()["pending_delay"] == "2100")

            try await lab.advance(1000)
            let inherited = try await lab.texts(lab.acquisition(by: lab.b, .dead(holder: lab.a), seenEpoch: 5, delay: 9, connect: 9))
            #expect(Array(inherited[2...3]) == ["cooling", "39000"])
            #expect(try await lab.record()["pending_delay"] == "2100")
            #expect(try await lab.record()["crashes"] == "2")
        }
    }

    @Test func aTakeoverWhileConnectingDrawsAFreshWaitWithoutAdmission() async throws {
        try await withLab { lab in
            let token = try await lab.held(by: lab.a)
            #expect(try await lab.gate(token) == .go)
            let texts = try await lab.texts(lab.acquisition(by: lab.b, .dead(holder: lab.a), seenEpoch: 1, delay: 0, connect: 2500))
            #expect(Array(texts[1...3]) == ["2", "due", "2500"])
            #expect(try await lab.hash(lab.feed.disconnects).isEmpty)
            #expect(try await lab.record()["crashes"] == "1")
        }
    }

    @Test func theThirdCrashWithinTheSpanIsQuarantined() async throws {
        try await withLab { lab in
            lab.pace = 0
            var token = try await lab.live(by: lab.a)
            var other = lab.b
            for crash in 1...3 {
                try await lab.advance(1000)
                let texts = try await lab.texts(
                    lab.acquisition(by: other, .dead(holder: token.incarnation), seenEpoch: token.epoch, delay: 0, quarantine: 600_000))
                #expect(texts[3] == (crash == 3 ? "600000" : "0"), "crash \(crash)")
                if crash < 3 {
                    let mine = token.incarnation
                    token = try await lab.opened(Token(incarnation: other, epoch: token.epoch + 1))
                    other = mine
                }
            }
            #expect(try await lab.events().suffix(3) == ["crashed", "quarantined", "taken_over"])
        }
    }

    @Test func crashesFurtherApartThanTheSpanAreNotQuarantined() async throws {
        try await withLab { lab in
            lab.pace = 0
            var token = try await lab.live(by: lab.a)
            for _ in 1...6 {
                try await lab.advance(6000)
                let other = token.incarnation == lab.a ? lab.b : lab.a
                let texts = try await lab.texts(
                    lab.acquisition(by: other, .dead(holder: token.incarnation), seenEpoch: token.epoch, delay: 0, quarantine: 10_000))
                #expect(texts[3] == "0")
                token = try await lab.opened(Token(incarnation: other, epoch: token.epoch + 1))
            }
        }
    }

    @Test func renewMovesTheValueChallengersWatchForTheHolderOnly() async throws {
        try await withLab { lab in
            let token = try await lab.held(by: lab.a)
            let gone = FunctionLab.keys.feed(FeedName("binance/9"), group: "binance")
            let free = FunctionLab.keys.feed(FeedName("binance/8"), group: "binance")
            _ = try await lab.call(InitCall(feed: free, server: "run-1"))
            try await lab.advance(10)
            let reply = try await lab.texts(
                RenewCall(leases: [
                    .init(feed: lab.feed, token: token), .init(feed: lab.feed, token: Token(incarnation: lab.b, epoch: 1)),
                    .init(feed: gone, token: token), .init(feed: free, token: token),
                ]))
            #expect(reply == ["1", "0", "-1", "0", "\(lab.now)"])
            #expect(try await lab.record()["renewals"] == "1")
            #expect(try await lab.record()["renewed_at"] == "\(lab.now)")
        }
    }

    @Test func anEmptyTokenIsNobodysEvenInAFreeRecord() async throws {
        try await withLab { lab in
            let token = try await lab.held(by: lab.a)
            _ = try await lab.call(lab.releasing(.clean(token)))
            let before = try await lab.digest()
            let lease = RedisArgument.string(lab.feed.lease)
            #expect(try await lab.send("FCALL", "colony1_renew", "1", lease, "").array?[0].string == "0")
            #expect(try await lab.send("FCALL", "colony1_retry", "1", lease, "", "5").array?[1].string == "FENCED")
            #expect(try await lab.send("FCALL", "colony1_publish", "3", lease, "c", "n", "", "1", "9").array?[1].string == "FENCED")
            #expect(try await lab.digest() == before)
        }
    }
}
