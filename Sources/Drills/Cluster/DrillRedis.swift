internal import Cluster
internal import Coordination
internal import FaultInjection
internal import Glibc
internal import NIOCore
internal import NIOPosix
package import RedisClient
internal import Synchronization

/// The private cluster's redis-server: killed, emptied and started again on command.
package final class DrillRedis: Sendable {
    private let directory: String
    package let port: Int
    private let network: any DrillNetwork
    private let library: FunctionLibrary
    private let process = Mutex<ChildProcess?>(nil)

    /// `library` is loaded after each start.
    init(directory: String, network: any DrillNetwork, library: FunctionLibrary) throws {
        self.directory = directory
        self.network = network
        self.library = library
        self.port = try freePort()
    }

    /// Its unix socket: the drill's own way, which no cut touches.
    package var endpoint: RedisEndpoint { RedisEndpoint(address: .unix(path: "\(directory)/redis.sock")) }

    package func start() async throws {
        var words = ["redis-server"] + EmbeddedRedis.arguments(directory: directory, port: port, bind: network.redisBind)
        // Nobody else is in the namespace.
        if network.redisBind != "127.0.0.1" { words += ["--protected-mode", "no"] }
        let child = try await Launch.start(network.command(at: .redis, words), log: "\(directory)/start.log")
        process.withLock { $0 = child }
        try await awaitReady(child)
    }

    /// kill -9; returns when it is gone.
    package func kill() async throws {
        guard let child = process.withLock({ $0 }) else { return }
        child.signal(SIGKILL)
        _ = try await child.waitForExit()
    }

    /// Deletes what a killed server left on disk, so that the next start is an empty one.
    package func deleteData() throws {
        let folder = "\(directory)/appendonlydir"
        guard let handle = opendir(folder) else {
            throw DrillError(.injection, "\(folder) cannot be read (\(String(cString: strerror(errno))))")
        }
        defer { closedir(handle) }
        while let entry = readdir(handle) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != "..", unlink("\(folder)/\(name)") != 0 {
                throw DrillError(.injection, "\(folder)/\(name) cannot be deleted (\(String(cString: strerror(errno))))")
            }
        }
    }

    func stop() async {
        guard let child = process.withLock({ $0 }) else { return }
        await Launch.end(child, patience: .seconds(5))
    }

    /// Loads another function library over the one that is there.
    func load(_ library: FunctionLibrary) async throws {
        let connection = try await connect()
        defer { connection.close() }
        try await library.load(on: connection)
    }

    package func connect() async throws -> RedisConnection {
        try await RedisConnection.connect(to: endpoint, name: "colony:drill", on: MultiThreadedEventLoopGroup.singleton.next())
    }

    private func awaitReady(_ child: ChildProcess) async throws {
        let deadline = LocalTime.now() + .seconds(20)
        while true {
            do {
                let connection = try await connect()
                defer { connection.close() }
                _ = try await connection.send(["PING"])
                try await library.load(on: connection)
                return
            } catch {
                guard Launch.isRunning(child.pid), LocalTime.now() < deadline, !Task.isCancelled else {
                    throw DrillError(
                        .setup,
                        "redis-server did not come up (\(error)); is it installed? Its log: "
                            + Launch.tail(of: "\(directory)/start.log") + Launch.tail(of: "\(directory)/redis.log"))
                }
                try await Task.sleep(for: .milliseconds(10))
            }
        }
    }
}
