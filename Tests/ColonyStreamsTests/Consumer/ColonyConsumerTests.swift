import ColonyStreams
import Coordination
import NIOCore
import RedisClient
import TestSupport
import Testing

@Suite("A consumer on a real Redis", .timeLimit(.minutes(2)))
struct ColonyConsumerTests {
    @Test("Packets of several symbols and the markers between them arrive in the order of arrival")
    func packetsArriveInOrder() async throws {
        try await withRedis { redis in
            var producer = try await TestProducer(on: redis)
            try await producer.start()
            try await producer.publish("trade:BTCUSDT", "trade:ETHUSDT", "book:BTCUSDT", "control", "trade:BTCUSDT")
            try await producer.disconnect()
            try await producer.open()
            try await producer.publish("book:BTCUSDT")

            var reader = try ColonyConsumer.reading(redis).makeAsyncIterator()
            let events = try await reader.events { $0.packet?.text == "3/1" }
            #expect(events.map(\.id) == events.map(\.id).sorted())
            #expect(events.compactMap { $0.packet?.text } == ["2/1", "2/2", "2/3", "2/4", "2/5", "3/1"])
            #expect(events.compactMap(\.packet).allSatisfy { $0.whole })
            #expect(
                events.compactMap(\.packet).map { $0.topic?.description ?? "control" } == [
                    "trade:BTCUSDT", "trade:ETHUSDT", "book:BTCUSDT", "control", "trade:BTCUSDT", "book:BTCUSDT",
                ])
            #expect(
                events.compactMap(\.change) == [
                    .fenced(worker: producer.incarnation.text, reason: "start", tailComplete: false),
                    .up(worker: producer.incarnation.text, tailComplete: true),
                    .down(reason: "closed", complete: true, admitted: true),
                    .up(worker: producer.incarnation.text, tailComplete: true),
                ])
            let first = try #require(events.compactMap(\.packet).first)
            #expect(first.exchange == "binance" && first.channel == "trade" && first.symbol == "BTCUSDT")
            #expect(first.timeNanoseconds == first.id.milliseconds * 1_000_000)
        }
    }

    @Test("A reader of a few streams gets neither other streams nor packets of the control stream")
    func subsetsAreReadAlone() async throws {
        try await withRedis { redis in
            var producer = try await TestProducer(on: redis)
            try await producer.start()
            try await producer.publish("trade:A", "trade:B", "control", "book:A", "trade:A")
            var reader = try ColonyConsumer.reading(redis, Subscription("binance", "trade", "A")).makeAsyncIterator()
            let packets = try await reader.packets(2)
            #expect(packets.map(\.text) == ["2/1", "2/5"])
            #expect(packets.map(\.whole) == [true, true])
        }
    }

    @Test("When one publish writes to ten streams twice, a blocked reader gets all twenty packets in order")
    func blockedReadIsOnlyAWakeUp() async throws {
        try await withRedis { redis in
            var producer = try await TestProducer(on: redis)
            try await producer.start()
            let topics = (0..<10).map { "trade:S\($0)" }
            let subscription = Subscription(
                feed: FeedName("binance"), patterns: topics.map { .init(channel: "trade", symbol: String($0.dropFirst(6))) })
            let consumer = try ColonyConsumer.reading(redis, subscription, from: .now)
            try await withMonitor(redis) { monitor in
                async let packets = {
                    var reader = consumer.makeAsyncIterator()
                    return try await reader.packets(20)
                }()
                try await monitor.waitFor("\"BLOCK\"")
                try await producer.publish((topics + topics).map { ($0, "\($0)") })
                let sequences = try await packets.map(\.id.sequence)
                #expect(sequences == Array(1...20))
            }
        }
    }

    @Test("A gap marker is told, and only packets of the streams it touched are not whole")
    func gapsAreMatched() async throws {
        try await withRedis { redis in
            var producer = try await TestProducer(on: redis)
            try await producer.start()
            try await producer.publish("trade:A", "trade:B")
            try await producer.lose("trade:A", "trade:A")
            try await producer.publish("trade:A", "trade:B")
            var reader = try ColonyConsumer.reading(redis).makeAsyncIterator()
            let events = try await reader.events { $0.packet?.text == "2/6" }
            let gap = try #require(events.compactMap(\.gap).first)
            #expect(gap.from == 3 && gap.to == 4 && gap.reason == "overflow")
            #expect(events.compactMap(\.packet).map(\.missing) == [nil, nil, .lost, nil])
        }
    }

    @Test("A reader slower than retention is told what was trimmed, before the packet behind the hole")
    func slowReadersAreTold() async throws {
        try await withRedis { redis in
            var producer = try await TestProducer(on: redis)
            try await producer.start()
            try await producer.publish("trade:A", "trade:A", "trade:A")
            var reader = try ColonyConsumer.reading(redis, perStream: 3).makeAsyncIterator()
            let before = try await reader.packets(3)
            for _ in 0..<20 { try await producer.publish(Array(repeating: ("trade:A", "x"), count: 10)) }
            try await producer.trim("trade:A", to: 50)
            let events = try await reader.events { $0.packet != nil }
            let packet = try #require(events.last?.packet)
            #expect(packet.missing == .trimmed && packet.id.sequence == 154)
            let trimmed = try #require(events.dropLast().last?.trimmed)
            #expect(trimmed.after == before.last?.id && trimmed.before == packet.id && trimmed.lostEstimate == 150)
            let rest = try await reader.packets(49)
            #expect(rest.allSatisfy { $0.whole })
        }
    }

    @Test("A reader is told of trimming even when nothing comes behind it")
    func silentTrimmingIsTold() async throws {
        try await withRedis { redis in
            var producer = try await TestProducer(on: redis)
            try await producer.start()
            try await producer.publish("trade:A", "trade:A", "trade:B")
            var reader = try ColonyConsumer.reading(redis, quietLimit: .milliseconds(20)).makeAsyncIterator()
            _ = try await reader.packets(3)
            let ids = try await producer.publish([("trade:A", "x"), ("trade:A", "y"), ("trade:A", "z")])
            try await producer.trim("trade:A", to: 0)
            let silence = try await reader.events { $0.trimmed != nil }
            let trimmed = try #require(silence.last?.trimmed)
            #expect(trimmed.stream == producer.key("trade:A") && trimmed.before == ids.last)
            try await producer.publish("trade:A")
            #expect(try await reader.packets(1).map(\.whole) == [true])
        }
    }

    @Test("When Redis loses everything the reader says so, waits, and goes on with what is published afterwards")
    func rollbackIsNoticed() async throws {
        try await withRedis { redis in
            var producer = try await TestProducer(on: redis)
            try await producer.start()
            try await producer.publish("trade:A", "trade:A")
            var reader = try ColonyConsumer.reading(redis, quietLimit: .milliseconds(20)).makeAsyncIterator()
            _ = try await reader.packets(2)
            _ = try await producer.connection.send(["FLUSHALL"])
            let silence = try await reader.events { $0.rollback != nil }
            let observed = try #require(silence.last?.rollback)
            #expect(observed.cause == .observed(lastGenerated: EntryID(milliseconds: 0, epoch: 0, sequence: 0)))
            try await producer.resume()
            try await producer.publish("trade:A")
            let events = try await reader.events { $0.packet != nil }
            let announced = try #require(events.compactMap(\.rollback).last)
            #expect(announced.cause == .announced(reason: "lost", previousEpoch: 2, previousNext: 3))
            #expect(events.last?.packet?.text == "\(producer.epoch)/1")
            #expect(events.last?.packet?.missing == .rolledBack)
        }
    }

    @Test("A reader that starts from a stored position repeats nothing and leaves nothing out")
    func resumesFromAPosition() async throws {
        try await withRedis { redis in
            var producer = try await TestProducer(on: redis)
            try await producer.start()
            try await producer.publish("trade:A", "trade:B", "trade:A", "trade:B")
            var first = try ColonyConsumer.reading(redis).makeAsyncIterator()
            let early = try await first.packets(2)
            let stored = try #require(Position(first.position.description))
            try await producer.publish("trade:A", "trade:B")
            var second = try ColonyConsumer.reading(redis, from: .position(stored)).makeAsyncIterator()
            let late = try await second.packets(4)
            #expect((early + late).map(\.id.sequence) == Array(1...6))
            #expect(late.allSatisfy { $0.whole })
        }
    }

    @Test("A reader that starts now gets nothing older", arguments: [true, false])
    func startsNow(hasLease: Bool) async throws {
        try await withRedis { redis in
            var producer = try await TestProducer(on: redis)
            try await producer.start()
            try await producer.publish("trade:A", "trade:B")
            let lease = try await producer.connection.send(["DUMP", .string(producer.keys.lease)])
            if !hasLease { _ = try await producer.connection.send(["DEL", .string(producer.keys.lease)]) }
            let consumer = try ColonyConsumer.reading(redis, from: .now)
            try await withMonitor(redis) { monitor in
                async let packets = {
                    var reader = consumer.makeAsyncIterator()
                    return try await reader.packets(2)
                }()
                try await monitor.waitFor("\"BLOCK\"")
                if !hasLease, case .bytes(let dump) = lease {
                    _ = try await producer.connection.send(["RESTORE", .string(producer.keys.lease), "0", .bytes(dump)])
                }
                try await producer.publish("trade:A", "trade:B")
                #expect(try await packets.map(\.text) == ["2/3", "2/4"])
            }
        }
    }

    @Test("A reader can start behind an id, and at a time")
    func startsAtAnId() async throws {
        try await withRedis { redis in
            var producer = try await TestProducer(on: redis)
            try await producer.start()
            let ids = try await producer.publish([("trade:A", "1"), ("trade:B", "2"), ("trade:A", "3")])
            var byID = try ColonyConsumer.reading(redis, from: .id(ids[0].description)).makeAsyncIterator()
            #expect(try await byID.packets(2).map(\.text) == ["2", "3"])
            var byTime = try ColonyConsumer.reading(redis, from: .time(milliseconds: ids[0].milliseconds)).makeAsyncIterator()
            #expect(try await byTime.packets(3).map(\.text) == ["1", "2", "3"])
            var byAge = try ColonyConsumer.reading(redis, from: .age(.seconds(3_600))).makeAsyncIterator()
            #expect(try await byAge.packets(3).map(\.text) == ["1", "2", "3"])
        }
    }

    @Test("Two feeds are read by one consumer, each in its own order")
    func severalFeedsAreMerged() async throws {
        try await withRedis { redis in
            var binance = try await TestProducer(on: redis)
            var kraken = try await TestProducer(on: redis, feed: "kraken")
            try await binance.start()
            try await kraken.start()
            for _ in 0..<5 {
                try await binance.publish("trade:A", "trade:B")
                try await kraken.publish("trade:A")
            }
            let consumer = try ColonyConsumer(
                .init(
                    server: ReaderServer(redis.endpoint),
                    subscriptions: [Subscription("binance", "trade"), Subscription("kraken", "trade", "A")],
                    start: .time(milliseconds: 0), entriesPerStream: 2))
            var reader = consumer.makeAsyncIterator()
            let packets = try await reader.packets(15)
            #expect(packets.filter { $0.exchange == "binance" }.map(\.id.sequence) == Array(1...10))
            #expect(packets.filter { $0.exchange == "kraken" }.map(\.id.sequence) == Array(1...5))
        }
    }

    @Test("Streams that appear while reading are picked up with their first packet, in order")
    func newStreamsJoin() async throws {
        try await withRedis { redis in
            var producer = try await TestProducer(on: redis)
            try await producer.start()
            try await producer.publish("trade:A")
            var reader = try ColonyConsumer.reading(redis, Subscription("binance", "trade")).makeAsyncIterator()
            _ = try await reader.packets(1)
            try await producer.publish("trade:B", "trade:A", "book:A", "trade:C", "trade:B")
            #expect(try await reader.packets(4).map(\.id.sequence) == [2, 3, 5, 6])
            // Nothing else is published here: only looking at the registry finds it.
            try await producer.publish("trade:D")
            #expect(try await reader.packets(1).map(\.symbol) == ["D"])
        }
    }

    @Test("A connection that is killed costs nothing: the reader goes on where it was")
    func survivesKilledConnections() async throws {
        try await withRedis { redis in
            var producer = try await TestProducer(on: redis)
            try await producer.start()
            var reader = try ColonyConsumer.reading(redis, perStream: 4).makeAsyncIterator()
            var packets: [Packet] = []
            for _ in 0..<5 {
                try await producer.publish(Array(repeating: ("trade:A", "a"), count: 7) + Array(repeating: ("trade:B", "b"), count: 3))
                packets += try await reader.packets(6)
                let killed = try await producer.connection.send(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"])
                #expect(killed.integer == 1)
            }
            packets += try await reader.packets(20)
            #expect(packets.map(\.id.sequence) == Array(1...50))
            #expect(packets.allSatisfy { $0.whole })
        }
    }

    @Test("A server that is killed and comes back with its data costs nothing")
    func survivesARestart() async throws {
        try await withRedis(.init(isAppendOnly: true, directives: ["appendfsync always"])) { redis in
            var producer = try await TestProducer(on: redis)
            try await producer.start()
            try await producer.publish("trade:A", "trade:A")
            let consumer = try ColonyConsumer.reading(redis)
            async let packets = {
                var reader = consumer.makeAsyncIterator()
                return try await reader.packets(2)
            }()
            #expect(try await packets.map(\.id.sequence) == [1, 2])
            var reader = try ColonyConsumer.reading(redis).makeAsyncIterator()
            _ = try await reader.packets(1)
            try await redis.restart()
            #expect(try await reader.packets(1).map(\.id.sequence) == [2])
        }
    }

    @Test("A reader of a replica gets everything, and goes on at the master when the replica dies")
    func readsFromReplicas() async throws {
        try await withRedis(.init(directives: ["repl-diskless-sync-delay 0"])) { master in
            try await withRedis { replica in
                let onReplica = try await replica.connect()
                _ = try await onReplica.send(["REPLICAOF", "127.0.0.1", .string("\(master.port)")])
                var producer = try await TestProducer(on: master)
                try await producer.start()
                let consumer = try ColonyConsumer(
                    .init(
                        server: ReaderServer(replica.endpoint, master.endpoint, replyTimeout: .seconds(20)),
                        subscriptions: [.everything(FeedName("binance"))], start: .time(milliseconds: 0)))
                var reader = consumer.makeAsyncIterator()
                for _ in 0..<5 { try await producer.publish("trade:A", "trade:B") }
                var packets = try await reader.packets(10)
                let readers = try await onReplica.send(["CLIENT", "LIST"]).string ?? ""
                #expect(readers.contains("name=colony-reader"))
                try await replica.kill()
                for _ in 0..<5 { try await producer.publish("trade:A", "trade:B") }
                packets += try await reader.packets(10)
                #expect(packets.map(\.id.sequence) == Array(1...20))
                #expect(packets.allSatisfy { $0.whole })
            }
        }
    }

    @Test("The documented rights of a reader are enough")
    func readersNeedFewRights() async throws {
        let rights = "+xread +xreadgroup +xack +xautoclaim +xgroup|create +xrange +xrevrange +xinfo +xlen +hgetall"
        try await withRedis(.init(users: ["reader on >secret ~colony:* \(rights)"])) { redis in
            var producer = try await TestProducer(on: redis)
            try await producer.start()
            try await producer.publish("trade:A", "trade:B")
            var endpoint = redis.endpoint
            (endpoint.username, endpoint.password) = ("reader", "secret")
            let consumer = try ColonyConsumer.reading(redis, endpoint: endpoint, quietLimit: .milliseconds(10))
            var reader = consumer.makeAsyncIterator()
            #expect(try await reader.packets(2).count == 2)
            let lag = try await reader.lag()
            #expect(lag[FeedName("binance")]?.isZero == true)
            let liveness = try #require(try await consumer.liveness(of: FeedName("binance")))
            #expect(liveness.phase == .live && liveness.holder == producer.incarnation.text && liveness.epoch == 2)
            #expect(liveness.isAlive(nowMilliseconds: liveness.renewedAtMilliseconds))
            #expect(!liveness.isAlive(nowMilliseconds: liveness.renewedAtMilliseconds + 6_001))
        }
    }

    @Test("A wrong password is told at once, not retried")
    func wrongPasswordIsTold() async throws {
        try await withRedis(.init(password: "right")) { redis in
            var endpoint = redis.endpoint
            endpoint.password = "wrong"
            var reader = try ColonyConsumer.reading(redis, endpoint: endpoint).makeAsyncIterator()
            let error = await #expect(throws: StreamsError.self) { _ = try await reader.next() }
            #expect(error?.code == .denied)
        }
    }

    @Test("A server that cannot be reached is given up after the configured number of attempts")
    func unreachableServersAreTold() async throws {
        let server = ReaderServer(RedisEndpoint(address: .unix(path: "/nonexistent/redis.sock")), connectionAttempts: 2)
        var reader = try ColonyConsumer(.init(server: server, subscriptions: [Subscription("binance", "trade")])).makeAsyncIterator()
        let error = await #expect(throws: StreamsError.self) { _ = try await reader.next() }
        #expect(error?.code == .unavailable)
    }

    @Test("Cancelling the task ends a blocked read")
    func cancellationEndsReading() async throws {
        try await withRedis { redis in
            let consumer = try ColonyConsumer.reading(redis, from: .now)
            try await withMonitor(redis) { monitor in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        var reader = consumer.makeAsyncIterator()
                        await #expect(throws: CancellationError.self) { _ = try await reader.next() }
                    }
                    try await monitor.waitFor("\"BLOCK\"")
                    group.cancelAll()
                    try await group.waitForAll()
                }
            }
        }
    }

    @Test("A consumer with nothing to read, nowhere to read from, or a start that is no id is refused")
    func nonsenseIsRefused() throws {
        let endpoint = RedisEndpoint(address: .unix(path: "/tmp/none"))
        let some = Subscription("binance", "trade")
        #expect(throws: StreamsError.self) { try ColonyConsumer(.init(server: ReaderServer(endpoint), subscriptions: [])) }
        #expect(throws: StreamsError.self) { try ColonyConsumer(.init(server: ReaderServer(endpoints: []), subscriptions: [some])) }
        #expect(throws: StreamsError.self) {
            try ColonyConsumer(.init(server: ReaderServer(endpoint), subscriptions: [some], start: .id("yesterday")))
        }
        #expect(throws: StreamsError.self) {
            try ColonyConsumer(
                .init(server: ReaderServer(endpoint), subscriptions: [Subscription(feed: FeedName("binance"), patterns: [])]))
        }
    }
}
