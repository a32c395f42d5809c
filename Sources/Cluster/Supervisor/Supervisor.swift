import Coordination
import Glibc
public import Logging
import NIOCore
import NIOPosix
import RedisClient
import Subprocess
import SystemPackage

/// Runs a host's worker processes: starts them, restarts them with back-off, kills what stopped making progress, and reports proved deaths so
/// that successors take over at once. Workers go on without it.
public struct Supervisor: Sendable {
    public let configuration: ColonyConfiguration
    /// The program and the arguments that start one worker; its name is added as `--name NAME`.
    public var executable: String
    public var arguments: [String]
    public var logger: Logger
    /// Where the workers' logs go, made where it is missing; nil: standard error.
    public var logDirectory: String?
    /// Asks for the workers to be replaced one by one.
    public let deploys = DeployTrigger()
    /// One per worker process, in the order of their numbers.
    let slots: [WorkerSlot]

    public init(configuration: ColonyConfiguration, executable: String, arguments: [String], logger: Logger) {
        self.slots = (1...max(1, configuration.worker.processes)).map { WorkerSlot(name: "\(configuration.worker.name)-\($0)") }
        self.configuration = configuration
        self.executable = executable
        self.arguments = arguments
        self.logger = logger
    }

    /// Looks whether the workers could be started at all. Throws a `ClusterError` that names what is in the way.
    public func check() throws {
        if let logDirectory { try LogDirectory(path: logDirectory).prepare(for: slots.map(\.name)) }
    }

    /// Runs until cancelled; then every worker is asked to drain, and what is left after twice the drain limit is killed and released as dead.
    /// It has ended about one second behind the drain limit, Redis or not: what it could not release then, the lease time frees.
    ///
    /// Throws what `check` throws, and when none of its workers can run.
    public func run() async throws {
        try check()
        let closing = ClosingTime()
        let reporter = DeathReporter(configuration: configuration, closing: closing, logger: logger)
        let rolling = RollingDeploy(configuration: configuration, slots: slots, logger: logger)
        try await withTaskCancellationHandler {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await reporter.run() }
                group.addTask { await rolling.run(deploys) }
                group.addTask { try await runWorkers(reporter) }
                // The others only end when they are cancelled; an error ends them at once.
                while try await group.next() != nil {}
            }
        } onCancel: {
            closing.begin(within: configuration.drainLimit + .seconds(1), now: .now())
        }
    }

    /// Until all have ended for good. One that cannot run does not stop the others.
    private func runWorkers(_ reporter: DeathReporter) async throws {
        let failure = await withTaskGroup(of: ClusterError?.self) { group in
            for slot in slots {
                group.addTask { await keepRunning(slot, reporter: reporter) }
            }
            var first: ClusterError?
            for await case let failure? in group {
                logger.error("Worker cannot run and is not started again", error: failure)
                first = first ?? failure
            }
            return first
        }
        await reporter.close()
        if let failure, !Task.isCancelled { throw failure }
    }

    /// Its workers as they are now.
    public func samples() -> [WorkerSample] {
        slots.map { slot in
            let child = slot.child
            let usage = child.isUp ? ProcessUsage.read(child.pid) : nil
            let report = child.report
            return WorkerSample(
                name: slot.name, isUp: child.isUp, state: report?.state ?? "", isRedisUp: report?.isRedisUp, restarts: slot.restarts,
                heldFeeds: report?.held ?? 0, cpuSeconds: usage?.cpuSeconds, residentBytes: usage?.residentBytes, feeds: child.feedReports)
        }
    }

    /// Until cancelled, or until the worker cannot run whatever is tried: then that is returned.
    private func keepRunning(_ slot: WorkerSlot, reporter: DeathReporter) async -> ClusterError? {
        let name = slot.name
        var backoff = RestartBackoff(cap: configuration.worker.restartCap)
        while !Task.isCancelled {
            let started = LocalTime.now()
            let child = slot.startsChild()
            let status: TerminationStatus?
            do {
                status = try await runOnce(name: name, child: child)
            } catch is CancellationError {
                status = nil
            } catch {
                child.ended()
                if Task.isCancelled { return nil }
                // What is missing may come back: a program that is being replaced, a disk that is being mounted.
                let delay = backoff.next(ranFor: LocalTime.now() - started)
                logger.error(
                    "Worker cannot be started; trying again", error: error,
                    metadata: ["worker": "\(name)", "program": "\(executable)", "retry.in_ms": "\(delay.wholeMilliseconds)"])
                // Cancelled: the loop ends.
                try? await Task.sleep(for: delay)
                continue
            }
            child.ended()
            // The process is reaped: the kernel has closed its sockets. That is the proof.
            // It is reported also while we are being cancelled: the successors wait for it. Bounded by the lease time, then by the closing time.
            if let incarnation = child.incarnation {
                let feeds = child.feeds
                await Task { await reporter.report(incarnation, feeds: feeds) }.value
            }
            if Task.isCancelled { return nil }
            if case .exited(let code)? = status, RestartBackoff.isFinal(code) {
                return ClusterError(.supervisor, "worker \(name) cannot run (exit code \(code)); its log says why")
            }
            if slot.isBeingReplaced {
                logger.notice("Worker is replaced", metadata: ["worker": "\(name)"])
                continue
            }
            let delay = backoff.next(ranFor: LocalTime.now() - started)
            logger.warning(
                "Worker ended; starting it again",
                metadata: [
                    "worker": "\(name)", "status": "\(status.map { "\($0)" } ?? "cancelled")", "retry.in_ms": "\(delay.wholeMilliseconds)",
                ])
            // Cancelled: the loop ends.
            try? await Task.sleep(for: delay)
        }
        return nil
    }

    private func runOnce(name: String, child: ChildState) async throws -> TerminationStatus {
        var options = PlatformOptions()
        options.processGroupID = 0
        options.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: configuration.drainLimit * 2)]
        let log = try logDirectory.map { try LogDirectory(path: $0).open(name) }
        let outcome = try await Subprocess.run(
            .path(FilePath(executable)), arguments: Arguments(arguments + ["--name", name, "--supervisor", configuration.worker.name]),
            platformOptions: options, input: .none,
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
