import Coordination
import NIOCore
import RedisClient
import TestSupport
import Testing

@testable import Ingest

/// What a server of a Redis Cluster answers while a slot moves: nothing has happened then, and everything is stored once the slot is served.
///
/// One real server that knows of a second one, which nobody has to run: only its name stands in the redirections.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct ClusterRefusalTests {
    static let own = String(repeating: "a", count: 40)
    static let other = String(repeating: "b", count: 40)

    struct Trouble: Sendable, CustomTestStringConvertible {
        /// First word of the refusal.
        var testDescription: String
        var breaks: @Sendable (ClusterServer) async throws -> Void
        var heals: @Sendable (ClusterServer) async throws -> Void
    }

    /// One slot of the server, and what was taken out of it.
    actor ClusterServer {
        let redis: RedisConnection
        let slot: RedisArgument
        private var taken: [(key: RedisArgument, dump: RedisArgument)] = []

        init(_ redis: RedisConnection, key: String) async throws {
            self.redis = redis
            slot = RedisArgument(try await redis.send(["CLUSTER", "KEYSLOT", .string(key)]).integer ?? -1)
        }

        func cluster(_ arguments: RedisArgument...) async throws { _ = try await redis.send(["CLUSTER"] + arguments) }

        /// Takes these keys away, as far as they exist, as if they had migrated.
        func take(_ keys: [String]) async throws {
            for key in keys {
                guard case .bytes(let dump) = try await redis.send(["DUMP", .string(key)]) else { continue }
                taken.append((.string(key), .bytes(dump)))
                _ = try await redis.send(["DEL", .string(key)])
            }
        }

        /// The slot is whole again and the keys are there: in one write, so that no call of another client comes in between and meets half of them.
        func putBack() async throws {
            let redis = redis
            let commands = [["CLUSTER", "SETSLOT", slot, "STABLE"]] + taken.map { ["RESTORE", $0.key, "0", $0.dump] }
            taken = []
            let replies = try await redis.eventLoop.flatSubmit {
                let replies = commands.map { arguments in
                    var command = ByteBuffer()
                    RedisCommandEncoder.append(arguments, to: &command)
                    let reply = redis.eventLoop.makePromise(of: RedisValue.self)
                    redis.write([command], timeout: .seconds(20)) { reply.completeWith($0.mapError { $0 as any Error }) }
                    return reply.futureResult
                }
                redis.flush()
                return EventLoopFuture.whenAllSucceed(replies, on: redis.eventLoop)
            }.get()
            for reply in replies { #expect(reply.string == "OK") }
        }
    }

    static let keys = Keys().feed(FeedName("binance"), group: "binance")
    static let all = [keys.lease, keys.control, keys.streams] + ["A", "B"].map { keys.data(channel: "trade", symbol: $0) }

    static let troubles = [
        Trouble(
            testDescription: "CLUSTERDOWN", breaks: { try await $0.cluster("DELSLOTS", $0.slot) },
            heals: { try await $0.cluster("ADDSLOTS", $0.slot) }),
        Trouble(
            testDescription: "MOVED",
            breaks: { server in
                try await server.cluster("DELSLOTS", server.slot)
                try await server.cluster("SETSLOT", server.slot, "NODE", .string(other))
            },
            heals: { try await $0.cluster("SETSLOT", $0.slot, "NODE", .string(own)) }),
        Trouble(
            testDescription: "ASK",
            breaks: { server in
                try await server.cluster("SETSLOT", server.slot, "MIGRATING", .string(other))
                try await server.take(all)
            },
            heals: { try await $0.putBack() }),
        Trouble(
            testDescription: "TRYAGAIN",
            breaks: { server in
                try await server.cluster("SETSLOT", server.slot, "MIGRATING", .string(other))
                try await server.take([keys.data(channel: "trade", symbol: "B")])
            },
            heals: { try await $0.putBack() }),
    ]

    private static func server() throws -> RedisServer.Options {
        let bus = try freePort()
        return RedisServer.Options(
            directives: [
                "cluster-enabled yes", "cluster-port \(bus)", "cluster-require-full-coverage no", "cluster-node-timeout 3600000",
            ],
            files: [
                "nodes.conf": """
                \(own) 127.0.0.1:1@\(bus) myself,master - 0 0 1 connected 0-16383
                \(other) 127.0.0.1:1@2 master - 0 0 2 connected
                vars currentEpoch 2 lastVoteEpoch 0

                """
            ])
    }

    @Test("A publish that the server redirects or refuses because of its slot loses nothing and stores nothing twice", arguments: troubles)
    func redirected(trouble: Trouble) async throws {
        try await withRedis(try Self.server()) { server in
            let redis = try await server.connect()
            try await eventually("the cluster is up") {
                try await redis.send(["CLUSTER", "INFO"]).string?.contains("cluster_state:ok") == true ? true : nil
            }
            let rig = try await PublisherRig.open(server)
            let slot = try await ClusterServer(redis, key: rig.keys.lease)
            try await rig.append(30)
            try await rig.stored()
            try await trouble.breaks(slot)
            for _ in 0..<20 { try await rig.append(30) }
            try await untilRefused(trouble.testDescription, redis)
            #expect(try await !rig.isAllStored)
            try await trouble.heals(slot)
            try await rig.expectNothingLost(redis)
            try await rig.close()
        }
    }
}
