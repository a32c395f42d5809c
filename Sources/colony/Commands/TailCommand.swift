import ArgumentParser
import Cluster
import ColonyExchanges
import ColonyStreams
import Coordination
import Logging

struct TailCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tail", abstract: "Follow packets, gaps and handovers of an exchange's streams.",
        discussion: """
            JSON lines: {"stream","id","epoch","sequence","time","whole","data"} for packets, \
            {"stream","id","epoch","sequence","marker",...} for markers. `whole` false: something of this stream is missing before this entry.
            """)

    @OptionGroup var common: CommonOptions
    @OptionGroup var options: FollowOptions

    @Argument(help: "Exchange id.")
    var exchange: String

    @Argument(help: "Channel; all channels otherwise.")
    var channel: String?

    @Argument(help: "Symbols; all symbols of the channel otherwise.")
    var symbols: [String] = []

    @Option(name: .long, help: "Begin so far back, e.g. 5m; otherwise now.")
    var since: String?

    func run() async throws {
        let configuration = try common.load().configuration
        let client = try await ClusterClient.connect(configuration)
        defer { client.close() }
        let subscriptions = try await subscriptions(client)
        let start: StartPoint = try since.map { .age(try DurationText.parse($0, option: "--since")) } ?? .now
        let logger = try common.bootstrapLogging()
        let consumer = try ColonyConsumer(
            .init(
                server: .init(configuration.redis.endpoint), namespace: configuration.namespace, subscriptions: subscriptions, start: start
            ),
            logger: logger)
        try await options.follow(
            consumer,
            isPacket: { if case .packet = $0 { true } else { false } },
            line: { event, json in json ? event.jsonLine : event.line() })
    }

    /// One for each feed that carries some of it.
    private func subscriptions(_ client: ClusterClient) async throws -> [Subscription] {
        let patterns = try patterns(client)
        let named = patterns.filter { $0.channel != "*" && $0.symbol != "*" }.map { Topic(channel: $0.channel, symbol: $0.symbol) }
        let feeds =
            exchange.contains("/")
            ? [FeedName(exchange.lowercased())] : try await client.feeds(of: exchange, carrying: named.count == patterns.count ? named : [])
        var subscriptions: [Subscription] = []
        for feed in feeds {
            guard let group = try await client.group(of: feed) else { continue }
            subscriptions.append(Subscription(feed: feed, group: group, patterns: patterns, includesControlPackets: channel == nil))
        }
        guard !subscriptions.isEmpty else {
            throw ClusterError(
                .exchange, "'\(exchange)' is no feed of this cluster; `colony status` lists them, `colony subscribe` adds one")
        }
        return subscriptions
    }

    private func patterns(_ client: ClusterClient) throws -> [Subscription.Pattern] {
        let exchange = String(self.exchange.prefix { $0 != "/" })
        guard let channel else { return [.init(channel: "*")] }
        if symbols.isEmpty {
            // The channel's usual names mean the exchange's stream also where no symbol is given.
            let dialect = try client.configuration.dialect(of: exchange.lowercased())
            let canonical = try? dialect.canonical(Topic(channel: channel, symbol: dialect.profile.exampleSymbol))
            return [.init(channel: canonical?.channel ?? channel)]
        }
        return symbols.map { symbol in
            let topic = try? client.canonical([Topic(channel: channel, symbol: symbol)], exchange: exchange).first
            return .init(channel: topic?.channel ?? channel, symbol: topic?.symbol ?? symbol)
        }
    }
}
