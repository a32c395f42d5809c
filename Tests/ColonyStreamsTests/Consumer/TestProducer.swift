import Coordination
import NIOCore
import RedisClient
import TestSupport

/// A producer of one feed that publishes through the real Redis functions, without websocket or waiting.
struct TestProducer {
    let connection: RedisConnection
    let keys: FeedKeys
    let incarnation = Incarnation("writer.0000000000000001")
    private(set) var epoch = 0
    private(set) var next = 1
    private(set) var milliseconds: Int64 = 0
    private var previous: [String: Int] = [:]

    init(on redis: RedisServer, feed: String = "binance") async throws {
        self.connection = try await redis.connect()
        self.keys = Keys().feed(FeedName(feed), group: feed)
        try await FunctionLibrary.colony1.load(on: connection)
        _ = try await connection.call(InitCall(feed: keys, server: "run"))
    }

    var token: Token { Token(incarnation: incarnation, epoch: epoch) }

    /// Acquires the lease and opens the first websocket.
    mutating func start() async throws {
        let acquisition = AcquireCall(
            feed: keys, incarnation: incarnation, ttlMilliseconds: 6_000, mode: .seen(renewals: 0), seenEpoch: 0, floor: 0,
            floorMilliseconds: 0, delayMilliseconds: 0, connectMilliseconds: 0, paceMilliseconds: 0, quarantineMilliseconds: 0,
            server: "run", jump: 100, reason: "start")
        guard case .granted(let grant) = try await connection.call(acquisition) else { throw TestFailure("the lease was not granted") }
        epoch = grant.epoch
        try await open()
    }

    mutating func open() async throws {
        guard try await connection.call(GateCall(feed: keys, token: token, paceMilliseconds: 0)) == .go else {
            throw TestFailure("the gate did not open")
        }
        let begin = BeginCall(feed: keys, token: token, floor: epoch, floorMilliseconds: milliseconds, server: "run", jump: 100)
        guard case .opened(let epoch, let last, _) = try await connection.call(begin) else { throw TestFailure("no epoch was opened") }
        enter(epoch, last)
    }

    private mutating func enter(_ epoch: Int, _ milliseconds: Int64) {
        self.epoch = epoch
        self.milliseconds = milliseconds
        next = 1
        previous = [:]
    }

    func key(_ topic: String) -> String {
        let parts = topic.split(separator: ":")
        return parts.count == 2 ? keys.data(channel: String(parts[0]), symbol: String(parts[1])) : keys.control
    }

    /// Publishes one batch: pairs of `channel:symbol` (or `control`) and payload. Returns the ids.
    @discardableResult
    mutating func publish(_ packets: [(String, String)]) async throws -> [EntryID] {
        var streams: [String] = []
        var batch: [PublishCall.Packet] = []
        let first = next
        for (topic, payload) in packets {
            let key = key(topic)
            if key != keys.control, !streams.contains(key) { streams.append(key) }
            let number = streams.firstIndex(of: key).map { $0 + 1 } ?? 0
            batch.append(
                PublishCall.Packet(
                    stream: number, id: EntryID(milliseconds: milliseconds, epoch: epoch, sequence: next),
                    timeNanoseconds: milliseconds * 1_000_000, previous: previous[key] ?? 0, data: ByteBuffer(string: payload)))
            previous[key] = next
            next += 1
        }
        let call = PublishCall(
            feed: keys, token: token, first: first, controlMaximumLength: 100_000,
            streams: streams.map { .init(key: $0, maximumLength: 100_000) }, packets: batch)
        let reply = try await connection.call(call, timeout: .seconds(20))
        guard reply == .next(next) else { throw TestFailure("publish was answered \(reply)") }
        return batch.map(\.id)
    }

    mutating func publish(_ topics: String...) async throws {
        var packets: [(String, String)] = []
        for (offset, topic) in topics.enumerated() { packets.append((topic, "\(epoch)/\(next + offset)")) }
        try await publish(packets)
    }

    /// Receives a packet of each topic and cannot store it.
    mutating func lose(_ topics: String...) async throws {
        let first = next
        for topic in topics {
            previous[key(topic)] = next
            next += 1
        }
        let call = LostCall(
            feed: keys, token: token, first: first, last: next - 1, milliseconds: milliseconds, reason: "overflow")
        let reply = try await connection.call(call)
        guard reply == .next(next) else { throw TestFailure("lost was answered \(reply)") }
    }

    /// The websocket ends; its end is admitted.
    mutating func disconnect() async throws {
        let call = DisconnectCall(
            feed: keys, token: token, first: next, hard: true, delayMilliseconds: 0, paceMilliseconds: 0, reason: "closed")
        guard case .ended = try await connection.call(call) else { throw TestFailure("the end was not noted") }
    }

    /// Redis lost everything: the feed goes on under the same websocket.
    mutating func resume() async throws {
        try await FunctionLibrary.colony1.load(on: connection)
        let call = ResumeCall(
            feed: keys, incarnation: incarnation, epoch: epoch, next: next, ttlMilliseconds: 6_000, floorMilliseconds: milliseconds,
            server: "run", jump: 100, renumber: false, admittedAgeMilliseconds: nil)
        guard case .restored(let epoch, let last, _) = try await connection.call(call) else { throw TestFailure("nothing was restored") }
        enter(epoch, last)
    }

    func trim(_ topic: String, to length: Int) async throws {
        _ = try await connection.send(["XTRIM", .string(key(topic)), "MAXLEN", .string("\(length)")])
    }
}
