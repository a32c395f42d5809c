internal import FaultInjection
internal import Foundation
internal import NIOCore
internal import NIOPosix
package import RedisClient
internal import Synchronization

/// A private redis-server for one test, reachable by unix socket and on a loopback port. Nothing is saved unless asked for.
package final class RedisServer: Sendable {
    package struct Options: Sendable {
        /// `requirepass`.
        package var password: String?
        /// Lines of ACL, e.g. `reader on >secret ~colony:* +@read`.
        package var users: [String] = []
        package var tls: TLS?
        package var isAppendOnly = false
        /// As in redis.conf, e.g. `8mb`.
        package var maximumMemory: String?
        /// More lines of redis.conf.
        package var directives: [String] = []
        /// Put into the server's directory before its first start, by name.
        package var files: [String: String] = [:]

        package init(
            password: String? = nil, users: [String] = [], tls: TLS? = nil, isAppendOnly: Bool = false, maximumMemory: String? = nil,
            directives: [String] = [], files: [String: String] = [:]
        ) {
            self.password = password
            self.users = users
            self.tls = tls
            self.isAppendOnly = isAppendOnly
            self.maximumMemory = maximumMemory
            self.directives = directives
            self.files = files
        }
    }

    package struct TLS: Sendable {
        package var certificateFile: String
        package var keyFile: String
        package var authoritiesFile: String
        /// Whether clients must show a certificate of these authorities.
        package var verifiesClients = false

        package init(certificateFile: String, keyFile: String, authoritiesFile: String, verifiesClients: Bool = false) {
            self.certificateFile = certificateFile
            self.keyFile = keyFile
            self.authoritiesFile = authoritiesFile
            self.verifiesClients = verifiesClients
        }
    }

    /// Holds configuration, socket and data.
    package let directory: String
    package let port: Int
    /// Nil without `Options.tls`.
    package let tlsPort: Int?
    private let password: String?
    private let process: Mutex<ChildProcess>

    package var socketPath: String { directory + "/redis.sock" }
    package var pid: Int32 { process.withLock { $0.pid } }
    package var log: String { process.withLock { $0.output }.text }

    /// By unix socket, as the default user.
    package var endpoint: RedisEndpoint { RedisEndpoint(address: .unix(path: socketPath), password: password) }
    package var tcpEndpoint: RedisEndpoint { RedisEndpoint(address: .tcp(host: "127.0.0.1", port: port), password: password) }

    /// The TLS port at `host`; nil without `Options.tls`.
    package func tlsEndpoint(host: String = "127.0.0.1", tls: RedisEndpoint.TLS) -> RedisEndpoint? {
        tlsPort.map { RedisEndpoint(address: .tcp(host: host, port: $0), tls: tls, password: password) }
    }

    /// Starts a server and waits until it accepts connections.
    package static func start(_ options: Options = Options()) async throws -> RedisServer {
        var attempt = 1
        while true {
            let directory = try OrphanGuard.shared.makeDirectory("redis")
            let port = try freePort()
            let tlsPort = try options.tls.map { _ in try freePort() }
            let configuration = Self.configuration(options, directory: directory, port: port, tlsPort: tlsPort)
            try configuration.write(toFile: directory + "/redis.conf", atomically: true, encoding: .utf8)
            for (name, text) in options.files {
                try text.write(toFile: directory + "/" + name, atomically: true, encoding: .utf8)
            }
            let process = try await launch(directory: directory)
            let server = RedisServer(
                directory: directory, port: port, tlsPort: tlsPort, password: options.password, process: process
            )
            do {
                try await server.waitUntilReady()
                return server
            } catch {
                let portWasTaken = server.log.contains("Address already in use")
                try await server.stop()
                attempt += 1
                guard portWasTaken, attempt <= 5 else { throw error }
            }
        }
    }

    private init(directory: String, port: Int, tlsPort: Int?, password: String?, process: ChildProcess) {
        self.directory = directory
        self.port = port
        self.tlsPort = tlsPort
        self.password = password
        self.process = Mutex(process)
    }

    /// Waits for the server's own word that it has loaded its data.
    package func waitUntilReady() async throws {
        try await waitForLog("eady to accept connections")
    }

    /// Waits for a line of the server's log since its last start.
    package func waitForLog(_ text: String) async throws {
        try await process.withLock { $0.output }.waitFor(text)
    }

    /// SIGKILL; returns when the process is gone.
    package func kill() async throws {
        let process = process.withLock { $0 }
        process.signal(SIGKILL)
        _ = try await process.waitForExit()
    }

    /// Starts the server again with the same data, ports and socket, killing it first if it still runs.
    package func restart(waitUntilReady: Bool = true) async throws {
        try await kill()
        let next = try await Self.launch(directory: directory)
        process.withLock { $0 = next }
        if waitUntilReady { try await self.waitUntilReady() }
    }

    /// Stops the process as a debugger would; it keeps its sockets.
    package func freeze() { process.withLock { _ = $0.signal(SIGSTOP) } }
    package func thaw() { process.withLock { _ = $0.signal(SIGCONT) } }

    /// SHUTDOWN NOSAVE, then SIGKILL, then the directory is deleted.
    package func stop() async throws {
        thaw()
        do throws(RedisError) {
            let connection = try await RedisConnection.connect(
                to: endpoint, on: MultiThreadedEventLoopGroup.singleton.next(), timeout: .milliseconds(500)
            )
            _ = try await connection.send(["SHUTDOWN", "NOSAVE"], timeout: .milliseconds(500))
        } catch {
            // Its success is a lost connection; whatever else went wrong, the signal ends it.
        }
        try await kill()
        try FileManager.default.removeItem(atPath: directory)
    }

    /// A connection on any event loop; by unix socket unless another endpoint is given.
    package func connect(to endpoint: RedisEndpoint? = nil, name: String? = nil) async throws -> RedisConnection {
        try await RedisConnection.connect(
            to: endpoint ?? self.endpoint, name: name, on: MultiThreadedEventLoopGroup.singleton.next(), timeout: .seconds(20)
        )
    }

    private static func launch(directory: String) async throws -> ChildProcess {
        let executable = ProcessInfo.processInfo.environment["COLONY_TEST_REDIS_SERVER"] ?? "redis-server"
        return try await ChildProcess.spawn(executable, [directory + "/redis.conf"])
    }

    private static func configuration(_ options: Options, directory: String, port: Int, tlsPort: Int?) -> String {
        var lines = [
            "bind 127.0.0.1", "port \(port)", "unixsocket \(directory)/redis.sock", "unixsocketperm 700", "dir \(directory)", "save \"\"",
            "daemonize no", "enable-debug-command yes", "appendonly \(options.isAppendOnly ? "yes" : "no")",
        ]
        if let password = options.password { lines.append("requirepass \(password)") }
        if let maximumMemory = options.maximumMemory { lines.append("maxmemory \(maximumMemory)") }
        lines += options.users.map { "user \($0)" }
        if let tls = options.tls, let tlsPort {
            lines += [
                "tls-port \(tlsPort)", "tls-cert-file \(tls.certificateFile)", "tls-key-file \(tls.keyFile)",
                "tls-ca-cert-file \(tls.authoritiesFile)", "tls-auth-clients \(tls.verifiesClients ? "yes" : "no")",
            ]
        }
        return (lines + options.directives).joined(separator: "\n") + "\n"
    }
}

/// Runs `body` with a private redis-server, which is gone afterwards. When `body` throws, the server's log is printed.
package func withRedis<Result>(
    _ options: RedisServer.Options = RedisServer.Options(), _ body: (RedisServer) async throws -> Result
) async throws -> Result {
    let server = try await RedisServer.start(options)
    let result: Result
    do {
        result = try await body(server)
    } catch {
        print("redis-server on port \(server.port) logged:\n\(server.log)")
        try await server.stop()
        throw error
    }
    try await server.stop()
    return result
}
