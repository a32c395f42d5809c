import ColonyExchanges
import Coordination
import Ingest
import RedisClient
import WebSocketClient

/// One setting: its name, unit, default, range and meaning, and how it enters the configuration.
public struct ConfigurationKey: Sendable {
    public let name: String
    public let unit: String
    public let defaultText: String
    public let range: String
    public let meaning: String
    public var isSecret = false
    let apply: @Sendable (inout ColonyConfiguration, String) throws -> Void

    init(
        _ name: String, _ unit: String, default defaultText: String, _ range: String, _ meaning: String, secret: Bool = false,
        apply: @escaping @Sendable (inout ColonyConfiguration, String) throws -> Void
    ) {
        self.name = name
        self.unit = unit
        self.defaultText = defaultText
        self.range = range
        self.meaning = meaning
        self.isSecret = secret
        self.apply = apply
    }

    /// Every setting that is not an exchange's. The order is that in which they are applied.
    public static let all: [ConfigurationKey] = [
        .init("namespace", "text", default: "colony", "[a-z0-9_-]+", "prefix of every Redis key") {
            $0.namespace = try Value.word($1)
        },
        .init(
            "redis.url", "URL", default: "redis://127.0.0.1:6379", "redis:// rediss:// unix: redis+sentinel:// rediss+sentinel://",
            "where Redis is, or its Sentinels and the master's name; may hold user and password",
            secret: true
        ) {
            do throws(RedisError) {
                $0.redis.endpoint = try RedisEndpoint(url: $1)
            } catch {
                throw ConfigurationComplaint("is no address of Redis: \(error.description)")
            }
        },
        .init("redis.username", "text", default: "", "an ACL user", "user to authenticate as") { $0.redis.endpoint.username = $1 },
        .init(
            "redis.password_file", "path", default: "", "a readable file", "file that holds the password, without it being seen elsewhere"
        ) {
            $0.redis.endpoint.password = try Value.secret(file: $1)
        },
        .init("redis.password", "text", default: "", "any", "password; only from environment or file, never as a flag", secret: true) {
            $0.redis.endpoint.password = $1
        },
        .init("redis.sentinel.username", "text", default: "", "an ACL user of the Sentinels", "user to authenticate as at the Sentinels") {
            configuration, value in configuration.redis.changeSentinel { $0.username = value }
        },
        .init("redis.sentinel.password_file", "path", default: "", "a readable file", "file that holds the password for the Sentinels") {
            configuration, path in
            let password = try Value.secret(file: path)
            configuration.redis.changeSentinel { $0.password = password }
        },
        .init(
            "redis.sentinel.password", "text", default: "", "any", "the same; only from environment or file, never as a flag", secret: true
        ) { configuration, value in configuration.redis.changeSentinel { $0.password = value } },
        .init("redis.tls.roots", "path", default: "the system's", "a PEM file", "authorities to trust at rediss://") {
            configuration, value in
            var tls = configuration.redis.endpoint.tls ?? RedisEndpoint.TLS()
            tls.rootsFile = value
            configuration.redis.endpoint.tls = tls
        },
        .init("redis.tls.certificate", "path", default: "", "a PEM file", "client certificate chain") { configuration, value in
            var tls = configuration.redis.endpoint.tls ?? RedisEndpoint.TLS()
            tls.certificateFile = value
            configuration.redis.endpoint.tls = tls
        },
        .init("redis.tls.key", "path", default: "", "a PEM file", "key of the client certificate") { configuration, value in
            var tls = configuration.redis.endpoint.tls ?? RedisEndpoint.TLS()
            tls.keyFile = value
            configuration.redis.endpoint.tls = tls
        },
        .init(
            "redis.tls.server_name", "name", default: "the host of the address", "a host name",
            "the name that certificates must carry, where servers and Sentinels are addressed by number"
        ) { configuration, value in
            var tls = configuration.redis.endpoint.tls ?? RedisEndpoint.TLS()
            tls.serverName = value
            configuration.redis.endpoint.tls = tls
        },
        .init(
            "redis.direct", "true/false", default: "false", "true only without proxy or balancer in between",
            "a refused connection proves that Redis is gone, so producers wait for its return"
        ) { $0.redis.direct = try Value.bool($1) },
        .init("redis.reconnect_cap", "duration", default: "1s", "10ms..10s", "longest wait between attempts to reach Redis") {
            $0.redis.reconnectCap = try Value.duration($1, .milliseconds(10)...(.seconds(10)))
        },
        .init(
            "redis.require_replica", "true/false", default: "false", "true or false",
            "open no websocket while Redis has no replica in touch: a failover then loses less than the rings hold"
        ) { $0.redis.requireReplica = try Value.bool($1) },
        .init("redis.embedded_generation", "text", default: "", "set by `colony up`", "the data set that the supervisor itself created") {
            $0.redis.embeddedGeneration = $1.isEmpty ? nil : $1
        },
        .init("lease.profile", "name", default: "normal", "normal fast calm", "the named set of lease times that single times override") {
            guard let profile = LeaseTiming.Profile(rawValue: $1) else { throw ConfigurationComplaint("is none of normal, fast, calm") }
            $0.lease = profile.timing
            $0.redis.reconnectCap = min($0.redis.reconnectCap, profile.reconnectCap)
        },
        .init("lease.ttl", "duration", default: "6s", "1s..5m", "T: a record unchanged for so long is taken over") {
            $0.lease.ttl = try Value.duration($1, .seconds(1)...(.seconds(300)))
        },
        .init("lease.renew", "duration", default: "1s", "100ms..1m", "R: how often a lease is renewed") {
            $0.lease.renewEvery = try Value.duration($1, .milliseconds(100)...(.seconds(60)))
        },
        .init("lease.renew_timeout", "duration", default: "800ms", "50ms..1m", "Q: a renewal without answer is given up") {
            $0.lease.renewTimeout = try Value.duration($1, .milliseconds(50)...(.seconds(60)))
        },
        .init(
            "lease.self_fence", "duration", default: "4500ms", "500ms..5m",
            "H: the producer closes so long after its last confirmed renewal"
        ) {
            $0.lease.selfFence = try Value.duration($1, .milliseconds(500)...(.seconds(300)))
        },
        .init("lease.close_slack", "duration", default: "750ms", "50ms..1m", "K: time to close, then the dead-man timer fires") {
            $0.lease.closeSlack = try Value.duration($1, .milliseconds(50)...(.seconds(60)))
        },
        .init("lease.observe", "duration", default: "500ms", "50ms..1m", "P: how often watchers look") {
            $0.lease.observeEvery = try Value.duration($1, .milliseconds(50)...(.seconds(60)))
        },
        .init(
            "preflight", "name", default: "warn", "warn strict", "strict: a worker refuses a Redis whose settings endanger leases or data"
        ) {
            guard let policy = ColonyConfiguration.PreflightPolicy(rawValue: $1) else {
                throw ConfigurationComplaint("is neither warn nor strict")
            }
            $0.preflight = policy
        },
        .init("deadman", "on/off", default: "on", "off only under a debugger", "the kernel kills a stopped producer in time") {
            $0.deadman = try Value.bool($1)
        },
        .init("worker.name", "text", default: "the host's name", "[A-Za-z0-9_-]{1,64}", "stable name, unique in the cluster") {
            guard NameLock.isName($1) else { throw ConfigurationComplaint("is not 1 to 64 of A-Z a-z 0-9 _ -") }
            $0.worker.name = $1
        },
        .init("worker.processes", "count", default: "1", "1..256", "worker processes of this supervisor") {
            $0.worker.processes = try Value.integer($1, 1...256)
        },
        .init("worker.state_directory", "path", default: "/var/tmp/colony-<uid>", "a directory", "name locks and epoch floors") {
            $0.worker.stateDirectory = $1
        },
        .init("worker.weight", "number", default: "1", "0.01..1000", "share of the feeds relative to other workers") {
            guard let weight = Double($1), (0.01...1000).contains(weight) else {
                throw ConfigurationComplaint("is not a number from 0.01 to 1000")
            }
            $0.worker.weight = weight
        },
        .init(
            "worker.restart_cap", "duration", default: "30s", "100ms..10m",
            "longest wait before a worker process that ended is started again"
        ) {
            $0.worker.restartCap = try Value.duration($1, .milliseconds(100)...(.seconds(600)))
        },
        .init("drain.limit", "duration", default: "500ms", "100ms..1m", "a drain takes no longer") {
            $0.drainLimit = try Value.duration($1, .milliseconds(100)...(.seconds(60)))
        },
        .init(
            "dashboard.listen", "address", default: "127.0.0.1:9750", "host:port, [address]:port, off",
            "page, metrics and probes of a supervisor; by default, and not when named, it does without if the port is in use"
        ) {
            $0.dashboard.listen = try Value.listen($1)
            $0.dashboard.isRequired = true
        },
        .init("dashboard.token_file", "path", default: "", "a readable file", "bearer token for page data and metrics") {
            $0.dashboard.token = try Value.secret(file: $1)
        },
        .init("handover.patience", "duration", default: "3s", "0s..1m", "a planned handover waits so long for the successor's TLS") {
            $0.handoverPatience = try Value.duration($1, .zero...(.seconds(60)))
        },
        .init("deploy.drain_limit", "duration", default: "3m", "1s..1h", "a deploy ends a worker that is not empty by then all the same") {
            $0.deployLimit = try Value.duration($1, .seconds(1)...(.seconds(3600)))
        },
        .init("placement.settle", "duration", default: "3s", "0s..1m", "a worker that joins counts after this time") {
            $0.placement.settle = try Value.duration($1, .zero...(.seconds(60)))
        },
        .init("placement.round", "duration", default: "60s", "1s..1h", "least time between rounds of moves for balance") {
            $0.placement.round = try Value.duration($1, .seconds(1)...(.seconds(3600)))
        },
        .init(
            "placement.round_cap", "duration", default: "240s", "1s..1h",
            "rounds that follow one another are apart twice as long each, up to this"
        ) {
            $0.placement.roundCap = try Value.duration($1, .seconds(1)...(.seconds(3600)))
        },
        .init("placement.min_residence", "duration", default: "10m", "0s..1d", "no feed is moved for balance sooner after it came") {
            $0.placement.minimumResidence = try Value.duration($1, .zero...(.seconds(86_400)))
        },
        .init(
            "history", "path", default: "", "a directory",
            "each worker keeps a journal there of what it knew and did, for `colony history check`"
        ) { $0.history = $1.isEmpty ? nil : $1 },
        .init("ring.bytes", "bytes", default: "64MB", "1MB..16GB", "memory of all feeds of a worker process for packets not yet durable") {
            $0.ringBytes = try Value.bytes($1, (1 << 20)...(16 << 30))
        },
        .init(
            "spill.path", "path", default: "none: off", "a directory", "where packets go that the ring has no room for while Redis is away"
        ) {
            $0.spill.path = $1
        },
        .init("spill.max_bytes", "bytes", default: "1GB", "1MB..1TB", "disk space of a worker process for them") {
            $0.spill.maxBytes = try Value.bytes($1, (1 << 20)...(1 << 40))
        },
    ]
}

/// What is wrong with a value; the loader adds which and where.
struct ConfigurationComplaint: Error {
    var text: String
    init(_ text: String) { self.text = text }
}
