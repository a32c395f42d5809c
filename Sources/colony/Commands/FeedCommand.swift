import ArgumentParser
import Cluster
import Coordination

struct FeedCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "feed", abstract: "Settings of one feed for the whole cluster, kept in its catalogue.", subcommands: [SetCommand.self])

    struct SetCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "set", abstract: "Set, or with an empty value take away, settings of a feed.",
            discussion: """
                The settings are those of an exchange (`colony config --keys`), without secrets: `colony feed set binance pace=30s routing=`. \
                They stand over every worker's configuration. A producer goes on with what it has until it gives the feed up the next time; \
                `colony move` does that.
                """)

        @OptionGroup var common: CommonOptions

        @Argument(help: "Feed, e.g. binance; `colony status` lists them.")
        var feed: String

        @Argument(help: "key=value")
        var changes: [String]

        func run() async throws {
            var parsed: [String: String] = [:]
            for change in changes {
                guard let equals = change.firstIndex(of: "="), equals != change.startIndex else {
                    throw ClusterError(.configuration, "'\(change)' is not key=value")
                }
                parsed[String(change[..<equals])] = String(change[change.index(after: equals)...])
            }
            let client = try await ClusterClient.connect(try common.load().configuration)
            defer { client.close() }
            let entry = try await client.set(parsed, of: FeedName(feed.lowercased()))
            let policy = entry.policy.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            Console.print("\(feed.lowercased()): \(policy.isEmpty ? "as configured" : policy.joined(separator: " "))")
        }
    }
}
