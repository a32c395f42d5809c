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

    @Argument(help: "Exchange id.")
    var exchange: String

    @Argument(help: "Channel; all channels otherwise.")
    var channel: String?

    @Argument(help: "Symbols; all symbols of the channel otherwise.")
    var symbols: [String] = []

    @Flag(name: .long, help: "JSON lines.")
    var json = false

    @Option(name: .long, help: "Begin so far back, e.g. 5m; otherwise now.")
    var since: String?

    @Option(name: .customLong("for"), help: "End after this time.")
    var duration: String?

    @Option(name: .long, help: "End after so many packets.")
    var count: Int?

    func run() async throws {
        let configuration = try common.load().configuration
        let client = try await ClusterClient.connect(configuration)
        defer { client.close() }
        let feed = FeedName(exchange.lowercased())
        guard let group = try await client.group(of: feed) else {
            throw ClusterError(
                .exchange, "'\(exchange)' is no feed of this cluster; `colony status` lists them, `colony subscribe` adds one")
        }
        let subscription = Subscription(
            feed: feed, group: group, patterns: try patterns(client), includesControlPackets: channel == nil)
        let start: StartPoint = try since.map { .age(try DurationText.parse($0, option: "--since")) } ?? .now
        let limit = try duration.map { try DurationText.parse($0, option: "--for") }
        let logger = try common.bootstrapLogging()
        let consumer = try ColonyConsumer(
            .init(
                server: .init(configuration.redis.endpoint), namespace: configuration.namespace, subscriptions: [subscription], start: start
            ),
            logger: logger)
        let json = json
        let count = count
        _ = try await untilSignal {
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask {
                    var left = count ?? Int.max
                    for try await event in consumer {
                        Console.print(json ? event.jsonLine : event.line())
                        if case .packet = event { left -= 1 }
                        if left <= 0 { return }
                    }
                }
                if let limit { tasks.addTask { try await Task.sleep(for: limit) } }
                do { try await tasks.next() } catch is CancellationError {}
                tasks.cancelAll()
                do { try await tasks.waitForAll() } catch is CancellationError {}
            }
        }
    }

    private func patterns(_ client: ClusterClient) throws -> [Subscription.Pattern] {
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
