import ArgumentParser
import Cluster
import ColonyExchanges
import Coordination

/// `<exchange> <channel> <symbol>...`
struct TopicArguments: ParsableArguments {
    @Argument(help: "Exchange id, e.g. binance; `colony exchange list` shows all.")
    var exchange: String

    @Argument(help: "Channel: trade, ticker, bbo, book, candle.1m, ... or the exchange's own name.")
    var channel: String

    @Argument(help: "Symbols as the exchange writes them, e.g. BTCUSDT.")
    var symbols: [String]

    func validate() throws {
        guard !symbols.isEmpty else { throw ValidationError("name at least one symbol") }
    }

    var topics: [Topic] { symbols.map { Topic(channel: channel, symbol: $0) } }
}

struct SubscribeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "subscribe", abstract: "Want more: the running producer subscribes within a second, and every later one too.")

    @OptionGroup var common: CommonOptions
    @OptionGroup var wanted: TopicArguments

    func run() async throws {
        let client = try await ClusterClient.connect(try common.load().configuration)
        defer { client.close() }
        let topics = try client.canonical(wanted.topics, exchange: wanted.exchange)
        try await client.change(exchange: wanted.exchange) { $0.formUnion(topics) }
        for topic in topics { Console.print("\(wanted.exchange.lowercased()) \(topic) desired") }
    }
}

struct UnsubscribeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "unsubscribe", abstract: "Want less.")

    @OptionGroup var common: CommonOptions
    @OptionGroup var wanted: TopicArguments

    func run() async throws {
        let client = try await ClusterClient.connect(try common.load().configuration)
        defer { client.close() }
        let topics = try client.canonical(wanted.topics, exchange: wanted.exchange)
        let before = try await client.wanted(exchange: wanted.exchange)
        let missing = topics.filter { !before.contains($0) }
        guard missing.isEmpty else {
            throw ClusterError(
                .exchange, "not subscribed: \(missing.map { "\($0)" }.joined(separator: ", ")); `colony subscriptions` lists what is")
        }
        try await client.change(exchange: wanted.exchange) { $0.subtract(topics) }
        for topic in topics { Console.print("\(wanted.exchange.lowercased()) \(topic) no longer desired") }
    }
}

struct SubscriptionsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "subscriptions", abstract: "List what is wanted, and how far each subscription is.",
        discussion:
            "pending: not confirmed; acknowledged: accepted, no data yet; receiving; stale: silent beyond its rhythm; rejected: the exchange's words."
    )

    @OptionGroup var common: CommonOptions

    @Argument(help: "Only this exchange.")
    var exchange: String?

    @Flag(name: .long, help: "One JSON object per line.")
    var json = false

    func run() async throws {
        let client = try await ClusterClient.connect(try common.load().configuration)
        defer { client.close() }
        let status = try await client.status()
        var table = TextTable(["EXCHANGE", "CHANNEL", "SYMBOL", "STATE"])
        for feed in status.feeds where exchange == nil || exchange?.lowercased() == feed.exchange {
            for topic in try await client.desired(FeedName(feed.feed)).topics.sorted() {
                let state = feed.subscriptions[topic.description] ?? "pending"
                if json {
                    Console.print(
                        try JSONLine.encode(["exchange": feed.exchange, "channel": topic.channel, "symbol": topic.symbol, "state": state]))
                } else {
                    table.add([feed.exchange, topic.channel, topic.symbol, state])
                }
            }
        }
        if !json { Console.print(table.text) }
    }
}
