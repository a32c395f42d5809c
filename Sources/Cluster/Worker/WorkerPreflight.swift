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
            let info = try await connection.serverInfo()
            let version = info.version ?? "unknown"
            guard let major = Int(version.prefix { $0 != "." }), major >= 7 else {
                throw ClusterError(
                    .preflight, "Redis \(version) at \(configuration.redis.endpoint) is too old: functions need Redis 7.0 or Valkey")
            }
            try await FunctionLibrary.colony1.load(on: connection)
        } catch let error as RedisError {
            throw ClusterError(error.code == .noPermission ? .preflight : .redis, error.description)
        }
    }
}
