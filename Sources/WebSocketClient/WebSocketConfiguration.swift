/// How to open one websocket.
public struct WebSocketConfiguration: Sendable {
    public enum Roots: Sendable, Hashable {
        case system
        /// A PEM file of the authorities to trust, instead of the system's.
        case file(String)
        /// No verification at all: for tests against foreign systems only; warned about.
        case insecure
    }

    public enum Proxy: Sendable, Hashable {
        /// HTTP CONNECT, with Basic login where given; `tls`: the proxy itself is spoken to over TLS.
        case http(host: String, port: Int, login: Login?, tls: Bool)
        case socks5(host: String, port: Int, login: Login?)
    }

    public struct Login: Sendable, Hashable {
        public var user: String
        public var password: String

        public init(user: String, password: String) {
            self.user = user
            self.password = password
        }
    }

    /// `ws://` or `wss://`, with path and query.
    public var url: String
    public var headers: [(name: String, value: String)] = []
    public var roots: Roots = .system
    /// The name to verify and to send as SNI; nil: the URL's host.
    public var serverName: String?
    /// Connect here instead of to the URL's host and port (tests, simulator); name and Host header stay the URL's.
    public var address: (host: String, port: Int)?
    public var proxy: Proxy?
    /// Offer permessage-deflate with `deflateOffer`.
    public var offersDeflate = false
    public var deflateOffer = DeflateOffer()
    /// TCP, proxy, TLS and upgrade together.
    public var connectTimeout: Duration = .seconds(10)
    public var maxMessageBytes = 16 << 20
    /// How long the peer's close frame is waited for after ours; then the socket is closed, with a reset if need be.
    public var closeTimeout: Duration = .seconds(2)
    /// False only for a client that shows what a peer does to one which leaves PING frames unanswered.
    package var answersPings = true

    public init(url: String) { self.url = url }
}

/// The server's answer to the upgrade.
public struct WebSocketUpgrade: Sendable {
    public var headers: [(name: String, value: String)]
    public var negotiatedDeflate: Bool
    /// The address connected to (the proxy's, where there is one), for logs.
    public var peer: String
}

/// Why a websocket could not be opened.
public struct WebSocketConnectError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: Sendable, Equatable, Hashable {
        /// The URL, a header or a port cannot be used: trying again does not help.
        case badURL
        /// The name service does not know the host, or fails and no earlier answer is known.
        case resolve
        /// Nobody listens there.
        case refused
        /// The network or the host cannot be reached.
        case unreachable
        /// `connectTimeout` passed; the description names the stage.
        case timeout
        /// The proxy refused, lied or wants another login; `status` is its HTTP status.
        case proxy
        case tls
        /// The server answered the upgrade with another status; see `status` and `retryAfter`.
        case upgradeRefused
        /// The server points elsewhere (3xx); the description names where.
        case redirect
        /// The answer was not a valid upgrade.
        case badUpgrade
        /// The attempt was cancelled, or the connection ended before the upgrade was answered.
        case closed
    }

    public var code: Code
    public var description: String
    /// The HTTP status of a refused upgrade.
    public var status: Int?
    /// What the server's Retry-After asks for.
    public var retryAfter: Duration?

    public init(_ code: Code, _ description: String, status: Int? = nil, retryAfter: Duration? = nil) {
        self.code = code
        self.description = description
        self.status = status
        self.retryAfter = retryAfter
    }
}
