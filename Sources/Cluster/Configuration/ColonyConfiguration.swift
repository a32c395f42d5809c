public import ColonyExchanges
public import Coordination
public import Ingest
public import RedisClient
public import WebSocketClient

/// Everything a cluster process needs to know. Defaults are here and nowhere else; where a value came from is `ConfigurationLoader`'s business.
public struct ColonyConfiguration: Sendable {
    /// Prefix of all keys.
    public var namespace = "colony"
    public var redis = Redis()
    public var lease = LeaseTiming()
    /// What happens when Redis' settings endanger leases or data.
    public enum PreflightPolicy: String, Sendable { case warn, strict }

    public var preflight = PreflightPolicy.warn
    /// Off only for debuggers: a stopped process may then keep a websocket beyond its lease.
    public var deadman = true
    public var worker = Worker()
    public var drainLimit: Duration = .milliseconds(500)
    /// How long a successor that was named beforehand may take to make its connection ready.
    public var handoverPatience: Duration = .seconds(3)
    /// How long a rolling deploy waits for a worker to become empty before it is ended all the same.
    public var deployLimit: Duration = .seconds(180)
    public var placement = PlacementSettings()
    public var ringBytes = 64 << 20
    public var spill = Spill()
    /// Directory for the worker's journal, by which a run is checked afterwards; nil: none is kept.
    public var history: String?
    /// Settings of exchanges: the defaults, and what single exchanges have instead.
    public var exchange = Exchange()
    public var exchanges: [String: Exchange] = [:]
    /// Exchanges defined by data (`exchanges: { mygateway: { url, subscribe, ... } }`).
    public var defined: [String: DialectDefinition] = [:]

    public var dashboard = Dashboard()

    public init() {}

    /// Page, metrics and probes of a supervisor.
    public struct Dashboard: Sendable {
        /// Where it listens; nil: nowhere. Port 0: a free one.
        public var listen: Listen? = Listen(host: "127.0.0.1", port: 9750)
        /// False for the default address: that somebody else has it is then no reason not to work.
        public var isRequired = false
        /// Asked for as a bearer token by everything but the probes and the empty page; nil: nothing is asked for.
        public var token: String?

        public struct Listen: Sendable, Equatable {
            public var host: String
            public var port: Int

            public init(host: String, port: Int) {
                self.host = host
                self.port = port
            }
        }

        public init() {}
    }

    public struct Redis: Sendable {
        public var endpoint = RedisEndpoint(address: .tcp(host: "127.0.0.1", port: 6379))
        /// True only where nothing (proxy, service address, balancer) stands between this process and the one Redis process: a refused
        /// connection then proves that nobody can acquire a lease.
        public var direct = false
        public var reconnectCap: Duration = .seconds(1)
        /// No websocket is opened while Redis has no replica in touch.
        public var requireReplica = false
        /// Generation of the data set that the supervisor started itself: in it nobody can hold a lease that the records do not show.
        public var embeddedGeneration: String?

        public init() {}

        /// The longest wait between attempts to reach Redis. Behind Sentinels another server may be the master by now, so they are asked again
        /// soon.
        public var retryCap: Duration { endpoint.sentinel == nil ? reconnectCap : min(reconnectCap, .milliseconds(250)) }

        /// What of it cannot be, and why; nil: nothing.
        var complaint: String? {
            guard direct, endpoint.sentinel != nil else { return nil }
            return "redis.direct: true does not go with Sentinels (\(endpoint)): that the master's process is gone proves nothing there, "
                + "since another may have been promoted and granted the lease; remove redis.direct"
        }

        /// Without effect where the address is that of a server: the login may stand in a file while a flag names another Redis.
        mutating func changeSentinel(_ change: (inout RedisSentinel) -> Void) {
            guard var sentinel = endpoint.sentinel else { return }
            change(&sentinel)
            endpoint.address = .sentinel(sentinel)
        }
    }

    /// Disk for packets that the ring has no room for.
    public struct Spill: Sendable {
        /// A directory; nil: no spill.
        public var path: String?
        public var maxBytes = 1 << 30

        public init() {}
    }

    public struct Worker: Sendable {
        /// Stable over restarts; unique in the cluster.
        public var name = "worker"
        public var processes = 1
        /// Locks and epoch floors.
        public var stateDirectory = "/tmp/colony"
        public var weight = 1.0
        public var host = ""
        /// The name of the supervisor that started this process; empty: none.
        public var supervisor = ""
        /// Longest wait before a process that ended is started again.
        public var restartCap: Duration = .seconds(30)

        public init() {}
    }

    public enum ShardBudget: String, Sendable {
        /// One pace for all feeds of the exchange.
        case shared
        /// Each feed has a budget group, and so a pace, of its own.
        case own
    }

    public struct Exchange: Sendable {
        public var url: String?
        /// Budget group; nil: the exchange's own id.
        public var budget: String?
        /// False: no feed is leased for the exchange; processes follow it by themselves.
        public var isProducer = true
        /// Over how many connections the symbols are split; nil: as the catalogue says, 1 at first.
        public var shards: Int?
        /// What the feeds of one exchange, shards and branches, share.
        public var shardBudget = ShardBudget.shared
        public var pace: Duration = .seconds(60)
        public var connectDelay: ClosedRange<Duration> = .seconds(1)...(.seconds(5))
        public var takeoverDelay: ClosedRange<Duration> = .zero...(.zero)
        public var connectTimeout: Duration = .seconds(10)
        public var quarantine: Duration = .seconds(600)
        public var heartbeatStyle: HeartbeatStyle = .documented
        public var heartbeatInterval: Duration?
        public var routing: Routing = .symbol
        public var overflow: FeedConfiguration.Overflow = .drop
        public var maxlen = 10_000
        public var controlMaxlen = 10_000
        /// By channel, instead of `maxlen`.
        public var channelMaxlen: [String: Int] = [:]
        /// Retention by age; zero: none.
        public var retentionAge: Duration = .seconds(86_400)
        /// Empty streams without an entry for so long are forgotten; zero: none.
        public var retentionForget: Duration = .seconds(7 * 86_400)
        public var maxAge: Duration?
        public var roots: WebSocketConfiguration.Roots = .system
        public var proxy: WebSocketConfiguration.Proxy?
        public var headers: [String: String] = [:]
        public var firstDataWithin: Duration = .seconds(60)
        /// The exchange's REST service is waited for before anything is subscribed.
        public var waitsForREST = false
        /// Where that service is asked whether it is up.
        public var restURL: String?
        public var prewarm = true
        /// Topics are named in the websocket's address where the exchange takes them there.
        public var subscribesInAddress = true
        /// What a worker of this configuration wants of the exchange when it starts; `colony subscribe` changes it from then on.
        public var topics: [Topic] = []

        public init() {}
    }

    /// A duration as settings write it (`500ms`, `10s`, `5m`, `24h`); nil for anything else.
    public static func duration(_ text: String) -> Duration? { try? Value.duration(text) }

    /// The settings of one exchange.
    public func settings(of exchange: String) -> Exchange { exchanges[exchange] ?? self.exchange }

    /// The dialect of one exchange, with its configured address and heartbeat. Throws `unknownExchange`, or what is wrong with its definition.
    public func dialect(of exchange: String) throws(DialectError) -> any Dialect {
        var dialect: any Dialect
        if let definition = defined[exchange] {
            dialect = try DefinedDialect(definition)
        } else {
            dialect = try Exchanges.dialect(exchange)
        }
        let settings = settings(of: exchange)
        if let url = settings.url { dialect.profile.url = url }
        if let interval = settings.heartbeatInterval { dialect.profile.heartbeat.interval = interval }
        if let age = settings.maxAge { dialect.profile.limits.maxAge = age }
        if !settings.subscribesInAddress { dialect.profile.limits.topicsInAddress = 0 }
        return dialect
    }

    /// What the streams of the configured topics may grow to, by their retention by count and 500 bytes per packet (one of 200 bytes takes about
    /// 215, one of a kilobyte about 1,095). What is subscribed later is not known here; the workers then shorten retentions as memory fills.
    public var streamQuotaBytes: Int64 {
        exchanges.values.reduce(0) { sum, exchange in
            guard !exchange.topics.isEmpty else { return sum }
            let entries = exchange.topics.reduce(exchange.controlMaxlen) { $0 + (exchange.channelMaxlen[$1.channel] ?? exchange.maxlen) }
            return sum + Int64(entries) * 500
        }
    }

    /// The budget group of a new feed: its configured budget, else the exchange's id; a shard's or branch's own name where they do not share.
    public func group(of feed: FeedName) -> String {
        let settings = settings(of: feed.exchange)
        let shared = settings.budget ?? feed.exchange
        return settings.shardBudget == .own && feed.text != feed.exchange ? feed.text : shared
    }

    /// How the topics of an exchange are spread over feeds when it is split into so many shards.
    public func layout(of exchange: String, shards: Int) throws(DialectError) -> FeedLayout {
        FeedLayout(exchange: exchange, branches: try dialect(of: exchange).branches.map(\.name), shards: shards)
    }

    /// The dialect of a feed: the exchange's, at the address that the feed connects to.
    public func dialect(of feed: FeedName) throws(DialectError) -> any Dialect {
        var dialect = try dialect(of: feed.exchange)
        let branches = dialect.branches
        let name = FeedLayout(exchange: feed.exchange, branches: branches.map(\.name), shards: 1).branch(of: feed)
        if let branch = branches.first(where: { $0.name == name }) { dialect.profile.url = branch.url }
        return dialect
    }

    public var keys: Keys { Keys(namespace: namespace) }

    public func keys(of feed: FeedName) -> FeedKeys { keys.feed(feed, group: group(of: feed)) }

    /// What a process needs to follow an exchange by itself, without a cluster (`producer: false`).
    public func directConfiguration(of exchange: String) throws(DialectError) -> DirectConfiguration {
        let settings = settings(of: exchange)
        var direct = DirectConfiguration(dialect: try dialect(of: exchange))
        direct.webSocket.roots = settings.roots
        direct.webSocket.proxy = settings.proxy
        direct.webSocket.headers = settings.headers.map { (name: $0.key, value: $0.value) }.sorted { $0.name < $1.name }
        direct.webSocket.connectTimeout = settings.connectTimeout
        direct.heartbeatStyle = settings.heartbeatStyle
        direct.firstDataWithin = settings.firstDataWithin
        direct.readyURL = settings.waitsForREST ? settings.restURL : nil
        return direct
    }

    /// What a worker needs to run a feed.
    func feedConfiguration(of feed: FeedName, entry: CatalogueEntry) throws(DialectError) -> FeedConfiguration {
        let settings = try settings(of: feed, entry: entry)
        let policy = FeedPolicy(
            timing: lease, connectDelay: settings.connectDelay, takeoverDelay: settings.takeoverDelay, pace: settings.pace,
            quarantine: settings.quarantine, claimStagger: placement.claimStagger)
        var feed = FeedConfiguration(
            keys: keys.feed(feed, group: entry.budget), dialect: try dialect(of: feed), policy: policy)
        feed.webSocket.roots = settings.roots
        feed.webSocket.proxy = settings.proxy
        feed.webSocket.headers = settings.headers.map { (name: $0.key, value: $0.value) }.sorted { $0.name < $1.name }
        feed.webSocket.connectTimeout = settings.connectTimeout
        feed.heartbeatStyle = settings.heartbeatStyle
        feed.routing = settings.routing
        feed.overflow = settings.overflow
        feed.dataMaxlen = settings.maxlen
        feed.controlMaxlen = settings.controlMaxlen
        feed.channelMaxlen = settings.channelMaxlen
        feed.maxAge = settings.retentionAge
        feed.forget = settings.retentionForget
        feed.firstDataWithin = settings.firstDataWithin
        feed.readyURL = settings.waitsForREST ? settings.restURL : nil
        feed.prewarm = settings.prewarm
        if !settings.subscribesInAddress { feed.dialect.profile.limits.topicsInAddress = 0 }
        feed.requiresReplica = redis.requireReplica
        feed.publish.ringBytes = ringBytes
        return feed
    }
}
