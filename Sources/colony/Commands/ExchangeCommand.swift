import ArgumentParser
import Cluster
import ColonyExchanges
import WebSocketClient

struct ExchangeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exchange", abstract: "The exchange simulator, and what is known about exchanges.",
        subcommands: [
            ExchangeServeCommand.self, ListCommand.self, ExchangeConformanceCommand.self, ExchangeFollowCommand.self, AutobahnCommand.self,
        ],
        defaultSubcommand: ExchangeServeCommand.self)

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
