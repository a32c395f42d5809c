import ColonyStreams
import Coordination
import NIOCore
import RedisClient
import TestSupport

extension ColonyConsumer {
    /// A consumer of the test producer's feed, by default of everything from the beginning.
    static func reading(
        _ redis: RedisServer, _ subscription: Subscription = .everything(FeedName("binance")),
        from start: StartPoint = .time(milliseconds: 0),
        endpoint: RedisEndpoint? = nil, quietLimit: Duration = .seconds(5), perStream: Int = 500
    ) throws -> ColonyConsumer {
        let server = ReaderServer(endpoint ?? redis.endpoint, replyTimeout: .seconds(20))
        return try ColonyConsumer(
            .init(server: server, subscriptions: [subscription], start: start, quietLimit: quietLimit, entriesPerStream: perStream))
    }
}

extension ColonyConsumer.Iterator {
    /// The next events until one satisfies the condition, which is the last one returned.
    mutating func events(until isLast: (ColonyEvent) -> Bool) async throws -> [ColonyEvent] {
        var events: [ColonyEvent] = []
        while let event = try await next() {
            events.append(event)
            if isLast(event) { return events }
        }
        return events
    }

    mutating func packets(_ count: Int) async throws -> [Packet] {
        var packets: [Packet] = []
        while packets.count < count, let event = try await next() {
            if case .packet(let packet) = event { packets.append(packet) }
        }
        return packets
    }
}

extension ColonyEvent {
    var packet: Packet? { if case .packet(let packet) = self { packet } else { nil } }
    var trimmed: Trimmed? { if case .trimmed(let trimmed) = self { trimmed } else { nil } }
    var gap: Gap? { if case .gap(let gap) = self { gap } else { nil } }
    var rollback: Rollback? { if case .rollback(let rollback) = self { rollback } else { nil } }
    var change: ProducerChange.Change? { if case .producerChanged(let change) = self { change.change } else { nil } }
}

/// Runs `body` with MONITOR's output of the server.
func withMonitor<Result>(_ redis: RedisServer, _ body: (ProcessOutput) async throws -> Result) async throws -> Result {
    let monitor = try await ChildProcess.spawn("redis-cli", ["-s", redis.socketPath, "monitor"])
    let result: Result
    do {
        try await monitor.output.waitFor("OK")
        result = try await body(monitor.output)
    } catch {
        monitor.signal(9)
        _ = try await monitor.waitForExit()
        throw error
    }
    monitor.signal(9)
    _ = try await monitor.waitForExit()
    return result
}
