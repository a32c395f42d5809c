import ArgumentParser
import Cluster
import ColonyExchanges

struct UpCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up",
        abstract: "Run the whole system on this machine: Redis, simulated exchanges over wss, workers, live view.",
        discussion:
            "Ctrl-C takes everything down cleanly. Other commands (status, tail, subscribe, ...) find the running cluster by themselves.")

    /// Refused, with the way to what is meant; so not in the help.
    @Option(name: .long, help: .hidden)
    var config: String?

    @Option(name: .long, help: "Address of a Redis to use instead of starting one: redis://host:port, rediss://.., unix:/path.")
    var redis: String?

    @Option(name: .customLong("set"), help: "One setting, `key=value`; may be repeated. `colony config --keys` lists the keys.")
    var settings: [String] = []

    @Option(name: .long, help: "Log level: trace, debug, info, notice, warning, error, critical.")
    var logLevel: String = "notice"

    @Option(name: .long, help: "Worker processes.")
    var workers: Int = 3

    @Option(name: .long, help: "Exchange ids, separated by commas.")
    var exchanges: String = "binance,huobi,kraken"

    @Option(name: .customLong("for"), help: "End by itself after this time, e.g. 30s, 5m.")
    var duration: String?

    @Option(name: .long, help: "Messages per second of each subscribed stream of the simulator.")
    var rate: Double = 20

    @Flag(name: .long, help: "Connect to the real exchanges instead of the simulator.")
    var live = false

    @Option(name: .long, help: "Loopback port of the embedded Redis (0: a free one).")
    var redisPort: Int = 0

    @Option(name: .long, help: "Loopback port of the simulated exchanges (0: a free one).")
    var exchangePort: Int = 0

    @Option(name: .long, help: "Keep data, logs and the simulator's record here instead of in a temporary directory.")
    var directory: String?

    @Option(name: .long, help: "Record everything that happens here, for `colony history check`.")
    var record: String?

    @Option(name: .long, help: "Play this recording instead of a generated market: exchange=FILE; may be repeated.")
    var replay: [String] = []

    func validate() throws {
        guard (1...256).contains(workers) else { throw ValidationError("--workers is 1 to 256, not \(workers)") }
        guard rate > 0, rate <= 100_000 else { throw ValidationError("--rate is above 0 and at most 100000, not \(rate)") }
    }

    func run() async throws {
        var options = LocalCluster.Options()
        options.workers = workers
        options.exchanges = try exchangeIDs()
        options.rate = rate
        options.isLive = live
        options.redisPort = redisPort
        options.exchangePort = exchangePort
        options.directory = directory
        options.record = record
        options.logLevel = logLevel == "notice" ? "info" : logLevel
        options.settings = settings
        if let config {
            throw ClusterError(
                .configuration,
                "`up` makes its own configuration and does not read \(config); give single settings with --set, or run "
                    + "`colony worker --config`")
        }
        options.externalRedis = redis
        options.replay = try replays()
        let limit = try duration.map { try DurationText.parse($0, option: "--for") }
        let logger = try CommonOptions.bootstrapLogging(logLevel)
        let cluster = LocalCluster(options: options, logger: logger)
        let summary = try await untilSignal { try await cluster.run(for: limit) }
        guard let summary else { return }
        Console.print(summary.text)
        if !summary.isGood { throw ExitCode(1) }
    }

    private func exchangeIDs() throws -> [String] {
        let ids = exchanges.split(separator: ",").map { $0.trimmingSpaces().lowercased() }.filter { !$0.isEmpty }
        guard !ids.isEmpty else { throw ClusterError(.exchange, "--exchanges names no exchange; `colony exchange list` shows them") }
        for id in ids {
            do { _ = try Exchanges.dialect(id) } catch { throw ClusterError(.exchange, error.description) }
        }
        return ids
    }

    private func replays() throws -> [String: String] {
        var files: [String: String] = [:]
        for text in replay {
            guard let equals = text.firstIndex(of: "=") else {
                throw ClusterError(.configuration, "--replay '\(text)' is not exchange=FILE")
            }
            files[String(text[..<equals]).lowercased()] = String(text[text.index(after: equals)...])
        }
        return files
    }
}

extension Substring {
    func trimmingSpaces() -> Substring {
        var text = self
        while text.first == " " { text = text.dropFirst() }
        while text.last == " " { text = text.dropLast() }
        return text
    }
}

/// Durations on the command line.
enum DurationText {
    static func parse(_ text: String, option: String) throws -> Duration {
        guard let duration = ColonyConfiguration.duration(text) else {
            throw ClusterError(.configuration, "\(option) '\(text)' is not a duration such as 500ms, 30s, 5m, 1h")
        }
        return duration
    }
}
