import ColonyExchanges
import Coordination
import Ingest
import WebSocketClient

/// One setting of an exchange: `exchange.<name>` for all, `exchanges.<id>.<name>` for one.
public struct ExchangeKey: Sendable {
    public let name: String
    public let unit: String
    public let defaultText: String
    public let meaning: String
    public var isSecret = false
    let apply: @Sendable (inout ColonyConfiguration.Exchange, String) throws -> Void

    init(
        _ name: String, _ unit: String, default defaultText: String, _ meaning: String, secret: Bool = false,
        apply: @escaping @Sendable (inout ColonyConfiguration.Exchange, String) throws -> Void
    ) {
        self.name = name
        self.unit = unit
        self.defaultText = defaultText
        self.meaning = meaning
        self.isSecret = secret
        self.apply = apply
    }

    public static let all: [ExchangeKey] = [
        .init("url", "ws:// or wss:// URL", default: "the exchange's own", "address of the websocket, or of the REST call before it") {
            $0.url = try Value.url($1)
        },
        .init(
            "producer", "true/false", default: "true", "false: no feed is leased; processes follow the exchange by themselves, without pace"
        ) {
            $0.isProducer = try Value.bool($1)
        },
        .init("budget", "name", default: "the exchange's id", "exchanges with the same budget share one pace") {
            $0.budget = try Value.word($1)
        },
        .init(
            "shards", "count", default: "as in the catalogue, 1 at first", "splits the symbols over so many connections, each with a feed"
        ) {
            $0.shards = try Value.integer($1, 1...FeedLayout.maximumShards)
        },
        .init("shard_budget", "name", default: "shared", "shared: all feeds of the exchange have one pace; own: each has its own") {
            guard let budget = ColonyConfiguration.ShardBudget(rawValue: $1) else {
                throw ConfigurationComplaint("is neither shared nor own")
            }
            $0.shardBudget = budget
        },
        .init("pace", "duration", default: "60s", "least time between admitted disconnects; 0s switches the rule off") {
            $0.pace = try Value.duration($1, .zero...(.seconds(86_400)))
        },
        .init("connect_delay", "duration range", default: "1s...5s", "drawn before the first connection and each reconnect") {
            $0.connectDelay = try Value.range($1)
        },
        .init("takeover_delay", "duration range", default: "0s", "drawn instead after a proved crash or a planned handover") {
            $0.takeoverDelay = try Value.range($1)
        },
        .init("connect_timeout", "duration", default: "10s", "TCP, proxy, TLS and upgrade together") {
            $0.connectTimeout = try Value.duration($1, .milliseconds(100)...(.seconds(300)))
        },
        .init("quarantine", "duration", default: "10m", "a third crash within this time waits it out; 0s: never") {
            $0.quarantine = try Value.duration($1, .zero...(.seconds(86_400)))
        },
        .init("heartbeat.style", "name", default: "documented", "documented, or legacy2020: what the original client sent") {
            guard let style = HeartbeatStyle(rawValue: $1) else { throw ConfigurationComplaint("is neither documented nor legacy2020") }
            $0.heartbeatStyle = style
        },
        .init("heartbeat.interval", "duration", default: "the exchange's", "how often the client's own heartbeat is sent") {
            $0.heartbeatInterval = try Value.duration($1, .milliseconds(100)...(.seconds(3600)))
        },
        .init("routing", "name", default: "symbol", "symbol, channel or feed: which stream a packet goes to") {
            guard let routing = Routing(rawValue: $1) else {
                throw ConfigurationComplaint("is none of symbol, channel, feed")
            }
            $0.routing = routing
        },
        .init("overflow", "name", default: "drop", "drop (announced by a gap) or close, when the buffer is full while Redis is away") {
            guard let overflow = FeedConfiguration.Overflow(rawValue: $1) else { throw ConfigurationComplaint("is neither drop nor close") }
            $0.overflow = overflow
        },
        .init("retention.maxlen", "entries", default: "10000", "entries kept per data stream, approximately") {
            $0.maxlen = try Value.integer($1, 1...1_000_000_000)
        },
        .init("retention.control", "entries", default: "10000", "entries kept on the control stream, approximately") {
            $0.controlMaxlen = try Value.integer($1, 1...1_000_000_000)
        },
        .init("retention.max_age", "duration", default: "24h", "older entries are dropped, approximately; 0s: kept up to the count") {
            $0.retentionAge = try Value.duration($1, .zero...(.seconds(31_536_000)))
        },
        .init("retention.forget", "duration", default: "7d", "empty streams without an entry for so long are forgotten; 0s: never") {
            $0.retentionForget = try Value.duration($1, .zero...(.seconds(31_536_000)))
        },
        .init("max_age", "duration", default: "the exchange's", "connections are renewed before this age") {
            $0.maxAge = try Value.duration($1, .seconds(1)...(.seconds(604_800)))
        },
        .init("first_data_within", "duration", default: "60s", "a subscribed connection without any data for so long is dead") {
            $0.firstDataWithin = try Value.duration($1, .milliseconds(100)...(.seconds(86_400)))
        },
        .init("prewarm", "true/false", default: "true", "in a planned handover TCP and TLS are up before the lease is given up") {
            $0.prewarm = try Value.bool($1)
        },
        .init(
            "subscribe_in_address", "true/false", default: "true",
            "topics go into the websocket's address where the exchange takes them there; false: all by message"
        ) {
            $0.subscribesInAddress = try Value.bool($1)
        },
        .init("ready", "list", default: "websocket", "what must be up before anything is subscribed: websocket, or websocket and rest") {
            let parts = Set($1.split(whereSeparator: { " ,".contains($0) }).map(String.init))
            guard parts.isSubset(of: ["websocket", "rest"]), parts.contains("websocket") else {
                throw ConfigurationComplaint("is not websocket, or websocket and rest")
            }
            $0.waitsForREST = parts.contains("rest")
        },
        .init("rest.url", "http:// or https:// URL", default: "none", "answered with success while the exchange's REST service is up") {
            guard $1.hasPrefix("http://") || $1.hasPrefix("https://") else {
                throw ConfigurationComplaint("is not an http:// or https:// URL")
            }
            $0.restURL = $1
        },
        .init("tls.roots", "path", default: "the system's", "PEM file of the authorities to trust") { $0.roots = .file($1) },
        .init("tls.insecure", "true/false", default: "false", "no verification at all; warned about") {
            if try Value.bool($1) { $0.roots = .insecure }
        },
        .init("proxy", "URL", default: "none", "http://[user:password@]host:port, https://.., socks5://..", secret: true) {
            $0.proxy = try Value.proxy($1)
        },
    ]
}
