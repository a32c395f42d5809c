import Coordination
import RedisClient
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct HousekeepingFunctionTests {
    @Test func trimDropsWhatIsOldAndForgetsWhatIsEmptyAndOlder() async throws {
        try await withLab { lab in
            let token = try await lab.live(by: lab.a)
            let packets = [
                lab.packet(1, token, 1), lab.packet(2, token, 2), lab.packet(1, token, 3, at: lab.now + 1000, previous: 1),
            ]
            _ = try await lab.call(lab.publication(token, first: 1, streams: ["BTC", "ETH"], packets))
            let streams = ["BTC", "ETH", "NONE"].map { lab.stream($0).key }
            let trim = TrimCall(feed: lab.feed, streams: streams, minimumMilliseconds: lab.now + 1, forgetMilliseconds: lab.now)
            #expect(try await lab.texts(trim) == ["1", "2", "0"])
            #expect(try await lab.entries(streams[0]).map(\.id) == [lab.id(lab.now + 1000, 2, 3)])
            #expect(try await lab.entries(streams[1]).isEmpty)
            #expect(try await lab.hash(lab.feed.streams).count == 2)
            let forget = TrimCall(feed: lab.feed, streams: streams, minimumMilliseconds: lab.now + 1, forgetMilliseconds: lab.now + 1)
            #expect(try await lab.texts(forget) == ["1", "0", "1"])
            #expect(try await lab.hash(lab.feed.streams) == [streams[0]: "2"])
            #expect(try await lab.send("EXISTS", .string(streams[1])).integer == 0)
        }
    }

    @Test func trimKeepsAnEmptyStreamWhereUnlinkIsNotAllowed() async throws {
        let worker = "worker on >secret ~* &* +@all -unlink -del"
        try await withRedis(RedisServer.Options(users: [worker])) { redis in
            let lab = try await FunctionLab(on: redis)
            let token = try await lab.live(by: lab.a)
            _ = try await lab.call(lab.publication(token, first: 1, streams: ["BTC"], [lab.packet(1, token, 1)]))
            var endpoint = redis.endpoint
            (endpoint.username, endpoint.password) = ("worker", "secret")
            let limited = try await redis.connect(to: endpoint)
            let trim = TrimCall(
                feed: lab.feed, streams: [lab.stream("BTC").key], minimumMilliseconds: lab.now + 1, forgetMilliseconds: lab.now + 1)
            let reply = try await limited.call(trim)
            #expect(reply == TrimReply(removedEntries: 1, forgottenStreams: 0, lateGroups: []))
            #expect(try await lab.hash(lab.feed.streams).count == 1)
        }
    }

    @Test func trimNamesConsumerGroupsThatMissedWhatWent() async throws {
        try await withLab { lab in
            let token = try await lab.live(by: lab.a)
            let packets = (1...4).map { lab.packet(1, token, $0, at: lab.now + Int64($0), previous: $0 - 1) }
            _ = try await lab.call(lab.publication(token, first: 1, streams: ["BTC"], packets))
            let key = RedisArgument.string(lab.stream("BTC").key)
            try await lab.send("XGROUP", "CREATE", key, "slow", "0")
            try await lab.send("XGROUP", "CREATE", key, "fast", "$")
            let reply = try await lab.call(
                TrimCall(
                    feed: lab.feed, streams: [lab.stream("BTC").key], minimumMilliseconds: lab.now + 3, forgetMilliseconds: 0))
            #expect(reply.removedEntries == 2)
            #expect(reply.lateGroups == [.init(stream: lab.stream("BTC").key, group: "slow")])
        }
    }

    @Test func trimTakesTwoHundredStreamsAtMost() async throws {
        try await withLab { lab in
            let streams = (0...200).map { lab.stream("S\($0)").key }
            let small = TrimCall(feed: lab.feed, streams: Array(streams.dropLast()), minimumMilliseconds: 0, forgetMilliseconds: 0)
            let reply = try await lab.call(small)
            #expect(reply.removedEntries == 0)
            await #expect(throws: RedisError.self) {
                try await lab.call(TrimCall(feed: lab.feed, streams: streams, minimumMilliseconds: 0, forgetMilliseconds: 0))
            }
        }
    }

    @Test func trimIsExactOnShortStreams() async throws {
        try await withLab { lab in
            let token = try await lab.live(by: lab.a)
            let packets = (1...40).map { lab.packet(1, token, $0, at: lab.now + Int64($0), previous: $0 - 1) }
            _ = try await lab.call(lab.publication(token, first: 1, streams: ["BTC"], packets))
            let trim = TrimCall(
                feed: lab.feed, streams: [lab.stream("BTC").key], minimumMilliseconds: lab.now + 31, forgetMilliseconds: 0)
            #expect(try await lab.call(trim).removedEntries == 30)
        }
    }

    private func beat(_ worker: Incarnation, _ state: String = "ready") -> BeatCall {
        BeatCall(namespace: FunctionLab.keys, incarnation: worker, info: [.init("name", worker.name), .init("state", state)])
    }

    @Test func theFirstBeatMakesTheGenerationAndEveryChangeMovesTheVersion() async throws {
        try await withLab { lab in
            let first = try await lab.call(beat(lab.a))
            #expect(first.membersVersion == 1 && first.catalogueVersion == 0 && first.now == lab.now)
            #expect(!first.generation.isEmpty)
            #expect(try await lab.call(beat(lab.a)) == first)
            let second = try await lab.call(beat(lab.b))
            #expect(second.membersVersion == 2 && second.generation == first.generation)
            #expect(try await lab.call(beat(lab.b, "draining")).membersVersion == 3)
            #expect(try await lab.hash(FunctionLab.keys.worker(lab.b)) == ["name": "b", "state": "draining"])
            #expect(try await lab.hash(FunctionLab.keys.meta)["library"] == "colony1")
        }
    }

    @Test func aSilentMemberIsSuspectedFirstAndRemovedTwoSecondsLater() async throws {
        try await withLab { lab in
            _ = try await lab.call(beat(lab.a))
            _ = try await lab.call(beat(lab.b))
            func members() async throws -> [String] {
                try await lab.send("ZRANGE", .string(FunctionLab.keys.beats), "0", "-1").array?.map { $0.string ?? "?" } ?? []
            }
            try await lab.advance(29_999)
            #expect(try await lab.call(beat(lab.a)).membersVersion == 2)
            try await lab.advance(1)
            #expect(try await lab.call(beat(lab.a)).membersVersion == 2)
            try await lab.advance(1999)
            #expect(try await lab.call(beat(lab.a)).membersVersion == 2)
            #expect(try await members().count == 2)
            try await lab.advance(1)
            #expect(try await lab.call(beat(lab.a)).membersVersion == 3)
            #expect(try await members() == [lab.a.text])
            #expect(try await lab.hash(FunctionLab.keys.worker(lab.b)).isEmpty)
            #expect(try await !lab.hash(FunctionLab.keys.worker(lab.a)).isEmpty)
            #expect(try await lab.call(beat(lab.b)).membersVersion == 4)
        }
    }

    @Test func aStepOfTheClockRemovesNobodyWhoBeatsAgain() async throws {
        try await withLab { lab in
            _ = try await lab.call(beat(lab.a))
            _ = try await lab.call(beat(lab.b))
            try await lab.advance(3_600_000)
            #expect(try await lab.call(beat(lab.a)).membersVersion == 2)
            #expect(try await lab.call(beat(lab.b)).membersVersion == 2)
            try await lab.advance(2500)
            #expect(try await lab.call(beat(lab.a)).membersVersion == 2)
            #expect(try await lab.hash(FunctionLab.keys.meta).keys.filter { $0.hasPrefix("suspected") }.isEmpty)
        }
    }

    @Test func desiredSubscriptionsAreComparedAndSetAndWakeTheGroup() async throws {
        try await withLab { lab in
            let subscriber = try await SubscribedConnection(to: lab.connection.endpoint, channel: lab.feed.wake)
            let call = DesireCall(target: .subscriptions(lab.feed), value: "{\"trade\":[\"BTC\"]}", version: 0)
            #expect(try await lab.texts(call) == ["1", "1"])
            #expect(try await lab.texts(call) == ["0", "CHANGED", "1"])
            #expect(try await lab.hash(lab.feed.subscriptions) == ["version": "1", "desired": "{\"trade\":[\"BTC\"]}"])
            #expect(Wake(try await subscriber.next()) == .subscriptions(FeedName("binance")))
            try await subscriber.close()
        }
    }

    @Test func theCatalogueIsComparedAndSetEntryByEntry() async throws {
        try await withLab { lab in
            func desire(_ feed: String, _ value: String, _ version: Int) async throws -> DesireReply {
                try await lab.call(DesireCall(target: .catalogue(FunctionLab.keys, FeedName(feed)), value: value, version: version))
            }
            let first = try await desire("binance", "{}", 0)
            #expect(first == .stored(version: 1))
            #expect(try await desire("kraken", "{\"weight\":2}", 1) == .stored(version: 2))
            #expect(try await desire("kraken", "{}", 1) == .changed(version: 2))
            #expect(try await lab.hash(FunctionLab.keys.catalogue) == ["binance": "{}", "kraken": "{\"weight\":2}"])
            #expect(try await desire("binance", "", 2) == .stored(version: 3))
            #expect(try await lab.hash(FunctionLab.keys.catalogue).keys.sorted() == ["kraken"])
            #expect(try await lab.call(beat(lab.a)).catalogueVersion == 3)
        }
    }

    @Test func requestsAreStoredWithTheirTimeAndWakeWhoeverListens() async throws {
        try await withLab { lab in
            let subscriber = try await SubscribedConnection(to: lab.connection.endpoint, channel: FunctionLab.keys.requestsWake)
            let asked = try await lab.call(RequestCall(namespace: FunctionLab.keys, fields: [.init("move:binance", "{}")]))
            #expect(asked.version == 1)
            #expect(Wake(try await subscriber.next()) == .request("move:binance"))
            let stored = try #require(StoredRequest(try await lab.hash(FunctionLab.keys.requests)["move:binance"] ?? ""))
            #expect(stored == StoredRequest("\(asked.now) {}"))
            let answered = try await lab.call(
                RequestCall(namespace: FunctionLab.keys, fields: [.init("move:binance", ""), .init("answer:move:binance", "no")]))
            #expect(answered.version == 2)
            #expect(Wake(try await subscriber.next()) == .request("answer:move:binance"))
            #expect(try await lab.hash(FunctionLab.keys.requests).keys.sorted() == ["answer:move:binance"])
            #expect(try await lab.hash(FunctionLab.keys.meta)["requests_version"] == "2")
            try await subscriber.close()
        }
    }
}
