import Glibc
import RedisClient
import TestSupport
import Testing

@Suite struct RedisRestartTests {
    @Test(.timeLimit(.minutes(5)))
    func `Redis killed and restarted under load costs neither a socket nor a packet`() async throws {
        let settings = ["exchange.connect_delay=0s", "exchange.retention.maxlen=10000000", "exchange.retention.control=10000000"]
        let rounds = 2
        let (run, finished) = try await withUp(["--rate", "50"] + settings.flatMap { ["--set", $0] }) { cluster in
            try await cluster.untilReceiving()
            var servers: [Int32] = []
            for _ in 0..<rounds {
                let server = try await cluster.redisProcess()
                servers.append(server)
                let before = try await Self.stored(cluster)
                let family = ProcessIdentity.descendants(of: cluster.process.pid)
                try #require(family.first { $0.pid == server }).signal(SIGKILL)
                try await eventually("Redis ran again") { try await cluster.redisProcess() == server ? nil : true }
                try await eventually("five hundred packets more were stored of each exchange", within: .seconds(60)) { () -> Bool? in
                    let now = try await Self.stored(cluster)
                    return zip(before, now).allSatisfy { $1 >= $0 + 500 } ? true : nil
                }
            }
            servers.append(try await cluster.redisProcess())
            return (servers, bootNanoseconds())
        }
        let (servers, endedAtBoot) = run
        #expect(Set(servers).count == rounds + 1)
        #expect(finished.exit == .code(0), "\(finished.output)")
        #expect(finished.survivors == [])
        // One socket per exchange, from the first packet to the drain.
        let opened = finished.truth.filter { $0.kind == .open }
        #expect(opened.map(\.exchange).sorted() == RunningCluster.allExchanges)
        #expect(finished.truth.filter { $0.kind == .close && $0.boot < endedAtBoot } == [])
        #expect(finished.feeds.flatMap(\.marks).filter { $0.kind == "gap" } == [])
        let violations = TruthChecker.violations(
            truth: finished.truth, feeds: finished.feeds, closing: drainTail, isAnswer: \.isAnswer)
        #expect(violations.isEmpty, "\(violations.count) violations: \(violations.prefix(10))")
    }

    /// Entries in the data streams, by exchange.
    private static func stored(_ cluster: RunningCluster) async throws -> [Int] {
        let connection = try await cluster.connect()
        defer { connection.close() }
        var counts: [Int] = []
        for exchange in cluster.exchanges { counts.append(try await cluster.storedCount(exchange, connection)) }
        return counts
    }
}
