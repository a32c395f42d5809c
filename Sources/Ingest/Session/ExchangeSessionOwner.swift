import ColonyExchanges
import Coordination
import WebSocketClient

/// Decides when an `ExchangeSession` connects and when it gives a connection up, and says where packets go.
protocol ExchangeSessionOwner: AnyObject, SendableMetatype {
    associatedtype Path: SessionPath

    /// The path of the connection that is about to be opened.
    func makePath(owner: any SessionPathOwner) -> Path
    /// The websocket is open. Subscriptions wait for `ExchangeSession.begin`.
    func sessionOpened(_ socket: WebSocketConnection)
    func sessionFailedToOpen(reason: String, retryAfter: Duration?)
    /// The first packet of a connection.
    func sessionReceivedData()
    /// The websocket ended, and not by us.
    func session(lost path: Path, reason: String)
    /// A websocket that was given up before is closed now.
    func session(closed path: Path, reason: String)
    /// The open websocket is good for nothing any more; which sign of life is missing.
    func sessionFellSilent(reason: String)
    /// The open websocket still works and had better be replaced.
    func sessionShouldReconnect(reason: String)
    func session(happened event: ExchangeSessionEvent)
}

/// What happened on a connection that decides nothing about it.
enum ExchangeSessionEvent {
    case subscription(Topic, SubscriptionState)
    case notice(Notice)
    /// A heartbeat of our own, or an owed answer, went out.
    case keptAlive(OutgoingMessage)
    case malformed(reason: String, text: String)
}

/// What a session needs to know of its exchange.
struct SessionSettings {
    var dialect: any Dialect
    /// Headers, trust, proxy, limits; the URL comes from the dialect.
    var webSocket: WebSocketConfiguration
    var heartbeatStyle: HeartbeatStyle
    /// All times of the heartbeat are multiplied by this.
    var heartbeatFactor = 1.0
    /// False: no heartbeat is sent and no answer given, a PONG frame included.
    var keepsAlive = true
    /// Time from the upgrade to the first data of any stream when something is subscribed.
    var firstDataWithin: Duration
    var subscriptions: SubscriptionSettings
    /// Subscriptions wait until a GET of this URL is answered with success; nil: for the websocket alone.
    var readyURL: String?
    /// A connection may be made ready before it is asked for.
    var prewarms = false

    func keepAlive(pingInterval: Duration?, openedAt: LocalTime, random: UInt64) -> KeepAlive? {
        guard keepsAlive else { return nil }
        var heartbeat = dialect.profile.heartbeat
        heartbeat.interval = heartbeat.interval.map { $0 * heartbeatFactor }
        heartbeat.replyWithin = heartbeat.replyWithin.map { $0 * heartbeatFactor }
        heartbeat.silence = heartbeat.silence * heartbeatFactor
        return KeepAlive(
            heartbeat: heartbeat, style: heartbeatStyle, pingInterval: pingInterval.map { $0 * heartbeatFactor },
            firstDataWithin: firstDataWithin, maxAge: dialect.profile.limits.maxAge, openedAt: openedAt, random: random)
    }
}
