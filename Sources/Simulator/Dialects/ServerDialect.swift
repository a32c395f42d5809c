package import ColonyExchanges

/// One exchange as its clients see it: a value without socket, clock or task.
///
/// Written from the exchanges' documentation and without a look at the client's dialects, so that the two can judge each other.
package protocol ServerDialect: Sendable {
    /// The exchange id, lower case.
    var exchange: String { get }
    /// Exchanges that share a connect budget have the same group.
    var budgetGroup: String { get }
    /// The websocket's own path, as in the exchange's URL.
    var path: String { get }
    /// The path of the REST call that comes first, where there is one.
    var bootstrapPath: String? { get }
    var rules: ServerRules { get }
    /// What is traded here, written as in the exchange's pushes. Anything else is an unknown symbol.
    var listings: [String] { get }

    /// What a client that asks for a symbol that is not listed hears.
    var unknownSymbols: UnknownSymbolAnswer { get }

    /// Whether websockets are served at this path.
    func serves(path: String) -> Bool

    /// The answer to a plain HTTP request (token bootstrap); nil: 404.
    func respond(to request: RESTRequest) -> RESTResponse?

    /// A socket was opened: the greeting, and what its URL subscribed. A `close` in the answer turns the socket away.
    func open(_ socket: SocketView) -> Answer

    /// A text or binary message came in.
    func answer(_ message: ClientMessage, _ socket: SocketView) -> Answer

    /// What to say when a client asked for more topics than allowed: replies to the request, or a close.
    func tooManyTopics(_ refused: [Subscription], _ message: ClientMessage, _ socket: SocketView) -> Answer

    /// A heartbeat is due.
    func heartbeat(_ socket: SocketView) -> Beat

    /// The next data message of a subscription. Every `Tick.number` in it is readable by a checker.
    func data(_ subscription: Subscription, _ tick: Tick, _ socket: SocketView) -> ServerMessage

    /// The exchange announces that it is about to restart; nil where it announces nothing.
    func restartNotice(_ socket: SocketView) -> ServerMessage?
}

/// How an exchange deals with a request for a symbol it does not have.
package enum UnknownSymbolAnswer: Sendable, Equatable {
    /// An answer says that, and why.
    case refused
    /// The request is acknowledged like any other; no data come.
    case acknowledged
    /// Nothing is said.
    case ignored
}

extension ServerDialect {
    package var unknownSymbols: UnknownSymbolAnswer { .refused }
    package var budgetGroup: String { exchange }
    package var bootstrapPath: String? { nil }
    package func serves(path: String) -> Bool { path == self.path }
    package func respond(to request: RESTRequest) -> RESTResponse? { nil }
    package func open(_ socket: SocketView) -> Answer { Answer() }
    package func heartbeat(_ socket: SocketView) -> Beat { Beat() }
    package func restartNotice(_ socket: SocketView) -> ServerMessage? { nil }
    package func tooManyTopics(_ refused: [Subscription], _ message: ClientMessage, _ socket: SocketView) -> Answer {
        Answer(close: Close(code: 1008, reason: "too many subscriptions"))
    }
}

/// A message of the exchange before packing. Packing (gzip) is the shell's, by `ServerRules.packing`.
package struct ServerMessage: Sendable, Equatable {
    package enum Form: Sendable, Equatable { case text, binary }

    package var bytes: [UInt8]
    package var form: Form

    package init(_ text: String) {
        bytes = Array(text.utf8)
        form = .text
    }

    /// The bytes are UTF-8.
    package init(text bytes: [UInt8]) {
        self.bytes = bytes
        form = .text
    }

    package init(binary bytes: [UInt8]) {
        self.bytes = bytes
        form = .binary
    }

    package var text: String { String(decoding: bytes, as: UTF8.self) }
}

/// A text or binary message of a client.
package enum ClientMessage: Sendable, Equatable {
    case text(String)
    case binary([UInt8])

    /// The message as text, whatever frame it came in; nil when it is not UTF-8.
    package var text: String? {
        switch self {
        case .text(let text): text
        case .binary(let bytes): String(validating: bytes, as: UTF8.self)
        }
    }

    /// The message as JSON; nil when it is none.
    package var json: JSONValue? {
        guard let text else { return nil }
        return try? JSONValue(parsing: text)
    }
}

/// One thing a client gets data for.
package struct Subscription: Sendable, Equatable {
    /// As the client named it (`btcusdt@trade`); one per socket.
    package var key: String
    /// As Colony names the stream.
    package var topic: Topic
    /// A number the exchange gave it (Bitfinex's channel number), else 0.
    package var number: Int
    /// False for what is subscribed but brings no market data (heartbeat channels, a completed handshake); the truth log leaves it out.
    package var carriesData: Bool

    package init(key: String, topic: Topic, number: Int = 0) {
        self.key = key
        self.topic = topic
        self.number = number
        carriesData = true
    }

    /// Without market data.
    package init(silent key: String) {
        self.key = key
        topic = Topic(channel: "", symbol: "")
        number = 0
        carriesData = false
    }
}

/// A close frame to send. Code 0: the connection just ends, without a frame.
package struct Close: Sendable, Equatable {
    package var code: UInt16
    package var reason: String

    package init(code: UInt16, reason: String) {
        self.code = code
        self.reason = reason
    }
}

/// What a client's message leads to, in this order: subscriptions end, begin, replies are sent, the socket is closed.
package struct Answer: Sendable, Equatable {
    package var replies: [ServerMessage]
    package var subscribe: [Subscription]
    /// Keys of subscriptions that end.
    package var unsubscribe: [String]
    /// `subscribe` is all there is from now on (Upbit).
    package var replacesAll: Bool
    /// The heartbeat this message answers (`Beat.token`).
    package var answered: String?
    /// The client asked for a heartbeat so often.
    package var heartbeatInterval: Duration?
    package var close: Close?

    package init(
        replies: [ServerMessage] = [], subscribe: [Subscription] = [], unsubscribe: [String] = [], replacesAll: Bool = false,
        answered: String? = nil, heartbeatInterval: Duration? = nil, close: Close? = nil
    ) {
        self.replies = replies
        self.subscribe = subscribe
        self.unsubscribe = unsubscribe
        self.replacesAll = replacesAll
        self.answered = answered
        self.heartbeatInterval = heartbeatInterval
        self.close = close
    }

    package static func reply(_ text: String) -> Answer { Answer(replies: [ServerMessage(text)]) }
}

/// One heartbeat: messages, or the payload of a PING control frame.
package struct Beat: Sendable, Equatable {
    package var messages: [ServerMessage]
    /// Payload of a PING control frame to send.
    package var pingFrame: String?
    /// What identifies the owed answer.
    package var token: String?

    package init(messages: [ServerMessage] = [], pingFrame: String? = nil, token: String? = nil) {
        self.messages = messages
        self.pingFrame = pingFrame
        self.token = token
    }
}

/// What a dialect may know about a socket.
package struct SocketView: Sendable {
    /// Number of the socket, unique per simulator.
    package var number: UInt64
    /// Path below the exchange id, with a leading slash, and the query's items.
    package var path: String
    package var query: [(name: String, value: String)]
    package var subscriptions: SubscriptionTable
    package var listings: Listings
    /// Milliseconds since 1970.
    package var wallMilliseconds: Int64
    /// Messages the socket has sent, of any kind.
    package var messagesSent: Int

    package func queryValue(_ name: String) -> String? { query.first { $0.name == name }?.value }
}

/// Which symbols exist.
package struct Listings: Sendable {
    package var symbols: Set<String>
    /// Take any symbol for listed.
    package var acceptsAny: Bool

    package init(_ symbols: some Sequence<String>, acceptsAny: Bool = false) {
        self.symbols = Set(symbols)
        self.acceptsAny = acceptsAny
    }

    package func contains(_ symbol: String) -> Bool { acceptsAny ? !symbol.isEmpty : symbols.contains(symbol) }
}

/// A plain HTTP request below an exchange's path.
package struct RESTRequest: Sendable {
    package var method: String
    package var path: String
    /// `http` or `https`.
    package var isTLS: Bool
    /// The Host header.
    package var host: String
    /// Milliseconds since 1970.
    package var wallMilliseconds: Int64
}

package struct RESTResponse: Sendable, Equatable {
    package var status: Int
    package var body: String

    package init(status: Int = 200, body: String) {
        self.status = status
        self.body = body
    }
}
