/// A server's host name or address, and its TCP port.
public struct RedisNode: Sendable, Hashable, CustomStringConvertible {
    public var host: String
    public var port: Int

    public init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// `host:port`; an IPv6 address stands in brackets.
    public var description: String { "\(host.contains(":") ? "[\(host)]" : host):\(port)" }
}

/// The Sentinels that watch a master and its replicas, and what they call it.
///
/// An endpoint with this address has no server of its own: each new connection asks a Sentinel where the master is, and is handed out only when
/// the server at the other end says itself that it is one.
public struct RedisSentinel: Sendable, Hashable, CustomReflectable {
    /// Asked in this order at first; later whoever answered last comes first. Port 26379 is the usual one.
    public var nodes: [RedisNode]
    /// The name of `sentinel monitor NAME ...`.
    public var master: String
    /// What the Sentinels themselves ask for; the endpoint's user and password are those of the servers.
    public var username: String?
    public var password: String?

    public init(nodes: [RedisNode], master: String, username: String? = nil, password: String? = nil) {
        self.nodes = nodes
        self.master = master
        self.username = username
        self.password = password
    }

    /// Without user and password, also in `dump`.
    public var customMirror: Mirror { Mirror(self, children: ["nodes": nodes, "master": master]) }

    /// Sentinels that one configuration may name.
    static let maximumNodes = 16
}

extension RedisEndpoint {
    /// The Sentinels that are asked for the master; nil where the address is that of a server.
    public var sentinel: RedisSentinel? {
        if case .sentinel(let sentinel) = address { sentinel } else { nil }
    }

    /// One of the Sentinels itself: reached as the servers are (TLS), with a login of its own.
    func sentinelEndpoint(_ node: RedisNode, of sentinel: RedisSentinel) -> RedisEndpoint {
        RedisEndpoint(
            address: .tcp(host: node.host, port: node.port), tls: tls, username: sentinel.username, password: sentinel.password)
    }

    /// The same login at a server that a Sentinel named.
    func at(_ node: RedisNode) -> RedisEndpoint {
        var endpoint = self
        endpoint.address = .tcp(host: node.host, port: node.port)
        return endpoint
    }
}
