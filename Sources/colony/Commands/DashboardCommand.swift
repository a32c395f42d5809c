import ArgumentParser
import Cluster
import Dashboard
import Logging

struct DashboardCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dashboard", abstract: "Serve a read-only page of the whole cluster, with its metrics, until Ctrl-C.",
        discussion: """
            Every supervisor serves the same at `dashboard.listen`, with the metrics of its own workers; this is for hosts without one. \
            Endpoints: /, /api/state, /metrics, /healthz, /readyz.
            """)

    @OptionGroup var common: CommonOptions

    @Option(name: .long, help: "Address to listen on; port 0: a free one.")
    var listen: String = "127.0.0.1:9751"

    func run() async throws {
        let configuration = try common.load(["dashboard.listen": listen]).configuration
        guard let address = configuration.dashboard.listen else {
            throw ClusterError(.configuration, "--listen off: there would be nothing to do")
        }
        let logger = try common.bootstrapLogging()
        OpenDashboard.warn(configuration.dashboard, logger)
        let client = try await ClusterClient.connect(configuration)
        defer { client.close() }
        let server = DashboardServer(
            host: address.host, port: address.port, client: client, source: ClusterSource(client), token: configuration.dashboard.token,
            logger: logger)
        _ = try await untilSignal {
            try await server.run { Console.print("dashboard at http://\(address.host):\($0)/") }
        }
    }
}

/// Says at start what `colony doctor` would say.
enum OpenDashboard {
    static func warn(_ settings: ColonyConfiguration.Dashboard, _ logger: Logger) {
        guard let open = settings.openAddress else { return }
        logger.warning(
            "Dashboard and metrics are open to everybody who reaches their address; set dashboard.token_file",
            metadata: ["listen": "\(open.host):\(open.port)"])
    }
}

/// A supervisor with its endpoints beside it.
enum SupervisorService {
    /// Runs both until cancelled, or until the supervisor ends.
    static func run(_ supervisor: Supervisor, logger: Logger, announce: @escaping @Sendable (String) -> Void) async throws {
        let settings = supervisor.configuration.dashboard
        guard let address = settings.listen else { return try await supervisor.run() }
        OpenDashboard.warn(settings, logger)
        let client = ClusterClient(supervisor.configuration)
        defer { client.close() }
        let server = DashboardServer(
            host: address.host, port: address.port, client: client, source: SupervisorSource(supervisor, client), token: settings.token,
            logger: logger)
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                do {
                    try await server.run { announce("http://\(address.host):\($0)/") }
                } catch let error as ClusterError where error.code == .inUse && !settings.isRequired {
                    logger.notice("No dashboard and no metrics here: the default port is in use", error: error)
                }
                return false
            }
            group.addTask {
                try await supervisor.run()
                return true
            }
            while let isSupervisor = try await group.next() {
                if isSupervisor { group.cancelAll() }
            }
        }
    }
}
