import ColonyExchanges
import Coordination
import Logging
import NIOCore
import RedisClient
import TestSupport
import Testing

@testable import Ingest

struct MemoryGovernorTests {
    @Test("Below four fifths of the memory retentions stay as configured")
    func room() {
        var governor = MemoryGovernor()
        for share in [0, 50, 79] { #expect(governor.read(usedBytes: share, limitBytes: 100) == nil) }
        #expect(governor.read(usedBytes: 1 << 40, limitBytes: 0) == nil)
        #expect(governor.factor == 1)
    }

    @Test("Above it every reading shortens them and what the streams hold, and room gives them back step by step")
    func shortens() {
        var governor = MemoryGovernor()
        var factors: [Double] = []
        for _ in 0..<200 {
            let step = governor.read(usedBytes: 95, limitBytes: 100)
            // What is left takes a little less than four fifths, however often it is asked for.
            #expect(step.map { $0.share > 0.79 && $0.share < 0.8 / 0.95 && $0.factor == governor.factor } == true)
            factors.append(governor.factor)
        }
        let falls = zip(factors, factors.dropFirst()).allSatisfy { $0 > $1 || $0 == MemoryGovernor.leastFactor }
        #expect(falls)
        #expect(governor.factor == MemoryGovernor.leastFactor)
        // Between the two marks nothing moves.
        #expect(governor.read(usedBytes: 75, limitBytes: 100) == nil)
        var readings = 0
        while governor.factor < 1, readings < 1000 {
            let step = governor.read(usedBytes: 60, limitBytes: 100)
            #expect(step?.share == 1)
            readings += 1
        }
        #expect(governor.factor == 1 && readings > 90)
        #expect(governor.read(usedBytes: 60, limitBytes: 100) == nil)
    }

    @Test("A stream keeps its share, and never less than what its readers need")
    func kept() {
        #expect(MemoryGovernor.keep(0.8, of: 4595) == 3676)
        #expect(MemoryGovernor.keep(0.8, of: 11) == 10)
        #expect(MemoryGovernor.shorten(1_000_000, by: 0.5) == 500_000)
        #expect(MemoryGovernor.shorten(10_000, by: MemoryGovernor.leastFactor) == 10)
        #expect(MemoryGovernor.shorten(3, by: MemoryGovernor.leastFactor) == 3)
    }

    @Test("The server's state is read from INFO; what maxmemory does not count is left out")
    func facts() {
        let info = RedisServerInfo(
            "# Memory\r\nused_memory:1000\r\nmem_not_counted_for_evict:100\r\nmaxmemory:5000\r\n# Replication\r\nrole:master\r\n"
                + "connected_slaves:2\r\nslave0:ip=1.2.3.4,port=1,state=online,offset=1,lag=0\r\nslave1:ip=1.2.3.4,port=2,state=wait_bgsave,offset=0,lag=0\r\n"
        )
        let facts = ServerFacts(info)
        #expect(facts.usedBytes == 900 && facts.limitBytes == 5000 && facts.replicas == 1)
    }
}

struct StreamTableRetentionTests {
    @Test("A stream's retention goes by its channel, is scaled, and never falls to nothing", arguments: ["binance", "binance/1"])
    func lengths(feed: String) {
        let keys = Keys().feed(FeedName(feed), group: "binance")
        var table = StreamTable(keys: keys) { topic in
            switch topic?.channel {
            case nil: 500
            case "book": 40
            default: 1000
            }
        }
        let trade = keys.data(channel: "trade", symbol: "BTC:USDT")
        let book = keys.data(channel: "book", symbol: "BTC USDT")
        let streams = [keys.control, trade, book]
        let configured = streams.map { table.maxlen(ofKey: $0) }
        #expect(configured == [500, 1000, 40])
        table.scaleRetention(by: 0.1)
        let tenth = streams.map { table.maxlen(ofKey: $0) }
        #expect(tenth == [50, 100, 10])
        table.scaleRetention(by: 0.001)
        #expect(table.maxlen(ofKey: book) == 10)
        // Streams met later too.
        let slot = table.slot(of: Topic(channel: "trade", symbol: "X"))
        #expect(String(decoding: table.slots[slot].maxlenBulk, as: UTF8.self) == "$2\r\n10\r\n")
        table.scaleRetention(by: 1)
        #expect(String(decoding: table.slots[slot].maxlenBulk, as: UTF8.self) == "$4\r\n1000\r\n")
    }
}

@Suite(.timeLimit(.minutes(2)))
struct RetentionKeeperTests {
    /// Runs one round and waits for its end.
    private func trim(
        _ rig: PublisherRig, maxAge: Duration = .zero, forget: Duration = .zero, factor: Double = 1, share: Double = 1
    ) async throws {
        let now = try await rig.run { $0.publisher.machine.lastMilliseconds }
        let before = try await rig.run { core in
            core.publisher.table.scaleRetention(by: factor)
            return NIOLoopBound(
                RetentionKeeper(
                    keys: core.publisher.keys, rules: .init(maxAge: maxAge, forget: forget), publisher: core.publisher, link: core.link,
                    logger: Logger(label: "test")), eventLoop: core.link.eventLoop)
        }
        try await rig.run { _ in before.value.trim(redisMilliseconds: now + 100_000, share: share) }
        try await eventually("the round is over") { () async throws -> Bool? in
            let isIdle = try await rig.run { _ in before.value.isIdle }
            return isIdle ? true : nil
        }
    }

    private func registry(_ rig: PublisherRig, _ redis: RedisConnection) async throws -> [String] {
        try await redis.send(["HKEYS", .string(rig.keys.streams)]).array?.compactMap(\.string).sorted() ?? []
    }

    @Test("Streams that only an earlier worker met are trimmed by age, and forgotten when empty; open ones stay known")
    func wholeRegistry() async throws {
        try await withRedis { server in
            let rig = try await PublisherRig.open(server)
            let redis = try await server.connect()
            try await rig.append(30)
            try await rig.stored()
            let old = rig.keys.data(channel: "trade", symbol: "OLD")
            _ = try await redis.send(["XADD", .string(old), "5-1000000000001", "time", "1", "prev", "0", "data", "x", "after", "0-0"])
            _ = try await redis.send(["HSET", .string(rig.keys.streams), .string(old), "1"])
            try await trim(rig)
            #expect(try await redis.send(["XLEN", .string(old)]).integer == 1)
            try await trim(rig, maxAge: .seconds(1000))
            #expect(try await redis.send(["XLEN", .string(old)]).integer == 0)
            #expect(try await registry(rig, redis).contains(old))
            // Everything is old by now; the streams of the live epoch are emptied and stay registered.
            try await trim(rig, maxAge: .seconds(50), forget: .seconds(60))
            let open = ["A", "B"].map { rig.keys.data(channel: "trade", symbol: $0) }
            #expect(try await registry(rig, redis) == open)
            #expect(try await redis.send(["EXISTS", .string(old)]).integer == 0)
            #expect(try await redis.send(["XLEN", .string(rig.keys.data(channel: "trade", symbol: "A"))]).integer == 0)
            try await rig.append(30)
            try await rig.stored()
            try await rig.close()
        }
    }

    @Test("When memory is short all streams are shortened in proportion, at once and with the next packets")
    func proportion() async throws {
        try await withRedis { server in
            let rig = try await PublisherRig.open(server)
            let redis = try await server.connect()
            try await rig.append(1200)
            try await rig.stored()
            let stream = RedisArgument.string(rig.keys.data(channel: "trade", symbol: "A"))
            #expect(try await redis.send(["XLEN", stream]).integer == 400)
            // 100,000 configured entries become 100.
            try await trim(rig, factor: 0.001)
            #expect(try await redis.send(["XLEN", stream]).integer == 100)
            try await rig.close()
        }
    }

    @Test("A share is one of what the streams hold: a retention that was never filled is no hindrance")
    func share() async throws {
        try await withRedis { server in
            let rig = try await PublisherRig.open(server)
            let redis = try await server.connect()
            try await rig.append(1200)
            try await rig.stored()
            let streams = ["A", "B"].map { RedisArgument.string(rig.keys.data(channel: "trade", symbol: $0)) }
            try await trim(rig, share: 0.5)
            for stream in streams { #expect(try await redis.send(["XLEN", stream]).integer == 200) }
            // Where the retention is shorter it is what counts.
            try await trim(rig, factor: 0.001, share: 0.9)
            for stream in streams { #expect(try await redis.send(["XLEN", stream]).integer == 100) }
            try await trim(rig, factor: 0.001, share: 0.0001)
            for stream in streams { #expect(try await redis.send(["XLEN", stream]).integer == 10) }
            try await rig.close()
        }
    }

    @Test("At maxmemory publishing goes on after a trim, with retentions far from filled, and no batch is applied by half")
    func fullMemory() async throws {
        try await withRedis { server in
            let rig = try await PublisherRig.open(server)
            let redis = try await server.connect()
            let filler = String(repeating: "x", count: 2000)
            let empty = try await redis.serverInfo().usedMemoryBytes ?? 0
            _ = try await redis.send(["CONFIG", "SET", "maxmemory", "\(empty + (4 << 20))"])
            // Four times what fits.
            for _ in 0..<270 { try await rig.append(30, filler: filler) }
            try await untilRefused("OOM", redis)
            try await rig.keepRetention()
            try await rig.stored()
            #expect(try await redis.send(["HGET", .string(rig.keys.lease), "next_sequence"]).string == "8101")
            let (packets, gaps) = try await rig.read(redis)
            #expect(gaps == [] && packets.last?.id.sequence == 8100)
            // What is left of each stream is its end, without a hole.
            for entries in Dictionary(grouping: packets, by: \.stream).values {
                let sequences = entries.map(\.id.sequence)
                #expect(zip(sequences, sequences.dropFirst()).allSatisfy { $1 == $0 + 3 })
                #expect((sequences.last ?? 0) > 8097)
            }
            let renewal = try await redis.call(RenewCall(leases: [.init(feed: rig.keys, token: rig.token)]))
            #expect(renewal.results == [.renewed])
            #expect(try await rig.complaints == [])
            #expect(try await rig.droppedPackets == 0)
            try await rig.close()
        }
    }

    @Test("Where the server's memory is nearly full, the link says so to its users, and says when there is room again")
    func linkTells() async throws {
        try await withRedis { server in
            let rig = try await PublisherRig.open(server)
            let redis = try await server.connect()
            let key = rig.keys.data(channel: "trade", symbol: "A")
            let configured = 100_000
            #expect(try await rig.maxlen(key) == configured)
            let used = try await redis.serverInfo().usedMemoryBytes ?? 0
            _ = try await redis.send(["CONFIG", "SET", "maxmemory", "\(used + used / 10)"])
            try await eventually("retentions were shortened") {
                try await rig.maxlen(key) < configured ? true : nil
            }
            _ = try await redis.send(["CONFIG", "SET", "maxmemory", "0"])
            try await eventually("retentions are as configured") {
                try await rig.maxlen(key) == configured ? true : nil
            }
            try await rig.close()
        }
    }
}
