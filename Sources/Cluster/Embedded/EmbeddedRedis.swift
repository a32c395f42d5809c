import Coordination
import Glibc
public import Logging
import NIOCore
import NIOPosix
public import RedisClient
import Subprocess
import SystemPackage

/// A private redis-server for `colony up`, drills and tests: unix socket and loopback port, append-only file, no eviction.
public struct EmbeddedRedis: Sendable {
    /// Holds data, socket, log; mode 0700.
    public var directory: String
    /// 0: a free one is chosen.
    public var port: Int
    public var executable: String
    /// Added behind the defaults, e.g. `["--maxmemory", "100mb"]`.
    public var extraArguments: [String] = []

    public init(directory: String, port: Int = 0, executable: String = "redis-server") {
        self.directory = directory
        self.port = port
        self.executable = executable
    }

    /// What runs.
    public struct Running: Sendable {
        public let endpoint: RedisEndpoint
        public let port: Int
        public let pid: Int32
    }

    /// Starts the server, loads the function library, runs `body`, and takes the server down. A server that dies in between is started again on
    /// its data. Cancelling ends the server too.
    ///
    /// Throws `ClusterError.embeddedRedis` when the server does not come up, with the end of its log.
    public func run<Result: Sendable>(
        logger: Logger, body: @escaping @Sendable (Running) async throws -> Result
    ) async throws -> Result {
        try StateDirectory(path: directory).prepare()
        let port = port == 0 ? try FreePort.choose() : port
        guard FreePort.isFree(port) else {
            throw ClusterError(
                .inUse, "port \(port) on 127.0.0.1, meant for the embedded Redis, is in use; choose another one, or 0 for a free one")
        }
        let (ready, continuation) = AsyncStream<Running>.makeStream(bufferingPolicy: .bufferingNewest(1))
        return try await withThrowingTaskGroup(of: Result?.self) { group in
            group.addTask {
                try await keepRunning(port: port, logger: logger) { continuation.yield($0) }
                return nil
            }
            group.addTask {
                for await running in ready { return try await body(running) }
                throw CancellationError()
            }
            guard let result = try await group.next() ?? nil else { throw CancellationError() }
            group.cancelAll()
            return result
        }
    }

    private func keepRunning(port: Int, logger: Logger, onReady: @escaping @Sendable (Running) -> Void) async throws {
        let socket = "\(directory)/redis.sock"
        let log = "\(directory)/redis.log"
        var options = PlatformOptions()
        // Its own process group: Ctrl-C at the terminal is for us, and Redis must outlive the workers' drain.
        options.processGroupID = 0
        options.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: .seconds(3))]
        let arguments = Self.arguments(directory: directory, port: port)
        var isFirst = true
        while !Task.isCancelled {
            let started = LocalTime.now()
            do {
                _ = try await Subprocess.run(
                    .name(executable), arguments: Arguments(arguments + extraArguments), platformOptions: options, input: .none,
                    output: .sequence, error: .discarded
                ) { execution in
                    let endpoint = RedisEndpoint(address: .unix(path: socket))
                    let pid = execution.processIdentifier.value
                    try await Self.awaitReady(endpoint, pid: pid, log: log)
                    if isFirst { onReady(Running(endpoint: endpoint, port: port, pid: pid)) }
                    // Its end closes the pipe.
                    for try await _ in execution.standardOutput {}
                }
            } catch let error as SubprocessError where error.code == .executableNotFound {
                throw ClusterError(
                    .embeddedRedis,
                    "'\(executable)' was not found; install it (Debian, Ubuntu: apt-get install redis-server), or name a running server "
                        + "with --redis")
            } catch {
                // A server that dies while it comes up again is tried again; the first start must succeed.
                if isFirst || Task.isCancelled { throw error }
            }
            isFirst = false
            guard !Task.isCancelled else { return }
            logger.warning("redis-server ended; starting it again on its data", metadata: ["directory": "\(directory)"])
            if LocalTime.now() - started < .seconds(1) { try await Task.sleep(for: .milliseconds(500)) }
        }
    }

    /// The settings of a private server whose data are leases and streams; its socket is `redis.sock`, its log `redis.log` in `directory`.
    package static func arguments(directory: String, port: Int, bind: String = "127.0.0.1") -> [String] {
        [
            "--port", "\(port)", "--bind", bind, "--unixsocket", "\(directory)/redis.sock", "--unixsocketperm", "700", "--dir", directory,
            "--logfile", "\(directory)/redis.log", "--daemonize", "no", "--save", "", "--appendonly", "yes", "--appendfsync", "everysec",
            "--aof-load-truncated", "yes", "--stop-writes-on-bgsave-error", "no", "--maxmemory", "\(defaultMaxMemory())",
            "--maxmemory-policy", "noeviction", "--stream-node-max-bytes", "16384", "--stream-node-max-entries", "0", "--timeout", "0",
            "--tcp-keepalive", "30",
        ]
    }

    private static func awaitReady(_ endpoint: RedisEndpoint, pid: Int32, log: String) async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let deadline = LocalTime.now() + .seconds(10)
        while true {
            do {
                let connection = try await RedisConnection.connect(to: endpoint, name: "colony:up", on: loop)
                defer { connection.close() }
                _ = try await connection.send(["PING"])
                try await FunctionLibrary.colony1.load(on: connection)
                return
            } catch {
                let isGone = kill(pid, 0) != 0
                guard !isGone, LocalTime.now() < deadline, error.code != .other else {
                    throw ClusterError(
                        .embeddedRedis, "redis-server did not come up: \(error.description)\n\(tail(of: log))")
                }
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }

    private static func tail(of path: String) -> String {
        guard let file = fopen(path, "r") else { return "" }
        defer { fclose(file) }
        fseek(file, 0, SEEK_END)
        fseek(file, max(0, ftell(file) - 800), SEEK_SET)
        var bytes = [UInt8](repeating: 0, count: 800)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }

    /// A quarter of the machine's memory, bytes.
    private static func defaultMaxMemory() -> Int {
        max(256 << 20, sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE)) / 4)
    }
}

/// A loopback port nobody listens on at the moment of asking.
enum FreePort {
    static func isFree(_ port: Int) -> Bool { (try? bind(port)) != nil }

    static func choose() throws -> Int { try bind(0) }

    /// Binds and lets go; gives the port.
    private static func bind(_ wanted: Int) throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw ClusterError(.embeddedRedis, "no socket can be opened (errno \(errno))") }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(wanted)).bigEndian
        var reuse: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &reuse, socklen_t(MemoryLayout<Int32>.size))
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let port = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic -> Int? in
                guard Glibc.bind(descriptor, generic, length) == 0, getsockname(descriptor, generic, &length) == 0 else { return nil }
                return Int(UInt16(bigEndian: pointer.pointee.sin_port))
            }
        }
        guard let port else { throw ClusterError(.embeddedRedis, "no loopback port can be bound (errno \(errno))") }
        return port
    }
}
