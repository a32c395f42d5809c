import Cluster
import ColonyExchanges
import Coordination
import Glibc
import History
import Logging
import RedisClient
import Simulator

/// Everything on one machine: Redis, exchanges, a supervisor with its workers, what is subscribed, and the view of it.
struct LocalCluster: Sendable {
    struct Options: Sendable {
        var workers = 3
        var exchanges: [String] = []
        var rate = 20.0
        var isLive = false
        var redisPort = 0
        var exchangePort = 0
        var directory: String?
        /// Where to record the run; nil: nowhere.
        var record: String?
        var logLevel = "info"
        var settings: [String] = []
        /// Use this Redis instead of an embedded one.
        var externalRedis: String?
        /// Recording to play, by exchange.
        var replay: [String: String] = [:]
    }

    let options: Options
    let logger: Logger

    /// Runs until the time is over or the task is cancelled; takes everything down, and tells what happened.
    func run(for limit: Duration?) async throws -> UpSummary {
        let directory = try RunDirectory(keeping: options.directory)
        defer { directory.remove() }
        if let address = options.externalRedis {
            return try await withExchanges(directory) { exchanges in
                try await runCluster(directory, redis: address, isEmbedded: false, exchanges: exchanges, limit: limit)
            }
        }
        step("starting Redis")
        let redis = EmbeddedRedis(directory: "\(directory.path)/redis", port: options.redisPort)
        // Cancelled from outside, the cluster drains first, and Redis goes last.
        return try await Shielded.run { cancellation in
            try await redis.run(logger: logger) { running in
                step("Redis \(running.pid) at 127.0.0.1:\(running.port) and \(running.endpoint)")
                return try await cancellation.run {
                    try await withExchanges(directory) { exchanges in
                        try await runCluster(
                            directory, redis: running.endpoint.description, isEmbedded: true, exchanges: exchanges, limit: limit)
                    }
                }
            }
        }
    }

    // MARK: Exchanges

    struct SimulatedExchanges: Sendable {
        var urls: [String: String] = [:]
        var caFile: String?
        var truth: TruthLog?
    }

    private func withExchanges<Result: Sendable>(
        _ directory: RunDirectory, _ body: @Sendable (SimulatedExchanges) async throws -> Result
    ) async throws -> Result {
        try recording?.create()
        if options.isLive { return try await body(SimulatedExchanges()) }
        step("starting the simulated exchanges")
        var configuration = SimulatorConfiguration()
        configuration.exchanges = options.exchanges
        configuration.port = options.exchangePort
        configuration.market.messagesPerSecond = options.rate
        configuration.directory = directory.path
        configuration.truthPath = recording?.truth ?? "\(directory.path)/exchanges.jsonl"
        configuration.seed = UInt64.random(in: 1...1_000_000)
        configuration.replays = options.replay.map { ReplayPlan(exchange: $0.key, file: $0.value) }
        let simulator: ExchangeSimulator
        do {
            simulator = try await ExchangeSimulator.start(configuration, logger: logger)
        } catch let error as SimulatorError {
            throw ClusterError(error.code == .bind ? .inUse : .simulator, error.description)
        }
        do {
            var exchanges = SimulatedExchanges(caFile: simulator.caFile, truth: simulator.truth)
            for id in options.exchanges { exchanges.urls[id] = try simulator.url(id) }
            step("exchanges at wss://localhost:\(simulator.port), certificate authority \(simulator.caFile ?? "")")
            let result = try await body(exchanges)
            try await simulator.stop()
            return result
        } catch {
            try? await simulator.stop()
            if let error = error as? SimulatorError { throw ClusterError(.simulator, error.description) }
            throw error
        }
    }

    // MARK: Cluster

    private func runCluster(
        _ directory: RunDirectory, redis: String, isEmbedded: Bool, exchanges: SimulatedExchanges, limit: Duration?
    ) async throws -> UpSummary {
        let file = try writeConfiguration(directory, redis: redis, isEmbedded: isEmbedded, exchanges: exchanges)
        let flags = try SettingFlags.parse(options.settings)
        let configuration = try ConfigurationLoader(file: file, environment: ProcessEnvironment.variables, flags: flags).load()
            .configuration
        try await WorkerProcess.check(configuration, logger: logger)
        let client = try await ClusterClient.connect(configuration)
        defer { client.close() }
        if isEmbedded, let generation = configuration.redis.embeddedGeneration { try await client.createDataSet(generation: generation) }
        step("subscribing \(options.exchanges.joined(separator: ", "))")
        for exchange in options.exchanges { try await subscribe(exchange, client) }
        let published = RunFilePublication(file: file)
        defer { published.remove() }
        var arguments = ["worker", "--single", "--config", file, "--log-level", options.logLevel]
        for setting in options.settings { arguments += ["--set", setting] }
        var supervisor = Supervisor(
            configuration: configuration, executable: ProcessInformation.executable, arguments: arguments, logger: logger)
        supervisor.logDirectory = directory.path
        step(
            "starting \(options.workers.of("worker")); \(options.workers == 1 ? "its" : "their") logs: \(directory.path)/\(configuration.worker.name)-N.log"
        )
        let running = supervisor
        let view = LiveView(client: client, exchanges: options.exchanges, limit: limit)
        return try await recorded(configuration) { try await run(running, view, exchanges) }
    }

    private var recording: RecordingDirectory? { options.record.map { RecordingDirectory($0) } }

    private func recorded<Result: Sendable>(
        _ configuration: ColonyConfiguration, _ body: @Sendable () async throws -> Result
    ) async throws -> Result {
        guard let recording else { return try await body() }
        let recorder = StreamRecorder(
            endpoint: configuration.redis.endpoint, keys: configuration.keys, directory: recording, logger: logger)
        return try await recorder.recording(body)
    }

    private func run(_ running: Supervisor, _ view: LiveView, _ exchanges: SimulatedExchanges) async throws -> UpSummary {
        try await withThrowingTaskGroup(of: UpSummary?.self) { group in
            group.addTask {
                try await SupervisorService.run(running, logger: logger) { step("dashboard and metrics at \($0)") }
                return nil
            }
            group.addTask { try await view.run() }
            var summary: UpSummary?
            while let next = try await group.next() {
                if let next {
                    summary = next
                    group.cancelAll()
                }
            }
            guard var summary else { throw ClusterError(.supervisor, "the workers ended before the view did") }
            if let truth = exchanges.truth { summary.add(truth: truth.summaries) }
            return summary
        }
    }

    private func subscribe(_ exchange: String, _ client: ClusterClient) async throws {
        let dialect = try client.configuration.dialect(of: exchange)
        let symbol = dialect.profile.exampleSymbol
        var topics: [Topic] = []
        for channel in ["trade", "ticker", "book", "book_snapshot"] where topics.count < 3 {
            // What the exchange lacks is left out, and what it serves at another address: one connection each is enough to look at.
            guard let topic = try? dialect.canonical(Topic(channel: channel, symbol: symbol)), dialect.branch(of: topic) == nil else {
                continue
            }
            topics.append(topic)
        }
        let wanted = topics
        try await client.change(exchange: exchange) { $0.formUnion(wanted) }
    }

    private func writeConfiguration(
        _ directory: RunDirectory, redis: String, isEmbedded: Bool, exchanges: SimulatedExchanges
    ) throws -> String {
        var lines = ["# Written by `colony up`; gone when it ends."]
        lines += ["redis:", "  url: \"\(redis)\"", "  direct: \(isEmbedded)"]
        if isEmbedded { lines.append("  embedded_generation: \"\(String(UInt64.random(in: .min ... .max), radix: 16))\"") }
        lines += ["worker:", "  name: worker", "  processes: \(options.workers)", "  state_directory: \"\(directory.path)/state\""]
        if let recording { lines.append("history: \"\(recording.path)\"") }
        // Workers that start together here see one another at once.
        lines += ["placement:", "  settle: 700ms"]
        lines += ["dashboard:", "  listen: \"127.0.0.1:0\""]
        if !exchanges.urls.isEmpty {
            lines.append("exchanges:")
            for (id, url) in exchanges.urls.sorted(by: { $0.key < $1.key }) {
                lines += ["  \(id):", "    url: \"\(url)\""]
                if let ca = exchanges.caFile { lines.append("    tls: { roots: \"\(ca)\" }") }
            }
        }
        let path = "\(directory.path)/colony.yaml"
        try directory.write(lines.joined(separator: "\n") + "\n", to: path)
        return path
    }

    private func step(_ text: String) { Console.print("\(Console.colour("==>", .green)) \(text)") }
}
