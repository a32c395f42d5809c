import NIOCore
import NIOPosix
import RedisClient
import TestSupport
import Testing

/// Connections by way of Sentinels that say what the test wants, to real servers.
@Suite(.timeLimit(.minutes(2)))
struct SentinelConnectTests {
    private static func connect(_ endpoint: RedisEndpoint, timeout: Duration = .seconds(20)) async throws(RedisError) -> RedisConnection {
        try await RedisConnection.connect(to: endpoint, on: MultiThreadedEventLoopGroup.singleton.next(), timeout: timeout)
    }

    private static func node(_ server: RedisServer) -> RedisNode { RedisNode(host: "127.0.0.1", port: server.port) }

    private static func endpoint(_ nodes: [RedisNode]) -> RedisEndpoint {
        RedisEndpoint(address: .sentinel(RedisSentinel(nodes: nodes, master: "m")))
    }

    @Test func `a connection goes to the server that is named, and says which it is`() async throws {
        try await withRedis(.init(password: "s3cret")) { server in
            try await withScriptedSentinel(.names(Self.node(server))) { _, endpoint in
                var endpoint = endpoint
                endpoint.password = "s3cret"
                endpoint.database = 2
                let connection = try await Self.connect(endpoint)
                #expect(connection.endpoint.address == .tcp(host: "127.0.0.1", port: server.port))
                #expect(try await connection.send(["SET", "key", "value"]).string == "OK")
                #expect(try await connection.send(["CLIENT", "INFO"]).string?.contains("db=2") == true)
            }
        }
    }

    @Test func `a Sentinel that names a replica is not believed, and the next one is asked`() async throws {
        try await withRedis { master in
            try await withRedis(.init(directives: ["replicaof 127.0.0.1 \(master.port)"])) { replica in
                try await withScriptedSentinel(.names(Self.node(replica))) { liar, onlyLiar in
                    let error = await #expect(throws: RedisError.self) { try await Self.connect(onlyLiar, timeout: .seconds(3)) }
                    #expect(error?.code == .readOnly)
                    #expect(error?.description.contains("ROLE with slave") == true)
                    try await withScriptedSentinel(.names(Self.node(master))) { honest, _ in
                        let connection = try await Self.connect(Self.endpoint([liar.node, honest.node]))
                        #expect(connection.endpoint.address == .tcp(host: "127.0.0.1", port: master.port))
                    }
                }
            }
        }
    }

    @Test(arguments: [
        ScriptedSentinel.Answer.silence, .reply("-ERR no\r\n"), .reply("$-1\r\n"), .reply("*2\r\n$1\r\nx\r\n$1\r\n0\r\n"),
        .reply("nonsense\r\n"),
        .reply("*2\r\n$1000000\r\n"), .reply("*100000\r\n"),
    ])
    func `a Sentinel that hangs or talks nonsense does not keep us from the next`(answer: ScriptedSentinel.Answer) async throws {
        try await withRedis { server in
            try await withScriptedSentinel(answer) { broken, _ in
                try await withScriptedSentinel(.names(Self.node(server))) { honest, _ in
                    let connection = try await Self.connect(Self.endpoint([broken.node, honest.node]))
                    #expect(try await connection.send(["PING"]).string == "PONG")
                    #expect(honest.questions > 0)
                }
            }
        }
    }

    @Test func `all Sentinels away is an error that names each of them`() async throws {
        let nodes = try (0..<3).map { _ in RedisNode(host: "127.0.0.1", port: try freePort()) }
        let error = await #expect(throws: RedisError.self) { try await Self.connect(Self.endpoint(nodes), timeout: .milliseconds(300)) }
        #expect(error?.code == .refused)
        for node in nodes { #expect(error?.description.contains("\(node)") == true) }
        #expect(error?.description.contains("master 'm'") == true)
    }

    @Test func `a published move closes connections to the old master at once`() async throws {
        try await withRedis { old in
            try await withRedis { new in
                try await withScriptedSentinel(.names(Self.node(old))) { sentinel, endpoint in
                    let connection = try await Self.connect(endpoint)
                    try await sentinel.untilHeard()
                    sentinel.answer(.names(Self.node(new)))
                    sentinel.publish("m 127.0.0.1 \(old.port) 127.0.0.1 \(new.port)")
                    try await connection.closeFuture.get()
                    let error = await #expect(throws: RedisError.self) { try await connection.send(["PING"]) }
                    #expect(error?.code == .connectionLost)
                    #expect(error?.description.contains("moved the master 'm'") == true)
                    let next = try await Self.connect(endpoint)
                    #expect(next.endpoint.address == .tcp(host: "127.0.0.1", port: new.port))
                }
            }
        }
    }

    @Test func `a server that answers READONLY is hung up on`() async throws {
        try await withRedis { server in
            try await withScriptedSentinel(.names(Self.node(server))) { _, endpoint in
                let connection = try await Self.connect(endpoint)
                _ = try await connection.send(["REPLICAOF", "127.0.0.1", "1"])
                let error = await #expect(throws: RedisError.self) { try await connection.send(["SET", "key", "value"]) }
                #expect(error?.code == .readOnly)
                try await connection.closeFuture.get()
                // By its own address it is a replica as good as any.
                let direct = try await server.connect()
                _ = await #expect(throws: RedisError.self) { try await direct.send(["SET", "key", "value"]) }
                #expect(direct.isOpen)
            }
        }
    }

    @Test func `a server without its replicas is left when another is named`() async throws {
        try await withRedis(.init(directives: ["min-replicas-to-write 1"])) { isolated in
            try await withRedis { other in
                try await withScriptedSentinel(.names(Self.node(isolated))) { sentinel, endpoint in
                    let connection = try await Self.connect(endpoint)
                    let error = await #expect(throws: RedisError.self) { try await connection.send(["SET", "key", "value"]) }
                    #expect(error?.code == .noReplicas)
                    #expect(connection.isOpen)
                    sentinel.answer(.names(Self.node(other)))
                    // The next refusal asks again, a quarter of a second later at the soonest.
                    _ = await #expect(throws: RedisError.self) { try await connection.send(["SET", "key", "value"]) }
                    try await connection.closeFuture.get()
                    #expect(try await Self.connect(endpoint).send(["SET", "key", "value"]).string == "OK")
                }
            }
        }
    }

    @Test func `a wrong password of the master is told at once, and its Sentinels' too`() async throws {
        try await withRedis(.init(password: "s3cret")) { server in
            try await withScriptedSentinel(.names(Self.node(server))) { _, endpoint in
                var endpoint = endpoint
                endpoint.password = "wrong"
                let error = await #expect(throws: RedisError.self) { try await Self.connect(endpoint) }
                #expect(error?.code == .wrongPassword)
            }
        }
        try await withScriptedSentinel(.reply("-NOAUTH Authentication required.\r\n")) { sentinel, endpoint in
            let error = await #expect(throws: RedisError.self) { try await Self.connect(endpoint) }
            #expect(error?.code == .noAuth)
            #expect(error?.description.contains("\(sentinel.node)") == true)
        }
    }

    @Test func `many connections at once ask once`() async throws {
        try await withRedis { server in
            try await withScriptedSentinel(.names(Self.node(server))) { sentinel, endpoint in
                let connections = try await withThrowingTaskGroup(of: RedisConnection.self) { group in
                    for _ in 0..<20 { group.addTask { try await Self.connect(endpoint) } }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(connections.count == 20)
                // A second question only if the machine took longer than an answer counts for.
                #expect(sentinel.questions < 20)
            }
        }
    }

    @Test func `nobody listens for moves when the last connection is closed`() async throws {
        try await withRedis { server in
            try await withScriptedSentinel(.names(Self.node(server))) { sentinel, endpoint in
                let connection = try await Self.connect(endpoint)
                try await sentinel.untilHeard()
                connection.close()
                try await sentinel.untilDeserted()
            }
        }
    }
}
