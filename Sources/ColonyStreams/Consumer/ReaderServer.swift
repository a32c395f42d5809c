public import RedisClient

/// Where and how a reader connects.
public struct ReaderServer: Sendable, Hashable {
    /// One server or replica after the other is tried, beginning with the first. Replicas are enough for `ColonyConsumer`; a group needs
    /// the master, since it writes.
    public var endpoints: [RedisEndpoint]
    /// CLIENT SETNAME, for people who look at CLIENT LIST; nil for none.
    public var clientName: String?
    /// How long an answer may take (besides the time a read may block) before the connection counts as broken; default 2 s.
    public var replyTimeout: Duration
    /// After how many failures in a row to give up; nil (default): never.
    public var connectionAttempts: Int?

    public init(
        _ endpoints: RedisEndpoint..., clientName: String? = "colony-reader", replyTimeout: Duration = .seconds(2),
        connectionAttempts: Int? = nil
    ) {
        self.init(endpoints: endpoints, clientName: clientName, replyTimeout: replyTimeout, connectionAttempts: connectionAttempts)
    }

    public init(
        endpoints: [RedisEndpoint], clientName: String? = "colony-reader", replyTimeout: Duration = .seconds(2),
        connectionAttempts: Int? = nil
    ) {
        self.endpoints = endpoints
        self.clientName = clientName
        self.replyTimeout = replyTimeout
        self.connectionAttempts = connectionAttempts
    }
}
