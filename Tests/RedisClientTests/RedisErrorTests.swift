import Foundation
import NIOCore
import NIOPosix
import RedisClient
import TestSupport
import Testing

/// Every code that a real server can be brought to answer.
@Suite(.timeLimit(.minutes(2)))
struct RedisErrorTests {
    private func code(_ connection: RedisConnection, _ command: RedisArgument...) async -> RedisError.Code? {
        await error(connection, command)?.code
    }

    private func error(_ connection: RedisConnection, _ command: [RedisArgument]) async -> RedisError? {
        do throws(RedisError) {
            _ = try await connection.send(command, timeout: .seconds(20))
            return nil
        } catch {
            return error
        }
    }

    @Test func `a full server is out of memory, in functions too`() async throws {
        try await withRedis { server in
            let connection = try await server.connect()
            try await connection.loadFunctionLibrary(
                "#!lua name=tests\nredis.register_function('put', function(keys) return redis.call('SET', keys[1], 'x') end)"
            )
            _ = try await connection.send(["CONFIG", "SET", "maxmemory", "1"])
            let error = await error(connection, ["SET", "colony:key", "value"])
            #expect(error?.code == .outOfMemory)
            #expect(error?.server?.prefix == "OOM")
            #expect(error?.description.contains("SET") == true)
            #expect(error?.description.contains(server.socketPath) == true)
            #expect(error?.description.contains("maxmemory") == true)
            #expect(await code(connection, "FCALL", "put", 1, "colony:key") == .outOfMemory)
            #expect(try await connection.send(["PING"]) == .status("PONG"))
        }
    }

    @Test func `a command refused inside a script keeps its prefix`() async throws {
        try await withRedis { server in
            let connection = try await server.connect()
            let script: RedisArgument = "return redis.call('SET', KEYS[1], 'x')"
            _ = try await connection.send(["CONFIG", "SET", "min-replicas-to-write", "1"])
            #expect(await code(connection, "EVAL", script, 1, "colony:key") == .noReplicas)
            _ = try await connection.send(["CONFIG", "SET", "min-replicas-to-write", "0"])
            _ = try await connection.send(["RPUSH", "colony:list", "x"])
            let error = await error(connection, ["EVAL", "return redis.call('GET', KEYS[1])", 1, "colony:list"])
            #expect(error?.code == .other)
            #expect(error?.server?.prefix == "WRONGTYPE")
        }
    }

    @Test func `too few replicas`() async throws {
        try await withRedis(.init(directives: ["min-replicas-to-write 1"])) { (server) async throws in
            #expect(try await code(server.connect(), "SET", "colony:key", "value") == .noReplicas)
        }
    }

    @Test func `a replica is read-only`() async throws {
        try await withRedis { server in
            let connection = try await server.connect()
            _ = try await connection.send(["REPLICAOF", "127.0.0.1", RedisArgument(try freePort())])
            #expect(await code(connection, "SET", "colony:key", "value") == .readOnly)
        }
    }

    @Test func `a server that cannot save is misconfigured, and connecting to it still works`() async throws {
        try await withRedis(.init(directives: ["save 3600 1000000", "stop-writes-on-bgsave-error yes"])) { server in
            let connection = try await server.connect()
            // A directory in place of the file makes the last step of saving fail.
            try FileManager.default.createDirectory(atPath: server.directory + "/dump.rdb/x", withIntermediateDirectories: true)
            _ = try await connection.send(["BGSAVE"])
            try await server.waitForLog("Background saving error")
            #expect(await code(connection, "SET", "colony:key", "value") == .misconfigured)
            #expect(await code(connection, "PING") == .misconfigured)
            #expect(try await server.connect().send(["EXISTS", "colony:key"]) == .integer(0))
        }
    }

    @Test func `a server that reads its data is loading, for connecting clients too`() async throws {
        let slowly = ["key-load-delay 50000", "loading-process-events-interval-bytes 1024"]
        try await withRedis(.init(directives: slowly)) { server in
            let connection = try await server.connect()
            _ = try await connection.send(["DEBUG", "POPULATE", 400, "colony:key", 4096], timeout: .seconds(20))
            _ = try await connection.send(["SAVE"], timeout: .seconds(20))
            try await server.restart(waitUntilReady: false)
            try await server.waitForLog("Server initialized")
            let error = await #expect(throws: RedisError.self) { try await server.connect() }
            #expect(error?.code == .loading)
        }
    }

    @Test func `a server in a long script is busy until the script is killed`() async throws {
        try await withRedis(.init(directives: ["busy-reply-threshold 20"])) { server in
            let script = try await server.connect()
            let other = try await server.connect()
            async let looping = code(script, "EVAL", "while true do end", 0)
            // Unless the script got there first, this round trip is answered; the loop below ends with the first BUSY.
            var answer = await code(other, "GET", "colony:key")
            while answer == nil { answer = await code(other, "GET", "colony:key") }
            #expect(answer == .busy)
            _ = try await server.connect().send(["SCRIPT", "KILL"], timeout: .seconds(20))
            #expect(await looping == .other)
        }
    }

    @Test func `a missing password, a wrong one and an unneeded one are told apart`() async throws {
        try await withRedis(.init(password: "s3cret", users: ["worker on >w0rker ~* +@all"])) { (server) async throws in
            var endpoint = server.endpoint
            #expect(try await server.connect().send(["PING"]) == .status("PONG"))
            (endpoint.username, endpoint.password) = ("worker", "w0rker")
            #expect(try await server.connect(to: endpoint).send(["ACL", "WHOAMI"]).string == "worker")
            (endpoint.username, endpoint.password) = (nil, nil)
            var error = await #expect(throws: RedisError.self) { try await server.connect(to: endpoint) }
            #expect(error?.code == .noAuth)
            (endpoint.username, endpoint.password) = ("worker", "wr0ng")
            error = await #expect(throws: RedisError.self) { try await server.connect(to: endpoint, name: "colony:test") }
            #expect(error?.code == .wrongPassword)
            #expect(error?.description.contains("wr0ng") == false)
            endpoint.password = nil
            error = await #expect(throws: RedisError.self) { try await server.connect(to: endpoint) }
            #expect(error?.code == .usage)
        }
        try await withRedis { server in
            var endpoint = server.endpoint
            endpoint.password = "s3cret"
            let error = await #expect(throws: RedisError.self) { try await server.connect(to: endpoint) }
            #expect(error?.code == .wrongPassword)
        }
    }

    @Test func `a user without rights connects, and learns what is missing per command`() async throws {
        try await withRedis(.init(users: ["reader on >r ~colony:* resetchannels +get"])) { server in
            var endpoint = server.endpoint
            (endpoint.username, endpoint.password) = ("reader", "r")
            // Neither CLIENT SETNAME nor PING is granted.
            let reader = try await server.connect(to: endpoint, name: "colony:reader")
            #expect(try await reader.send(["GET", "colony:key"]).isNull)
            #expect(await code(reader, "SET", "colony:key", "value") == .noPermission)
            #expect(await code(reader, "GET", "other:key") == .noPermission)
        }
    }

    @Test func `unknown scripts and functions`() async throws {
        try await withRedis { server in
            let connection = try await server.connect()
            #expect(await code(connection, "EVALSHA", .string(String(repeating: "0", count: 40)), 0) == .noScript)
            let error = await error(connection, ["FCALL", "colony1_missing", 0])
            #expect(error?.code == .functionNotFound)
            #expect(error?.description.contains("FCALL colony1_missing") == true)
            #expect(await code(connection, "FCALL_RO", "colony1_missing", 0) == .functionNotFound)
        }
    }

    @Test func `a server that is full of clients says so`() async throws {
        try await withRedis(.init(directives: ["maxclients 1"])) { server in
            let first = try await server.connect()
            for endpoint in [server.endpoint, server.tcpEndpoint] {
                let error = await #expect(throws: RedisError.self) { try await server.connect(to: endpoint) }
                #expect(error?.code == .maxClients)
            }
            #expect(try await first.send(["PING"]) == .status("PONG"))
        }
    }

    @Test func `a cluster node redirects, asks, wants another try, and says when it is down`() async throws {
        let (own, other) = (String(repeating: "a", count: 40), String(repeating: "b", count: 40))
        try await withRedis(.init(directives: ["cluster-enabled yes", "cluster-node-timeout 60000"])) { server in
            let connection = try await server.connect()
            #expect(await code(connection, "SET", "colony:key", "value") == .clusterDown)
            // A made-up second master that owns half of the slots.
            let nodes = """
                \(own) 127.0.0.1:\(server.port)@\(server.port + 10_000) myself,master - 0 0 1 connected 0-8191
                \(other) 127.0.0.1:1@10001 master - 0 0 2 connected 8192-16383
                vars currentEpoch 2 lastVoteEpoch 0

                """
            try await server.kill()
            try nodes.write(toFile: server.directory + "/nodes.conf", atomically: true, encoding: .utf8)
            try await server.restart()
            try await server.waitForLog("Cluster state changed: ok")
            let again = try await server.connect()
            // CLUSTER KEYSLOT: {06S} is slot 0, {b} 3300, {a} 15495.
            let moved = await error(again, ["GET", "{a}"])
            #expect(moved?.code == .moved)
            #expect(moved?.server?.text == "MOVED 15495 127.0.0.1:1")
            #expect(await code(again, "GET", "{b}") == nil)
            _ = try await again.send(["SET", "{06S}here", "value"])
            _ = try await again.send(["CLUSTER", "SETSLOT", 0, "MIGRATING", .string(other)])
            #expect(await code(again, "GET", "{06S}there") == .ask)
            #expect(await code(again, "MGET", "{06S}here", "{06S}there") == .tryAgain)
        }
    }

    @Test(arguments: [
        ("BUSYGROUP Consumer Group name already exists", RedisError.Code.other), ("BUSY", .busy), ("ERR unknown command", .other),
        ("TRYAGAIN Multiple keys request during rehashing of slot", .tryAgain), ("MOVED 1 h:1", .moved), ("OOMPH", .other),
        ("ERR max number of clients + cluster connections reached", .maxClients), ("", .other),
        ("ERR Client sent AUTH, but no password is set", .wrongPassword),
    ])
    func `a reply is classified by its whole first word`(text: String, code: RedisError.Code) {
        let error = RedisError(server: .init(text: text), from: RedisEndpoint(address: .unix(path: "/run/redis.sock")))
        #expect(error.code == code)
        #expect(error.server?.text == text)
    }

    @Test func `a long error text is cut in the description and whole in the property`() {
        let text = "ERR " + String(repeating: "x", count: 10_000)
        let error = RedisError(server: .init(text: text), from: RedisEndpoint(address: .unix(path: "/run/redis.sock")))
        #expect(error.description.count < 500)
        #expect(error.server?.text == text)
    }
}
