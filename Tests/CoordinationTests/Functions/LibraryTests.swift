import Coordination
import RedisClient
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct LibraryTests {
    @Test func loadsTwiceAndRegistersEveryFunction() async throws {
        try await withRedis { redis in
            let connection = try await redis.connect()
            try await FunctionLibrary.colony1.load(on: connection)
            try await FunctionLibrary.colony1.load(on: connection)
            let list = try await connection.send(["FUNCTION", "LIST", "LIBRARYNAME", "colony1"])
            let names = list.array?[0].array?[5].array?.map { $0.array?[1].string ?? "?" } ?? []
            let functions = [
                "init", "observe", "acquire", "renew", "gate", "retry", "begin", "publish", "lost", "disconnect", "release", "resume",
                "trim",
                "beat", "desire", "request",
            ]
            #expect(names.sorted() == functions.map { "colony1_\($0)" }.sorted())
        }
    }

    @Test func flagsAllowWritesAtFullMemoryForAllButPublish() async throws {
        try await withRedis { redis in
            let connection = try await redis.connect()
            try await FunctionLibrary.colony1.load(on: connection)
            let list = try await connection.send(["FUNCTION", "LIST", "LIBRARYNAME", "colony1"])
            var flags: [String: [String]] = [:]
            for function in list.array?[0].array?[5].array ?? [] {
                let facts = function.array ?? []
                flags[facts[1].string ?? "?"] = facts[5].array?.map { $0.string ?? "?" }
            }
            #expect(flags.count == 16)
            for (name, flags) in flags {
                let expected: [String] =
                    switch name {
                    case "colony1_publish": []
                    case "colony1_observe": ["no-writes"]
                    default: ["allow-oom"]
                    }
                #expect(flags == expected, "\(name)")
            }
        }
    }

    @Test func readsRedisTime() async throws {
        try await withRedis { redis in
            let lab = try await FunctionLab(on: redis, library: .colony1)
            let token = try await lab.held(by: lab.a)
            func time() async throws -> Int64 {
                let reply = try await lab.send("TIME").array ?? []
                return (reply[0].integer ?? 0) * 1000 + (reply[1].integer ?? 0) / 1000
            }
            let before = try await time()
            let reply = try await lab.call(RenewCall(leases: [.init(feed: lab.feed, token: token)]))
            let after = try await time()
            #expect((before...after).contains(reply.now))
        }
    }

    @Test func theRightsOfTheContractAreEnoughForEveryFunction() async throws {
        let rights = """
            +fcall +fcall_ro +time +hget +hmget +hset +hincrby +hdel +hgetall +exists +xadd +xinfo|stream +xtrim +xlen +publish +subscribe \
            +ping +info +client +wait +zadd +zscore +zrem +zrangebyscore
            """
        try await withRedis(RedisServer.Options(users: ["worker on >secret ~* &* \(rights)"])) { redis in
            var endpoint = redis.endpoint
            (endpoint.username, endpoint.password) = ("worker", "secret")
            let lab = try await FunctionLab(on: redis, as: endpoint)
            var token = try await lab.held(by: lab.a)
            #expect(try await lab.gate(token) == .go)
            #expect(
                try await lab.call(RetryCall(feed: lab.feed, token: token, waitMilliseconds: 0)) == .waiting(pending: .due, milliseconds: 0)
            )
            token = try await lab.opened(token)
            let packet = lab.packet(1, token, 1)
            #expect(try await lab.call(lab.publication(token, first: 1, streams: ["BTC"], [packet])) == .next(2))
            let lost = LostCall(feed: lab.feed, token: token, first: 2, last: 2, milliseconds: lab.now, reason: "overflow")
            #expect(try await lab.call(lost) == .next(3))
            #expect(try await lab.call(RenewCall(leases: [.init(feed: lab.feed, token: token)])).results == [.renewed])
            let resumed = try await lab.call(lab.resumption(by: lab.a, epoch: token.epoch, renumber: true))
            #expect(resumed == .restored(epoch: token.epoch + 1, lastMilliseconds: lab.now, now: lab.now))
            token.epoch += 1
            #expect(try await lab.call(lab.disconnection(token, first: 1)) == .ended(pending: .due, milliseconds: 100))
            #expect(try await lab.call(lab.releasing(.clean(token))) == .released)
            #expect(try await lab.call(ObserveCall(feeds: [lab.feed])).first??.state == .free)
            let trim = TrimCall(
                feed: lab.feed, streams: [lab.stream("BTC").key], minimumMilliseconds: lab.now + 1, forgetMilliseconds: lab.now + 1)
            #expect(try await lab.call(trim) == TrimReply(removedEntries: 1, forgottenStreams: 0, lateGroups: []))
            let beat = BeatCall(namespace: FunctionLab.keys, incarnation: lab.a, info: [.init("state", "ready")])
            #expect(try await lab.call(beat).membersVersion == 1)
            #expect(try await lab.call(DesireCall(target: .subscriptions(lab.feed), value: "{}", version: 0)) == .stored(version: 1))
        }
    }

    @Test(arguments: [
        "init", "acquire", "gate", "retry", "begin", "publish", "lost", "disconnect", "release", "resume", "trim", "beat", "desire",
        "request",
    ])
    func missingArgumentsAreAnErrorWithoutEffect(function: String) async throws {
        try await withLab { lab in
            let token = try await lab.live(by: lab.a)
            let before = try await lab.digest()
            var arguments: [RedisArgument] = ["FCALL", .string("colony1_\(function)"), "4"]
            arguments += [lab.feed.lease, lab.feed.disconnects, lab.feed.control, lab.feed.events].map { .string($0) }
            if function != "beat" && function != "init" && function != "trim" { arguments.append(.string(token.description)) }
            if function == "beat" { arguments += ["worker", "field without value"] }
            await #expect(throws: RedisError.self) { try await lab.connection.send(arguments) }
            #expect(try await lab.digest() == before)
        }
    }
}
