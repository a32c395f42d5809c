import ColonyExchanges
import Coordination
import Logging
import NIOCore
import NIOPosix
import RedisClient
import TestSupport
import Testing

@testable import Ingest

/// A publisher on a real Redis, its connection cut in the middle of a batch.
@Suite(.serialized)
struct PublisherFaultTests {
    /// Takes a fresh lease to an open websocket and gives its token.
    private func openEpoch(_ redis: RedisConnection, _ keys: FeedKeys) async throws -> (token: Token, lastMilliseconds: Int64) {
        let incarnation = Incarnation(name: "w", random: 7)
        _ = try await redis.call(InitCall(feed: keys, server: "s"))
        let acquired = try await redis.call(
            AcquireCall(
                feed: keys, incarnation: incarnation, ttlMilliseconds: 6000, mode: .seen(renewals: 0), seenEpoch: 0, floor: 0,
                floorMilliseconds: 0, delayMilliseconds: 0, connectMilliseconds: 0, paceMilliseconds: 0, quarantineMilliseconds: 0,
                server: "s", jump: 100, reason: "test"))
        guard case .granted(let grant) = acquired else { throw TestFailure("not granted: \(acquired)") }
        let token = Token(incarnation: incarnation, epoch: grant.epoch)
        _ = try await redis.call(GateCall(feed: keys, token: token, paceMilliseconds: 0))
        let begun = try await redis.call(
            BeginCall(feed: keys, token: token, floor: 0, floorMilliseconds: 0, server: "s", jump: 100))
        guard case .opened(let epoch, let last, _) = begun else { throw TestFailure("not begun: \(begun)") }
        return (Token(incarnation: incarnation, epoch: epoch), last)
    }

    private final class Owner: PublisherOwner {
        var complaints: [String] = []
        func publishFenced() { complaints.append("fenced") }
        func publishEnded() { complaints.append("ended") }
        func publishDisordered(topMilliseconds: Int64) { complaints.append("disordered") }
        func publishPressure(isHigh: Bool) {}
        func publishOverflowed() { complaints.append("overflowed") }
    }

    /// One publisher, its link through a proxy, all on one loop.
    private final class Rig {
        let link: RedisLink
        let publisher: Publisher
        let owner = Owner()
        let slots: [Int]

        init(endpoint: RedisEndpoint, keys: FeedKeys, loop: any EventLoop) {
            link = RedisLink(endpoint: endpoint, name: "test", reconnectCap: .milliseconds(20), on: loop, logger: Logger(label: "test"))
            var table = StreamTable(keys: keys) { _ in 100_000 }
            slots = [0] + ["A", "B"].map { table.slot(of: Topic(channel: "trade", symbol: $0)) }
            publisher = Publisher(
                keys: keys, table: table, limits: PublishMachine.Limits(), link: link, owner: owner, logger: Logger(label: "test"))
            link.start()
            publisher.start()
        }

        /// One burst: a batch over the control stream and two data streams.
        func burst(_ round: Int) {
            for number in 0..<6 {
                var text = "\(round)/\(number)"
                text.withUTF8 { bytes in
                    publisher.append(
                        slot: slots[number % 3], payload: UnsafeRawBufferPointer(bytes), milliseconds: 0, time: 1,
                        now: LocalTime.now().nanoseconds)
                }
            }
            publisher.send()
        }

        /// Calls back when everything is stored.
        func whenStored(_ loop: any EventLoop, _ done: @escaping () -> Void) {
            if publisher.machine.isAllStored { return done() }
            let bound = NIOLoopBound((self, done), eventLoop: loop)
            loop.scheduleTask(in: .milliseconds(1)) { bound.value.0.whenStored(loop, bound.value.1) }
        }
    }

    @Test(
        "A connection cut at every byte of a batch of three streams loses nothing and stores nothing twice",
        .timeLimit(.minutes(3)), arguments: [FaultProxy.Direction.clientToServer, .serverToClient])
    func cutAtEveryByte(direction: FaultProxy.Direction) async throws {
        try await withRedis { server in
            let redis = try await server.connect()
            try await FunctionLibrary.colony1.load(on: redis)
            let keys = Keys().feed(FeedName("binance"), group: "binance")
            let (token, last) = try await openEpoch(redis, keys)
            let proxy = try await FaultProxy.start(to: .unix(path: server.socketPath))
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            let endpoint = RedisEndpoint(address: proxy.address)
            let rig = try await loop.submit {
                let rig = Rig(endpoint: endpoint, keys: keys, loop: loop)
                rig.publisher.begin(token, lastMilliseconds: last)
                return NIOLoopBound(rig, eventLoop: loop)
            }.get()
            func publishRound(_ round: Int) async throws {
                let stored = loop.makePromise(of: Void.self)
                loop.execute {
                    rig.value.burst(round)
                    rig.value.whenStored(loop) { stored.succeed() }
                }
                try await stored.futureResult.get()
            }
            // One whole batch tells how many bytes one takes in either direction.
            try await publishRound(0)
            let before = try await proxy.forwardedByteCount(direction)
            try await publishRound(1)
            let length = try await proxy.forwardedByteCount(direction) - before
            #expect(length > 0)
            var round = 2
            for offset in 0...length {
                try await proxy.arm(.reset, after: offset, direction)
                try await publishRound(round)
                round += 1
            }
            let complaints = try await loop.submit { rig.value.owner.complaints }.get()
            #expect(complaints == [])
            try await check(redis, keys, rounds: round, epoch: token.epoch)
            try await loop.submit {
                rig.value.publisher.stop()
                rig.value.link.close()
            }.get()
            try await proxy.stop()
        }
    }

    @Test("A Redis killed and restarted under load costs nothing", .timeLimit(.minutes(2)))
    func restart() async throws {
        var options = RedisServer.Options()
        options.isAppendOnly = true
        try await withRedis(options) { server in
            var redis = try await server.connect()
            try await FunctionLibrary.colony1.load(on: redis)
            let keys = Keys().feed(FeedName("binance"), group: "binance")
            let (token, last) = try await openEpoch(redis, keys)
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            let endpoint = server.endpoint
            let rig = try await loop.submit {
                let rig = Rig(endpoint: endpoint, keys: keys, loop: loop)
                rig.publisher.begin(token, lastMilliseconds: last)
                return NIOLoopBound(rig, eventLoop: loop)
            }.get()
            let rounds = 2000
            let stored = loop.makePromise(of: Void.self)
            let half = loop.makePromise(of: Void.self)
            @Sendable func step(_ round: Int) {
                guard round < rounds else { return rig.value.whenStored(loop) { stored.succeed() } }
                if round == rounds / 2 { half.succeed() }
                rig.value.burst(round)
                loop.execute { step(round + 1) }
            }
            loop.execute { step(0) }
            try await half.futureResult.get()
            try await server.kill()
            try await server.restart()
            try await stored.futureResult.get()
            redis = try await server.connect()
            try await check(redis, keys, rounds: rounds, epoch: token.epoch)
            try await loop.submit {
                rig.value.publisher.stop()
                rig.value.link.close()
            }.get()
        }
    }

    /// The union of the three streams is S = 1, 2, 3.., each with its payload, linked right.
    private func check(_ redis: RedisConnection, _ keys: FeedKeys, rounds: Int, epoch: Int) async throws {
        var found: [Int: String] = [:]
        for (index, key) in [keys.control, keys.data(channel: "trade", symbol: "A"), keys.data(channel: "trade", symbol: "B")].enumerated()
        {
            let entries = try await redis.send(["XRANGE", .string(key), "-", "+"], timeout: .seconds(10)).array ?? []
            var before = 0
            for entry in entries {
                guard let id = entry.array?[0].string.flatMap({ EntryID($0) }), id.epoch == epoch, id.sequence > 0 else { continue }
                let values = entry.array?[1].array?.map { $0.string ?? "" } ?? []
                let fields = Dictionary(
                    uniqueKeysWithValues: stride(from: 0, to: values.count - 1, by: 2).map { (values[$0], values[$0 + 1]) })
                #expect(fields["prev"] == "\(before)")
                #expect((fields["after"] != nil) == (before == 0 && index > 0))
                before = id.sequence
                #expect(found.updateValue(fields["data"] ?? "", forKey: id.sequence) == nil)
            }
        }
        #expect(found.count == rounds * 6)
        for sequence in 1...(rounds * 6) {
            #expect(found[sequence] == "\((sequence - 1) / 6)/\((sequence - 1) % 6)")
        }
    }
}
