import NIOCore
import NIOPosix
import RedisClient
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct SubscriptionTests {
    @Test(arguments: [false, true])
    func `messages arrive in order from every channel, and PING proves the line between them`(sharded: Bool) async throws {
        try await withRedis { server in
            let (messages, sink) = AsyncStream.makeStream(of: RedisMessage.self)
            let subscriber = try await server.connect()
            try await subscriber.subscribe(to: ["colony:{a}:wake", "colony:{b}:wake"], sharded: sharded) { sink.yield($0) }
            let publisher = try await server.connect()
            for number in 0..<100 {
                let channel: RedisArgument = number % 2 == 0 ? "colony:{a}:wake" : "colony:{b}:wake"
                let receivers = try await publisher.send([sharded ? "SPUBLISH" : "PUBLISH", channel, RedisArgument(number)])
                #expect(receivers == .integer(1))
                if number == 50 { #expect(try await subscriber.send(["PING"]).array?.first?.string == "pong") }
            }
            var received = messages.makeAsyncIterator()
            for number in 0..<100 {
                let expected = RedisMessage(
                    channel: number % 2 == 0 ? "colony:{a}:wake" : "colony:{b}:wake", payload: ByteBuffer(string: String(number))
                )
                #expect(await received.next() == expected)
            }
        }
    }

    @Test func `a user without the channel learns so, and the connection stays an ordinary one`() async throws {
        try await withRedis(.init(users: ["reader on >r ~* resetchannels +@all"])) { server in
            var endpoint = server.endpoint
            (endpoint.username, endpoint.password) = ("reader", "r")
            let connection = try await server.connect(to: endpoint)
            let error = await #expect(throws: RedisError.self) { try await connection.subscribe(to: ["colony:wake"]) { _ in } }
            #expect(error?.code == .noPermission)
            #expect(try await connection.send(["PING"]) == .status("PONG"))
        }
    }

    @Test func `a second subscription and one without channels are refused`() async throws {
        try await withRedis { server in
            let connection = try await server.connect()
            try await connection.subscribe(to: ["colony:wake"]) { _ in }
            for channels in [["colony:other"], []] {
                let error = await #expect(throws: RedisError.self) { try await connection.subscribe(to: channels) { _ in } }
                #expect(error?.code == .usage)
            }
        }
    }

    @Test func `an operator who kills subscribers ends the connection, not the server`() async throws {
        try await withRedis { server in
            let (messages, sink) = AsyncStream.makeStream(of: RedisMessage.self)
            let connection = try await server.connect()
            try await connection.subscribe(to: ["colony:wake"]) { sink.yield($0) }
            let operating = try await server.connect()
            _ = try await operating.send(["CLIENT", "KILL", "TYPE", "pubsub"])
            try await connection.closeFuture.get()
            sink.finish()
            var received = messages.makeAsyncIterator()
            #expect(await received.next() == nil)
        }
    }

    @Test func `the end of the server ends the subscription`() async throws {
        try await withRedis { server in
            let connection = try await server.connect()
            try await connection.subscribe(to: ["colony:wake"]) { _ in }
            try await server.kill()
            try await connection.closeFuture.get()
        }
    }
}
