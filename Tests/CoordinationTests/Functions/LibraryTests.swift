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
                "beat", "desire",
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
            #expect(flags.count == 15)
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

    @Test(arguments: [
        "init", "acquire", "gate", "retry", "begin", "publish", "lost", "disconnect", "release", "resume", "trim", "beat", "desire",
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
