import NIOCore
import NIOPosix
import RedisClient
import TestSupport
import Testing

/// The real thing: redis-server and redis-sentinel.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct FailoverTests {
    private static func connect(_ endpoint: RedisEndpoint, timeout: Duration = .seconds(60)) async throws -> RedisConnection {
        try await RedisConnection.connect(to: endpoint, on: MultiThreadedEventLoopGroup.singleton.next(), timeout: timeout)
    }

    @Test func `connections follow an ordered failover and the death of a master`() async throws {
        try await withReplicatedRedis { group in
            let first = try await Self.connect(group.endpoint)
            #expect(first.endpoint.address == .tcp(host: "127.0.0.1", port: group.node(0).port))
            #expect(try await first.send(["SET", "key", "one"]).string == "OK")

            // By order: the old master lives and becomes a replica.
            try await group.orderFailover()
            try await first.closeFuture.get()
            let promoted = try await group.untilPromoted(insteadOf: 0)
            let second = try await Self.connect(group.endpoint)
            #expect(second.endpoint.address == .tcp(host: "127.0.0.1", port: group.node(promoted).port))
            #expect(try await second.send(["GET", "key"]).string == "one")
            try await group.untilReplicated(from: promoted)
            try await group.untilWatched()

            // By kill -9, while a Sentinel hangs.
            group.freeze(sentinel: 0)
            try await group.kill(server: promoted)
            try await second.closeFuture.get()
            let third = try await Self.connect(group.endpoint)
            #expect(third.endpoint.address != second.endpoint.address)
            #expect(try await third.send(["ROLE"]).array?.first?.string == "master")
            group.thaw(sentinel: 0)
        }
    }
}
