internal import NIOCore

/// One command that a new connection begins with.
enum RedisGreeting: Sendable {
    case authenticate(username: String?, password: String)
    case select(database: Int)
    case setName(String)
    /// Always the last: asks whether the server serves us at all.
    case probe

    static func steps(endpoint: RedisEndpoint, name: String?) throws(RedisError) -> [Self] {
        var steps: [Self] = []
        if let password = endpoint.password {
            steps.append(.authenticate(username: endpoint.username, password: password))
        } else if endpoint.username != nil {
            throw RedisError(.usage, "a user is given for \(endpoint) but no password")
        }
        if endpoint.database != 0 { steps.append(.select(database: endpoint.database)) }
        if let name {
            guard !name.isEmpty, name.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
                throw RedisError(.usage, "a connection's name consists of visible ASCII characters without spaces; \"\(name)\" does not")
            }
            steps.append(.setName(name))
        }
        return steps + [.probe]
    }

    var command: ByteBuffer {
        var buffer = ByteBuffer()
        RedisCommandEncoder.append(arguments, to: &buffer)
        return buffer
    }

    /// Why the connection cannot be used after this reply; nil: it can.
    func failure(_ reply: Result<RedisValue, RedisError>) -> RedisError? {
        guard case .failure(let error) = reply else { return nil }
        switch (self, error.code) {
        // The name is for operators' eyes; a reader may lack the right to set it.
        case (.setName, .noPermission): return nil
        // Served, though not everything.
        case (.probe, .noPermission), (.probe, .busy), (.probe, .misconfigured): return nil
        default:
            return RedisError(error.code, "\(title) while connecting: \(error.description)", server: error.server)
        }
    }

    private var arguments: [RedisArgument] {
        switch self {
        case .authenticate(nil, let password): ["AUTH", .string(password)]
        case .authenticate(let username?, let password): ["AUTH", .string(username), .string(password)]
        case .select(let database): ["SELECT", RedisArgument(database)]
        case .setName(let name): ["CLIENT", "SETNAME", .string(name)]
        case .probe: ["PING"]
        }
    }

    private var title: String {
        switch self {
        case .authenticate: "AUTH"
        case .select: "SELECT"
        case .setName: "CLIENT SETNAME"
        case .probe: "PING"
        }
    }
}
