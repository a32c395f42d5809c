import Coordination
import Logging
import NIOCore
import NIOPosix
import RedisClient

/// What is checked before a worker starts.
enum WorkerPreflight {
    /// Throws `ClusterError.configuration` naming the inequality that does not hold, with the numbers, or the settings that exclude each other.
    static func checkTiming(_ configuration: ColonyConfiguration) throws {
        if let complaint = configuration.redis.complaint { throw ClusterError(.configuration, complaint) }
        let violations = configuration.lease.violations(reconnectCap: configuration.redis.reconnectCap)
        guard let first = violations.first else { return }
        throw ClusterError(.configuration, "impossible lease times: \(first)")
    }

    /// Throws `ClusterError.redis` when Redis is not reached, `.preflight` when it is unfit, `.configuration` when the lease times do not fit
    /// those of a failover. Loads the function library.
    static func checkRedis(_ configuration: ColonyConfiguration, logger: Logger) async throws {
        let connection: RedisConnection
        do {
            connection = try await RedisConnection.connect(
                to: configuration.redis.endpoint, name: "colony:preflight", on: MultiThreadedEventLoopGroup.singleton.next())
        } catch {
            throw ClusterError(.redis, error.description)
        }
        defer { connection.close() }
        do {
            let facts = try await gather(
                connection, quotaBytes: configuration.streamQuotaBytes, isSentinel: configuration.redis.endpoint.sentinel != nil)
            try await checkFailover(configuration, facts, logger: logger)
            let findings = Preflight.findings(facts)
            // Without functions nothing works at all; the rest endangers data or leases, and the operator decides.
            if let fatal = findings.first(where: {
                $0.severity == .error && (configuration.preflight == .strict || $0.check == .version)
            }) {
                throw ClusterError(.preflight, "Redis at \(configuration.redis.endpoint) is unfit: \(fatal.problem); \(fatal.remedy)")
            }
            try await FunctionLibrary.colony1.load(on: connection)
            for finding in findings where finding.severity > .advice {
                logger.warning(
                    "Redis is not set up as it should be",
                    metadata: ["redis": "\(configuration.redis.endpoint)", "problem": "\(finding.problem)", "remedy": "\(finding.remedy)"])
            }
        } catch let error as RedisError {
            throw ClusterError(error.code == .noPermission ? .preflight : .redis, error.description)
        }
    }

    /// Inequality I4, with the numbers of the server and of the Sentinels.
    private static func checkFailover(_ configuration: ColonyConfiguration, _ facts: PreflightFacts, logger: Logger) async throws {
        let endpoint = configuration.redis.endpoint
        guard let sentinel = endpoint.sentinel else { return }
        let examination = SentinelExamination(endpoint: endpoint, master: sentinel.master, states: await endpoint.sentinelStates())
        let violations = examination.violations(facts, lease: configuration.lease, reconnectCap: configuration.redis.reconnectCap)
        if let first = violations.first { throw ClusterError(.configuration, "impossible lease times: \(first)") }
        let assumed = examination.topology(facts).assumed
        if !assumed.isEmpty {
            logger.warning("Times of a failover not read", metadata: ["redis": "\(endpoint)", "assumed": "\(assumed)"])
        }
    }

    private static func gather(_ connection: RedisConnection, quotaBytes: Int64, isSentinel: Bool) async throws -> PreflightFacts {
        let info = RedisServerInfo(try await connection.send(["INFO"]).string ?? "")
        var settings: [String: String] = [:]
        // A user without CONFIG is a well-chosen one: what INFO does not show is then not checked.
        if let values = try? await connection.send(["CONFIG", "GET", "*"]).array {
            for index in stride(from: 0, to: values.count - 1, by: 2) {
                if let name = values[index].string { settings[name] = values[index + 1].string }
            }
        }
        return PreflightFacts(
            info: info.fields, configuration: settings, topology: isSentinel ? .sentinel : .single, quotaBytes: quotaBytes)
    }
}
