internal import RedisClient

/// What a reader does about a failed call. The code decides, never the text.
enum Recovery: Equatable {
    /// Connect again, go on from the cursors.
    case reconnect
    /// The server will answer the same tomorrow: tell the caller.
    case giveUp
    case cancelled
    /// A stream or a consumer group vanished: create the groups again.
    case recreateGroups

    init(_ error: RedisError) {
        switch error.code {
        case .cancelled: self = .cancelled
        case .outOfMemory, .misconfigured, .noReplicas, .loading, .busy, .readOnly, .tryAgain, .clusterDown, .maxClients, .refused,
            .unreachable, .timeout, .connectionLost, .overloaded:
            self = .reconnect
        case .moved, .ask, .noAuth, .wrongPassword, .noPermission, .noScript, .functionNotFound, .protocolViolation, .tls, .usage:
            self = .giveUp
        case .other:
            // UNBLOCKED: a blocked read was ended because its stream was deleted or the server became a replica.
            switch error.server?.prefix {
            case "NOGROUP": self = .recreateGroups
            case "UNBLOCKED", "MASTERDOWN": self = .reconnect
            default: self = .giveUp
            }
        }
    }
}

extension StreamsError {
    /// For the caller: what was being read, and what to do.
    init(givingUp error: RedisError, reading what: String) {
        let advice =
            switch error.code {
            case .moved, .ask: "this server does not hold these streams; use the node that holds the slot, one reader for each budget group"
            case .noAuth, .wrongPassword, .noPermission:
                "check the user's password and rules (`colony doctor --acl` prints those of a reader)"
            case .tls: "check the certificates and the server's name"
            default: "the same would happen again"
            }
        self.init(.denied, "reading \(what) failed: \(error.description); \(advice)", cause: error)
    }
}
