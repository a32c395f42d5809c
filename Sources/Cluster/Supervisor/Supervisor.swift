import Coordination
import Glibc
public import Logging
import NIOCore
import NIOPosix
import RedisClient
import Subprocess
import Synchronization
import SystemPackage

/// Runs a host's worker processes: starts them, restarts them with back-off, kills what stopped making progress, and reports proved deaths so
/// that successors take over at once. Workers go on without it.
public struct Supervisor: Sendable {
    public var configuration: ColonyConfiguration
    /// The program and the arguments that start one worker; its name is added as `--name NAME`.
    public var executable: String
    public var arguments: [String]
    public var logger: Logger
    /// Files the workers' logs go to; nil: standard error.
    public var logDirectory: String?

    public init(configuration: ColonyConfiguration, executable: String, arguments: [String], logger: Logger) {
        self.configuration = configuration
        self.executable = executable
        self.arguments = arguments
        self.logger = logger
    }

    /// Runs until cancelled; then every worker is asked to drain, and what is left after twice the drain limit is killed and released as dead.
    public func run() async throws {
        let reporter = DeathReporter(configuration: configuration, logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await reporter.run() }
            for index in 1...max(1, configuration.worker.processes) {
                group.addTask {
                    try await keepRunning(name: "\(configuration.worker.name)-\(index)", reporter: reporter)
                }
            }
            try await group.waitForAll()
        }
    }

    private func keepRunning(name: String, reporter: DeathReporter) async throws {
        var backoff = RestartBackoff(cap: configuration.worker.restartCap)
        while !Task.isCancelled {
            let started = LocalTime.now()
            let child = ChildState()
            let status: TerminationStatus?
            do {
                status = try await runOnce(name: name, child: child)
            } catch is CancellationError {
                status = nil
            } catch {
                throw ClusterError(.supervisor, "worker \(name) cannot be started from '\(executable)': \(error)")
            }
            // The process is reaped: the kernel has closed its sockets. That is the proof.
            // It is reported also while we are being cancelled: the successors wait for it. Bounded by the lease time.
            if let incarnation = child.incarnation {
                let feeds = child.feeds
                await Task { await reporter.report(incarnation, feeds: feeds) }.value
            }
            if Task.isCancelled { return }
            if case .exited(let code)? = status, RestartBackoff.isFinal(code) {
                throw ClusterError(.supervisor, "worker \(name) cannot run (exit code \(code)); its log says why")
            }
            let delay = backoff.next(ranFor: LocalTime.now() - started)
            logger.warning(
                "Worker ended; starting it again",
                metadata: [
                    "worker": "\(name)", "status": "\(status.map { "\($0)" } ?? "cancelled")", "retry.in_ms": "\(delay.wholeMilliseconds)",
                ])
            try? await Task.sleep(for: delay)
        }
    }

    private func runOnce(name: String, child: ChildState) async throws -> TerminationStatus {
        var options = PlatformOptions()
        options.processGroupID = 0
        options.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: configuration.drainLimit * 2)]
        let log = try logDirectory.map { directory in
            try FileDescriptor.open(
                FilePath("\(directory)/\(name).log"), .writeOnly, options: [.create, .append, .closeOnExec], permissions: [.ownerReadWrite])
        }
        let outcome = try await Subprocess.run(
            .path(FilePath(executable)), arguments: Arguments(arguments + ["--name", name]), platformOptions: options, input: .none,
            output: .sequence, error: log.map { .fileDescriptor($0, closeAfterSpawningProcess: true) } ?? .currentStandardError
        ) { execution in
            child.started(pid: execution.processIdentifier.value)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await watch(child, name: name, execution.processIdentifier) }
                for try await line in execution.standardOutput.strings() { child.heard(line) }
                group.cancelAll()
            }
        }
        return outcome.terminationStatus
    }

    /// Kills a worker whose status pipe is silent for H + K: it can do no work, and holds leases.
    private func watch(_ child: ChildState, name: String, _ process: ProcessIdentifier) async throws {
        let limit = configuration.lease.selfFence + configuration.lease.closeSlack
        while true {
            do { try await Task.sleep(for: .milliseconds(500)) } catch { return }
            let silent = LocalTime.now() - child.lastHeard
            guard silent > max(limit, .seconds(5)) else { continue }
            logger.error(
                "Worker makes no progress; killing it", metadata: ["worker": "\(name)", "silent.ms": "\(silent.wholeMilliseconds)"])
            kill(process.value, SIGKILL)
            return
        }
    }
}

/// What a worker has told through its status pipe.
final class ChildState: Sendable {
    private struct State {
        var pid: Int32 = 0
        var incarnation: Incarnation?
        var feeds: [FeedName] = []
        var lastHeard = LocalTime.now()
    }

    private let state = Mutex(State())

    var incarnation: Incarnation? { state.withLock { $0.incarnation } }
    var feeds: [FeedName] { state.withLock { $0.feeds } }
    var lastHeard: LocalTime { state.withLock { $0.lastHeard } }

    func started(pid: Int32) {
        state.withLock {
            $0.pid = pid
            $0.lastHeard = .now()
        }
    }

    /// Lines: `incarnation <text>`, `feeds <name> <name> ..` (those held), `tick`.
    func heard(_ line: String) {
        let words = line.split(whereSeparator: \.isWhitespace)
        state.withLock { state in
            state.lastHeard = .now()
            switch words.first {
            case "incarnation": state.incarnation = words.count > 1 ? Incarnation(String(words[1])) : nil
            case "feeds": state.feeds = words.dropFirst().map { FeedName(String($0)) }
            default: break
            }
        }
    }
}

/// When a worker that ended is started again: at once after a long life, else later and later.
struct RestartBackoff: Sendable {
    var cap: Duration = .seconds(30)
    private var failures = 0

    init(cap: Duration = .seconds(30)) { self.cap = cap }

    /// Exit codes that a restart does not mend: configuration, exchange, name in use, Redis unfit.
    static func isFinal(_ code: Int32) -> Bool { [64, 65, 73, 78].contains(code) }

    mutating func next(ranFor life: Duration) -> Duration {
        if life > .seconds(60) { failures = 0 }
        defer { failures += 1 }
        return min(cap, .milliseconds(100) * (1 << min(failures, 9)))
    }
}
