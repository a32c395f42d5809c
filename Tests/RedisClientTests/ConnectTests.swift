import NIOCore
import NIOPosix
import RedisClient
import Synchronization
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2)))
struct ConnectTests {
    private let eventLoop = MultiThreadedEventLoopGroup.singleton.next()

    @Test func `a connection works over a unix socket and over TCP`() async throws {
        try await withRedis { server in
            for endpoint in [server.endpoint, server.tcpEndpoint] {
                let connection = try await server.connect(to: endpoint)
                let reply = try await connection.send(["ECHO", "hello"])
                #expect(reply.string == "hello")
                connection.close()
                try await connection.closeFuture.get()
            }
        }
    }

    #if os(Linux)
        @Test func `a TCP connection sends at once and gives up on bytes nobody acknowledges`() async throws {
            try await withRedis { server in
                let connection = try await server.connect(to: server.tcpEndpoint)
                #expect(try await connection.channel.getOption(.tcpOption(.tcp_nodelay)).get() != 0)
                // TCP_USER_TIMEOUT in milliseconds.
                #expect(try await connection.channel.getOption(.tcpOption(.init(rawValue: 18))).get() == 2_000)
            }
        }
    #endif

    @Test func `the connection's name is visible to operators`() async throws {
        try await withRedis { server in
            let connection = try await server.connect(name: "colony:control:1")
            #expect(try await connection.send(["CLIENT", "GETNAME"]).string == "colony:control:1")
        }
    }

    @Test func `a name with a space is refused before connecting`() async throws {
        let endpoint = RedisEndpoint(address: .unix(path: "/nowhere"))
        let error = await #expect(throws: RedisError.self) {
            try await RedisConnection.connect(to: endpoint, name: "two words", on: eventLoop)
        }
        #expect(error?.code == .usage)
    }

    @Test func `the database of the endpoint is selected`() async throws {
        try await withRedis { server in
            var endpoint = server.endpoint
            endpoint.database = 3
            _ = try await server.connect(to: endpoint).send(["SET", "colony:key", "value"])
            #expect(try await server.connect().send(["EXISTS", "colony:key"]) == .integer(0))
            #expect(try await server.connect(to: endpoint).send(["EXISTS", "colony:key"]) == .integer(1))
        }
    }

    @Test func `a database that does not exist fails the connection`() async throws {
        try await withRedis { server in
            var endpoint = server.endpoint
            endpoint.database = 4_000
            let error = await #expect(throws: RedisError.self) { try await server.connect(to: endpoint) }
            #expect(error?.code == .other)
            #expect(error?.description.contains("SELECT") == true)
        }
    }

    @Test func `nobody at a port is refused, and the message names the endpoint`() async throws {
        let endpoint = RedisEndpoint(address: .tcp(host: "127.0.0.1", port: try freePort()))
        let error = await #expect(throws: RedisError.self) { try await RedisConnection.connect(to: endpoint, on: eventLoop) }
        #expect(error?.code == .refused)
        #expect(error?.description.contains(endpoint.description) == true)
    }

    @Test func `a missing socket file and a socket file without a listener are refused`() async throws {
        let missing = RedisEndpoint(address: .unix(path: OrphanGuard.shared.directory + "/missing.sock"))
        let error = await #expect(throws: RedisError.self) { try await RedisConnection.connect(to: missing, on: eventLoop) }
        #expect(error?.code == .refused)
        #expect(error?.description.contains("no such socket file") == true)

        try await withRedis { server in
            try await server.kill()
            let error = await #expect(throws: RedisError.self) { try await server.connect() }
            #expect(error?.code == .refused)
        }
    }

    @Test func `a name that does not resolve is unreachable`() async throws {
        let endpoint = RedisEndpoint(address: .tcp(host: "no-such-host.invalid", port: 6379))
        let error = await #expect(throws: RedisError.self) {
            try await RedisConnection.connect(to: endpoint, on: eventLoop, timeout: .seconds(20))
        }
        #expect(error?.code == .unreachable)
    }

    @Test func `a server that accepts and stays silent times out`() async throws {
        try await withRedis { server in
            server.freeze()
            let error = await #expect(throws: RedisError.self) {
                try await RedisConnection.connect(to: server.tcpEndpoint, on: eventLoop, timeout: .milliseconds(200))
            }
            #expect(error?.code == .timeout)
        }
    }

    @Test func `a cancelled task stops connecting at once`() async throws {
        try await withRedis { server in
            server.freeze()
            let endpoint = server.endpoint
            let task = Task { [eventLoop] in try await RedisConnection.connect(to: endpoint, on: eventLoop, timeout: .seconds(100)) }
            task.cancel()
            let error = await #expect(throws: RedisError.self) { try await task.value }
            #expect(error?.code == .cancelled)
        }
    }

    @Test func `a restarted server keeps its appended data and its addresses`() async throws {
        try await withRedis(.init(isAppendOnly: true)) { server in
            let before = try await server.connect()
            _ = try await before.send(["SET", "colony:key", "value"])
            let runID = try await before.serverInfo().runID
            try await server.restart()
            try await before.closeFuture.get()
            let after = try await server.connect(to: server.tcpEndpoint)
            #expect(try await after.send(["GET", "colony:key"]).string == "value")
            #expect(try await after.serverInfo().runID != runID)
        }
    }

    @Test func `a connection that nobody refers to closes`() async throws {
        try await withRedis { server in
            let closed = try await server.connect().closeFuture
            try await closed.get()
        }
    }
}
