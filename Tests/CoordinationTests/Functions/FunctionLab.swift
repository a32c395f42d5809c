import Coordination
import NIOCore
import RedisClient
import TestSupport
import Testing

/// One feed on a real Redis whose library reads its time from a key, so that tests move the clock and never wait.
final class FunctionLab {
    let connection: RedisConnection
    let library: FunctionLibrary
    let feed: FeedKeys
    /// TIME, ms.
    private(set) var now: Int64 = 1_763_812_345_678
    var server = "run-1"
    var pace: Int64 = 60_000

    static let keys = Keys(namespace: "test")
    let a = Incarnation("a.00000000000000aa")
    let b = Incarnation("b.00000000000000bb")

    /// With an endpoint, only the library is loaded as the default user.
    init(on redis: RedisServer, library: FunctionLibrary = .clocked, as endpoint: RedisEndpoint? = nil) async throws {
        self.connection = try await redis.connect(to: endpoint)
        self.library = library
        self.feed = Self.keys.feed(FeedName("binance"), group: "binance")
        try await library.load(on: try await redis.connect())
        try await setClock(now)
    }

    func setClock(_ milliseconds: Int64) async throws {
        now = milliseconds
        try await send(
            "HSET", "test:clock", "seconds", .string("\(milliseconds / 1000)"), "microseconds",
            .string("\(milliseconds % 1000 * 1000)"))
    }

    func advance(_ milliseconds: Int64) async throws { try await setClock(now + milliseconds) }

    @discardableResult
    func send(_ arguments: RedisArgument...) async throws -> RedisValue { try await connection.send(arguments, timeout: .seconds(20)) }

    @discardableResult
    func call<Call: FunctionCall>(_ call: Call) async throws -> Call.Reply {
        try await connection.call(call, library: library, timeout: .seconds(20))
    }

    /// The reply as texts, for the exact shape.
    func texts<Call: FunctionCall>(_ call: Call) async throws -> [String] {
        let reply = try await connection.send(call.arguments(library: library), timeout: .seconds(20))
        return reply.array?.map { $0.string ?? "?" } ?? ["?"]
    }

    // MARK: calls with defaults

    func initialize() async throws { _ = try await call(InitCall(feed: feed, server: server)) }

    func acquisition(
        by worker: Incarnation, _ mode: AcquireCall.Mode, seenEpoch: Int, floor: Int = 0, floorMilliseconds: Int64 = 0, delay: Int64 = 100,
        connect: Int64 = 200, quarantine: Int64 = 600_000, jump: Int = 100, goesAtOnce: Bool = false
    ) -> AcquireCall {
        AcquireCall(
            feed: feed, incarnation: worker, ttlMilliseconds: 6000, mode: mode, seenEpoch: seenEpoch, floor: floor,
            floorMilliseconds: floorMilliseconds, delayMilliseconds: delay, connectMilliseconds: connect, paceMilliseconds: pace,
            quarantineMilliseconds: quarantine, server: server, jump: jump, reason: "test", goesAtOnce: goesAtOnce)
    }

    func gate(_ token: Token) async throws -> GateReply {
        try await call(GateCall(feed: feed, token: token, paceMilliseconds: pace))
    }

    func beginning(_ token: Token, floor: Int = 0, floorMilliseconds: Int64 = 0, jump: Int = 100) -> BeginCall {
        BeginCall(feed: feed, token: token, floor: floor, floorMilliseconds: floorMilliseconds, server: server, jump: jump)
    }

    func disconnection(_ token: Token, first: Int, hard: Bool = true, delay: Int64 = 100) -> DisconnectCall {
        DisconnectCall(feed: feed, token: token, first: first, hard: hard, delayMilliseconds: delay, paceMilliseconds: pace, reason: "end")
    }

    func releasing(_ proof: ReleaseCall.Proof, preferred: String? = nil, quarantine: Int64 = 600_000) -> ReleaseCall {
        ReleaseCall(
            feed: feed, proof: proof, reason: "drain", delayMilliseconds: 0, connectMilliseconds: 300, paceMilliseconds: pace,
            quarantineMilliseconds: quarantine, preferred: preferred)
    }

    func resumption(
        by worker: Incarnation, epoch: Int, next: Int = 1, floorMilliseconds: Int64 = 0, renumber: Bool = false, age: Int64? = nil,
        jump: Int = 100
    ) -> ResumeCall {
        ResumeCall(
            feed: feed, incarnation: worker, epoch: epoch, next: next, ttlMilliseconds: 6000, floorMilliseconds: floorMilliseconds,
            server: server, jump: jump, renumber: renumber, admittedAgeMilliseconds: age)
    }

    func stream(_ symbol: String) -> PublishCall.Stream {
        PublishCall.Stream(key: feed.data(channel: "trade", symbol: symbol), maximumLength: 10_000)
    }

    func packet(_ stream: Int, _ token: Token, _ sequence: Int, at milliseconds: Int64? = nil, previous: Int = 0, _ data: String = "x")
        -> PublishCall.Packet
    {
        PublishCall.Packet(
            stream: stream, id: EntryID(milliseconds: milliseconds ?? now, epoch: token.epoch, sequence: sequence),
            timeNanoseconds: 1_763_812_345_678_000_000, previous: previous, data: ByteBuffer(string: data))
    }

    func publication(_ token: Token, first: Int, streams: [String] = [], _ packets: [PublishCall.Packet]) -> PublishCall {
        PublishCall(
            feed: feed, token: token, first: first, controlMaximumLength: 10_000, streams: streams.map { stream($0) }, packets: packets)
    }

    // MARK: states

    /// A new record, held and waiting.
    func held(by worker: Incarnation, connect: Int64 = 0) async throws -> Token {
        try await initialize()
        let reply = try await call(acquisition(by: worker, .seen(renewals: 0), seenEpoch: 0, connect: connect))
        guard case .granted(let grant) = reply else { throw TestFailure("expected a grant, got \(reply)") }
        return Token(incarnation: worker, epoch: grant.epoch)
    }

    /// From held and due to live.
    func opened(_ token: Token) async throws -> Token {
        guard try await gate(token) == .go else { throw TestFailure("expected GO for \(token)") }
        guard case .opened(let epoch, _, _) = try await call(beginning(token)) else { throw TestFailure("expected an epoch") }
        return Token(incarnation: token.incarnation, epoch: epoch)
    }

    /// A new record, held and live.
    func live(by worker: Incarnation) async throws -> Token { try await opened(try await held(by: worker)) }

    // MARK: what is stored

    func record() async throws -> [String: String] { try await hash(feed.lease) }

    func hash(_ key: String) async throws -> [String: String] {
        let values = try await send("HGETALL", .string(key)).array ?? []
        var fields: [String: String] = [:]
        for at in stride(from: 0, to: values.count, by: 2) { fields[values[at].string ?? "?"] = values[at + 1].string ?? "?" }
        return fields
    }

    struct Entry: Equatable {
        var id: String
        var fields: [String]

        subscript(name: String) -> String? {
            stride(from: 0, to: fields.count, by: 2).first { fields[$0] == name }.map { fields[$0 + 1] }
        }
    }

    func entries(_ key: String) async throws -> [Entry] {
        let rows = try await send("XRANGE", .string(key), "-", "+").array ?? []
        return rows.map { row in
            Entry(id: row.array?[0].string ?? "?", fields: row.array?[1].array?.map { $0.string ?? "?" } ?? [])
        }
    }

    func events() async throws -> [String] { try await entries(feed.events).map { $0["event"] ?? "?" } }

    /// Equal digests: nothing changed.
    func digest() async throws -> String { try await send("DEBUG", "DIGEST").string ?? "?" }

    func id(_ milliseconds: Int64, _ epoch: Int, _ sequence: Int) -> String {
        EntryID(milliseconds: milliseconds, epoch: epoch, sequence: sequence).description
    }
}

extension FunctionLibrary {
    /// The library with a clock that tests set.
    static let clocked = FunctionLibrary(
        name: "colony1",
        source: colony1.source.replacing("redis.call('TIME')", with: "redis.call('HMGET', 'test:clock', 'seconds', 'microseconds')"))
}

/// Runs `body` with a feed on a private redis-server.
func withLab(_ body: (FunctionLab) async throws -> Void) async throws {
    try await withRedis { redis in try await body(try await FunctionLab(on: redis)) }
}
