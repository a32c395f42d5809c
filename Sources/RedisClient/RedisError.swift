/// Why a Redis call failed.
///
/// `code` is what callers branch on; `description` says what failed, on which server, and what to do.
public struct RedisError: Error, Sendable, CustomStringConvertible {
    public enum Code: Sendable, Equatable, Hashable {
        // The server answered with an error.
        case outOfMemory, misconfigured, noReplicas, loading, busy, readOnly, moved, ask, tryAgain, clusterDown, noAuth, wrongPassword,
            noPermission, noScript, functionNotFound, maxClients
        /// Any other error reply; its text is in `server`.
        case other
        // There was no answer.
        /// Nobody listens at the address (connection refused, or no such socket file).
        case refused
        /// The address cannot be reached or resolved.
        case unreachable
        case timeout
        /// The connection ended before the reply came: the command may or may not have been executed.
        case connectionLost
        /// The peer does not speak Redis' protocol.
        case protocolViolation
        /// TLS could not be established (certificate, host name, handshake).
        case tls
        /// The calling task was cancelled; a command already written may still be executed, its reply is dropped.
        case cancelled
        /// Too many calls wait for replies on this connection; the command was not sent.
        case overloaded
        /// The call itself was wrong (empty command, bad address, bad credentials file).
        case usage
    }

    /// An error reply: its first word and its whole text, e.g. `MOVED` and `MOVED 3999 127.0.0.1:6381`.
    public struct Server: Sendable, Equatable, Hashable {
        public var prefix: String
        public var text: String

        public init(text: String) {
            self.text = text
            self.prefix = String(text.prefix { $0 != " " })
        }
    }

    public var code: Code
    public var description: String
    public var server: Server?

    public init(_ code: Code, _ description: String, server: Server? = nil) {
        self.code = code
        self.description = description
        self.server = server
    }
}
