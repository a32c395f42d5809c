import ArgumentParser
import Cluster
import Coordination
import Terminal

struct TopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top", abstract: "The cluster live in the terminal; Ctrl-C ends.",
        discussion: "Into a pipe it prints one picture after the other.")

    @OptionGroup var common: CommonOptions

    @Option(name: .long, help: "Time between two looks.")
    var every: String = "1s"

    @Option(name: .customLong("for"), help: "End by itself after this time, e.g. 30s, 5m.")
    var duration: String?

    func run() async throws {
        let interval = try DurationText.parse(every, option: "--every")
        guard interval >= .milliseconds(100) else { throw ClusterError(.configuration, "--every '\(every)' is less than 100ms") }
        let limit = try duration.map { try DurationText.parse($0, option: "--for") }
        let client = try await ClusterClient.connect(try common.load().configuration)
        defer { client.close() }
        _ = try await untilSignal { try await follow(client, every: interval, for: limit) }
    }

    private func follow(_ client: ClusterClient, every interval: Duration, for limit: Duration?) async throws {
        let started = LocalTime.now()
        defer { Console.screen.finish() }
        while !Task.isCancelled {
            do {
                let status = try await client.status()
                Console.isTerminal ? Console.screen.draw(StatusPicture.make(status)) : Console.print(StatusText.render(status))
            } catch is CancellationError {
                return
            } catch {
                let text = "status not available: \(error)"
                Console.isTerminal ? Console.screen.draw(ScreenPicture([.line(text)])) : Console.print(text)
            }
            if let limit, LocalTime.now() - started + interval > limit { return }
            do { try await Task.sleep(for: interval) } catch { return }
        }
    }
}
