import ArgumentParser
import Cluster
import ColonyExchanges
import Simulator
import WebSocketClient

struct ExchangeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exchange", abstract: "The exchange simulator, and what is known about exchanges.",
        subcommands: [ServeCommand.self, ListCommand.self, ExchangeConformanceCommand.self, AutobahnCommand.self],
        defaultSubcommand: ServeCommand.self)

    struct ServeCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "serve", abstract: "Simulate exchanges over wss (or ws) until Ctrl-C.")

        @Option(name: .long, help: "Exchange ids, separated by commas; all that the simulator speaks otherwise.")
        var exchanges: String?

        @Option(name: .long, help: "Loopback port; 0: a free one.")
        var port: Int = 0

        @Flag(name: .long, help: "Without TLS.")
        var plain = false

        @Option(name: .long, help: "Messages per second of each subscribed stream.")
        var rate: Double = 10

        @Option(name: .long, help: "Seed of the generated market.")
        var seed: UInt64 = 1

        @Option(name: .long, help: "Record of sockets and packets, JSON lines.")
        var truth: String?

        @Option(name: .long, help: "Directory for the certificate authority's ca.pem.")
        var directory: String?

        @Option(name: .long, help: "Play a recording instead of the market: exchange=FILE; may be repeated.")
        var replay: [String] = []

        @Option(name: .long, help: "Speed of the recording: 1 is as recorded, `max` as fast as the client takes it.")
        var speed: String = "1"

        @Option(name: .customLong("for"), help: "End by itself after this time.")
        var duration: String?

        func run() async throws {
            var simulation = SimulatorConfiguration()
            simulation.exchanges = exchanges?.split(separator: ",").map { $0.lowercased() } ?? []
            simulation.port = port
            simulation.isTLS = !plain
            simulation.market.messagesPerSecond = rate
            simulation.seed = seed
            simulation.truthPath = truth
            simulation.directory = directory
            simulation.replays = try plans()
            let limit = try duration.map { try DurationText.parse($0, option: "--for") }
            let simulator: ExchangeSimulator
            do {
                simulator = try await ExchangeSimulator.start(simulation)
            } catch let error as SimulatorError {
                throw ClusterError(error.code == .bind ? .inUse : error.code == .configuration ? .exchange : .simulator, error.description)
            }
            for id in simulator.exchanges { Console.print("\(id)  \(try simulator.url(id))") }
            if let ca = simulator.caFile { Console.print("certificate authority: \(ca)") }
            _ = try? await untilSignal { try await Task.sleep(for: limit ?? .seconds(1_000_000_000)) }
            try await simulator.stop()
            for summary in simulator.truth.summaries where summary.socketsOpened > 0 {
                Console.print(
                    "\(summary.exchange): \(summary.packets) packets over \(summary.socketsOpened) sockets, at most \(summary.mostOpen) at once"
                )
            }
        }

        private func plans() throws -> [ReplayPlan] {
            let pace: ReplayPlan.Pace
            if speed == "max" {
                pace = .max
            } else {
                guard let factor = Double(speed), factor > 0 else {
                    throw ClusterError(.configuration, "--speed '\(speed)' is neither a factor such as 1 or 10 nor max")
                }
                pace = .factor(factor)
            }
            return try replay.map { text in
                guard let equals = text.firstIndex(of: "=") else {
                    throw ClusterError(.configuration, "--replay '\(text)' is not exchange=FILE")
                }
                return ReplayPlan(
                    exchange: String(text[..<equals]).lowercased(), file: String(text[text.index(after: equals)...]), pace: pace)
            }
        }
    }

    struct ListCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "Every exchange id with market, status, heartbeat and limits.")

        func run() async throws {
            var table = TextTable(["ID", "NAME", "MARKET", "STATUS", "FAMILY", "HEARTBEAT", "MESSAGES", "TOPICS", "MAX AGE"])
            for dialect in Exchanges.all {
                let profile = dialect.profile
                table.add([
                    profile.id, profile.name, profile.market.rawValue, profile.status.rawValue, profile.family,
                    heartbeat(profile.heartbeat),
                    "\(profile.limits.messages) per \(profile.limits.messageWindow)", profile.limits.maxTopics.map { "\($0)" } ?? "-",
                    profile.limits.maxAge.map { "\($0.components.seconds / 3600) h" } ?? "-",
                ])
            }
            Console.print(table.text)
        }

        private func heartbeat(_ heartbeat: ExchangeProfile.Heartbeat) -> String {
            switch heartbeat.initiator {
            case .client: "client every \(heartbeat.interval.map { "\($0.components.seconds) s" } ?? "?")"
            case .server: "server every \(heartbeat.serverInterval.map { "\($0.components.seconds) s" } ?? "?")"
            case .both: "both"
            case .none: "none"
            }
        }
    }

    struct AutobahnCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "autobahn",
            abstract: "Echo client for a websocket conformance server: runs all its cases, then asks it for the report.")

        @Argument(help: "Address of the server, e.g. ws://127.0.0.1:9001")
        var url: String

        @Argument(help: "Name under which the report lists this client.")
        var agent: String

        func run() async throws {
            let url = url
            let agent = agent
            try await AutobahnClient.run(url: url, agent: agent) { number, count in
                if number % 50 == 0 || number == count { Console.print("case \(number) of \(count)") }
            }
        }
    }
}
