import ArgumentParser
import Cluster
import Coordination
import History

struct HistoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history", abstract: "Judge a recorded run by the promises of the system.", subcommands: [Check.self, Record.self])

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "check", abstract: "Check a recording: what was sent, received, stored, believed and admitted, by twelve rules.",
            discussion: """
                DIR holds what a run left: truth*.jsonl of the exchange simulator, workers/*.jsonl (setting `history: DIR`), streams/*.jsonl \
                (`colony history record`), faults.jsonl. `colony up --record DIR` writes them all. Exit code 1 when a rule is broken, with its name.
                """)

        @Argument(help: "The recording.")
        var directory: String

        @Option(name: .long, help: "Write the verdict as JSON to this file (`-`: standard output, instead of the table).")
        var json: String?

        @Option(name: .long, help: "Pace of budget groups no worker's journal tells of.")
        var pace: String = "60s"

        @Option(name: .long, help: "Rules whose breaches do not count, e.g. S4; separated by commas.")
        var excuse: String = ""

        func run() throws {
            var options = HistoryChecker.Options()
            options.paceMilliseconds = try DurationText.parse(pace, option: "--pace").wholeMilliseconds
            for name in excuse.split(separator: ",") {
                guard let rule = HistoryRule(rawValue: name.uppercased()) else {
                    throw ValidationError("--excuse '\(name)' is none of \(HistoryRule.allCases.map(\.rawValue).joined(separator: ", "))")
                }
                options.excused.insert(rule)
            }
            let verdict: HistoryVerdict
            do {
                verdict = try HistoryChecker.check(directory: RecordingDirectory(directory), options: options)
                if let json { try write(verdict.json(), to: json) }
            } catch let error as HistoryError {
                throw ClusterError(.configuration, error.description)
            }
            if json != "-" { Console.print(verdict.table) }
            guard verdict.isKept else {
                Console.error("colony: broken: \(verdict.broken.joined(separator: ", "))")
                throw ExitCode(1)
            }
        }

        private func write(_ text: String, to path: String) throws {
            if path == "-" { Console.print(text) } else { try TextFile.write(text + "\n", to: path) }
        }
    }

    struct Record: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "record", abstract: "Record the streams of a running cluster into DIR until Ctrl-C (or --for).")

        @OptionGroup var common: CommonOptions

        @Argument(help: "The recording.")
        var directory: String

        @Option(name: .customLong("for"), help: "End by itself after this time, e.g. 30s, 5m.")
        var duration: String?

        func run() async throws {
            let configuration = try common.load().configuration
            let limit = try duration.map { try DurationText.parse($0, option: "--for") } ?? .seconds(86_400 * 365)
            let recorder = StreamRecorder(
                endpoint: configuration.redis.endpoint, keys: configuration.keys, directory: RecordingDirectory(directory),
                logger: try common.bootstrapLogging())
            do {
                _ = try await untilSignal {
                    try await recorder.recording { do { try await Task.sleep(for: limit) } catch is CancellationError {} }
                }
            } catch let error as HistoryError {
                throw ClusterError(error.code == .redis ? .redis : .configuration, error.description)
            }
            let counts = await recorder.counts
            Console.print("\(counts.feeds) feeds, \(counts.entries) entries, \(counts.events) events in \(directory)")
        }
    }
}
