import Coordination
import Logging
import NIOCore
import NIOPosix
import RedisClient

/// Releases the leases of processes that are proved dead, over a connection that is kept open for that moment.
actor DeathReporter {
    private let configuration: ColonyConfiguration
    private let closing: ClosingTime
    private let logger: Logger
    private var connection: RedisConnection?
    private var catalogue: [FeedName: CatalogueEntry] = [:]
    private var random = SystemRandomNumberGenerator()

    init(configuration: ColonyConfiguration, closing: ClosingTime = ClosingTime(), logger: Logger) {
        self.configuration = configuration
        self.closing = closing
        self.logger = logger
    }

    /// Keeps connection and catalogue fresh until cancelled. The connection stays for reports that are still to come: see `close`.
    func run() async {
        while !Task.isCancelled {
            do { try await refresh(within: Self.patience) } catch { if !Task.isCancelled { close() } }
            // Cancelled: the loop ends.
            try? await Task.sleep(for: .seconds(1))
        }
    }

    /// Closes the connection; the next report opens another one.
    func close() {
        connection?.close()
        connection = nil
    }

    /// Releases everything `incarnation` holds: first what it said it held, then the rest of the catalogue. Repeats until Redis has answered, at
    /// most for the time after which challengers take over by observation anyway, and no longer than the closing time once that is set.
    func report(_ incarnation: Incarnation, feeds: [FeedName]) async {
        let started = LocalTime.now()
        var released = 0
        while true {
            let end = limit(since: started)
            do {
                released += try await releaseAll(of: incarnation, feeds: feeds, by: end)
                if released > 0 {
                    logger.notice("Leases of a dead worker released", metadata: ["worker.id": "\(incarnation)", "feeds": "\(released)"])
                }
                return
            } catch {
                close()
                guard LocalTime.now() < limit(since: started) else {
                    logger.error("Leases of a dead worker could not be released", error: error, metadata: ["worker.id": "\(incarnation)"])
                    return
                }
                // Never cancelled: this runs in a task of its own.
                try? await Task.sleep(for: .milliseconds(50))
            }
        }
    }

    private func limit(since started: LocalTime) -> LocalTime {
        closing.limit(started + configuration.lease.ttl, startedAt: started, least: .milliseconds(300))
    }

    /// One attempt: longer than `patience` it does not take, so that a closing time that comes meanwhile is heeded.
    private func releaseAll(of incarnation: Incarnation, feeds: [FeedName], by end: LocalTime) async throws -> Int {
        let end = min(end, .now() + Self.patience)
        let connection = try await connected(within: Self.left(until: end))
        // Told as its last beat, and first: nobody is to count on it as a watcher when its feeds become free.
        let farewell = BeatCall(namespace: configuration.keys, incarnation: incarnation, info: [.init("state", "dead")])
        _ = try await connection.call(farewell, timeout: Self.left(until: end))
        let known = feeds + catalogue.keys.filter { !feeds.contains($0) }
        var released = try await release(known, of: incarnation, on: connection, by: end)
        // The one we have is a second old at most; a feed that is younger still is freed by the lease time.
        if let fresh = try? await readCatalogue(connection, within: Self.left(until: end)) {
            let missed = fresh.keys.filter { !known.contains($0) }
            catalogue = fresh
            released += try await release(missed, of: incarnation, on: connection, by: end)
        }
        return released
    }

    private func release(
        _ feeds: [FeedName], of incarnation: Incarnation, on connection: RedisConnection, by end: LocalTime
    ) async throws -> Int {
        let calls = feeds.map { feed in
            // By the catalogue, as the workers: its budget group is what the keys are named after.
            let entry = catalogue[feed]
            let ours = configuration.settings(of: feed.exchange)
            let settings = entry.map { (try? configuration.settings(of: feed, entry: $0)) ?? ours } ?? ours
            return ReleaseCall(
                feed: entry.map { configuration.keys.feed(feed, group: $0.budget) } ?? configuration.keys(of: feed),
                proof: .dead(incarnation), reason: "process ended",
                delayMilliseconds: draw(settings.takeoverDelay), connectMilliseconds: draw(settings.connectDelay),
                paceMilliseconds: settings.pace.wholeMilliseconds, quarantineMilliseconds: settings.quarantine.wholeMilliseconds)
        }
        let timeout = Self.left(until: end)
        return try await withThrowingTaskGroup(of: Bool.self) { group in
            for call in calls { group.addTask { try await connection.call(call, timeout: timeout) == .released } }
            return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
    }

    /// How long one attempt may take.
    private static let patience = Duration.seconds(1)

    private static func left(until end: LocalTime) -> Duration { max(.milliseconds(1), end - .now()) }

    private func draw(_ range: ClosedRange<Duration>) -> Int64 {
        Int64.random(in: range.lowerBound.wholeMilliseconds...range.upperBound.wholeMilliseconds, using: &random)
    }

    private func refresh(within limit: Duration) async throws {
        catalogue = try await readCatalogue(try await connected(within: limit), within: limit)
    }

    private func connected(within limit: Duration) async throws -> RedisConnection {
        if let connection, connection.isOpen { return connection }
        let fresh = try await RedisConnection.connect(
            to: configuration.redis.endpoint, name: "colony:supervisor:\(configuration.worker.name)",
            on: MultiThreadedEventLoopGroup.singleton.next(), timeout: limit)
        connection = fresh
        return fresh
    }

    private func readCatalogue(_ connection: RedisConnection, within limit: Duration) async throws -> [FeedName: CatalogueEntry] {
        let values = try await connection.send(["HGETALL", .string(configuration.keys.catalogue)], timeout: limit).array ?? []
        var fresh: [FeedName: CatalogueEntry] = [:]
        for index in stride(from: 0, to: values.count - 1, by: 2) {
            guard let name = values[index].string, let json = values[index + 1].string else { continue }
            // A feed that no worker can run is held by none.
            fresh[FeedName(name)] = try? CatalogueEntry(json: json, of: FeedName(name))
        }
        return fresh
    }
}
