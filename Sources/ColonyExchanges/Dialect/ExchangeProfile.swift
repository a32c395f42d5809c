/// One exchange's row in the table: facts and suggested numbers, no behaviour.
public struct ExchangeProfile: Sendable {
    public enum Status: String, Sendable { case live, defunct, renamed }

    /// The type an event carries (`SPOT_MARKET`, `FUTURES_MARKET`).
    public enum Market: String, Sendable {
        case spot = "SPOT_MARKET"
        case futures = "FUTURES_MARKET"
    }

    /// How each frame's payload is packed by the exchange itself (not the websocket extension).
    public enum Compression: String, Sendable { case none, gzip, rawDeflate }

    /// How much of a packet is checked before it is published.
    public enum Validation: String, Sendable, CaseIterable {
        /// As far as it had to be read to find its stream.
        case lenient
        /// Packets that begin as JSON must be JSON to their end (RFC 8259, at most 64 levels deep). Costs about a nanosecond per byte.
        case strict
    }

    /// Lower case: `binance`, `bitfinex_swap`.
    public var id: String
    public var name: String
    public var market: Market
    public var status: Status
    /// The protocol family; one file each.
    public var family: String
    /// The websocket (or bootstrap) address.
    public var url: String
    public var compression: Compression
    public var offersDeflate: Bool
    public var heartbeat: Heartbeat
    public var limits: Limits
    /// Requests wait for the exchange's greeting: the first `.heartbeat` a connection reads.
    public var subscribesAfterGreeting: Bool
    public var validation = Validation.lenient
    /// False where nothing in a packet tells its stream: then any data confirm whatever was asked for.
    public var namesStreams = true
    /// One usual symbol, for tests, help and the simulator.
    public var exampleSymbol: String

    public init(
        id: String, name: String, market: Market, status: Status = .live, family: String, url: String, compression: Compression = .none,
        offersDeflate: Bool = false, heartbeat: Heartbeat, limits: Limits = Limits(),
        subscribesAfterGreeting: Bool = false, exampleSymbol: String
    ) {
        self.id = id
        self.name = name
        self.market = market
        self.status = status
        self.family = family
        self.url = url
        self.compression = compression
        self.offersDeflate = offersDeflate
        self.heartbeat = heartbeat
        self.limits = limits
        self.subscribesAfterGreeting = subscribesAfterGreeting
        self.exampleSymbol = exampleSymbol
    }

    /// Who keeps the connection alive.
    public struct Heartbeat: Sendable {
        /// Who asks.
        public enum Initiator: String, Sendable { case client, server, both, none }

        public var initiator: Initiator
        /// How often the client sends its ping; nil: it sends none.
        public var interval: Duration?
        /// The client's ping is answered; no answer within this time is a dead connection.
        public var replyWithin: Duration?
        /// No frame at all for so long: the connection is dead.
        public var silence: Duration
        /// How often the server asks (for the simulator and for people); nil: it does not.
        public var serverInterval: Duration?
        /// The server cuts a client that owed an answer for so long; nil: no answer owed.
        public var serverDeadline: Duration?

        public init(
            initiator: Initiator, interval: Duration? = nil, replyWithin: Duration? = nil, silence: Duration,
            serverInterval: Duration? = nil,
            serverDeadline: Duration? = nil
        ) {
            self.initiator = initiator
            self.interval = interval
            self.replyWithin = replyWithin
            self.silence = silence
            self.serverInterval = serverInterval
            self.serverDeadline = serverDeadline
        }
    }

    /// What the exchange allows; nil where no source was found, then a conservative default is used.
    public struct Limits: Sendable, Equatable {
        public var topicsPerMessage: Int
        public var maxTopics: Int?
        /// Messages a client may send in `messageWindow`.
        public var messages: Int
        public var messageWindow: Duration
        /// Connects allowed in `connectWindow`.
        public var connects: Int?
        public var connectWindow: Duration?
        /// The exchange cuts a connection of this age.
        public var maxAge: Duration?
        /// Topics that a websocket's address may subscribe; 0: the exchange takes none there, or shall be asked by messages.
        public var topicsInAddress: Int
        /// A subscription replaces all before it on the connection, so each request must name every topic (Upbit, Bithumb).
        public var subscriptionReplaces: Bool

        public init(
            topicsPerMessage: Int = 1, topicsInAddress: Int = 0, maxTopics: Int? = nil, messages: Int = 5,
            messageWindow: Duration = .seconds(1),
            connects: Int? = nil,
            connectWindow: Duration? = nil, maxAge: Duration? = nil, subscriptionReplaces: Bool = false
        ) {
            self.topicsPerMessage = topicsPerMessage
            self.topicsInAddress = topicsInAddress
            self.maxTopics = maxTopics
            self.messages = messages
            self.messageWindow = messageWindow
            self.connects = connects
            self.connectWindow = connectWindow
            self.maxAge = maxAge
            self.subscriptionReplaces = subscriptionReplaces
        }
    }
}
