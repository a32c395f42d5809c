import Cluster
import RedisClient
import TestSupport
import Testing

@Suite struct ReplayTests {
    @Test(
        .enabled(if: RecordedSession.areThere, "the recordings in ../shared/recordings are not there"),
        .timeLimit(.minutes(6)))
    func `recorded sessions of three exchanges arrive on their streams byte for byte and in order`() async throws {
        // At the pace they were recorded at, 31 seconds, all three at once.
        var sessions: [RecordedSession] = []
        var arguments = [
            "--set", "exchange.connect_delay=0s", "--set", "exchange.retention.maxlen=100000", "--set", "exchange.retention.control=100000",
        ]
        for exchange in RunningCluster.allExchanges {
            let file = try #require(RecordedSession.files[exchange])
            sessions.append(try RecordedSession(exchange: exchange, file: file))
            arguments += ["--replay", "\(exchange)=\(file)"]
        }
        let recorded = sessions
        let (_, finished) = try await withUp(arguments) { cluster in
            let connection = try await cluster.connect()
            defer { connection.close() }
            try await eventually("everything recorded was stored", within: .seconds(150), every: .milliseconds(250)) { () -> Bool? in
                for session in recorded {
                    let expected = session.messages.count { $0.stream != nil }
                    if try await cluster.storedCount(session.exchange, connection) < expected { return nil }
                }
                return true
            }
        }
        #expect(finished.exit == .code(0), "\(finished.output)")
        #expect(finished.survivors == [])
        for session in sessions {
            let feed = try #require(finished.feeds.first { $0.exchange == session.exchange })
            let prefix = "colony:{\(session.exchange)}:"
            var expected: [String: [[UInt8]]] = [:]
            for message in session.messages {
                if let stream = message.stream { expected[prefix + stream, default: []].append(message.payload) }
            }
            let pushed = feed.packets.filter { !$0.isAnswer }
            var stored: [String: [[UInt8]]] = [:]
            for packet in pushed { stored[packet.stream, default: []].append(packet.payload) }
            #expect(expected.values.reduce(0) { $0 + $1.count } > 300)
            #expect(stored.keys.filter { expected[$0] == nil } == [], "streams that nothing was recorded for")
            for (stream, payloads) in expected.sorted(by: { $0.key < $1.key }) {
                #expect(stored[stream]?.count == payloads.count, "\(stream)")
                let isSame = stored[stream] == payloads
                #expect(isSame, "\(stream) differs from the recording")
            }
            // Over all streams too, the order is that of arrival.
            let all = session.messages.filter { $0.stream != nil }.map(\.payload)
            let isSameOrder = pushed.map(\.payload) == all
            #expect(isSameOrder, "the packets of \(session.exchange) are stored in another order than recorded")
        }
    }
}
