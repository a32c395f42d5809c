import Coordination
import RedisClient
import TestSupport
import Testing

@testable import Ingest

/// What the publish function answers when the record or a stream is not as the publisher left it.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct PublishAnswerTests {
    private func cursor(_ rig: PublisherRig, _ redis: RedisConnection) async throws -> String? {
        try await redis.send(["HGET", .string(rig.keys.lease), "next_sequence"]).string
    }

    private func heard(_ complaint: String, _ rig: PublisherRig) async throws {
        try await eventually("the owner hears of it") { try await rig.complaints.isEmpty ? nil : true }
        #expect(try await rig.complaints.first == complaint)
    }

    @Test("FENCED: the owner hears of it, nothing is stored, and nothing is sent any more")
    func fenced() async throws {
        try await withRedis { server in
            let rig = try await PublisherRig.open(server)
            let redis = try await server.connect()
            try await rig.append(30)
            try await rig.stored()
            _ = try await redis.send(["HSET", .string(rig.keys.lease), "token", "w2.0000000000000009:9"])
            try await rig.append(30)
            try await heard("fenced", rig)
            let batches = try await rig.run { $0.publisher.machine.counters.batches }
            try await rig.append(30)
            #expect(try await rig.run { $0.publisher.machine.counters.batches } == batches)
            #expect(try await cursor(rig, redis) == "31")
            #expect(try await rig.read(redis).packets.count == 30)
            try await rig.close()
        }
    }

    @Test("ENDED: what comes behind the recorded end of its websocket is dropped, and counted")
    func ended() async throws {
        try await withRedis { server in
            let rig = try await PublisherRig.open(server)
            let redis = try await server.connect()
            try await rig.append(30)
            try await rig.stored()
            _ = try await redis.call(
                DisconnectCall(
                    feed: rig.keys, token: rig.token, first: 31, hard: true, delayMilliseconds: 0, paceMilliseconds: 0, reason: "test"))
            try await rig.append(30)
            try await heard("ended", rig)
            #expect(try await rig.droppedPackets == 30)
            #expect(try await rig.isAllStored)
            #expect(try await rig.read(redis).packets.count(where: { $0.data != "" }) == 30)
            try await rig.close()
        }
    }

    @Test("ORDER: a stream with a higher id gets nothing; the rest follows under the epoch that resume gives")
    func disordered() async throws {
        try await withRedis { server in
            let rig = try await PublisherRig.open(server)
            let redis = try await server.connect()
            try await rig.append(30)
            try await rig.stored()
            let stream = rig.keys.data(channel: "trade", symbol: "A")
            let seconds = try #require(try await redis.send(["TIME"]).array?[0].string.flatMap { Int64($0) })
            let top = (seconds + 60) * 1000
            _ = try await redis.send(["XADD", .string(stream), .string("\(top)-1"), "by", "hand"])
            // The first of them goes to another stream, or to none.
            try await rig.append(9)
            try await heard("disordered", rig)
            let next = try await rig.run { $0.publisher.machine.firstUnstored }
            #expect(try await cursor(rig, redis) == "\(next)")
            let resumed = try await redis.call(
                ResumeCall(
                    feed: rig.keys, incarnation: rig.token.incarnation, epoch: rig.token.epoch, next: next, ttlMilliseconds: 6000,
                    floorMilliseconds: top, server: "s", jump: 100, renumber: true, admittedAgeMilliseconds: nil))
            guard case .restored(let epoch, let last, _) = resumed else { throw TestFailure("not restored: \(resumed)") }
            try await rig.run {
                $0.publisher.renumber(Token(incarnation: rig.token.incarnation, epoch: epoch), lastMilliseconds: last)
            }
            try await rig.append(3)
            try await rig.stored()
            var found: [String] = []
            for key in [rig.keys.control, stream, rig.keys.data(channel: "trade", symbol: "B")] {
                for entry in try await redis.send(["XRANGE", .string(key), "-", "+"]).array ?? [] {
                    guard let id = entry.array?[0].string.flatMap({ EntryID($0) }), id.sequence > 0 else { continue }
                    let values = entry.array?[1].array?.map { $0.string ?? "" } ?? []
                    guard let data = values.firstIndex(of: "data") else { continue }
                    found.append(values[data + 1])
                    let expected = Int(values[data + 1]).map { $0 < next ? (rig.token.epoch, $0) : (epoch, $0 - next + 1) }
                    #expect(expected.map { $0 == (id.epoch, id.sequence) } == true, "\(id) holds \(values[data + 1])")
                }
            }
            #expect(found.compactMap { Int($0) }.sorted() == Array(1...42))
            #expect(try await rig.droppedPackets == 0)
            try await rig.close()
        }
    }

    @Test("LOADING: a server that reads its data again under a live connection is waited for")
    func loading() async throws {
        // A key takes so long to load that the test, not the clock, ends it.
        let options = RedisServer.Options(
            directives: ["key-load-delay 20000", "loading-process-events-interval-bytes 1024", "rdbcompression no"])
        try await withRedis(options) { server in
            let rig = try await PublisherRig.open(server)
            let redis = try await server.connect()
            let reloader = try await server.connect()
            try await rig.append(30)
            try await rig.stored()
            _ = try await redis.send(["DEBUG", "POPULATE", "2000", "key", "1024"], timeout: .seconds(20))
            async let reloaded = reloader.send(["DEBUG", "RELOAD"], timeout: .seconds(60))
            try await eventually("the server is loading") {
                RedisServerInfo(try await redis.send(["INFO", "persistence"], timeout: .seconds(20)).string ?? "")["loading"] == "1"
                    ? true : nil
            }
            for _ in 0..<20 { try await rig.append(30) }
            try await untilRefused("LOADING", redis)
            #expect(try await !rig.isAllStored)
            _ = try await redis.send(["CONFIG", "SET", "key-load-delay", "0"], timeout: .seconds(20))
            _ = try await reloaded
            try await rig.expectNothingLost(redis)
            try await rig.close()
        }
    }

    @Test("LOADING: a server that comes back with much to read is tried until it has read it")
    func connecting() async throws {
        let options = RedisServer.Options(
            directives: ["key-load-delay 10000", "loading-process-events-interval-bytes 1024", "rdbcompression no"])
        try await withRedis(options) { server in
            let rig = try await PublisherRig.open(server)
            let redis = try await server.connect()
            try await rig.append(30)
            try await rig.stored()
            _ = try await redis.send(["DEBUG", "POPULATE", "100", "key", "1024"], timeout: .seconds(20))
            _ = try await redis.send(["SAVE"], timeout: .seconds(20))
            try await server.restart(waitUntilReady: false)
            try await rig.append(30)
            try await rig.stored()
            let back = try await server.connect()
            // Who connects meanwhile is told so, and that is all the server has refused.
            #expect(try await refusals("LOADING", back) > 0)
            #expect(try await rig.check(back) == [])
            #expect(try await rig.complaints == [])
            try await rig.close()
        }
    }
}
