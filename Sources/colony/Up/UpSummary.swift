import Cluster
import ColonyExchanges
import Simulator

/// What a run of `colony up` came to.
struct UpSummary: Sendable {
    private let exchanges: [String]
    private var last: ClusterStatus?
    /// Highest count seen, by feed and worker: a worker's count ends with it.
    private var counts: [String: Int] = [:]
    private var wasReceiving: Set<String> = []
    var gaps: [String: Int]?
    private var truth: [TruthSummary] = []

    init(exchanges: [String]) { self.exchanges = exchanges }

    mutating func add(_ status: ClusterStatus) {
        last = status
        for (key, packets) in status.packetsByFeedAndWorker { counts[key] = max(counts[key] ?? 0, packets) }
        for feed in status.feeds where Self.state(of: feed) == "receiving" { wasReceiving.insert(feed.exchange) }
    }

    mutating func add(truth: [TruthSummary]) { self.truth = truth }

    var packets: Int { counts.values.reduce(0, +) }

    /// Every exchange was receiving at some time.
    var isGood: Bool { exchanges.allSatisfy { wasReceiving.contains($0) } }

    /// One word for a feed: `receiving` when at least one subscription has data on an open websocket.
    static func state(of feed: ClusterStatus.Feed) -> String {
        if feed.phase == "live" {
            if feed.subscriptions.values.contains("receiving") || feed.packetsPerSecond > 0 { return "receiving" }
            return feed.subscriptions.values.contains("acknowledged") ? "acknowledged" : "live"
        }
        if feed.holder.isEmpty { return "free" }
        return feed.pending == "cooling" ? "cooling" : feed.phase
    }

    var text: String {
        var table = TextTable(["EXCHANGE", "STATE", "HOLDER", "EPOCH", "PACKETS", "STREAMS", "GAPS"], rightAligned: [3, 4, 5, 6])
        for feed in last?.feeds ?? [] {
            let packets = counts.filter { $0.key.hasPrefix("\(feed.feed)|") }.values.reduce(0, +)
            table.add([
                feed.exchange, Self.state(of: feed), feed.holder.isEmpty ? "-" : feed.holder, "\(feed.epoch)", "\(packets)",
                "\(feed.streams)",
                gaps.map { "\($0[feed.feed] ?? 0)" } ?? "unknown",
            ])
        }
        var lines = ["", "summary: \(packets.of("packet")) published", "", table.text]
        for summary in truth {
            lines.append(
                "\(summary.exchange) sent \(summary.packets.of("packet")) over \(summary.socketsOpened.of("socket")), "
                    + "at most \(summary.mostOpen) open at once, \(summary.cuts) cut for broken rules")
        }
        if !isGood {
            let missing = exchanges.filter { !wasReceiving.contains($0) }
            lines.append("\nnot receiving: \(missing.joined(separator: ", ")); `--directory DIR` keeps the workers' logs")
        }
        return lines.joined(separator: "\n")
    }
}
