import ColonyExchanges
import WebSocketClient

/// What an `ExchangeSession` needs of the path that the messages of one connection take.
protocol SessionPath: WebSocketDelegate {
    /// Local time of the last frame of any kind and of the last data, nanoseconds; 0: none.
    var lastFrame: Int64 { get }
    var lastData: Int64 { get }
    /// What has come in so far.
    var heard: KeepAlive.Heard { get }
    /// The last message that was no packet, for reports: at most 1,000 bytes.
    var lastReceived: String { get }
    /// False once the connection is being given up: what still arrives is nobody's.
    var isActive: Bool { get set }

    /// Lets the connection's reader see a request, and fill in what only the connection knows.
    func prepare(_ request: inout Request)
    /// Local time of the topic's last packet on this connection, nanoseconds; nil: there was none.
    func lastReceived(_ topic: Topic) -> Int64?
    /// Reading was withheld by us: the silence until now says nothing.
    func readingResumed()
}

/// What a connection's path tells, besides the packets, which go their own way.
protocol SessionPathOwner: AnyObject {
    /// The first packet on this connection.
    func receivedData()
    /// The first greeting or heartbeat on this connection.
    func receivedGreeting()
    /// The first packet of a stream on this connection.
    func received(firstOf topic: Topic)
    func received(_ answer: Acknowledgement)
    func received(_ notice: Notice)
    /// An answer the exchange is owed.
    func owes(_ message: OutgoingMessage)
    func receivedMalformed(_ reason: String, text: String)
    func receivedPong()
    func receivedPing()
    func closed(_ reason: WebSocketCloseReason, on path: any SessionPath)
}
