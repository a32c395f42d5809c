import ColonyStreams
import Coordination
import NIOCore
import RedisClient
import TestSupport
import Testing

@Suite("A consumer group on a real Redis", .timeLimit(.minutes(2)))
struct ColonyGroupTests {
    /// Thrown by handlers to end a member's work.
    struct Enough: Error {}

    static func member(
        _ name: String, _ redis: RedisServer, claimIdle: Duration = .seconds(60), start: StartPoint = .time(milliseconds: 0)
    ) throws -> ColonyGroup {
        try ColonyGroup(
            .init(
                server: ReaderServer(redis.endpoint, replyTimeout: .seconds(20)), subscriptions: [Subscription("binance", "trade")],
                group: "strategy", member: name, start: start, claimIdle: claimIdle, waitLimit: .milliseconds(20)))
    }

    /// Lets a member work until it has acknowledged so many packets; the one after is left unacknowledged.
    static func work(_ member: ColonyGroup, packets limit: Int) async throws -> [GroupDelivery] {
        var handled: [GroupDelivery] = []
        do {
            try await member.run { event in
                guard case .entry(let delivery) = event, case .packet = delivery.entry.content else { return }
                if handled.count == limit { throw Enough() }
                handled.append(delivery)
            }
        } catch is Enough {}
        return handled
    }

    @Test("Each entry is handled by one member, in order per stream")
    func membersShareTheWork() async throws {
        try await withRedis { redis in
            var producer = try await TestProducer(on: redis)
            try await producer.start()
            for _ in 0..<20 { try await producer.publish("trade:A", "trade:B") }
            try await producer.publish("trade:A")
            let one = try Self.member("one", redis)
            let handled = try await Self.work(one, packets: 40)
            #expect(handled.map(\.id.sequence) == Array(1...40))
            #expect(handled.allSatisfy { !$0.isRedelivery })
            let lags = try await one.lag()
            #expect(Set(lags.map(\.stream)) == [producer.keys.control, producer.key("trade:A"), producer.key("trade:B")])
            #expect(lags.reduce(0) { $0 + $1.pending } == 1)
            #expect(lags.allSatisfy { $0.lag.isZero })
        }
    }

    @Test("What a member left unacknowledged is taken over by another, and handled once")
    func abandonedEntriesAreClaimed() async throws {
        try await withRedis { redis in
            var producer = try await TestProducer(on: redis)
            try await producer.start()
            for _ in 0..<5 { try await producer.publish("trade:A", "trade:B") }
            let dead = try await Self.work(try Self.member("dead", redis), packets: 3)
            try await producer.publish("trade:A", "trade:B")
            let heir = try await Self.work(try Self.member("heir", redis, claimIdle: .zero), packets: 8)
            #expect(dead.map(\.id.sequence) == [1, 2, 3])
            #expect(Set(heir.map(\.id.sequence)).isDisjoint(with: [1, 2, 3]))
            #expect(heir.filter(\.isRedelivery).count >= 7)
            #expect(Set(heir.map(\.id)).count == 8)
        }
    }

    @Test("A member that comes back under its name gets what it had begun first")
    func membersFindTheirOwnWork() async throws {
        try await withRedis { redis in
            var producer = try await TestProducer(on: redis)
            try await producer.start()
            try await producer.publish("trade:A", "trade:A", "trade:A", "trade:A")
            _ = try await Self.work(try Self.member("one", redis), packets: 1)
            try await producer.publish("trade:A", "trade:A")
            let again = try await Self.work(try Self.member("one", redis), packets: 4)
            #expect(again.map(\.id.sequence) == [2, 3, 4, 5])
            #expect(again.map(\.isRedelivery) == [true, true, true, false])
        }
    }

    @Test("A member whose connection is killed while it works goes on, and handles nothing twice")
    func survivesKilledConnections() async throws {
        try await withRedis { redis in
            var producer = try await TestProducer(on: redis)
            try await producer.start()
            for _ in 0..<10 { try await producer.publish("trade:A", "trade:B") }
            let killer = producer.connection
            var handled: [Int] = []
            do {
                try await Self.member("one", redis).run { event in
                    guard case .entry(let delivery) = event, case .packet = delivery.entry.content else { return }
                    if handled.count == 19 { throw Enough() }
                    handled.append(delivery.id.sequence)
                    if handled.count == 5 { _ = try await killer.send(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]) }
                }
            } catch is Enough {}
            #expect(handled == Array(1...19))
        }
    }

    @Test("Streams that appear later are handled from their first entry; a group that starts now handles nothing older")
    func newStreamsJoin() async throws {
        try await withRedis { redis in
            var producer = try await TestProducer(on: redis)
            try await producer.start()
            try await producer.publish("trade:A", "trade:A")
            let member = try Self.member("one", redis, start: .now)
            #expect(try await member.lag().count == 2)
            try await producer.publish("trade:A", "trade:B", "trade:B", "trade:A")
            let sequences = try await Self.work(member, packets: 3).map(\.id.sequence)
            #expect(Set(sequences).isSubset(of: [3, 4, 5, 6]) && sequences.contains { $0 == 4 || $0 == 5 })
        }
    }

    @Test("Pending entries that retention removed are reported, not lost in silence")
    func trimmedPendingEntriesAreReported() async throws {
        try await withRedis { redis in
            var producer = try await TestProducer(on: redis)
            try await producer.start()
            let ids = try await producer.publish([("trade:A", "1"), ("trade:A", "2"), ("trade:A", "3")])
            _ = try await Self.work(try Self.member("dead", redis), packets: 0)
            try await producer.trim("trade:A", to: 0)
            var reported: [EntryID] = []
            do {
                try await Self.member("heir", redis, claimIdle: .zero).run { event in
                    guard case .trimmed(_, let stream, let gone) = event else { return }
                    #expect(stream == producer.key("trade:A"))
                    reported += gone
                    if reported.count == 3 { throw Enough() }
                }
            } catch is Enough {}
            #expect(reported == ids)
        }
    }

    @Test("A group or member without a name is refused")
    func namesAreNeeded() {
        let server = ReaderServer(RedisEndpoint(address: .unix(path: "/tmp/none")))
        #expect(throws: StreamsError.self) {
            try ColonyGroup(.init(server: server, subscriptions: [Subscription("binance", "trade")], group: "", member: "one"))
        }
    }
}
