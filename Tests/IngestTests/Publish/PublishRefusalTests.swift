import Coordination
import Foundation
import NIOCore
import RedisClient
import TestSupport
import Testing

@testable import Ingest

/// Servers that answer a publish with an error: nothing has happened then, and everything is stored once they have recovered.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct PublishRefusalTests {
    struct Trouble: Sendable, CustomTestStringConvertible {
        /// First word of the refusal.
        var prefix: String
        var directives: [String] = []
        var breaks: @Sendable (RedisConnection) async throws -> Void
        var heals: @Sendable (RedisConnection) async throws -> Void
        /// Whether renewals go on meanwhile.
        var leasesLive = false

        var testDescription: String { prefix }
    }

    static let troubles: [Trouble] = [
        Trouble(
            prefix: "OOM",
            breaks: { redis in
                _ = try await redis.send(["SET", "other", .string(String(repeating: "x", count: 1 << 20))])
                _ = try await redis.send(["CONFIG", "SET", "maxmemory", "1mb"])
            },
            heals: { redis in _ = try await redis.send(["CONFIG", "SET", "maxmemory", "0"]) }, leasesLive: true),
        Trouble(
            prefix: "NOREPLICAS", breaks: { redis in _ = try await redis.send(["CONFIG", "SET", "min-replicas-to-write", "1"]) },
            heals: { redis in _ = try await redis.send(["CONFIG", "SET", "min-replicas-to-write", "0"]) }),
        Trouble(
            prefix: "READONLY", breaks: { redis in _ = try await redis.send(["REPLICAOF", "127.0.0.1", "1"]) },
            heals: { redis in _ = try await redis.send(["REPLICAOF", "NO", "ONE"]) }),
        Trouble(
            prefix: "MISCONF", directives: ["stop-writes-on-bgsave-error yes", "enable-protected-configs yes"],
            breaks: { redis in
                // A snapshot that cannot be written, since its folder is gone.
                let folder = NSTemporaryDirectory() + "colony-gone-\(UUID().uuidString)"
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
                _ = try await redis.send(["CONFIG", "SET", "save", "3600 1"])
                _ = try await redis.send(["CONFIG", "SET", "dir", .string(folder)])
                try FileManager.default.removeItem(atPath: folder)
                _ = try await redis.send(["BGSAVE"])
                try await eventually("the snapshot failed") {
                    RedisServerInfo(try await redis.send(["INFO", "persistence"]).string ?? "")["rdb_last_bgsave_status"] == "err"
                        ? true : nil
                }
            },
            heals: { redis in _ = try await redis.send(["CONFIG", "SET", "stop-writes-on-bgsave-error", "no"]) }),
        Trouble(
            prefix: "BUSY", directives: ["busy-reply-threshold 1"],
            breaks: { redis in
                // Its answer comes when it is killed, and is then of no interest.
                Task { _ = try? await redis.send(["EVAL", "while true do end", "0"], timeout: .seconds(60)) }
            },
            heals: { redis in _ = try await redis.send(["SCRIPT", "KILL"], timeout: .seconds(20)) }),
        Trouble(
            prefix: "ERR", breaks: { redis in _ = try await redis.send(["FUNCTION", "FLUSH"]) },
            // The publisher loads the library by itself.
            heals: { _ in }),
    ]

    @Test("A refused publish loses nothing and stores nothing twice", arguments: troubles)
    func refused(trouble: Trouble) async throws {
        var options = RedisServer.Options()
        options.directives = trouble.directives
        try await withRedis(options) { server in
            let rig = try await PublisherRig.open(server)
            let redis = try await server.connect()
            let breaker = try await server.connect()
            let configured = try await rig.maxlen(rig.keys.control)
            try await rig.append(30)
            try await rig.stored()
            try await trouble.breaks(breaker)
            if trouble.prefix == "BUSY" {
                try await eventually("the server is busy") { () async throws -> Bool? in
                    do {
                        _ = try await redis.send(["GET", "x"])
                        return nil
                    } catch let error as RedisError where error.code == .busy {
                        return true
                    }
                }
            }
            // Several batches, so that some are in flight behind the refused one.
            for _ in 0..<20 { try await rig.append(30) }
            if trouble.prefix == "BUSY" {
                try await eventually("a publish was refused") { try await rig.isRefused ? true : nil }
            } else {
                try await untilRefused(trouble.prefix, redis)
            }
            if trouble.leasesLive {
                let renewal = try await redis.call(RenewCall(leases: [.init(feed: rig.keys, token: rig.token)]))
                #expect(renewal.results == [.renewed])
                #expect(try await !rig.isAllStored)
                // Old entries go meanwhile, and are no loss.
                try await eventually("the retention was shortened") {
                    try await rig.maxlen(rig.keys.control) < configured ? true : nil
                }
            }
            try await trouble.heals(trouble.prefix == "BUSY" ? redis : breaker)
            try await rig.expectNothingLost(redis)
            try await rig.close()
        }
    }

    @Test("A batch refused for want of memory has stored none of its packets")
    func wholeOrNothing() async throws {
        try await withRedis { server in
            let rig = try await PublisherRig.open(server)
            let redis = try await server.connect()
            _ = try await redis.send(["SET", "other", .string(String(repeating: "x", count: 1 << 20))])
            _ = try await redis.send(["CONFIG", "SET", "maxmemory", "1mb"])
            try await rig.append(90)
            try await untilRefused("OOM", redis)
            let (packets, gaps) = try await rig.read(redis)
            #expect(packets == [] && gaps == [])
            #expect(try await redis.send(["HGET", .string(rig.keys.lease), "next_sequence"]).string == "1")
            _ = try await redis.send(["DEL", "other"])
            _ = try await redis.send(["CONFIG", "SET", "maxmemory", "100mb"])
            try await rig.stored()
            #expect(try await rig.check(redis) == [])
            try await rig.close()
        }
    }

    @Test("Where the ring is full while Redis refuses, the oldest packets become one gap with the right numbers, and the owner hears of it")
    func overflow() async throws {
        try await withRedis { server in
            var limits = PublishMachine.Limits()
            limits.ringBytes = 1 << 20
            let rig = try await PublisherRig.open(server, limits: limits)
            let redis = try await server.connect()
            try await rig.append(30)
            try await rig.stored()
            _ = try await redis.send(["REPLICAOF", "127.0.0.1", "1"])
            let filler = String(repeating: "x", count: 1000)
            for _ in 0..<100 { try await rig.append(30, filler: filler) }
            #expect(try await rig.memoryBytes <= limits.ringBytes + limits.ringBytes / 8)
            #expect(try await rig.overflows > 0)
            _ = try await redis.send(["REPLICAOF", "NO", "ONE"])
            try await rig.stored()
            let (packets, gaps) = try await rig.read(redis)
            let dropped = try await rig.droppedPackets
            #expect(gaps.count == 1)
            let gap = try #require(gaps.first)
            #expect(gap.lowerBound == 31 && gap.count == dropped)
            #expect(packets.map(\.id.sequence) == Array(1...30) + Array((gap.upperBound + 1)...3030))
            let last = (3028...3030).map { "\($0)\(filler)" }
            #expect(packets.suffix(3).map(\.data) == last)
            try await rig.close()
        }
    }

    @Test("While Redis takes packets too slowly the owner is told to stop reading, and to go on when it has caught up")
    func backPressure() async throws {
        try await withRedis { server in
            var limits = PublishMachine.Limits()
            limits.ringBytes = 4 << 20
            let rig = try await PublisherRig.open(server, limits: limits)
            let redis = try await server.connect()
            try await rig.append(30)
            try await rig.stored()
            server.freeze()
            let filler = String(repeating: "x", count: 1000)
            var appended = 0
            while try await rig.pressures.isEmpty, appended < 4000 {
                try await rig.append(30, filler: filler)
                appended += 30
            }
            #expect(try await rig.pressures == [true])
            // Long before anything would have to be dropped.
            #expect(appended < 2000)
            server.thaw()
            try await rig.stored()
            #expect(try await rig.pressures == [true, false])
            let (packets, gaps) = try await rig.read(redis)
            #expect(gaps == [] && packets.count == 30 + appended)
            try await rig.close()
        }
    }
}
