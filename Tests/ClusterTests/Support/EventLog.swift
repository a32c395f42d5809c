import Coordination
import RedisClient
import TestSupport

/// One entry of a budget group's event log.
struct LoggedEvent: Sendable {
    var id: String
    var event: String
    var feed: String
    var worker: String
    var epoch: Int
    /// Milliseconds since 1970 on Redis' clock.
    var at: Int64
}

/// Follows the event log of one exchange on a connection of its own.
struct EventLog: Sendable {
    private let key: String
    private let connection: RedisConnection

    init(_ exchange: String, keys: Keys, on connection: RedisConnection) {
        key = keys.events(group: exchange)
        self.connection = connection
    }

    /// The id of the newest entry.
    func end() async throws -> String {
        let newest = try await connection.send(["XREVRANGE", .string(key), "+", "-", "COUNT", "1"])
        return newest.array?.first?.array?.first?.string ?? "0-0"
    }

    /// Waits for the first event behind `start` that matches; returns all up to and with it.
    func next(
        after start: String, within limit: Duration = .seconds(30), where matches: (LoggedEvent) -> Bool
    ) async throws -> [LoggedEvent] {
        let deadline = ContinuousClock.now + limit
        var start = start
        var events: [LoggedEvent] = []
        while ContinuousClock.now < deadline {
            let reply = try await connection.send(
                ["XREAD", "BLOCK", "1000", "STREAMS", .string(key), .string(start)], timeout: .seconds(10))
            for entry in reply.array?.first?.array?[1].array ?? [] {
                guard let event = Self.parse(entry) else { throw TestFailure("an event of \(key) is not readable: \(entry)") }
                start = event.id
                events.append(event)
                if matches(event) { return events }
            }
        }
        throw TestFailure("\(limit) passed before the awaited event of \(key); seen: \(events.map { "\($0.event) \($0.worker)" })")
    }

    private static func parse(_ entry: RedisValue) -> LoggedEvent? {
        guard let pair = entry.array, pair.count == 2, let id = pair[0].string, let flat = pair[1].array else { return nil }
        var fields: [String: String] = [:]
        for index in stride(from: 0, to: flat.count - 1, by: 2) { fields[flat[index].string ?? ""] = flat[index + 1].string }
        guard let event = fields["event"], let epoch = fields["epoch"].flatMap({ Int($0) }), let at = fields["at"].flatMap({ Int64($0) })
        else { return nil }
        return LoggedEvent(id: id, event: event, feed: fields["feed"] ?? "", worker: fields["worker"] ?? "", epoch: epoch, at: at)
    }
}
