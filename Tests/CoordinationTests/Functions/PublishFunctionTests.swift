import Coordination
import NIOCore
import RedisClient
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct PublishFunctionTests {
    @Test func aBatchGoesToItsStreamsWithPrevAndAfter() async throws {
        try await withLab { lab in
            let token = try await lab.live(by: lab.a)
            let payload = ByteBuffer(bytes: [0, 255, 13, 10, 0x80])
            var packets = [
                lab.packet(1, token, 1), lab.packet(2, token, 2), lab.packet(1, token, 3, at: lab.now + 5, previous: 1),
                lab.packet(0, token, 4, at: lab.now + 5),
            ]
            packets[2].data = payload
            let call = lab.publication(token, first: 1, streams: ["BTC", "ETH"], packets)
            #expect(try await lab.texts(call) == ["1", "5"])
            let time = "1763812345678000000"
            #expect(
                try await lab.entries(lab.stream("BTC").key)[0]
                    == .init(id: lab.id(lab.now, 2, 1), fields: ["time", time, "prev", "0", "data", "x", "after", "0-0"]))
            let rows = try await lab.send("XRANGE", .string(lab.stream("BTC").key), "-", "+").array ?? []
            #expect(rows[1].array?[1].array?[5] == .bytes(payload))
            #expect(
                try await lab.entries(lab.feed.control).last
                    == .init(id: lab.id(lab.now + 5, 2, 4), fields: ["time", time, "prev", "0", "data", "x"]))
            let record = try await lab.record()
            #expect(record["next_sequence"] == "5" && record["last_ms"] == "\(lab.now + 5)" && record["control_sequence"] == "4")
            #expect(try await lab.hash(lab.feed.streams) == [lab.stream("BTC").key: "2", lab.stream("ETH").key: "2"])
        }
    }

    @Test func afterTiesANewEpochToTheLastIdOfEachStreamEvenWhenItWasTrimmedAway() async throws {
        try await withLab { lab in
            lab.pace = 0
            var token = try await lab.live(by: lab.a)
            _ = try await lab.call(lab.publication(token, first: 1, streams: ["BTC"], [lab.packet(1, token, 1), lab.packet(0, token, 2)]))
            let last = lab.id(lab.now, token.epoch, 1)
            try await lab.send("XTRIM", .string(lab.stream("BTC").key), "MAXLEN", "0")
            _ = try await lab.call(lab.disconnection(token, first: 3, delay: 0))
            #expect(try await lab.entries(lab.feed.control).last?["prev"] == "2")
            token = try await lab.opened(token)
            _ = try await lab.call(lab.publication(token, first: 1, streams: ["BTC"], [lab.packet(1, token, 1)]))
            #expect(try await lab.entries(lab.stream("BTC").key)[0]["after"] == last)
            #expect(try await lab.hash(lab.feed.streams) == [lab.stream("BTC").key: "\(token.epoch)"])
        }
    }

    @Test func repeatedAndOverlappingBatchesAddOnlyWhatIsNew() async throws {
        try await withLab { lab in
            let token = try await lab.live(by: lab.a)
            let packets = (1...6).map { lab.packet(1, token, $0, previous: $0 - 1, "packet \($0)") }
            func send(_ range: ClosedRange<Int>) async throws -> PublishReply {
                try await lab.call(
                    lab.publication(
                        token, first: range.lowerBound, streams: ["BTC"], Array(packets[(range.lowerBound - 1)..<range.upperBound])))
            }
            #expect(try await send(1...3) == .next(4))
            #expect(try await send(1...3) == .next(4))
            #expect(try await send(2...5) == .next(6))
            #expect(try await send(1...6) == .next(7))
            #expect(try await lab.entries(lab.stream("BTC").key).map { $0["data"] } == (1...6).map { "packet \($0)" })
            // Below the cursor nothing counts any more, not even wrong ids.
            let wrong = lab.packet(1, Token(incarnation: lab.a, epoch: 77), 5)
            #expect(try await lab.call(lab.publication(token, first: 5, streams: ["BTC"], [wrong])) == .next(7))
            #expect(try await lab.call(lab.publication(token, first: 7, streams: ["BTC"], [])) == .next(7))
        }
    }

    @Test func aHoleIsAnsweredWithTheCursorAndHasNoEffect() async throws {
        try await withLab { lab in
            let token = try await lab.live(by: lab.a)
            let before = try await lab.digest()
            #expect(try await lab.texts(lab.publication(token, first: 3, [lab.packet(0, token, 3)])) == ["0", "GAP", "1"])
            #expect(try await lab.digest() == before)
        }
    }

    @Test func staleAndEndedCallersChangeNothing() async throws {
        try await withLab { lab in
            let token = try await lab.live(by: lab.a)
            for stale in [Token(incarnation: lab.b, epoch: token.epoch), Token(incarnation: lab.a, epoch: token.epoch - 1)] {
                let before = try await lab.digest()
                #expect(try await lab.call(lab.publication(stale, first: 1, [lab.packet(0, stale, 1)])) == .fenced)
                #expect(try await lab.digest() == before)
            }
            _ = try await lab.call(lab.disconnection(token, first: 1))
            let before = try await lab.digest()
            #expect(try await lab.call(lab.publication(token, first: 1, [lab.packet(0, token, 1)])) == .ended)
            #expect(try await lab.digest() == before)
            try await lab.send("DEL", .string(lab.feed.lease))
            #expect(try await lab.call(lab.publication(token, first: 1, [lab.packet(0, token, 1)])) == .fenced)
        }
    }

    @Test(arguments: ["epoch of the first", "sequence of the first", "epoch of the last", "sequence of the last", "no id at all"])
    func anIdThatIsNotTheTokensIsAnError(wrong: String) async throws {
        try await withLab { lab in
            let token = try await lab.live(by: lab.a)
            var packets = (1...3).map { lab.packet(0, token, $0) }
            switch wrong {
            case "epoch of the first": packets[0].id.epoch = 1
            case "sequence of the first": packets[0].id.sequence = 2
            case "epoch of the last": packets[2].id.epoch = 12
            case "sequence of the last": packets[2].id.sequence = 4
            default: break
            }
            var arguments = lab.publication(token, first: 1, packets).arguments(library: lab.library)
            if wrong == "no id at all" { arguments[arguments.count - 4] = "soon" }
            let before = try await lab.digest()
            do {
                _ = try await lab.connection.send(arguments)
                Issue.record("accepted")
            } catch let error as RedisError {
                #expect(error.server?.prefix == "BADID")
            }
            #expect(try await lab.digest() == before)
        }
    }

    @Test func idsBelowWhatIsStoredAreRefusedWhole() async throws {
        try await withLab { lab in
            let token = try await lab.live(by: lab.a)
            try await lab.advance(10)
            _ = try await lab.call(lab.publication(token, first: 1, streams: ["BTC"], [lab.packet(1, token, 1)]))
            let before = try await lab.digest()
            let early = lab.publication(token, first: 2, streams: ["ETH"], [lab.packet(1, token, 2, at: lab.now - 1)])
            #expect(try await lab.texts(early) == ["0", "ORDER", "2", lab.id(lab.now, 2, 1)])
            let falling = lab.publication(
                token, first: 2, streams: ["ETH"], [lab.packet(1, token, 2, at: lab.now + 9), lab.packet(1, token, 3, previous: 2)])
            #expect(try await lab.texts(falling) == ["0", "ORDER", "2", lab.id(lab.now + 9, 2, 2)])
            #expect(try await lab.digest() == before)
        }
    }

    @Test func aStreamThatAlreadyWentFurtherIsRefusedWholeWithItsHighestId() async throws {
        try await withLab { lab in
            let token = try await lab.live(by: lab.a)
            let (btc, eth) = ("\(lab.now + 50)-7", "\(lab.now + 50)-18000000000000000000")
            try await lab.send("XADD", .string(lab.stream("BTC").key), .string(btc), "foreign", "1")
            try await lab.send("XADD", .string(lab.stream("ETH").key), .string(eth), "foreign", "1")
            let before = try await lab.digest()
            let call = lab.publication(
                token, first: 1, streams: ["LTC", "BTC", "ETH"],
                [lab.packet(1, token, 1), lab.packet(2, token, 2), lab.packet(3, token, 3)])
            #expect(try await lab.texts(call) == ["0", "ORDER", "1", eth])
            #expect(try await lab.digest() == before)
        }
    }

    @Test func aStreamWrittenByHandWithinTheEpochStopsTheBatchAtItsCursor() async throws {
        try await withLab { lab in
            let token = try await lab.live(by: lab.a)
            _ = try await lab.call(lab.publication(token, first: 1, streams: ["BTC"], [lab.packet(1, token, 1)]))
            let foreign = "\(lab.now + 50)-0"
            try await lab.send("XADD", .string(lab.stream("BTC").key), .string(foreign), "foreign", "1")
            let packets = [
                lab.packet(0, token, 2), lab.packet(2, token, 3, at: lab.now + 1), lab.packet(1, token, 4, at: lab.now + 2, previous: 1),
                lab.packet(0, token, 5, at: lab.now + 3, previous: 2),
            ]
            let call = lab.publication(token, first: 2, streams: ["BTC", "ETH"], packets)
            #expect(try await lab.texts(call) == ["0", "ORDER", "4", foreign])
            let record = try await lab.record()
            #expect(record["next_sequence"] == "4" && record["last_ms"] == "\(lab.now + 1)" && record["control_sequence"] == "2")
            #expect(try await lab.entries(lab.stream("ETH").key).count == 1)
            let rest = lab.publication(token, first: 4, streams: ["BTC"], [packets[2]])
            #expect(try await lab.texts(rest) == ["0", "ORDER", "4", foreign])
        }
    }

    @Test func anIdThatIsNoneInTheMiddleLeavesCursorAndStreamsInAgreement() async throws {
        try await withLab { lab in
            let token = try await lab.live(by: lab.a)
            let packets = [lab.packet(0, token, 1), lab.packet(1, token, 2, previous: 1), lab.packet(0, token, 3)]
            var arguments = lab.publication(token, first: 1, streams: ["BTC"], packets).arguments(library: lab.library)
            arguments[arguments.count - 9] = "soon"
            let reply = try await lab.connection.send(arguments)
            #expect(try PublishCall.decode(reply) == .order(next: 2, top: EntryID(milliseconds: 0, epoch: 0, sequence: 0)))
            #expect(try await lab.record()["next_sequence"] == "2")
            #expect(try await lab.entries(lab.feed.control).last?.id == lab.id(lab.now, 2, 1))
        }
    }

    @Test func fullMemoryRefusesABatchWholeWhileLeasesLiveOn() async throws {
        try await withLab { lab in
            let token = try await lab.live(by: lab.a)
            try await lab.send("CONFIG", "SET", "maxmemory", "1")
            let before = try await lab.digest()
            do {
                _ = try await lab.call(lab.publication(token, first: 1, [lab.packet(0, token, 1)]))
                Issue.record("accepted")
            } catch let error as RedisError {
                #expect(error.code == .outOfMemory)
            }
            #expect(try await lab.digest() == before)
            #expect(try await lab.call(RenewCall(leases: [.init(feed: lab.feed, token: token)])).results == [.renewed])
            #expect(try await lab.call(lab.disconnection(token, first: 1)) == .ended(pending: .due, milliseconds: 100))
        }
    }

    @Test func maxlenTrimsEachStreamByItsOwnBound() async throws {
        try await withRedis(RedisServer.Options(directives: ["stream-node-max-entries 10"])) { redis in
            let lab = try await FunctionLab(on: redis)
            let token = try await lab.live(by: lab.a)
            var packets: [PublishCall.Packet] = []
            for sequence in 1...200 {
                packets.append(lab.packet(sequence % 2 + 1, token, sequence, previous: max(0, sequence - 2)))
            }
            var call = lab.publication(token, first: 1, streams: ["BTC", "ETH"], packets)
            call.streams[0].maximumLength = 20
            call.streams[1].maximumLength = 60
            #expect(try await lab.call(call) == .next(201))
            let (btc, eth) = (try await lab.entries(lab.stream("BTC").key).count, try await lab.entries(lab.stream("ETH").key).count)
            #expect((20..<35).contains(btc) && (60..<75).contains(eth), "\(btc) and \(eth)")
        }
    }

    @Test func aStreamNumberThatIsNoneIsAnErrorWithoutEffect() async throws {
        try await withLab { lab in
            let token = try await lab.live(by: lab.a)
            let before = try await lab.digest()
            for number in [2, -1, -2] {
                await #expect(throws: RedisError.self) {
                    try await lab.call(
                        lab.publication(token, first: 1, streams: ["BTC"], [lab.packet(1, token, 1), lab.packet(number, token, 2)]))
                }
            }
            #expect(try await lab.digest() == before)
        }
    }

    @Test func lostDeclaresARangeAndTheCursorJumpsOverIt() async throws {
        try await withLab { lab in
            let token = try await lab.live(by: lab.a)
            _ = try await lab.call(lab.publication(token, first: 1, [lab.packet(0, token, 1)]))
            let call = LostCall(feed: lab.feed, token: token, first: 2, last: 9, milliseconds: lab.now + 3, reason: "overflow")
            #expect(try await lab.texts(call) == ["1", "10"])
            #expect(
                try await lab.entries(lab.feed.control).last
                    == .init(
                        id: lab.id(lab.now + 3, 2, 9),
                        fields: ["marker", "gap", "at", "\(lab.now)", "from", "2", "to", "9", "reason", "overflow"]))
            let before = try await lab.digest()
            #expect(try await lab.texts(call) == ["1", "10"])
            #expect(try await lab.digest() == before)
            #expect(try await lab.record()["control_sequence"] == "1")
            #expect(try await lab.events().last == "gap")
            let behind = lab.packet(0, token, 10, at: lab.now + 3, previous: 1)
            #expect(try await lab.call(lab.publication(token, first: 10, [behind])) == .next(11))
        }
    }

    @Test func lostNeedsTokenCursorOrderAndALiveRecord() async throws {
        try await withLab { lab in
            let token = try await lab.live(by: lab.a)
            func lost(_ token: Token, _ first: Int, _ last: Int, at milliseconds: Int64) async throws -> LostReply {
                try await lab.call(
                    LostCall(feed: lab.feed, token: token, first: first, last: last, milliseconds: milliseconds, reason: "overflow"))
            }
            let before = try await lab.digest()
            #expect(try await lost(Token(incarnation: lab.b, epoch: 2), 1, 3, at: lab.now) == .fenced)
            #expect(try await lost(token, 2, 3, at: lab.now) == .gap(next: 1))
            let top = EntryID(milliseconds: lab.now, epoch: 2, sequence: 0)
            #expect(try await lost(token, 1, 3, at: lab.now - 1) == .order(next: 1, top: top))
            #expect(try await lab.digest() == before)
            _ = try await lab.call(lab.disconnection(token, first: 1))
            #expect(try await lost(token, 1, 1, at: lab.now) == .next(2))
            #expect(try await lost(token, 2, 3, at: lab.now) == .ended)
        }
    }
}
