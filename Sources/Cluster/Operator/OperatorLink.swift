import Coordination
import NIOCore
import NIOPosix
package import RedisClient
import Synchronization

/// An operator's connection to Redis: opened again when it broke, so that a view outlives a restart of the server.
package final class OperatorLink: Sendable {
    package let endpoint: RedisEndpoint
    private let connection = Mutex<RedisConnection?>(nil)

    package init(_ endpoint: RedisEndpoint) { self.endpoint = endpoint }

    /// The open connection, or a new one.
    package func open() async throws(RedisError) -> RedisConnection {
        if let open = connection.withLock({ $0 }), open.isOpen { return open }
        let fresh = try await RedisConnection.connect(
            to: endpoint, name: "colony:operator", on: MultiThreadedEventLoopGroup.singleton.next())
        connection.withLock { $0 = fresh }
        return fresh
    }

    /// The address for people; behind Sentinels also the server that was found there.
    var place: String {
        guard endpoint.sentinel != nil, let server = connection.withLock({ $0 })?.endpoint else { return "\(endpoint)" }
        return "\(server) by \(endpoint)"
    }

    package func send(_ arguments: [RedisArgument], timeout: Duration = .seconds(2)) async throws -> RedisValue {
        try await open().send(arguments, timeout: timeout)
    }

    /// A server that no worker has used yet is given the functions first.
    func call<Call: FunctionCall>(_ call: Call, timeout: Duration = .seconds(2)) async throws -> Call.Reply {
        let connection = try await open()
        do {
            return try await connection.call(call, timeout: timeout)
        } catch let error as RedisError where error.code == .functionNotFound {
            try await FunctionLibrary.colony1.load(on: connection)
            return try await connection.call(call, timeout: timeout)
        }
    }

    func serverInfo() async throws -> RedisServerInfo { try await open().serverInfo() }

    package func close() { connection.withLock { $0 }?.close() }
}
