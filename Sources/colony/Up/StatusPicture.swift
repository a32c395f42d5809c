import Cluster
import Terminal

/// The cluster as a live picture: feeds above workers, as much of both as the terminal has room for.
enum StatusPicture {
    /// `colony top`
    static func make(_ status: ClusterStatus) -> ScreenPicture {
        let redis = status.redis
        return ScreenPicture([
            .line("Redis \(redis.version) \(redis.role) at \(redis.address), \(redis.usedMemoryBytes >> 20) MB used"), .line(""),
            .table(feeds(status)), .line(""), .table(workers(status.workers)),
        ])
    }

    static func feeds(_ status: ClusterStatus) -> ScreenTable {
        var table = ScreenTable([
            .init("FEED", rank: 0, leastWidth: 8), .init("HOLDER", rank: 2), .init("EPOCH", rank: 6, isNumber: true),
            .init("PHASE", rank: 1), .init("SUBSCRIPTIONS", rank: 5), .init("PACKETS", rank: 7, isNumber: true),
            .init("PER S", rank: 3, isNumber: true), .init("STREAMS", rank: 8, isNumber: true),
            .init("NOTE", rank: 4, leastWidth: 10),
        ])
        for feed in status.feeds {
            table.add([
                feed.feed, feed.holder.isEmpty ? "-" : String(feed.holder.prefix { $0 != "." }), "\(feed.epoch)", feed.phase,
                StatusText.subscriptions(feed.subscriptions), "\(feed.packetsTotal)", "\(Int(feed.packetsPerSecond.rounded()))",
                "\(feed.streams)", status.note(of: feed),
            ])
        }
        return table
    }

    static func workers(_ workers: [ClusterStatus.Worker]) -> ScreenTable {
        var table = ScreenTable([
            .init("WORKER", rank: 0, leastWidth: 8), .init("PID", rank: 2, isNumber: true), .init("STATE", rank: 1),
            .init("BEAT", rank: 4), .init("FEEDS", rank: 3, leastWidth: 8),
        ])
        for worker in workers {
            let isHeard = worker.beatAgeMilliseconds < 5000 && worker.state != "dead"
            table.add([
                String(worker.id.prefix { $0 != "." }), "\(worker.pid)", worker.state,
                isHeard ? "ok" : "\(worker.beatAgeMilliseconds / 1000) s ago", worker.feeds.joined(separator: " "),
            ])
        }
        return table
    }
}
