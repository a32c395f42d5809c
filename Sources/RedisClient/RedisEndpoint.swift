/// Where and as whom to connect to Redis.
public struct RedisEndpoint: Sendable, Hashable, CustomStringConvertible, CustomReflectable {
    public enum Address: Sendable, Hashable {
        case tcp(host: String, port: Int)
        case unix(path: String)
        /// The master that these Sentinels name, looked for anew with each connection.
        case sentinel(RedisSentinel)
    }

    public struct TLS: Sendable, Hashable {
        /// PEM file with the authorities to trust; nil: the system's.
        public var rootsFile: String?
        /// PEM files of the client's own certificate chain and key.
        public var certificateFile: String?
        public var keyFile: String?
        /// The name to verify and to send as SNI; nil: the host of the address.
        public var serverName: String?

        public init(rootsFile: String? = nil, certificateFile: String? = nil, keyFile: String? = nil, serverName: String? = nil) {
            self.rootsFile = rootsFile
            self.certificateFile = certificateFile
            self.keyFile = keyFile
            self.serverName = serverName
        }
    }

    public var address: Address
    public var tls: TLS?
    public var username: String?
    public var password: String?
    public var database: Int

    public init(address: Address, tls: TLS? = nil, username: String? = nil, password: String? = nil, database: Int = 0) {
        self.address = address
        self.tls = tls
        self.username = username
        self.password = password
        self.database = database
    }

    /// Without user and password.
    public var description: String {
        switch address {
        case .tcp(let host, let port): "\(tls == nil ? "redis" : "rediss")://\(host.contains(":") ? "[\(host)]" : host):\(port)"
        case .unix(let path): "unix:\(path)"
        case .sentinel(let sentinel):
            "\(tls == nil ? "redis" : "rediss")+sentinel://\(sentinel.nodes.map(\.description).joined(separator: ","))/\(sentinel.master)"
        }
    }

    /// Without user and password, also in `dump`.
    public var customMirror: Mirror { Mirror(self, children: ["description": description]) }
}
