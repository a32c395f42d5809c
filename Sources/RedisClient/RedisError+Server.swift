extension RedisError {
    /// An error reply of `endpoint`, classified by its prefix. The description holds at most 300 characters of the server's text.
    public init(server: Server, from endpoint: RedisEndpoint) {
        let code = Code(server: server)
        let text = server.text.count > 300 ? server.text.prefix(300) + "..." : server.text[...]
        let advice = code.advice.map { "; \($0)" } ?? ""
        self.init(code, "\(endpoint) answered \"\(text)\"\(advice)", server: server)
    }
}

extension RedisError.Code {
    /// What an error reply means. Redis' contract is the first word of the text, except for its oldest errors, which all begin with `ERR`.
    init(server: RedisError.Server) {
        if let code = Self.byPrefix[server.prefix] {
            self = code
        } else if let match = Self.byOpening.first(where: { server.text.hasPrefix($0.opening) }) {
            self = match.code
        } else {
            self = .other
        }
    }

    private static let byPrefix: [String: Self] = [
        "OOM": .outOfMemory, "MISCONF": .misconfigured, "NOREPLICAS": .noReplicas, "LOADING": .loading, "BUSY": .busy,
        "READONLY": .readOnly,
        "MOVED": .moved, "ASK": .ask, "TRYAGAIN": .tryAgain, "CLUSTERDOWN": .clusterDown, "NOAUTH": .noAuth, "WRONGPASS": .wrongPassword,
        "NOPERM": .noPermission, "NOSCRIPT": .noScript,
    ]

    private static let byOpening: [(opening: String, code: Self)] = [
        ("ERR Function not found", .functionNotFound),
        // 7.0 and later may say "clients + cluster connections".
        ("ERR max number of clients", .maxClients),
        // A password for a server without one: before 6.0, and since.
        ("ERR Client sent AUTH", .wrongPassword),
        ("ERR AUTH <password> called without any password", .wrongPassword),
    ]

    /// What an operator can do about an error reply.
    fileprivate var advice: String? {
        switch self {
        case .outOfMemory: "raise maxmemory or free memory (old streams, other users of this server)"
        case .misconfigured: "the server cannot save its data: free its disk, or set stop-writes-on-bgsave-error no"
        case .noReplicas: "too few replicas are in touch: bring them back or lower min-replicas-to-write"
        case .loading: "the server reads its data from disk; try again later"
        case .busy: "a script runs too long: wait, or FUNCTION KILL / SCRIPT KILL"
        case .readOnly: "this is a replica: connect to its master"
        case .moved, .ask, .tryAgain: "the slot is served elsewhere or on the move: refresh the cluster's topology"
        case .clusterDown: "the cluster does not serve this slot: check cluster nodes and slots"
        case .noAuth: "give a password (redis://user:password@host)"
        case .wrongPassword: "check user and password, and that the server asks for them"
        case .noPermission: "grant the command, key or channel to this user (ACL SETUSER)"
        case .noScript: "load the script again"
        case .functionNotFound: "load the function library (FUNCTION LOAD)"
        case .maxClients: "raise maxclients or close connections"
        case .other, .refused, .unreachable, .timeout, .connectionLost, .protocolViolation, .tls, .cancelled, .overloaded, .usage: nil
        }
    }
}
