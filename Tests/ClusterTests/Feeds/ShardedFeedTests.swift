import Cluster
import ColonyExchanges
import Coordination
import Foundation
import RedisClient
import Simulator
import TestSupport
import Testing

/// An exchange whose topics need several connections: addresses that serve some channels only, and symbols split into shards.
@Suite struct ShardedFeedTests {
    private static let symbols = ["BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "ADAUSDT", "DOGEUSDT"]

    /// `<feed>` of every topic, by the layout.
    private func expected(_ layout: FeedLayout, _ dialect: any Dialect) -> [String: Set<String>] {
        var topics: [String: Set<String>] = [:]
        for symbol in Self.symbols {
            for channel in ["trade", "book"] {
                let topic = Topic(channel: channel, symbol: symbol)
                let feed = layout.feed(of: symbol, branch: dialect.branch(of: topic))
                topics[feed.text, default: []].insert(topic.description)
            }
        }
        return topics
    }

    @Test(.timeLimit(.minutes(3)))
    func `each address and shard is a feed with one producer, and the split follows the number of shards`() async throws {
        let topics = Self.symbols.flatMap { ["trade \($0)", "book \($0)"] }
        try await withLightCluster(exchange: "binance_usdm", topics: topics, settings: ["shards: 3", "pace: 0s"]) { cluster in
            let dialect = try cluster.client.configuration.dialect(of: "binance_usdm")
            #expect(dialect.branches.map(\.name) == ["public"])
            let three = expected(try cluster.client.configuration.layout(of: "binance_usdm", shards: 3), dialect)
            let feeds = try await receiving(three, cluster)
            // Six connections at most, each with an epoch and a holder of its own, all of one budget group.
            #expect(Set(feeds.map(\.feed)) == Set(three.keys))
            #expect(Set(cluster.simulator.openSockets.map(\.number)).count == three.count)
            #expect(try await cluster.client.catalogue().allSatisfy { $0.entry.budget == "binance_usdm" && $0.entry.shards == 3 })
            try await expectKeys(three, cluster)

            // Fewer shards: what remains keeps its place, the rest moves, and the feeds that are left with nothing go.
            let two = expected(try cluster.client.configuration.layout(of: "binance_usdm", shards: 2), dialect)
            for (feed, topics) in two where three[feed] != nil { #expect(topics.isSuperset(of: three[feed] ?? [])) }
            let resharded = try await cluster.run([
                "subscribe", "binance_usdm", "trade", "BTCUSDT", "--set", "exchanges.binance_usdm.shards=2",
            ])
            #expect(resharded.exit == .code(0), "\(resharded.errors)")
            let after = try await receiving(two, cluster)
            #expect(Set(after.map(\.feed)) == Set(two.keys))

            // Readers find a topic wherever it is.
            let moved = Self.symbols.first { symbol in
                !two.contains { feed, topics in topics.contains("trade \(symbol)") && three[feed]?.contains("trade \(symbol)") == true }
            }
            let symbol = moved ?? Self.symbols[0]
            let tail = try await cluster.run(
                ["tail", "binance_usdm", "trade", symbol, "--json", "--count", "1", "--set", "exchanges.binance_usdm.shards=2"])
            #expect(tail.exit == .code(0), "\(tail.errors)")
            #expect(tail.output.contains("trade:\(symbol)"), "\(tail.output)")
        }
    }

    private func receiving(_ expected: [String: Set<String>], _ cluster: LightCluster) async throws -> [ClusterStatus.Feed] {
        try await cluster.untilAll("receiving their topics") { feeds in
            Set(feeds.map(\.feed)) == Set(expected.keys)
                && feeds.allSatisfy { feed in
                    Set(feed.subscriptions.keys) == expected[feed.feed] && feed.subscriptions.values.allSatisfy { $0 == "receiving" }
                }
        }
    }

    /// The feed named like the group uses the short form of the keys, every other one the long form.
    private func expectKeys(_ expected: [String: Set<String>], _ cluster: LightCluster) async throws {
        let redis = try await RedisConnection.connect(
            to: cluster.client.configuration.redis.endpoint, on: Loops.next(), timeout: .seconds(10))
        defer { redis.close() }
        for (feed, topics) in expected {
            let registry = "colony:{binance_usdm}:streams:\(feed)"
            let streams = Set((try await redis.send(["HKEYS", .string(registry)]).array ?? []).compactMap(\.string))
            let prefix = feed == "binance_usdm" ? "colony:{binance_usdm}:" : "colony:{binance_usdm}:\(feed):"
            #expect(streams == Set(topics.map { prefix + $0.replacing(" ", with: ":") }))
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `shards with budgets of their own do not wait for one another`() async throws {
        try await withRedis { redis in
            let configuration = try ConfigurationLoader(
                environment: [:],
                flags: [
                    "redis.url": "unix:\(redis.socketPath)", "exchanges.kraken.shards": "2", "exchanges.kraken.shard_budget": "own",
                ]
            ).load().configuration
            let client = try await ClusterClient.connect(configuration)
            defer { client.close() }
            let topics = ["BTC/USD", "ETH/USD", "SOL/USD", "XRP/USD", "ADA/USD"].map { Topic(channel: "trade", symbol: $0) }
            try await client.change(exchange: "kraken") { $0.formUnion(topics) }
            let budgets = try await client.catalogue().map { "\($0.feed) \($0.entry.budget)" }
            #expect(budgets == ["kraken kraken", "kraken/2 kraken/2"])
            #expect(try await client.wanted(exchange: "kraken") == topics.sorted())
            // Without a number in the configuration the catalogue's counts.
            let plain = try await ClusterClient.connect(
                try ConfigurationLoader(environment: [:], flags: ["redis.url": "unix:\(redis.socketPath)"]).load().configuration)
            defer { plain.close() }
            try await plain.change(exchange: "kraken") { $0.remove(topics[0]) }
            #expect(try await plain.layout(of: "kraken").shards == 2)
            #expect(try await plain.wanted(exchange: "kraken") == topics.dropFirst().sorted())
            #expect(try await plain.catalogue().map { "\($0.feed) \($0.entry.budget)" } == budgets)
            try await plain.change(exchange: "kraken") { $0.removeAll() }
            #expect(try await plain.catalogue().map(\.feed.text) == ["kraken"])
        }
    }
}
