internal import NIOCore

/// One command that a new connection begins with.
enum RedisGreeting: Sendable {
    case authenticate(username: String?, password: String)
    case select(database: Int)
    case setName(String)
    /// Asks whether the server serves us at all.
    case probe
    /// For a server that a Sentinel named: it must say itself that it is a master.
    case role

    static func steps(endpoint: RedisEndpoint, name: String?, mustBeMaster: Bool) throws(RedisError) -> [Self] {
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
        return steps + (mustBeMaster ? [.probe, .role] : [.probe])
    }

    var command: ByteBuffer {
        var buffer = ByteBuffer()
        RedisCommandEncoder.append(arguments, to: &buffer)
        return buffer
    }

    /// Why the connection cannot be used after this reply; nil: it can.
    func failure(_ reply: Result<RedisValue, RedisError>, at endpoint: RedisEndpoint) -> RedisError? {
        let error: RedisError
        switch reply {
        case .failure(let failure): error = failure
        case .success(let value):
            guard case .role = self, value.array?.first?.string != "master" else { return nil }
            let role = value.array?.first?.string.map { String($0.prefix(40)) } ?? "nothing of use"
            return RedisError(.readOnly, "\(endpoint) was named as the master, but answers ROLE with \(role)")
        }
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
        case .role: ["ROLE"]
        }
    }

    private var title: String {
        switch self {
        case .authenticate: "AUTH"
        case .select: "SELECT"
        case .setName: "CLIENT SETNAME"
        case .probe: "PING"
        case .role: "ROLE"
        }
    }
}
