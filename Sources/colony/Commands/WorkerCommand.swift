import ArgumentParser
import Cluster
import ColonyExchanges
import Glibc
import Logging
import UnixSignals

struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker",
        abstract: "Run worker processes on this host: hold leases, keep websockets, publish.",
        discussion: """
            Joins the cluster of the configuration. SIGTERM and Ctrl-C drain: every lease is handed over, then the process ends. SIGHUP to the supervisor replaces its \
            workers one by one with processes of the program that is on disk then. With --single there is no supervisor, dashboard or metrics: one \
            worker runs in this process, for a container or a unit that restarts it, and for trying things out.
            """)

    @OptionGroup var common: CommonOptions

    @Option(name: .long, help: "Worker processes, restarted when they end.")
    var processes: Int?

    @Option(name: .long, help: "Stable name, unique in the cluster; processes are numbered behind it.")
    var name: String?

    @Option(name: .long, help: "Directory for the workers' logs, made where it is missing; standard error otherwise.")
    var logDirectory: String?

    @Flag(name: .customLong("single"), help: "One worker in this process, without a supervisor.")
    var isSingle = false

    /// Given by a supervisor to the processes it starts: standard output is then its status pipe.
    @Option(name: .customLong("supervisor"), help: .hidden)
    var supervisor: String?

    func validate() throws {
        guard isSingle else { return }
        if processes != nil { throw ValidationError("--single is one process: leave --processes out, or --single") }
        if logDirectory != nil { throw ValidationError("--single logs to standard error: leave --log-directory out, or --single") }
    }

    func run() async throws {
        var flags: [String: String] = [:]
        if let processes { flags["worker.processes"] = String(processes) }
        if let name { flags["worker.name"] = name }
        var configuration = try common.load(flags).configuration
        configuration.worker.supervisor = supervisor ?? ""
        let logger = try common.bootstrapLogging()
        if isSingle {
            let worker = WorkerProcess(configuration: configuration, logger: logger)
            // A hang-up is for the supervisor.
            signal(SIGHUP, SIG_IGN)
            if supervisor == nil { Console.print("worker '\(configuration.worker.name)' on \(configuration.redis.endpoint)") }
            _ = try await untilSignal { try await worker.run() }
            return
        }
        var arguments = ["worker", "--single", "--log-level", common.logLevel]
        if let config = common.config { arguments += ["--config", config] }
        if let redis = common.redis { arguments += ["--redis", redis] }
        for setting in common.settings { arguments += ["--set", setting] }
        var supervisor = Supervisor(
            configuration: configuration, executable: ProcessInformation.launchPath, arguments: arguments, logger: logger)
        supervisor.logDirectory = logDirectory
        try supervisor.check()
        try await WorkerProcess.check(configuration, logger: logger)
        Console.print(
            "\(configuration.worker.processes.of("worker process", plural: "worker processes")) '\(configuration.worker.name)-N' on \(configuration.redis.endpoint)"
        )
        let running = supervisor
        _ = try await untilSignal {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    // At a terminal a hang-up is what it always was.
                    guard isatty(STDIN_FILENO) == 0 else { return }
                    for await _ in await UnixSignalsSequence(trapping: .sighup) { running.deploys.fire() }
                }
                group.addTask {
                    try await SupervisorService.run(running, logger: logger) { Console.print("dashboard and metrics at \($0)") }
                }
                while try await group.next() != nil {}
            }
        }
    }
}
