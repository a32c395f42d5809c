import ColonyExchanges
public import Coordination
import RedisClient

extension ClusterClient {
    /// Changes settings of one feed in the catalogue, for the whole cluster: an empty value takes a setting away. A producer goes on with what it
    /// has until it gives the feed up the next time. Returns the entry as it is then.
    ///
    /// Throws `.exchange` for a feed that is not there, `.configuration` for a setting that cannot stand there.
    public func set(_ changes: [String: String], of feed: FeedName) async throws -> CatalogueEntry {
        for _ in 0..<100 {
            let version = Int(try await redis.send(["HGET", .string(configuration.keys.meta), "catalogue_version"]).string ?? "") ?? 0
            guard var entry = try await catalogue().first(where: { $0.feed == feed })?.entry else {
                throw ClusterError(.exchange, "there is no feed '\(feed)'; `colony status` lists the feeds")
            }
            for (name, value) in changes { entry.policy[name] = value.isEmpty ? nil : value }
            do throws(DialectError) { _ = try configuration.settings(of: feed, entry: entry) } catch {
                throw ClusterError(.configuration, error.description)
            }
            let call = DesireCall(target: .catalogue(configuration.keys, feed), value: try entry.json(of: feed), version: version)
            if case .stored = try await redis.call(call) { return entry }
        }
        throw ClusterError(.redis, "the catalogue is being changed by others all the time; try again")
    }
}
