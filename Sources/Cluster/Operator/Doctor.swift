import ColonyExchanges
import Coordination
import Glibc
import NIOCore
import NIOPosix
import RedisClient
import WebSocketClient

/// One thing `colony doctor` looked at.
public struct DoctorFinding: Sendable, Equatable {
    public enum Level: String, Sendable, Comparable, CaseIterable {
        case ok, advice, warning, error

        public static func < (left: Level, right: Level) -> Bool {
            allCases.firstIndex(of: left) ?? 0 < allCases.firstIndex(of: right) ?? 0
        }
    }

    public var area: String
    public var level: Level
    /// What was found, with the values.
    public var text: String
    /// What to change; empty when nothing is to be done.
    public var remedy: String

    public init(_ area: String, _ level: Level, _ text: String, _ remedy: String = "") {
        self.area = area
        self.level = level
        self.text = text
        self.remedy = remedy
    }
}

/// Looks at everything a worker of this configuration depends on, without changing anything.
public struct Doctor: Sendable {
    public var configuration: ColonyConfiguration
    /// Exchanges to be reached; nil: those of the configuration and the catalogue.
    public var exchanges: [String]?

    public init(_ configuration: ColonyConfiguration, exchanges: [String]? = nil) {
        self.configuration = configuration
        self.exchanges = exchanges
    }

    /// The findings in the order of the areas; each area is reported as soon as it is known.
    public func examine(_ report: (DoctorFinding) -> Void) async {
        for finding in settings() + host() { report(finding) }
        let (redis, catalogue) = await server()
        for finding in redis { report(finding) }
        for finding in await reachable(exchanges ?? wanted(catalogue)) { report(finding) }
    }

    // MARK: Settings and host

    func settings() -> [DoctorFinding] {
        var found: [DoctorFinding] = []
        let violations = configuration.lease.violations(reconnectCap: configuration.redis.reconnectCap)
        for violation in violations {
            found.append(.init("lease", .error, "impossible times: \(violation)", "correct the lease.* settings, or use lease.profile"))
        }
        if violations.isEmpty {
            let lease = configuration.lease
            found.append(
                .init(
                    "lease", .ok,
                    "taken over after \(lease.ttl), renewed every \(lease.renewEvery), websocket closed after \(lease.selfFence) without proof"
                ))
        }
        if !configuration.deadman {
            found.append(
                .init(
                    "lease", .warning, "the dead-man timer is off: a stopped worker keeps its websocket beyond its lease",
                    "set deadman: on, unless this is a debugging session"))
        }
        for (name, exchange) in [("exchange", configuration.exchange)] + configuration.exchanges.sorted(by: { $0.key < $1.key })
        where exchange.roots == .insecure {
            found.append(
                .init("TLS", .warning, "\(name): certificates are not verified", "remove tls.insecure; name the authority with tls.roots"))
        }
        if let listen = configuration.dashboard.listen, !["127.0.0.1", "::1", "localhost"].contains(listen.host),
            configuration.dashboard.token == nil
        {
            found.append(
                .init(
                    "dashboard", .warning, "page and metrics are open to everybody who reaches \(listen.host):\(listen.port)",
                    "set dashboard.token_file, or listen on 127.0.0.1"))
        }
        return found
    }

    func host() -> [DoctorFinding] {
        var found: [DoctorFinding] = []
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            let text = "\(limit.rlim_cur) open files allowed"
            found.append(
                limit.rlim_cur < 4096
                    ? .init("host", .warning, text, "ulimit -n 65536, or LimitNOFILE=65536 in the unit: each feed needs a few")
                    : .init("host", .ok, text))
        }
        let state = StateDirectory(path: configuration.worker.stateDirectory)
        do {
            try state.prepare()
            found.append(.init("host", .ok, "state directory \(state.path) can be written"))
        } catch {
            found.append(
                .init("host", .error, "state directory: \(error.description)", "set worker.state_directory to one this user may write"))
        }
        return found
    }

    // MARK: Redis

    private func server() async -> ([DoctorFinding], [(feed: FeedName, entry: CatalogueEntry)]) {
        let endpoint = configuration.redis.endpoint
        let isSentinel = endpoint.sentinel != nil
        let connection: RedisConnection
        do {
            connection = try await RedisConnection.connect(
                to: endpoint, name: "colony:doctor", on: MultiThreadedEventLoopGroup.singleton.next())
        } catch {
            let remedy = "start Redis\(isSentinel ? " and its Sentinels" : ""), or correct redis.url, user and password"
            return ([.init("Redis", .error, error.description, remedy)], [])
        }
        defer { connection.close() }
        var found: [DoctorFinding] = []
        do {
            let (facts, worst) = try await gather(connection)
            let version = facts.info["redis_version"] ?? "of unknown version"
            found.append(.init("Redis", .ok, "Redis \(version) at \(connection.endpoint), role \(facts.info["role"] ?? "unknown")"))
            let slow = worst > configuration.lease.renewTimeout / 4
            found.append(
                .init(
                    "Redis", slow ? .warning : .ok, "slowest of 20 round trips: \(worst.wholeNanoseconds / 1000) us",
                    slow
                        ? "a renewal must be answered within \(configuration.lease.renewTimeout); use lease.profile: calm, or a nearer Redis"
                        : ""))
            for finding in Preflight.findings(facts) {
                let level: DoctorFinding.Level = finding.severity == .error ? .error : finding.severity == .warning ? .warning : .advice
                found.append(.init("Redis", level, finding.problem, finding.remedy))
            }
            if let sentinel = endpoint.sentinel {
                let examination = SentinelExamination(endpoint: endpoint, master: sentinel.master, states: await endpoint.sentinelStates())
                found += examination.findings(facts, lease: configuration.lease, reconnectCap: configuration.redis.reconnectCap)
                found += replication(facts)
            }
        } catch {
            found.append(.init("Redis", .error, "cannot be examined: \(error)", "allow this user INFO, TIME and PING"))
        }
        let client = ClusterClient(configuration)
        defer { client.close() }
        do {
            let catalogue = try await client.catalogue()
            found += cluster(try await client.status())
            return (found, catalogue)
        } catch {
            found.append(.init("cluster", .error, "cannot be read: \(error)", "see `colony status`"))
            return (found, [])
        }
    }

    private func gather(_ connection: RedisConnection) async throws -> (PreflightFacts, worst: Duration) {
        let info = RedisServerInfo(try await connection.send(["INFO"]).string ?? "")
        var settings: [String: String] = [:]
        // A user without CONFIG, FUNCTION LIST or ACL is a well-chosen one: what they would tell is then not checked.
        if let values = try? await connection.send(["CONFIG", "GET", "*"]).array {
            for index in stride(from: 0, to: values.count - 1, by: 2) {
                if let name = values[index].string { settings[name] = values[index + 1].string }
            }
        }
        var worst = Duration.zero
        var difference: Duration?
        for _ in 0..<20 {
            let sent = LocalTime.now()
            let time = try await connection.send(["TIME"])
            let took = LocalTime.now() - sent
            worst = max(worst, took)
            if let seconds = time.array?.first?.integer, let micros = time.array?.last?.integer {
                difference = .microseconds(seconds * 1_000_000 + micros) - .nanoseconds(Self.wallNanoseconds()) + took / 2
            }
        }
        var denied: [String] = []
        let user = configuration.redis.endpoint.username ?? "default"
        for command in Preflight.neededCommands {
            let words = command.split(separator: "|").map { RedisArgument.string(String($0)) }
            guard let answer = try? await connection.send(["ACL", "DRYRUN", .string(user)] + words) else { continue }
            if let text = answer.string, text != "OK", text.contains("has no permissions to run") { denied.append(command) }
        }
        return (
            PreflightFacts(
                info: info.fields, configuration: settings, topology: configuration.redis.endpoint.sentinel == nil ? .single : .sentinel,
                deniedCommands: denied, clockDifference: difference), worst
        )
    }

    /// What the master demands of its replicas, where it can be read; what is wrong with it the preflight has told.
    private func replication(_ facts: PreflightFacts) -> [DoctorFinding] {
        guard let needed = facts.configuration["min-replicas-to-write"], let lag = facts.configuration["min-replicas-max-lag"] else {
            return []
        }
        let connected = facts.info["connected_slaves"] ?? "?"
        return [
            .init("Redis", .ok, "\(connected) replicas connected, min-replicas-to-write \(needed), min-replicas-max-lag \(lag) s")
        ]
    }

    private static func wallNanoseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    func cluster(_ status: ClusterStatus) -> [DoctorFinding] {
        var found: [DoctorFinding] = []
        let alive = status.workers.filter { $0.state != "dead" && $0.beatAgeMilliseconds < 5000 }
        let live = status.feeds.count { $0.phase == "live" }
        found.append(.init("cluster", .ok, "\(alive.count) workers, \(live) of \(status.feeds.count) feeds live"))
        let names = Dictionary(grouping: alive) { $0.id.prefix { $0 != "." } }
        for (name, same) in names where same.count > 1 {
            found.append(
                .init(
                    "cluster", .error, "\(same.count) live workers call themselves \(name): \(same.map(\.host).joined(separator: ", "))",
                    "give each host another worker.name"))
        }
        if Set(alive.map(\.version)).count > 1 {
            found.append(.init("cluster", .advice, "workers of several versions run", "finish the deploy"))
        }
        if Set(alive.map(\.host)).count == 1, alive.count > 0 {
            found.append(
                .init("cluster", .advice, "all workers are on one host, whose end ends everything", "run workers on a second host"))
        }
        for feed in status.feeds where feed.holder.isEmpty {
            found.append(
                .init("cluster", .warning, "nobody holds \(feed.feed)", "start workers; their logs say why they do not take it"))
        }
        return found
    }

    // MARK: Exchanges

    private func wanted(_ catalogue: [(feed: FeedName, entry: CatalogueEntry)]) -> [String] {
        Set(catalogue.map(\.entry.exchange) + configuration.exchanges.keys).sorted()
    }

    /// Resolves, connects and greets by TLS, as a worker would; asks for no websocket.
    private func reachable(_ ids: [String]) async -> [DoctorFinding] {
        await withTaskGroup(of: DoctorFinding.self) { group in
            for id in ids { group.addTask { await reach(id) } }
            var found: [DoctorFinding] = []
            for await finding in group { found.append(finding) }
            return found.sorted { $0.text < $1.text }
        }
    }

    private func reach(_ id: String) async -> DoctorFinding {
        let dialect: any Dialect
        do { dialect = try configuration.dialect(of: id) } catch {
            return .init("exchange", .error, "\(id): \(error.description)", "define it in this configuration, or correct its name")
        }
        let settings = configuration.settings(of: id)
        var webSocket = WebSocketConfiguration(url: dialect.profile.url)
        if case .bootstrap(let call) = dialect.connection(topics: [], random: 0) { webSocket.url = call.url.replacingScheme }
        webSocket.roots = settings.roots
        webSocket.proxy = settings.proxy
        webSocket.connectTimeout = settings.connectTimeout
        let started = LocalTime.now()
        do {
            try await WebSocketProbe.run(webSocket)
            let took = (LocalTime.now() - started).wholeMilliseconds
            let proxy = settings.proxy == nil ? "" : " through its proxy"
            return .init("exchange", .ok, "\(id): name, connection and TLS stand after \(took) ms\(proxy)")
        } catch {
            return .init("exchange", .error, "\(id): \(error)", "see url, proxy and tls.roots of exchanges.\(id), and this host's network")
        }
    }
}

extension String {
    /// A REST address as that of a websocket at the same place.
    fileprivate var replacingScheme: String {
        hasPrefix("https://") ? "wss://" + dropFirst(8) : hasPrefix("http://") ? "ws://" + dropFirst(7) : self
    }
}

/// Everything before a websocket, once.
enum WebSocketProbe {
    static func run(_ configuration: WebSocketConfiguration) async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let promise = loop.makePromise(of: Void.self)
        loop.execute {
            var attempt: WebSocketConnectAttempt?
            attempt = WebSocketConnection.prepare(
                configuration, on: loop,
                onReady: {
                    promise.succeed()
                    let ready = attempt
                    attempt = nil
                    ready?.cancel()
                },
                onFailure: { promise.fail($0) })
        }
        try await promise.futureResult.get()
    }
}
