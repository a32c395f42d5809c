public import ColonyExchanges
public import Coordination
import RedisClient

/// What is wanted, and which feed carries it.
extension ClusterClient {
    /// The feeds of one exchange as they stand.
    private struct Feeds {
        var layout: FeedLayout
        var entries: [FeedName: CatalogueEntry] = [:]
        var desired: [FeedName: (topics: Set<Topic>, version: Int)] = [:]

        var wanted: Set<Topic> { desired.values.reduce(into: []) { $0.formUnion($1.topics) } }
    }

    /// The desired topics of a feed and their version; 0 and none when nothing was ever desired.
    public func desired(_ feed: FeedName) async throws -> (topics: [Topic], version: Int) {
        try await desired(feed, group: try await group(of: feed) ?? configuration.group(of: feed))
    }

    private func desired(_ feed: FeedName, group: String) async throws -> (topics: [Topic], version: Int) {
        let fields = try await hash(keys.feed(feed, group: group).subscriptions)
        return (try DesiredTopics.decode(fields["desired"] ?? "[]"), Int(fields["version"] ?? "") ?? 0)
    }

    /// Everything that is wanted of an exchange, whichever feed carries it; sorted.
    public func wanted(exchange: String) async throws -> [Topic] { try await feeds(of: exchange.lowercased()).wanted.sorted() }

    /// How the exchange's topics are spread over feeds.
    public func layout(of exchange: String) async throws -> FeedLayout { try await feeds(of: exchange.lowercased()).layout }

    /// The feeds of the catalogue that carry one of `topics`, or all of the exchange's where nothing is named.
    public func feeds(of exchange: String, carrying topics: [Topic]) async throws -> [FeedName] {
        let feeds = try await feeds(of: exchange.lowercased())
        let present = feeds.entries.keys.sorted()
        guard !topics.isEmpty else { return present }
        let dialect = try dialect(of: feeds.layout.exchange)
        let carrying = Set(topics.map { feeds.layout.feed(of: $0.symbol, branch: dialect.branch(of: $0)) })
        return present.filter(carrying.contains)
    }

    /// Changes what is desired of an exchange: each topic goes to the feed that carries its channel and symbol, which is entered into the
    /// catalogue where it is new. A topic that another feed carried until now (the number of shards has changed) is taken from there once
    /// the new feed has it; a feed left with nothing leaves the catalogue. Repeats while others change it too.
    ///
    /// Throws `ClusterError.exchange` for an unknown exchange.
    @discardableResult
    public func change(exchange: String, _ edit: @Sendable (inout Set<Topic>) -> Void) async throws -> [Topic] {
        let dialect = try dialect(of: exchange.lowercased())
        guard configuration.settings(of: exchange.lowercased()).isProducer else {
            throw ClusterError(
                .configuration,
                "exchanges.\(exchange.lowercased()).producer is false: no worker connects to it; `colony exchange follow` does, without a cluster"
            )
        }
        for _ in 0..<100 {
            var feeds = try await feeds(of: exchange.lowercased())
            var wanted = feeds.wanted
            edit(&wanted)
            var targets: [FeedName: Set<Topic>] = [:]
            for topic in wanted {
                targets[feeds.layout.feed(of: topic.symbol, branch: dialect.branch(of: topic)), default: []].insert(topic)
            }
            // Somebody asked for the exchange: it is seen in the catalogue also when nothing is wanted of it.
            if targets.isEmpty { targets[FeedName(feeds.layout.exchange)] = [] }
            if try await apply(targets, &feeds) { return wanted.sorted() }
        }
        throw ClusterError(.redis, "the subscriptions of '\(exchange)' are being changed by others all the time; try again")
    }

    /// False when somebody else changed something meanwhile: then all is to be read again.
    private func apply(_ targets: [FeedName: Set<Topic>], _ feeds: inout Feeds) async throws -> Bool {
        for (feed, topics) in targets.sorted(by: { $0.key < $1.key }) {
            var entry = feeds.entries[feed] ?? CatalogueEntry(exchange: feed.exchange, budget: configuration.group(of: feed))
            entry.shards = feeds.layout.shards
            if feeds.entries[feed] != entry { guard try await enter(feed, entry) else { return false } }
            feeds.entries[feed] = entry
            // What is to leave stays until every new place is there.
            let union = topics.union(feeds.desired[feed]?.topics ?? [])
            guard try await store(union, feed, &feeds) else { return false }
        }
        for feed in feeds.desired.keys.sorted() {
            guard try await store(targets[feed] ?? [], feed, &feeds) else { return false }
            if targets[feed] == nil, feeds.entries[feed] != nil { guard try await enter(feed, nil) else { return false } }
        }
        return true
    }

    private func store(_ topics: Set<Topic>, _ feed: FeedName, _ feeds: inout Feeds) async throws -> Bool {
        let (old, version) = feeds.desired[feed] ?? ([], 0)
        if topics == old { return true }
        let group = feeds.entries[feed]?.budget ?? configuration.group(of: feed)
        let call = DesireCall(
            target: .subscriptions(keys.feed(feed, group: group)), value: try DesiredTopics.encode(topics.sorted()), version: version)
        guard case .stored(let version) = try await redis.call(call) else { return false }
        feeds.desired[feed] = (topics, version)
        return true
    }

    /// Enters a feed into the catalogue; nothing happens when it is there.
    public func enter(_ feed: FeedName) async throws {
        for _ in 0..<100 {
            if try await !redis.send(["HGET", .string(keys.catalogue), .string(feed.text)]).isNull { return }
            if try await enter(feed, CatalogueEntry(exchange: feed.exchange, budget: configuration.group(of: feed))) { return }
        }
        throw ClusterError(.redis, "the catalogue is being changed by others all the time; try again")
    }

    /// Writes a feed's entry of the catalogue, or removes it. False when the catalogue was changed meanwhile.
    private func enter(_ feed: FeedName, _ entry: CatalogueEntry?) async throws -> Bool {
        let version = Int(try await redis.send(["HGET", .string(keys.meta), "catalogue_version"]).string ?? "") ?? 0
        let call = DesireCall(target: .catalogue(keys, feed), value: try entry?.json(of: feed) ?? "", version: version)
        if case .stored = try await redis.call(call) { return true }
        return false
    }

    private func feeds(of exchange: String) async throws -> Feeds {
        _ = try dialect(of: exchange)
        let entries = try await catalogue().filter { $0.entry.exchange == exchange }
        let shards = configuration.settings(of: exchange).shards ?? entries.map(\.entry.shards).max() ?? 1
        let layout: FeedLayout
        do { layout = try configuration.layout(of: exchange, shards: shards) } catch { throw ClusterError(.exchange, error.description) }
        var feeds = Feeds(layout: layout)
        for (feed, entry) in entries { feeds.entries[feed] = entry }
        // A feed that is not in the catalogue any more may have left wishes behind: they count when it comes back.
        for feed in Set(layout.feeds).union(feeds.entries.keys) {
            let group = feeds.entries[feed]?.budget ?? configuration.group(of: feed)
            let (topics, version) = try await desired(feed, group: group)
            if version > 0 || feeds.entries[feed] != nil { feeds.desired[feed] = (Set(topics), version) }
        }
        return feeds
    }

    private func dialect(of exchange: String) throws -> any Dialect {
        do { return try configuration.dialect(of: exchange) } catch { throw ClusterError(.exchange, error.description) }
    }

    /// The topics as the exchange's streams are named. Throws `ClusterError.exchange` for an unknown exchange, channel or impossible symbol.
    public func canonical(_ topics: [Topic], exchange: String) throws -> [Topic] {
        let dialect = try dialect(of: exchange.lowercased())
        do throws(DialectError) {
            var canonical: [Topic] = []
            for topic in topics { canonical.append(try dialect.canonical(topic)) }
            return canonical
        } catch {
            throw ClusterError(.exchange, error.description)
        }
    }
}
