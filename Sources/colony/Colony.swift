import ArgumentParser
import Cluster
import Glibc

/// Keeps market-data websockets of crypto exchanges alive with a cluster of workers, and publishes every packet onto Redis streams.
struct Colony: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "colony",
        abstract:
            "Keeps market-data websockets of crypto exchanges alive with a cluster of workers, and publishes every packet onto Redis streams.",
        discussion: """
            Exit codes: 0 done, 1 ran but a promise was not kept, 64 usage or configuration, 65 exchange, channel or symbol, 69 Redis not \
            reached or refusing, 70 a part did not start, 73 name, lock or port in use, 78 Redis unfit (version, settings, rights).
            """,
        version: ProcessInformation.version,
        subcommands: [
            UpCommand.self,
            WorkerCommand.self,
            SubscribeCommand.self,
            UnsubscribeCommand.self,
            SubscriptionsCommand.self,
            StatusCommand.self,
            TopCommand.self,
            MoveCommand.self,
            DrainCommand.self,
            RebalanceCommand.self,
            DeployCommand.self,
            FeedCommand.self,
            TailCommand.self,
            ExchangeCommand.self,
            DrillCommand.self,
            DrillExchangeCommand.self,
            HistoryCommand.self,
            SimulateCommand.self,
            DashboardCommand.self,
            DoctorCommand.self,
            ProbeCommand.self,
            ConfigCommand.self,
            BenchCommand.self,
        ])
}

@main
enum Main {
    static func main() async {
        // A peer that goes away is an error of the write, not a signal.
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try Colony.parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            guard let complaint = ClusterError(reporting: error) else { Colony.exit(withError: error) }
            Console.error("colony: \(complaint.description)")
            exit(complaint.exitCode)
        }
    }
}
