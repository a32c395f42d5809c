public import ColonyExchanges
public import WebSocketClient

/// How one process follows an exchange by itself, without a lease and without Redis.
public struct DirectConfiguration: Sendable {
    public var dialect: any Dialect
    /// Headers, trust, proxy, limits; the URL comes from the dialect.
    public var webSocket: WebSocketConfiguration
    public var heartbeatStyle: HeartbeatStyle = .documented
    /// Time from the upgrade to the first data of any stream when something is subscribed.
    public var firstDataWithin: Duration = .seconds(60)
    public var backoff = DirectBackoff()
    public var subscriptions: SubscriptionSettings
    /// Subscriptions wait until a GET of this URL is answered with success; nil: for the websocket alone.
    public var readyURL: String?
    /// How often heartbeats and silence are looked at.
    package var tick: Duration = .milliseconds(250)
    /// All times of the heartbeat are multiplied by this: for a simulated exchange whose clock runs faster.
    package var heartbeatFactor = 1.0
    /// False only for a client that is meant to be cut off: it sends no heartbeat and gives no answer, a PONG frame included.
    package var keepsAlive = true

    public init(dialect: any Dialect) {
        self.dialect = dialect
        webSocket = WebSocketConfiguration(url: dialect.profile.url)
        webSocket.offersDeflate = dialect.profile.offersDeflate
        subscriptions = SubscriptionSettings(profile: dialect.profile)
    }
}

/// How long a client without a lease waits before it connects again: not at all the first time, then doubling.
public struct DirectBackoff: Sendable, Hashable {
    /// The wait after the second failure in a row.
    public var first: Duration
    public var cap: Duration
    /// Each wait is drawn from so far below to so far above its length.
    public var spread: Double
    /// A connection on which data came in for so long ends the row of failures.
    public var resetAfter: Duration

    public init(
        first: Duration = .milliseconds(100), cap: Duration = .seconds(30), spread: Double = 0.2, resetAfter: Duration = .seconds(60)
    ) {
        self.first = first
        self.cap = cap
        self.spread = spread
        self.resetAfter = resetAfter
    }

    /// The wait after so many failures in a row (1 is the first); `fraction` is drawn from 0 to 1.
    func wait(failures: Int, fraction: Double) -> Duration {
        guard failures > 1 else { return .zero }
        var wait = first
        for _ in 2..<min(failures, 64) where wait < cap { wait *= 2 }
        return min(wait, cap) * (1 - spread + 2 * spread * fraction)
    }
}
