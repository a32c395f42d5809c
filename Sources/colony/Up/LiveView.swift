import Cluster
import Coordination

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
        var drawnLines = 0
        while !Task.isCancelled {
            do {
                let status = try await client.status()
                summary.add(status)
                if Console.isTerminal {
                    drawnLines = redraw(status, summary, LocalTime.now() - started, above: drawnLines)
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

    private func redraw(_ status: ClusterStatus, _ summary: UpSummary, _ elapsed: Duration, above: Int) -> Int {
        var text = "\n" + Console.colour("colony", .bold) + "  \(elapsed.components.seconds) s  \(Self.alive(status)) workers  "
        text += "\(Int(status.feeds.reduce(0) { $0 + $1.packetsPerSecond })) packets/s  \(summary.packets) packets\n\n"
        text += StatusText.feeds(status).text + "\n\n"
        for worker in status.workers {
            text += "\(worker.id.prefix { $0 != "." })  pid \(worker.pid)  \(worker.state)  \(worker.feeds.joined(separator: " "))\n"
        }
        text +=
            Console.colour("Ctrl-C ends. Meanwhile elsewhere: colony status --json, colony tail binance trade BTCUSDT, kill -9 PID", .dim)
            + "\n"
        if above > 0 { Console.write("\u{1b}[\(above)A\u{1b}[J") }
        Console.write(text)
        return text.split(separator: "\n", omittingEmptySubsequences: false).count - 1
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
