public import ColonyExchanges
public import Coordination

extension ColonyConfiguration {
    /// The settings of one feed: those of its exchange, and over them what its entry of the catalogue says (`policy`, and a `routing` other than
    /// the usual `symbol`), so that the whole cluster has them whatever the workers' files say.
    ///
    /// Throws `badDefinition` for a setting that does not exist, is a secret, or has an impossible value.
    public func settings(of feed: FeedName, entry: CatalogueEntry) throws(DialectError) -> Exchange {
        var settings = settings(of: feed.exchange)
        if entry.routing != .symbol { settings.routing = entry.routing }
        for (name, value) in entry.policy.sorted(by: { $0.key < $1.key }) {
            guard let key = ExchangeKey.all.first(where: { $0.name == name && !$0.isSecret }) else {
                throw DialectError(
                    .badDefinition,
                    "the catalogue's policy of feed '\(feed)' has '\(name)', which is no setting of an exchange, or a secret")
            }
            do { try key.apply(&settings, value) } catch let complaint as ConfigurationComplaint {
                throw DialectError(.badDefinition, "the catalogue's policy of feed '\(feed)': \(name) '\(value)' \(complaint.text)")
            } catch {
                throw DialectError(.badDefinition, "the catalogue's policy of feed '\(feed)': \(name) '\(value)': \(error)")
            }
        }
        return settings
    }
}
