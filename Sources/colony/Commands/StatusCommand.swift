import ArgumentParser
import Cluster
import FoundationEssentials

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "The cluster at a glance: workers, feeds, holders, epochs, phases, cooling, rates.")

    @OptionGroup var common: CommonOptions

    @Flag(name: .long, help: "One JSON object.")
    var json = false

    func run() async throws {
        let client = try await ClusterClient.connect(try common.load().configuration)
        defer { client.close() }
        let status = try await client.status()
        Console.print(json ? try status.json() : StatusText.render(status))
    }
}

/// `colony status` for people.
enum StatusText {
    static func render(_ status: ClusterStatus) -> String {
        var workers = TextTable(["WORKER", "PID", "HOST", "STATE", "FEEDS", "BEAT"], rightAligned: [1])
        for worker in status.workers {
            let isHeard = worker.beatAgeMilliseconds < 5000 && worker.state != "dead"
            let beat = isHeard ? "ok" : "\(worker.beatAgeMilliseconds / 1000) s ago"
            workers.add([worker.id, "\(worker.pid)", worker.host, worker.state, worker.feeds.joined(separator: " "), beat])
        }
        let redis = status.redis
        return """
            Redis \(redis.version) \(redis.role) at \(redis.address), \(redis.usedMemoryBytes >> 20) MB used

            \(workers.text)

            \(feeds(status.feeds).text)
            """
    }

    static func feeds(_ feeds: [ClusterStatus.Feed]) -> TextTable {
        var table = TextTable(
            ["FEED", "HOLDER", "EPOCH", "PHASE", "SUBSCRIPTIONS", "PACKETS", "PER S", "STREAMS", "NOTE"], rightAligned: [2, 5, 6, 7])
        for feed in feeds {
            table.add([
                feed.feed, feed.holder.isEmpty ? "-" : String(feed.holder.prefix { $0 != "." }), "\(feed.epoch)", feed.phase,
                subscriptions(feed.subscriptions), "\(feed.packetsTotal)", "\(Int(feed.packetsPerSecond.rounded()))", "\(feed.streams)",
                note(feed),
            ])
        }
        return table
    }

    static func subscriptions(_ states: [String: String]) -> String {
        var counts: [String: Int] = [:]
        for state in states.values { counts[String(state.prefix { $0 != ":" }), default: 0] += 1 }
        return counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
    }

    static func note(_ feed: ClusterStatus.Feed) -> String {
        switch feed.pending {
        case "cooling": "cooling \((feed.pendingMilliseconds + 999) / 1000) s"
        case "due" where feed.phase != "connecting": "connects in \((feed.pendingMilliseconds + 999) / 1000) s"
        default: feed.reason
        }
    }
}

/// Small JSON objects on one line, keys sorted.
enum JSONLine {
    static func encode(_ fields: [String: String]) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(fields), as: UTF8.self)
    }
}
