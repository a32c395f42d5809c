import Coordination
import Logging
import NIOCore
import NIOPosix
import RedisClient

/// What is checked before a worker starts.
enum WorkerPreflight {
    /// Throws `ClusterError.configuration` naming the inequality that does not hold, with the numbers.
    static func checkTiming(_ configuration: ColonyConfiguration) throws {
        let violations = configuration.lease.violations(reconnectCap: configuration.redis.reconnectCap)
        guard let first = violations.first else { return }
        throw ClusterError(.configuration, "impossible lease times: \(first)")
    }

    /// Throws `ClusterError.redis` when Redis is not reached, `.preflight` when it is unfit. Loads the function library.
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
            let findings = Preflight.findings(try await gather(connection, quotaBytes: configuration.streamQuotaBytes))
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

    private static func gather(_ connection: RedisConnection, quotaBytes: Int64) async throws -> PreflightFacts {
        let info = RedisServerInfo(try await connection.send(["INFO"]).string ?? "")
        var settings: [String: String] = [:]
        // A user without CONFIG is a well-chosen one: what INFO does not show is then not checked.
        if let values = try? await connection.send(["CONFIG", "GET", "*"]).array {
            for index in stride(from: 0, to: values.count - 1, by: 2) {
                if let name = values[index].string { settings[name] = values[index + 1].string }
            }
        }
        return PreflightFacts(info: info.fields, configuration: settings, quotaBytes: quotaBytes)
    }
}
