internal import Glibc
internal import NIOCore
internal import NIOPosix
package import RedisClient
internal import Synchronization

/// A master, its replicas and the Sentinels that watch them, all on loopback: killed, cut off and brought back on command.
package final class ReplicatedRedis: Sendable {
    package struct Options: Sendable {
        package var replicas = 2
        package var sentinels = 3
        package var quorum = 2
        package var downAfter: Duration = .seconds(2)
        /// Also how long a failover that came to nothing is waited behind, twice.
        package var failoverTimeout: Duration = .seconds(5)
        package var minReplicas = 1
        /// `min-replicas-max-lag`, seconds.
        package var maxLag = 2
        /// More lines of sentinel.conf.
        package var sentinelDirectives: [String] = []

        package init() {}
    }

    /// Starts a program (its words) whose output may be written to a log file.
    package typealias Launcher = @Sendable (_ words: [String], _ log: String) async throws -> ChildProcess

    package static let master = "colony"

    private struct Process {
        let directory: String
        let port: Int
        var child: ChildProcess?
    }

    private let options: Options
    private let arguments: @Sendable (_ directory: String, _ port: Int) -> [String]
    private let launch: Launcher
    private let servers: Mutex<[Process]>
    private let sentinels: Mutex<[Process]>

    /// In `directory`, which exists. `arguments`: those of a redis-server in its directory at a port, without anything about replication.
    package static func start(
        in directory: String, options: Options = Options(),
        arguments: @escaping @Sendable (_ directory: String, _ port: Int) -> [String], launch: @escaping Launcher
    ) async throws -> ReplicatedRedis {
        let group = try ReplicatedRedis(directory: directory, options: options, arguments: arguments, launch: launch)
        do {
            for index in 0...options.replicas { try await group.startServer(index, replicaOf: index == 0 ? nil : 0) }
            try await group.untilReplicated()
            for index in 0..<options.sentinels { try await group.startSentinel(index) }
            try await group.untilWatched()
            return group
        } catch {
            await group.stop()
            throw error
        }
    }

    private init(
        directory: String, options: Options, arguments: @escaping @Sendable (String, Int) -> [String], launch: @escaping Launcher
    ) throws {
        self.options = options
        self.arguments = arguments
        self.launch = launch
        func processes(_ name: String, _ count: Int) throws -> [Process] {
            try (0..<count).map { index in
                let path = "\(directory)/\(name)\(index)"
                guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
                    throw FaultInjectionError(.system, "\(path) cannot be made: errno \(errno)")
                }
                return Process(directory: path, port: try freePort())
            }
        }
        servers = Mutex(try processes("server", options.replicas + 1))
        sentinels = Mutex(try processes("sentinel", options.sentinels))
    }

    // MARK: Places

    /// The master, whichever it is.
    package var endpoint: RedisEndpoint {
        RedisEndpoint(address: .sentinel(RedisSentinel(nodes: sentinelNodes, master: Self.master)))
    }

    package var sentinelNodes: [RedisNode] {
        sentinels.withLock { $0.map { RedisNode(host: "127.0.0.1", port: $0.port) } }
    }

    package var serverCount: Int { options.replicas + 1 }

    package func node(_ server: Int) -> RedisNode { RedisNode(host: "127.0.0.1", port: servers.withLock { $0[server].port }) }

    /// A server itself, whatever its role is.
    package func connect(to server: Int) async throws -> RedisConnection { try await Self.connect(to: node(server)) }

    package func connect(toSentinel index: Int) async throws -> RedisConnection { try await Self.connect(to: sentinelNodes[index]) }

    private static func connect(to node: RedisNode) async throws -> RedisConnection {
        try await RedisConnection.connect(
            to: RedisEndpoint(address: .tcp(host: node.host, port: node.port)), on: MultiThreadedEventLoopGroup.singleton.next(),
            timeout: .seconds(5))
    }

    /// The server that most Sentinels call the master now.
    package func currentMaster() async throws -> Int {
        var votes: [Int: Int] = [:]
        for (_, state) in await endpoint.sentinelStates() {
            guard case .success(let state) = state, let node = state.master else { continue }
            if let server = (0..<serverCount).first(where: { self.node($0) == node }) { votes[server, default: 0] += 1 }
        }
        guard let best = votes.max(by: { ($0.value, $1.key) < ($1.value, $0.key) }) else {
            throw FaultInjectionError(.output, "no Sentinel names a master that is one of our servers")
        }
        return best.key
    }

    // MARK: Faults

    /// kill -9; returns when it is gone.
    package func kill(server: Int) async throws { try await Self.end(servers.withLock { $0[server].child }) }

    /// Tells a Sentinel to promote a replica although the master is well.
    package func orderFailover() async throws {
        let connection = try await connect(toSentinel: 0)
        defer { connection.close() }
        _ = try await connection.send(["SENTINEL", "FAILOVER", .string(Self.master)])
    }

    package func kill(sentinel: Int) async throws { try await Self.end(sentinels.withLock { $0[sentinel].child }) }

    /// The process keeps its sockets and answers nothing until `thaw`.
    package func freeze(sentinel: Int) { sentinels.withLock { _ = $0[sentinel].child?.signal(SIGSTOP) } }
    package func thaw(sentinel: Int) { sentinels.withLock { _ = $0[sentinel].child?.signal(SIGCONT) } }
    package func freeze(server: Int) { servers.withLock { _ = $0[server].child?.signal(SIGSTOP) } }
    package func thaw(server: Int) { servers.withLock { _ = $0[server].child?.signal(SIGCONT) } }

    /// Starts a killed server again, on its data. `replicaOf` nil: as the master it was.
    package func startServer(_ index: Int, replicaOf master: Int?) async throws {
        let process = servers.withLock { $0[index] }
        var words =
            ["redis-server"] + arguments(process.directory, process.port) + [
                "--min-replicas-to-write", "\(options.minReplicas)", "--min-replicas-max-lag", "\(options.maxLag)",
                "--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1",
            ]
        if let master { words += ["--replicaof", "127.0.0.1", "\(node(master).port)"] }
        let child = try await launch(words, "\(process.directory)/start.log")
        servers.withLock { $0[index].child = child }
        try await Self.until("server \(index) answers") { [self] in
            let connection = try await connect(to: index)
            defer { connection.close() }
            return try await connection.send(["PING"]).string == "PONG" ? nil : "no PONG"
        }
    }

    package func startSentinel(_ index: Int) async throws {
        let process = sentinels.withLock { $0[index] }
        let file = "\(process.directory)/sentinel.conf"
        // One that was stopped has its own state in its file.
        if access(file, F_OK) != 0 {
            let name = Self.master
            let lines =
                [
                    "port \(process.port)", "bind 127.0.0.1", "dir \(process.directory)", "daemonize no",
                    "sentinel monitor \(name) 127.0.0.1 \(node(0).port) \(options.quorum)",
                    "sentinel down-after-milliseconds \(name) \(Self.milliseconds(options.downAfter))",
                    "sentinel failover-timeout \(name) \(Self.milliseconds(options.failoverTimeout))",
                    "sentinel parallel-syncs \(name) \(options.replicas)",
                ] + options.sentinelDirectives
            try Self.write(lines.joined(separator: "\n") + "\n", to: file)
        }
        let child = try await launch(["redis-server", file, "--sentinel"], "\(process.directory)/start.log")
        sentinels.withLock { $0[index].child = child }
    }

    /// From now on the replicas follow the master through a proxy, so that `stall` of it makes acknowledged writes that no replica has; the
    /// Sentinels would put that right after some eight seconds.
    package func divertReplication(of master: Int) async throws -> FaultProxy {
        let proxy = try await FaultProxy.start(to: .tcp(host: "127.0.0.1", port: node(master).port))
        for server in 0..<serverCount where server != master {
            let connection = try await connect(to: server)
            defer { connection.close() }
            _ = try await connection.send(["REPLICAOF", "127.0.0.1", .string("\(proxy.port)")])
        }
        try await untilReplicated(from: master)
        return proxy
    }

    // MARK: Waiting

    /// All replicas are online at the master, and none is behind.
    package func untilReplicated(from master: Int = 0) async throws {
        let wanted = options.replicas
        try await Self.until("\(wanted) replicas follow server \(master)") { [self] in
            let connection = try await connect(to: master)
            defer { connection.close() }
            let info = RedisServerInfo(try await connection.send(["INFO", "replication"]).string ?? "")
            let online = (0..<wanted).count { slave in
                info["slave\(slave)"].map { $0.contains("state=online") && ($0.hasSuffix("lag=0") || $0.hasSuffix("lag=1")) } ?? false
            }
            return online == wanted ? nil : "\(online) of \(wanted) are online"
        }
    }

    /// Every Sentinel knows the others and the replicas, and sees nothing wrong.
    package func untilWatched() async throws {
        let (replicas, others) = (options.replicas, options.sentinels - 1)
        try await Self.until("the Sentinels know everybody") { [self] in
            for (node, state) in await endpoint.sentinelStates() {
                let state = try state.get()
                guard state.replicas == replicas, state.otherSentinels == others, state.flags == ["master"] else {
                    return "\(node) knows \(state.replicas ?? 0) replicas and \(state.otherSentinels ?? 0) others, flags \(state.flags)"
                }
            }
            return nil
        }
    }

    /// The Sentinels name another master than `old`, and it says so itself; returns it.
    @discardableResult
    package func untilPromoted(insteadOf old: Int) async throws -> Int {
        let found = Mutex(old)
        try await Self.until("another than server \(old) is the master") { [self] in
            let master = try await currentMaster()
            guard master != old else { return "the Sentinels name server \(old)" }
            let connection = try await connect(to: master)
            defer { connection.close() }
            guard try await connection.send(["ROLE"]).array?.first?.string == "master" else { return "server \(master) is no master yet" }
            found.withLock { $0 = master }
            return nil
        }
        return found.withLock { $0 }
    }

    /// Asks again and again until `missing` finds nothing; the states of other processes tell no events.
    private static func until(
        _ what: String, within limit: TimeAmount = .seconds(60), _ missing: () async throws -> String?
    ) async throws {
        let deadline = NIODeadline.now() + limit
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        while true {
            let last: String
            do {
                guard let found = try await missing() else { return }
                last = found
            } catch let error as RedisError {
                last = error.description
            }
            guard NIODeadline.now() < deadline else { throw FaultInjectionError(.output, "it did not come about that \(what): \(last)") }
            try await eventLoop.scheduleTask(in: .milliseconds(20)) {}.futureResult.get()
            try Task.checkCancellation()
        }
    }

    // MARK: The end

    /// Kills everything; the files stay.
    package func stop() async {
        let children = sentinels.withLock { $0.compactMap(\.child) } + servers.withLock { $0.compactMap(\.child) }
        // One whose end cannot be learnt is gone as far as we can tell.
        for child in children { try? await Self.end(child) }
    }

    private static func end(_ child: ChildProcess?) async throws {
        guard let child else { return }
        child.signal(SIGKILL)
        _ = try await child.waitForExit()
    }

    private static func milliseconds(_ duration: Duration) -> Int64 { TimeAmount(duration).nanoseconds / 1_000_000 }

    private static func write(_ text: String, to path: String) throws {
        guard let file = fopen(path, "w") else { throw FaultInjectionError(.system, "\(path) cannot be written: errno \(errno)") }
        defer { fclose(file) }
        guard fputs(text, file) >= 0 else { throw FaultInjectionError(.system, "\(path) cannot be written: errno \(errno)") }
    }
}
