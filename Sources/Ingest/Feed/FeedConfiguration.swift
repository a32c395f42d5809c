package import ColonyExchanges
package import Coordination
package import WebSocketClient

/// Everything one worker needs to know to run one feed.
package struct FeedConfiguration: Sendable {
    /// Which stream a packet goes to.
    package enum Routing: String, Sendable, CaseIterable {
        /// One stream per channel and symbol.
        case symbol
        /// One stream per channel.
        case channel
        /// Everything on the control stream.
        case feed
    }

    /// What gives way when the buffer is full while Redis is away.
    package enum Overflow: String, Sendable, CaseIterable {
        /// The oldest packets, announced by a `gap` marker.
        case drop
        /// The connection: order books prefer a fresh snapshot.
        case close
    }

    package var keys: FeedKeys
    package var dialect: any Dialect
    /// Headers, trust, proxy, limits; the URL comes from the dialect.
    package var webSocket: WebSocketConfiguration
    package var policy: FeedPolicy
    package var heartbeatStyle: HeartbeatStyle = .documented
    package var routing: Routing = .symbol
    package var overflow: Overflow = .drop
    /// Retention by count, of each data stream and of the control stream.
    package var dataMaxlen = 10_000
    package var controlMaxlen = 10_000
    package var publish = PublishMachine.Limits()
    /// Time from the upgrade to the first data of any stream when something is subscribed.
    package var firstDataWithin: Duration = .seconds(60)

    package init(keys: FeedKeys, dialect: any Dialect, policy: FeedPolicy) {
        self.keys = keys
        self.dialect = dialect
        self.policy = policy
        self.webSocket = WebSocketConfiguration(url: dialect.profile.url)
        self.webSocket.offersDeflate = dialect.profile.offersDeflate
    }

    package var feed: FeedName { keys.feed }
}
