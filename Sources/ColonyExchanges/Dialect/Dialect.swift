/// How one exchange speaks: a value without socket, clock or task.
///
/// A dialect says what to send; the reader it makes for each connection says what was received.
public protocol Dialect: Sendable {
    /// The exchange's row: endpoints, heartbeat, limits. Callers override what their configuration says (`profile.url`, intervals, limits).
    var profile: ExchangeProfile { get set }

    /// The topic as this exchange's streams are named, or an error that tells what the exchange offers.
    ///
    /// Accepts what users write: plural and other usual names of a channel (`trades`, `candles.1m`), a symbol in the wrong case or,
    /// where it is unambiguous, with the wrong separator (`BTCUSDT` for `btcusdt` at Huobi). Data of the subscription come back
    /// under exactly the returned topic.
    func canonical(_ topic: Topic) throws(DialectError) -> Topic

    /// Where to connect. `topics` are those the connection will carry: where the exchange takes subscriptions in the address, it names as many of
    /// them as the exchange's limits allow, and the plan says which. `random` is drawn by the caller.
    func connection(topics: [Topic], random: UInt64) -> ConnectionPlan

    /// Addresses beside `profile.url` that serve channels of their own, derived from it; empty where one address serves all, and where the
    /// configured address is not one the others could be derived from.
    var branches: [Branch] { get }

    /// The name of the branch that serves the topic; nil: the main address does.
    func branch(of topic: Topic) -> String?

    /// The messages that subscribe to `topics`, batched as the exchange's limits want. The request ids count up from `firstID`.
    func subscribe(_ topics: [Topic], firstID: Int) -> [Request]

    /// The messages that end the subscriptions of `topics`. `remaining` are the topics still wanted (for exchanges where a request
    /// replaces the one before).
    func unsubscribe(_ topics: [Topic], remaining: [Topic], firstID: Int) -> [Request]

    /// The request with the time of its sending, for exchanges that look at it (Gate's documents want it within 60 s of the server's
    /// time). To be called for every request just before it is sent, because requests may have waited for the message rate.
    func stamped(_ request: Request, wallMilliseconds: Double) -> Request

    /// The heartbeat this client sends on its own, or nil where it sends none.
    func ping(_ style: HeartbeatStyle, _ context: PingContext) -> OutgoingMessage?

    /// The reader of one connection: it may learn from acknowledgements (channel numbers), and forgets with the connection.
    func makeReader() -> any DialectReader
}

/// An address of an exchange that serves some of its channels, and is the only one that does.
public struct Branch: Sendable, Hashable {
    /// In the character set of feed names: `public`, `business`.
    public var name: String
    public var url: String

    public init(name: String, url: String) {
        self.name = name
        self.url = url
    }

    /// The branch at `path` instead of `main` at the end of `url`'s path; nil where the URL does not end so.
    static func named(_ name: String, of url: String, replacing main: String, with path: String) -> Branch? {
        let query = url.firstIndex(of: "?") ?? url.endIndex
        guard url[..<query].hasSuffix(main) else { return nil }
        return Branch(name: name, url: url[..<query].dropLast(main.count) + path + url[query...])
    }
}

extension Dialect {
    public var branches: [Branch] { [] }
    public func branch(of topic: Topic) -> String? { nil }

    public func stamped(_ request: Request, wallMilliseconds: Double) -> Request { request }
}

/// Reads the messages of one connection.
public protocol DialectReader {
    /// Classifies one whole message, decompressed as the profile says. Reads only as far as it must: the rest of a packet is not validated.
    mutating func read(_ message: UnsafeRawBufferPointer, isText: Bool) -> Reading

    /// The stream of a route that `read` returned for this very message; nil sends the packet to the control stream.
    /// Called once per stream and connection.
    mutating func topic(of route: Route, in message: UnsafeRawBufferPointer) -> Topic?

    /// Shows the reader a request just before it is sent on its connection.
    ///
    /// Where an exchange's data or refusals do not say which variant of a channel they are about, the reader knows it from here; and it
    /// fills in what only the connection knows (Bitfinex ends subscriptions by their channel number).
    mutating func prepare(_ request: inout Request)
}

extension DialectReader {
    public mutating func prepare(_ request: inout Request) {}
}

/// One message to the exchange that asks for something.
public struct Request: Sendable, Equatable {
    /// The id in the message as the exchange's answer will repeat it; nil where requests have none.
    public var id: String?
    public var topics: [Topic]
    public var message: OutgoingMessage

    public init(id: String?, topics: [Topic], message: OutgoingMessage) {
        self.id = id
        self.topics = topics
        self.message = message
    }
}

/// Which heartbeats a client sends.
public enum HeartbeatStyle: String, Sendable, CaseIterable {
    /// What the exchange documents today.
    case documented
    /// The exact texts the original client of 2020 sent.
    case legacy2020
}

/// What a heartbeat may contain, drawn by the caller.
public struct PingContext: Sendable {
    /// Milliseconds since 1970, with a fraction (KuCoin's old heartbeat carries it).
    public var wallMilliseconds: Double
    public var random: UInt64

    public init(wallMilliseconds: Double, random: UInt64) {
        self.wallMilliseconds = wallMilliseconds
        self.random = random
    }
}

/// Where and how to open a connection.
public enum ConnectionPlan: Sendable, Equatable {
    /// `asking`: the topics that the address itself subscribes; the others are subscribed by messages.
    case url(String, asking: [Topic] = [])
    /// A REST call comes first: `method` and `url`; the response body goes to `BootstrapReader`.
    case bootstrap(BootstrapCall)
}

/// A REST call that yields the websocket's URL (KuCoin).
public struct BootstrapCall: Sendable, Equatable {
    public var method: String
    public var url: String
    public var body: String
    /// Reads the response body: the websocket's URL and the heartbeat interval the exchange asks for.
    public var read: @Sendable (_ body: [UInt8]) throws(DialectError) -> BootstrapResult

    public init(
        method: String, url: String, body: String = "", read: @escaping @Sendable (_ body: [UInt8]) throws(DialectError) -> BootstrapResult
    ) {
        self.method = method
        self.url = url
        self.body = body
        self.read = read
    }

    public static func == (left: BootstrapCall, right: BootstrapCall) -> Bool {
        (left.method, left.url, left.body) == (right.method, right.url, right.body)
    }
}

public struct BootstrapResult: Sendable, Equatable {
    public var url: String
    public var pingInterval: Duration?

    public init(url: String, pingInterval: Duration?) {
        self.url = url
        self.pingInterval = pingInterval
    }
}

/// Why a dialect cannot do what was asked.
public struct DialectError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable {
        case unknownExchange, unknownChannel, badSymbol, badBootstrap, badDefinition
    }

    public var code: Code
    public var description: String

    public init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }

    /// The error for a channel that `profile`'s exchange does not have; `offered` are those it has.
    package static func noChannel(_ channel: String, at profile: ExchangeProfile, offered: String) -> DialectError {
        DialectError(.unknownChannel, "\(profile.id) has no channel '\(channel)'; it offers \(offered)")
    }
}
