import Coordination
import RedisClient

/// What dashboards read.
extension ClusterClient {
    public func ping() async throws { _ = try await redis.send(["PING"], timeout: .seconds(1)) }

    /// The newest lines of every budget group's event log, and Redis TIME in ms.
    public func events(perGroup limit: Int) async throws -> (events: [ClusterEvent], now: Int64) {
        let groups = Set(try await catalogue().map(\.entry.budget)).sorted()
        var events: [ClusterEvent] = []
        for group in groups {
            let key = configuration.keys.events(group: group)
            let page = try await redis.send(["XREVRANGE", .string(key), "+", "-", "COUNT", .string("\(limit)")]).array ?? []
            for entry in page {
                guard let id = entry.array?.first?.string else { continue }
                let values = entry.array?.last?.array?.map { $0.string ?? "" } ?? []
                var fields: [String: String] = [:]
                for index in stride(from: 0, to: values.count - 1, by: 2) { fields[values[index]] = values[index + 1] }
                events.append(
                    ClusterEvent(
                        id: id, event: fields["event"] ?? "", feed: fields["feed"] ?? "", worker: fields["worker"] ?? "",
                        epoch: fields["epoch"] ?? "", reason: fields["reason"] ?? "", admitted: fields["admitted"] ?? "",
                        at: Int64(fields["at"] ?? "") ?? 0))
            }
        }
        let time = try await redis.send(["TIME"])
        return (events, (time.array?.first?.integer ?? 0) * 1000 + (time.array?.last?.integer ?? 0) / 1000)
    }

    /// Whether each feed of the catalogue is published at this moment, by its lease record: somebody holds it with an open websocket.
    public func liveFeeds() async throws -> [String: Bool] {
        var live: [String: Bool] = [:]
        for (feed, entry) in try await catalogue() {
            let record = try await hash(keys.feed(feed, group: entry.budget).lease)
            live[feed.text] = Self.isLive(record)
        }
        return live
    }

    /// A lease record that nobody holds, or that is not there, is not live, whatever phase it was left in.
    static func isLive(_ record: [String: String]) -> Bool { record["state"] == "held" && record["phase"] == "live" }

    /// Every worker that beats, as it tells Redis about itself.
    public func samples() async throws -> [WorkerSample] {
        var samples: [WorkerSample] = []
        for member in try await members() {
            let fields = try await hash(configuration.keys.worker(member.incarnation))
            samples.append(
                WorkerSample(
                    name: member.name, isUp: true, state: fields["state"] ?? "", isRedisUp: true, heldFeeds: Int(fields["load"] ?? "") ?? 0,
                    feeds: WorkerFeedReport.decode(fields["feeds"] ?? "").filter { $0.value.isOwn }))
        }
        return samples
    }
}
