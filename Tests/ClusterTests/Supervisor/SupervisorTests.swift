import Coordination
import Foundation
import Glibc
import Logging
import RedisClient
import SystemPackage
import TestSupport
import Testing

@testable import Cluster

/// A supervisor of processes that are no workers.
@Suite struct SupervisorTests {
    private static let incarnation = "w-1.0000000000000001"
    private static let beating = "echo incarnation \(incarnation); exec sleep 1000"

    /// Redis is nowhere, and leases last for an hour: whoever waits for either waits too long for the test.
    private func configuration(_ endpoint: RedisEndpoint = RedisEndpoint(address: .unix(path: "/nonexistent/redis.sock")))
        -> ColonyConfiguration
    {
        var configuration = ColonyConfiguration()
        configuration.redis.endpoint = endpoint
        configuration.worker.name = "w"
        configuration.lease.ttl = .seconds(3600)
        configuration.lease.selfFence = .seconds(1800)
        return configuration
    }

    private func supervisor(_ script: String, _ log: LogLines, _ configuration: ColonyConfiguration? = nil) -> Supervisor {
        Supervisor(
            configuration: configuration ?? self.configuration(), executable: "/bin/sh", arguments: ["-c", script, "sh"], logger: log.logger
        )
    }

    // MARK: Starting

    @Test(.timeLimit(.minutes(1)))
    func `a program that is not there is told at once, and tried again`() async throws {
        let log = LogLines()
        let supervisor = Supervisor(
            configuration: configuration(), executable: "/nonexistent/colony", arguments: [], logger: log.logger)
        let running = Task { try await supervisor.run() }
        let first = try await log.next("Worker cannot be started; trying again")
        #expect(first.level == .error)
        #expect(first.metadata["worker"] == "w-1")
        #expect("\(first.error.map { "\($0)" } ?? "")".contains("/nonexistent/colony"))
        _ = try await log.next("Worker cannot be started; trying again")
        running.cancel()
        try await running.value
    }

    @Test(.timeLimit(.minutes(1)))
    func `a worker that cannot run ends its supervisor, if it was the last one`() async throws {
        let log = LogLines()
        let error = await #expect(throws: ClusterError.self) { try await supervisor("exit 73", log).run() }
        #expect(error?.description.contains("w-1 cannot run (exit code 73)") == true, "\(error?.description ?? "")")
    }

    @Test(.timeLimit(.minutes(1)))
    func `a worker that cannot run is told, and the others go on`() async throws {
        let log = LogLines()
        var configuration = configuration()
        configuration.worker.processes = 2
        // The arguments behind the script's name are `--name w-N ..`.
        let supervisor = supervisor("test $2 = w-1 && exit 73; \(Self.beating)", log, configuration)
        let running = Task { try await supervisor.run() }
        let line = try await log.next("Worker cannot run and is not started again")
        #expect("\(line.error.map { "\($0)" } ?? "")".contains("w-1"))
        try await eventually("the other worker runs") { supervisor.slots[1].child.incarnation }
        running.cancel()
        try await running.value
    }

    @Test(.timeLimit(.minutes(1)))
    func `a missing log directory is made, also while the workers run`() throws {
        let parent = try OrphanGuard.shared.makeDirectory("logs")
        defer { try? FileManager.default.removeItem(atPath: parent) }
        let logs = LogDirectory(path: "\(parent)/a/b")
        try logs.prepare(for: ["w-1", "w-2"])
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(parent)/a/b").sorted() == ["w-1.log", "w-2.log"])
        try FileManager.default.removeItem(atPath: "\(parent)/a")
        try logs.open("w-1").close()
        #expect(FileManager.default.fileExists(atPath: "\(parent)/a/b/w-1.log"))
    }

    @Test func `a log file that cannot be written is told with its name`() throws {
        let parent = try OrphanGuard.shared.makeDirectory("logs")
        defer { try? FileManager.default.removeItem(atPath: parent) }
        try FileManager.default.createDirectory(atPath: "\(parent)/w-1.log", withIntermediateDirectories: false)
        let error = #expect(throws: ClusterError.self) { try LogDirectory(path: parent).prepare(for: ["w-1"]) }
        #expect(error?.code == .configuration)
        #expect(error?.description.contains("\(parent)/w-1.log") == true)
    }

    // MARK: Ending

    @Test(.timeLimit(.minutes(1)))
    func `a supervisor that is told to end does not wait for a Redis that refuses`() async throws {
        let log = LogLines()
        let supervisor = supervisor(Self.beating, log)
        let running = Task { try await supervisor.run() }
        try await eventually("the worker runs") { supervisor.slots[0].child.incarnation }
        running.cancel()
        try await running.value
        let line = try await log.next("Leases of a dead worker could not be released")
        #expect(line.metadata["worker.id"] == "\(Self.incarnation)")
    }

    @Test(.timeLimit(.minutes(1)))
    func `a supervisor that is told to end does not wait for a Redis that hangs`() async throws {
        try await withRedis { redis in
            let log = LogLines()
            let supervisor = supervisor(Self.beating, log, configuration(redis.endpoint))
            kill(redis.pid, SIGSTOP)
            defer { kill(redis.pid, SIGCONT) }
            let running = Task { try await supervisor.run() }
            try await eventually("the worker runs") { supervisor.slots[0].child.incarnation }
            running.cancel()
            try await running.value
            _ = try await log.next("Leases of a dead worker could not be released")
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a release that is under way when the end is asked for is cut short`() async throws {
        let log = LogLines()
        // Nothing is running any more that could be waited for but the release.
        let supervisor = supervisor("echo incarnation \(Self.incarnation); sleep 0.1", log)
        let running = Task { try await supervisor.run() }
        try await eventually("the worker has ended") {
            supervisor.samples()[0].isUp || supervisor.slots[0].child.incarnation == nil ? nil : true
        }
        running.cancel()
        try await running.value
    }

    @Test func `nothing may end behind the closing time, but for what has just begun`() {
        let closing = ClosingTime()
        let start = LocalTime.now()
        let deadline = start + .seconds(6)
        #expect(closing.limit(deadline, startedAt: start, least: .milliseconds(300)) == deadline)
        closing.begin(within: .milliseconds(1500), now: start)
        closing.begin(within: .seconds(60), now: start)
        #expect(closing.limit(deadline, startedAt: start, least: .milliseconds(300)) == start + .milliseconds(1500))
        let late = start + .seconds(3)
        #expect(closing.limit(deadline, startedAt: late, least: .milliseconds(300)) == late + .milliseconds(300))
        #expect(closing.limit(start + .seconds(1), startedAt: start, least: .milliseconds(300)) == start + .seconds(1))
    }
}
