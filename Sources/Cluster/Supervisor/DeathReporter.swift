import Coordination
import Logging
import NIOCore
import NIOPosix
import RedisClient

/// Releases the leases of processes that are proved dead, over a connection that is kept open for that moment.
actor DeathReporter {
    private let configuration: ColonyConfiguration
    private let logger: Logger
    private var connection: RedisConnection?
    private var catalogue: [FeedName: CatalogueEntry] = [:]
    private var random = SystemRandomNumberGenerator()

    init(configuration: ColonyConfiguration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
    }

    /// Keeps connection and catalogue fresh until cancelled.
    func run() async {
        while !Task.isCancelled {
            do { try await refresh() } catch { connection = nil }
            try? await Task.sleep(for: .seconds(1))
        }
        connection?.close()
    }

    /// Releases everything `incarnation` holds: first what it said it held, then the rest of the catalogue. Repeats until Redis has answered, at
    /// most for the time after which challengers take over by observation anyway.
    func report(_ incarnation: Incarnation, feeds: [FeedName]) async {
        let deadline = LocalTime.now() + configuration.lease.ttl
        var released = 0
        while true {
            do {
                let connection = try await connected()
                // Told as its last beat, and first: nobody is to count on it as a watcher when its feeds become free.
                let farewell = BeatCall(namespace: configuration.keys, incarnation: incarnation, info: [.init("state", "dead")])
                _ = try await connection.call(farewell)
                let known = feeds + catalogue.keys.filter { !feeds.contains($0) }
                released += try await release(known, of: incarnation, on: connection)
                if let fresh = try? await readCatalogue(connection) {
                    let missed = fresh.keys.filter { !known.contains($0) }
                    catalogue = fresh
                    released += try await release(missed, of: incarnation, on: connection)
                }
                if released > 0 {
                    logger.notice("Leases of a dead worker released", metadata: ["worker.id": "\(incarnation)", "feeds": "\(released)"])
                }
                return
            } catch {
                connection = nil
                guard LocalTime.now() < deadline else {
                    logger.error("Leases of a dead worker could not be released", error: error, metadata: ["worker.id": "\(incarnation)"])
                    return
                }
                try? await Task.sleep(for: .milliseconds(50))
            }
        }
    }

    private func release(_ feeds: [FeedName], of incarnation: Incarnation, on connection: RedisConnection) async throws -> Int {
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
        return try await withThrowingTaskGroup(of: Bool.self) { group in
            for call in calls { group.addTask { try await connection.call(call) == .released } }
            return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
    }

    private func draw(_ range: ClosedRange<Duration>) -> Int64 {
        Int64.random(in: range.lowerBound.wholeMilliseconds...range.upperBound.wholeMilliseconds, using: &random)
    }

    private func refresh() async throws {
        catalogue = try await readCatalogue(try await connected())
    }

    private func connected() async throws -> RedisConnection {
        if let connection, connection.isOpen { return connection }
        let fresh = try await RedisConnection.connect(
            to: configuration.redis.endpoint, name: "colony:supervisor:\(configuration.worker.name)",
            on: MultiThreadedEventLoopGroup.singleton.next())
        connection = fresh
        return fresh
    }

    private func readCatalogue(_ connection: RedisConnection) async throws -> [FeedName: CatalogueEntry] {
        let values = try await connection.send(["HGETALL", .string(configuration.keys.catalogue)]).array ?? []
        var fresh: [FeedName: CatalogueEntry] = [:]
        for index in stride(from: 0, to: values.count - 1, by: 2) {
            guard let name = values[index].string, let json = values[index + 1].string else { continue }
            // A feed that no worker can run is held by none.
            fresh[FeedName(name)] = try? CatalogueEntry(json: json, of: FeedName(name))
        }
        return fresh
    }
}
