public import ColonyExchanges
public import Coordination
import FoundationEssentials
import Ingest
import RedisClient

/// What operators' commands do with a running cluster: read its state, change what is wanted. One Redis connection, opened again when it broke.
public struct ClusterClient: Sendable {
    public let configuration: ColonyConfiguration
    let redis: OperatorLink

    /// Connects; throws a `ClusterError` that says what to do when Redis is not there or refuses us.
    public static func connect(_ configuration: ColonyConfiguration) async throws -> ClusterClient {
        do throws(RedisError) {
            let redis = OperatorLink(configuration.redis.endpoint)
            _ = try await redis.open()
            return ClusterClient(configuration: configuration, redis: redis)
        } catch {
            throw ClusterError(.redis, error.description)
        }
    }

    /// Connects when it is first used.
    public init(_ configuration: ColonyConfiguration) {
        self.init(configuration: configuration, redis: OperatorLink(configuration.redis.endpoint))
    }

    private init(configuration: ColonyConfiguration, redis: OperatorLink) {
        self.configuration = configuration
        self.redis = redis
    }

    public func close() { redis.close() }

    var keys: Keys { configuration.keys }

    // MARK: Reading

    /// The catalogue: every feed the cluster runs, sorted.
    package func catalogue() async throws -> [(feed: FeedName, entry: CatalogueEntry)] {
        let reply = try await redis.send(["HGETALL", .string(keys.catalogue)])
        var feeds: [(feed: FeedName, entry: CatalogueEntry)] = []
        let values = reply.array ?? []
        for index in stride(from: 0, to: values.count - 1, by: 2) {
            guard let name = values[index].string, let json = values[index + 1].string else { continue }
            feeds.append((FeedName(name), try CatalogueEntry(json: json, of: FeedName(name))))
        }
        return feeds.sorted { $0.feed < $1.feed }
    }

    /// The budget group of a feed of the catalogue; nil if it is not there.
    public func group(of feed: FeedName) async throws -> String? {
        try await catalogue().first { $0.feed == feed }?.entry.budget
    }

    public func status() async throws -> ClusterStatus {
        let info = try await redis.serverInfo()
        let time = try await redis.send(["TIME"])
        let now = (time.array?[0].integer ?? 0) * 1000 + (time.array?[1].integer ?? 0) / 1000
        let meta = try await hash(keys.meta)
        let beats = try await redis.send(["ZRANGE", .string(keys.beats), "0", "-1", "WITHSCORES"]).array ?? []
        var workers: [ClusterStatus.Worker] = []
        var reports: [String: [(holder: String, report: WorkerFeedReport)]] = [:]
        for index in stride(from: 0, to: beats.count - 1, by: 2) {
            guard let id = beats[index].string, let beat = beats[index + 1].string.flatMap({ Double($0) }) else { continue }
            let fields = try await hash(keys.worker(Incarnation(id)))
            workers.append(
                ClusterStatus.Worker(
                    id: id, pid: Int(fields["pid"] ?? "") ?? 0, host: fields["host"] ?? "", state: fields["state"] ?? "", feeds: [],
                    beatAgeMilliseconds: max(0, now - Int64(beat)), version: fields["version"] ?? ""))
            for (feed, report) in WorkerFeedReport.decode(fields["feeds"] ?? "") { reports[feed, default: []].append((id, report)) }
        }
        var feeds: [ClusterStatus.Feed] = []
        for (feed, entry) in try await catalogue() {
            let status = try await feedStatus(feed, entry, reports[feed.text] ?? [], now: now)
            if let index = workers.firstIndex(where: { $0.id == status.holder }) { workers[index].feeds.append(feed.text) }
            feeds.append(status)
        }
        var status = ClusterStatus(
            workers: workers.sorted { $0.id < $1.id }, feeds: feeds,
            redis: ClusterStatus.Redis(
                address: redis.place, version: info.version ?? "", role: info.role ?? "",
                usedMemoryBytes: info.usedMemoryBytes ?? 0, generation: meta["generation"] ?? ""))
        for (feed, list) in reports {
            for item in list { status.packetsByFeedAndWorker["\(feed)|\(item.holder)"] = item.report.packets }
        }
        return status
    }

    private func feedStatus(
        _ feed: FeedName, _ entry: CatalogueEntry, _ reports: [(holder: String, report: WorkerFeedReport)], now: Int64
    ) async throws -> ClusterStatus.Feed {
        let feedKeys = keys.feed(feed, group: entry.budget)
        let lease = try await hash(feedKeys.lease)
        let disconnects = try await hash(feedKeys.disconnects)
        let pending = lease["pending"] ?? "none"
        let until = Int64(lease["pending_until"] ?? "") ?? now
        let holder = lease["holder"] ?? ""
        let current = reports.first { $0.holder == holder }?.report
        let streams = try await redis.send(["HLEN", .string(feedKeys.streams)]).integer ?? 0
        return ClusterStatus.Feed(
            feed: feed.text, exchange: entry.exchange, holder: holder, epoch: Int(lease["epoch"] ?? "") ?? 0,
            phase: lease["phase"] ?? "waiting", pending: pending, pendingMilliseconds: pending == "none" ? 0 : max(0, until - now),
            packetsTotal: reports.reduce(0) { $0 + $1.report.packets }, packetsPerSecond: current?.packetsPerSecond ?? 0,
            streams: Int(streams), subscriptions: current?.subscriptions ?? [:], disconnects: Int(disconnects["count"] ?? "") ?? 0,
            lastAdmittedAgeMilliseconds: disconnects["last_admitted"].flatMap { Int64($0) }.map { max(0, now - $0) },
            dropped: reports.reduce(0) { $0 + $1.report.dropped }, reason: current?.reason ?? "")
    }

    func hash(_ key: String) async throws -> [String: String] {
        let values = try await redis.send(["HGETALL", .string(key)]).array ?? []
        var fields: [String: String] = [:]
        for index in stride(from: 0, to: values.count - 1, by: 2) {
            if let name = values[index].string, let value = values[index + 1].string { fields[name] = value }
        }
        return fields
    }

    /// `gap` markers by feed, of what the control streams still hold.
    public func gaps() async throws -> [String: Int] {
        var gaps: [String: Int] = [:]
        for (feed, entry) in try await catalogue() {
            let events = keys.feed(feed, group: entry.budget).events
            var count = 0
            var start = "-"
            // In pages, so that a long log neither fills memory nor holds Redis up.
            while true {
                let page = try await redis.send(["XRANGE", .string(events), .string(start), "+", "COUNT", "1000"]).array ?? []
                for entry in page {
                    let fields = entry.array?[1].array?.map { $0.string ?? "" } ?? []
                    let pairs = stride(from: 0, to: fields.count - 1, by: 2).map { (fields[$0], fields[$0 + 1]) }
                    if pairs.contains(where: { $0 == ("event", "gap") }), pairs.contains(where: { $0 == ("feed", feed.text) }) {
                        count += 1
                    }
                }
                guard page.count == 1000, let last = page.last?.array?.first?.string else { break }
                start = "(\(last)"
            }
            gaps[feed.text] = count
        }
        return gaps
    }

    /// Names a data set that the caller has just started empty. One that was used before keeps its name: workers then observe its records
    /// before they claim.
    public func createDataSet(generation: String) async throws {
        _ = try await redis.send(["HSETNX", .string(keys.meta), "generation", .string(generation)])
    }
}

/// The `desired` field of a feed's subscriptions: JSON, `[{"channel":..,"symbol":..},..]`.
public enum DesiredTopics {
    private struct Item: Codable {
        var channel: String
        var symbol: String
    }

    public static func encode(_ topics: [Topic]) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(topics.map { Item(channel: $0.channel, symbol: $0.symbol) }), as: UTF8.self)
    }

    public static func decode(_ text: String) throws -> [Topic] {
        do {
            return try JSONDecoder().decode([Item].self, from: Data(text.utf8)).map { Topic(channel: $0.channel, symbol: $0.symbol) }
        } catch {
            throw ClusterError(.redis, "the desired subscriptions in Redis are not readable: \(text.prefix(200))")
        }
    }
}
