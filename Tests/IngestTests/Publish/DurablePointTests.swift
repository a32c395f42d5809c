import Coordination
import Logging
import NIOCore
import NIOPosix
import RedisClient
import TestSupport
import Testing

@testable import Ingest

/// A master with a replica: what the replica has not confirmed stays in the ring.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct DurablePointTests {
    private static var master: RedisServer.Options {
        var options = RedisServer.Options()
        options.directives = ["repl-diskless-sync-delay 0"]
        return options
    }

    @Test("A master that dies with packets its replica never got: the promoted replica is healed under the same ids, and nothing is lost")
    func promotion() async throws {
        try await withRedis(Self.master) { master in
            try await withRedis { replica in
                let line = try await FaultProxy.start(to: .tcp(host: "127.0.0.1", port: master.port))
                let front = try await FaultProxy.start(to: .unix(path: master.socketPath))
                var limits = PublishMachine.Limits()
                // Without a replica nothing would be kept at all: what is healed was kept for the replica.
                limits.durableAfter = .zero
                let rig = try await PublisherRig.open(master, endpoint: RedisEndpoint(address: front.address), limits: limits)
                let onReplica = try await replica.connect()
                _ = try await onReplica.send(["REPLICAOF", "127.0.0.1", .string("\(line.port)")])
                try await eventually("the publisher has seen the replica") {
                    try await rig.isReplicated ? true : nil
                }
                try await rig.append(300)
                try await rig.stored()
                // Confirmed by WAIT, and therefore forgotten.
                try await eventually("the replica has confirmed everything") {
                    try await rig.memoryBytes == 0 ? true : nil
                }
                // From here on the replica gets nothing.
                try await line.stall([.serverToClient])
                try await rig.append(90)
                try await rig.stored()
                let before = try await rig.read(try await master.connect()).packets
                #expect(before.count == 390)
                try await master.kill()
                try await line.cut(.reset)
                _ = try await onReplica.send(["REPLICAOF", "NO", "ONE"])
                #expect(try await rig.read(onReplica).packets.count == 300)
                try await front.retarget(to: .unix(path: replica.socketPath))
                try await front.cut(.reset)
                try await rig.append(30)
                try await rig.stored()
                let after = try await rig.read(onReplica)
                #expect(after.gaps == [])
                #expect(Array(after.packets.prefix(390)) == before)
                try await rig.check(onReplica)
                #expect(try await rig.complaints == [])
                try await rig.close()
                try await front.stop()
                try await line.stop()
            }
        }
    }

    @Test("What was kept too short for the promoted replica is declared, with the exact range")
    func beyondTheRing() async throws {
        try await withRedis(Self.master) { master in
            try await withRedis { replica in
                let line = try await FaultProxy.start(to: .tcp(host: "127.0.0.1", port: master.port))
                let front = try await FaultProxy.start(to: .unix(path: master.socketPath))
                var limits = PublishMachine.Limits()
                limits.durableAfter = .zero
                limits.replicatedWithin = .zero
                let rig = try await PublisherRig.open(master, endpoint: RedisEndpoint(address: front.address), limits: limits)
                let onReplica = try await replica.connect()
                _ = try await onReplica.send(["REPLICAOF", "127.0.0.1", .string("\(line.port)")])
                try await eventually("the replica has caught up") {
                    let info = RedisServerInfo(try await onReplica.send(["INFO", "replication"]).string ?? "")
                    return info["master_link_status"] == "up" ? true : nil
                }
                try await rig.append(300)
                try await rig.stored()
                try await eventually("the replica has everything") { try await rig.read(onReplica).packets.count == 300 ? true : nil }
                try await line.stall([.serverToClient])
                try await rig.append(90)
                try await rig.stored()
                try await master.kill()
                try await line.cut(.reset)
                _ = try await onReplica.send(["REPLICAOF", "NO", "ONE"])
                try await front.retarget(to: .unix(path: replica.socketPath))
                try await front.cut(.reset)
                try await rig.append(30)
                try await rig.stored()
                #expect(try await rig.check(onReplica) == [301...390])
                try await rig.close()
                try await front.stop()
                try await line.stop()
            }
        }
    }

    @Test("WAIT on the probe's own connection speaks of what was written on others")
    func probe() async throws {
        try await withRedis(Self.master) { master in
            try await withRedis { replica in
                let onReplica = try await replica.connect()
                _ = try await onReplica.send(["REPLICAOF", "127.0.0.1", .string("\(master.port)")])
                let redis = try await master.connect()
                try await eventually("the replica is in touch") {
                    ServerFacts(RedisServerInfo(try await redis.send(["INFO", "memory", "replication"]).string ?? "")).replicas == 1
                        ? true : nil
                }
                let runID = try #require(RedisServerInfo(try await redis.send(["INFO", "server"]).string ?? "").runID)
                let loop = MultiThreadedEventLoopGroup.singleton.next()
                let endpoint = master.endpoint
                let probe = try await loop.submit {
                    NIOLoopBound(ReplicaProbe(endpoint: endpoint, name: "probe", on: loop, logger: .init(label: "test")), eventLoop: loop)
                }.get()
                func ask(_ runID: String) async throws -> LocalTime? {
                    let promise = loop.makePromise(of: LocalTime?.self)
                    loop.execute { probe.value.ask(serverRunID: runID) { promise.succeed($0) } }
                    return try await promise.futureResult.get()
                }
                _ = try await redis.send(["SET", "a", "1"])
                try await eventually("the replica confirms") { try await ask(runID) }
                // A frozen replica confirms nothing that is written from now on.
                replica.freeze()
                _ = try await redis.send(["SET", "a", "2"])
                #expect(try await ask(runID) == nil)
                replica.thaw()
                try await eventually("the replica confirms again") { try await ask(runID) }
                // What went to another server is not spoken of.
                #expect(try await ask("another server") == nil)
                try await loop.submit { probe.value.close() }.get()
            }
        }
    }
}
