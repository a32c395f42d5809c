public import ColonyExchanges
public import Coordination
public import WebSocketClient

/// Everything one worker needs to know to run one feed.
public struct FeedConfiguration: Sendable {
    /// What gives way when the buffer is full while Redis is away.
    public enum Overflow: String, Sendable, CaseIterable {
        /// The oldest packets, announced by a `gap` marker.
        case drop
        /// The connection: order books prefer a fresh snapshot.
        case close
    }

    public var keys: FeedKeys
    public var dialect: any Dialect
    /// Headers, trust, proxy, limits; the URL comes from the dialect.
    public var webSocket: WebSocketConfiguration
    public var policy: FeedPolicy
    public var heartbeatStyle: HeartbeatStyle = .documented
    public var routing: Routing = .symbol
    public var overflow: Overflow = .drop
    /// Retention by count, of each data stream and of the control stream.
    public var dataMaxlen = 10_000
    public var controlMaxlen = 10_000
    /// Retention by age, of all streams; zero: none.
    public var maxAge: Duration = .seconds(86_400)
    /// By channel, instead of `dataMaxlen`.
    public var channelMaxlen: [String: Int] = [:]
    public var publish = PublishMachine.Limits()
    /// Time from the upgrade to the first data of any stream when something is subscribed.
    public var firstDataWithin: Duration = .seconds(60)
    /// Subscriptions wait until a GET of this URL is answered with success; nil: for the websocket alone.
    public var readyURL: String?
    /// A successor that is told beforehand opens TCP and TLS before the lease is its own.
    public var prewarm = true

    public init(keys: FeedKeys, dialect: any Dialect, policy: FeedPolicy) {
        self.keys = keys
        self.dialect = dialect
        self.policy = policy
        self.webSocket = WebSocketConfiguration(url: dialect.profile.url)
        self.webSocket.offersDeflate = dialect.profile.offersDeflate
    }

    public var feed: FeedName { keys.feed }
}
