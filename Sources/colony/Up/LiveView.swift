import Cluster
import Coordination
import Terminal

/// The cluster on the terminal: a table redrawn every second, or one line every two seconds where nobody watches.
struct LiveView: Sendable {
    let client: ClusterClient
    let exchanges: [String]
    let limit: Duration?

    /// Runs until the time is over or the task is cancelled; returns what was seen.
    func run() async throws -> UpSummary {
        var summary = UpSummary(exchanges: exchanges)
        let started = LocalTime.now()
        var turn = 0
        defer { Console.screen.finish() }
        while !Task.isCancelled {
            do {
                let status = try await client.status()
                summary.add(status)
                if Console.isTerminal {
                    draw(status, summary, LocalTime.now() - started)
                } else if turn % 2 == 0 {
                    Console.print(line(status, LocalTime.now() - started))
                }
            } catch is CancellationError {
                break
            } catch {
                Console.print("status not available: \(error)")
            }
            turn += 1
            let elapsed = LocalTime.now() - started
            if let limit, elapsed >= limit { break }
            let rest = limit.map { $0 - elapsed } ?? .seconds(1)
            do { try await Task.sleep(for: min(.seconds(1), rest)) } catch { break }
        }
        // The last look is at a cluster that still runs: when we are cancelled it is already being taken down.
        let client = client
        if !Task.isCancelled, let status = try? await client.status() { summary.add(status) }
        summary.gaps = await Task(operation: { try? await client.gaps() }).value
        return summary
    }

    private func draw(_ status: ClusterStatus, _ summary: UpSummary, _ elapsed: Duration) {
        let rate = Int(status.feeds.reduce(0) { $0 + $1.packetsPerSecond })
        let picture = ScreenPicture([
            .line(""),
            .line(
                "colony  \(elapsed.components.seconds) s  \(Self.alive(status)) workers  \(rate) packets/s  \(summary.packets) packets"),
            .line(""), .table(StatusPicture.feeds(status)), .line(""), .table(StatusPicture.workers(status.workers)), .line(""),
            .line("Ctrl-C ends. Elsewhere: colony status, colony top, kill -9 PID of a worker"),
        ])
        Console.screen.draw(picture) { index, line in index == 1 ? Console.colour(line, .bold) : line }
    }

    private static func alive(_ status: ClusterStatus) -> Int {
        status.workers.count { $0.state != "dead" && $0.beatAgeMilliseconds < 5000 }
    }

    private func line(_ status: ClusterStatus, _ elapsed: Duration) -> String {
        let feeds = status.feeds.map { feed in
            let holder = feed.holder.isEmpty ? "nobody" : String(feed.holder.prefix { $0 != "." })
            return "\(feed.feed) \(UpSummary.state(of: feed)) \(holder) epoch \(feed.epoch) \(Int(feed.packetsPerSecond.rounded()))/s"
        }
        return "\(elapsed.components.seconds) s  \(Self.alive(status)) workers | " + feeds.joined(separator: " | ")
    }
}
