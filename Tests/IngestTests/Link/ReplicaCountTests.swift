import Coordination
import Ingest
import Testing

/// Whose confirmation makes a packet safe from a failover.
@Suite struct ReplicaCountTests {
    private static func at(_ milliseconds: Int64) -> LocalTime { LocalTime(nanoseconds: milliseconds * 1_000_000) }

    @Test func `all replicas in touch must confirm`() {
        var replicas = ReplicaCount()
        #expect(replicas.needed(inTouch: 0, now: Self.at(0)) == 0)
        #expect(replicas.needed(inTouch: 2, now: Self.at(1000)) == 2)
        #expect(replicas.needed(inTouch: 3, now: Self.at(2000)) == 3)
    }

    @Test func `one that left may have been promoted, so it counts on for as long as packets are kept`() {
        var replicas = ReplicaCount()
        _ = replicas.needed(inTouch: 2, now: Self.at(0))
        #expect(replicas.needed(inTouch: 1, now: Self.at(9999)) == 2)
        #expect(replicas.needed(inTouch: 1, now: Self.at(10_000)) == 1)
        #expect(replicas.needed(inTouch: 0, now: Self.at(19_999)) == 1)
        #expect(replicas.needed(inTouch: 0, now: Self.at(20_000)) == 0)
    }

    @Test func `one that comes back in time is as if it had never left`() {
        var replicas = ReplicaCount()
        _ = replicas.needed(inTouch: 2, now: Self.at(0))
        _ = replicas.needed(inTouch: 1, now: Self.at(5000))
        #expect(replicas.needed(inTouch: 2, now: Self.at(9000)) == 2)
        #expect(replicas.needed(inTouch: 1, now: Self.at(18_000)) == 2)
    }
}
