import Coordination
import NIOCore
import NIOPosix
import RedisClient
import TestSupport
import Testing

@testable import Ingest

@Suite(.timeLimit(.minutes(2)))
struct RingBudgetTests {
    private static let bytes = 4 << 20

    /// Feeds on one event loop with one ring, each with thirty packets stored.
    private func open(
        _ feeds: [String], on server: RedisServer
    ) async throws -> (rigs: [PublisherRig], resources: NIOLoopBound<PublishResources>) {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        var limits = PublishMachine.Limits()
        limits.ringBytes = Self.bytes
        let resources = try await loop.submit {
            NIOLoopBound(PublishResources(ring: RingBudget(bytes: Self.bytes)), eventLoop: loop)
        }.get()
        var rigs: [PublisherRig] = []
        for feed in feeds {
            let rig = try await PublisherRig.open(server, feed: feed, limits: limits, resources: resources, on: loop)
            try await rig.append(30)
            try await rig.stored()
            rigs.append(rig)
        }
        return (rigs, resources)
    }

    @Test("The ring's bound covers all feeds of a worker together: the largest gives way, a small one loses nothing")
    func sharedBound() async throws {
        try await withRedis { server in
            let redis = try await server.connect()
            let (rigs, resources) = try await open(["a", "b", "c"], on: server)
            let loop = resources.eventLoop
            _ = try await redis.send(["REPLICAOF", "127.0.0.1", "1"])
            let filler = String(repeating: "x", count: 1000)
            for round in 0..<200 {
                try await rigs[0].append(30, filler: filler)
                try await rigs[1].append(15, filler: filler)
                if round % 10 == 0 { try await rigs[2].append(3, filler: filler) }
                // All in one turn of the loop: a reply in between changes both.
                let (used, sum) = try await loop.submit { [rigs] in
                    (resources.value.ring.used, rigs.reduce(0) { $0 + $1.memoryBytesOnLoop })
                }.get()
                #expect(used <= Self.bytes + Self.bytes / 8)
                #expect(sum == used)
            }
            _ = try await redis.send(["REPLICAOF", "NO", "ONE"])
            var gaps: [[ClosedRange<Int>]] = []
            for rig in rigs {
                try await rig.stored()
                gaps.append(try await rig.read(redis).gaps)
                #expect(try await rig.complaints == [])
            }
            #expect(gaps.map(\.count) == [1, 1, 0])
            for rig in rigs { try await rig.close() }
            let left = try await loop.submit { resources.value.ring.used }.get()
            #expect(left == 0)
        }
    }

    @Test("Where many feeds together hold what a slow Redis does not take, all stop reading long before anything has to be dropped")
    func sharedPressure() async throws {
        try await withRedis { server in
            let redis = try await server.connect()
            let (rigs, _) = try await open((1...8).map { "f\($0)" }, on: server)
            server.freeze()
            let filler = String(repeating: "x", count: 1000)
            // Each as long as it is not told to stop: none comes near a quarter of the ring alone.
            var isGoingOn = true
            var rounds = 0
            while isGoingOn, rounds < 1000 {
                isGoingOn = false
                for rig in rigs where try await rig.pressures.isEmpty {
                    isGoingOn = true
                    try await rig.append(30, filler: filler)
                }
                rounds += 1
            }
            for rig in rigs {
                #expect(try await rig.pressures == [true])
                #expect(try await rig.overflows == 0)
            }
            server.thaw()
            for rig in rigs {
                try await rig.stored()
                let (_, gaps) = try await rig.read(redis)
                #expect(gaps == [])
                #expect(try await rig.pressures.last == false)
                try await rig.close()
            }
        }
    }
}
