import NIOCore
import RedisClient
import Testing

/// What Sentinels say is believed no further than it can be an address.
@Suite
struct SentinelAnswerTests {
    private static let sentinel = RedisEndpoint(address: .tcp(host: "s", port: 26379))

    private static func bulk(_ text: String) -> RedisValue { .bytes(ByteBuffer(string: text)) }

    private static func pair(_ host: String, _ port: String) -> RedisValue { .array([bulk(host), bulk(port)]) }

    @Test(arguments: ["10.0.0.1", "redis-1.example.org", "::1", "fe80::1%eth0", "host_name"])
    func `host and port are an address`(host: String) {
        guard case .master(let node) = SentinelAnswer(.success(Self.pair(host, "6379")), from: Self.sentinel) else {
            Issue.record("\(host) was not taken for a host")
            return
        }
        #expect(node == RedisNode(host: host, port: 6379))
    }

    @Test func `nil means that the name is unknown`() {
        guard case .unknownName = SentinelAnswer(.success(.null), from: Self.sentinel) else {
            Issue.record("nil was not taken for an unknown name")
            return
        }
    }

    @Test(
        arguments: [
            .array([]), .array([bulk("10.0.0.1")]), .array([bulk("10.0.0.1"), bulk("6379"), bulk("x")]), .status("OK"), .integer(6379),
            .array([.null, .null]), .array([.array([]), bulk("6379")]), .array([.error(.init(text: "ERR no")), bulk("6379")]),
            pair("", "6379"), pair("10.0.0.1", ""), pair("10.0.0.1", "0"), pair("10.0.0.1", "65536"), pair("10.0.0.1", "-1"),
            pair("10.0.0.1", "+80"), pair("10.0.0.1", "6379 "), pair("10.0.0.1", "999999999999999999999"), pair("10.0.0.1", "six"),
            pair("10.0.0.1\r\nSET x", "6379"), pair("a b", "6379"), pair("/tmp/redis.sock", "6379"), pair("a\u{0}b", "6379"),
            pair(String(repeating: "a", count: 254), "6379"), pair("é", "6379"),
        ] as [RedisValue])
    func `anything else is a failure and names the Sentinel`(reply: RedisValue) {
        guard case .failed(let error) = SentinelAnswer(.success(reply), from: Self.sentinel) else {
            Issue.record("\(reply) was taken for an answer")
            return
        }
        #expect(error.code == .protocolViolation)
        #expect(error.description.contains("s:26379"))
    }

    @Test func `a failed call stays what it was`() {
        guard case .failed(let error) = SentinelAnswer(.failure(RedisError(.noAuth, "NOAUTH")), from: Self.sentinel) else {
            Issue.record("an error was taken for an answer")
            return
        }
        #expect(error.code == .noAuth)
    }

    @Test func `a message of a move has a name and two addresses`() throws {
        let message = try #require(MasterSwitch("mymaster 127.0.0.1 6380 127.0.0.1 6381"))
        #expect(message.master == "mymaster")
        #expect(message.old == RedisNode(host: "127.0.0.1", port: 6380) && message.new == RedisNode(host: "127.0.0.1", port: 6381))
    }

    @Test(arguments: [
        "", " ", "mymaster", "mymaster 127.0.0.1 6380 127.0.0.1", "mymaster 127.0.0.1 6380 127.0.0.1 0", "mymaster 127.0.0.1 x 127.0.0.1 1",
        "mymaster  127.0.0.1 6380 127.0.0.1 6381", "m 127.0.0.1 6380 127.0.0.1 6381 6", "m a\n 1 b 2",
        "m \(String(repeating: "a", count: 2000)) 1 b 2",
    ])
    func `any other message tells nothing`(text: String) {
        #expect(MasterSwitch(text) == nil)
    }

    @Test func `the state of a Sentinel keeps only what can be`() {
        let fields = [
            "ip", "127.0.0.1", "port", "6379", "flags", "master,o_down", "quorum", "2", "num-other-sentinels", "2", "num-slaves", "-1",
            "down-after-milliseconds", "5000", "failover-timeout", "never",
        ]
        let state = SentinelState(fields: fields.map(Self.bulk), quorumProblem: "NOQUORUM")
        #expect(state.master == RedisNode(host: "127.0.0.1", port: 6379))
        #expect(state.flags == ["master", "o_down"] && state.quorum == 2 && state.otherSentinels == 2)
        #expect(state.replicas == nil && state.downAfter == .seconds(5) && state.failoverTimeout == nil)
        #expect(SentinelState(fields: [Self.bulk("ip")]).master == nil)
    }
}
