internal import RedisClient

/// Why reading the streams failed for good. Lost connections are not among the reasons: readers reconnect and go on.
public struct StreamsError: Error, Sendable, CustomStringConvertible {
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        private enum Value: String { case usage, unexpectedReply, denied, unavailable }
        private let value: Value

        /// The caller asked for something that cannot be: an id that is none, no subscription, a name with a space.
        public static let usage = Code(value: .usage)
        /// Redis answered in a shape that the command does not have.
        public static let unexpectedReply = Code(value: .unexpectedReply)
        /// Redis refused the user, the password, the certificate or the command.
        public static let denied = Code(value: .denied)
        /// Redis could not be reached within the configured number of attempts.
        public static let unavailable = Code(value: .unavailable)

        public var description: String { value.rawValue }
    }

    public var code: Code
    /// What failed, on what, and what to do.
    public var description: String
    public var cause: (any Error)?

    public init(_ code: Code, _ description: String, cause: (any Error)? = nil) {
        self.code = code
        self.description = description
        self.cause = cause
    }

    static func unexpectedReply(_ what: String, _ reply: RedisValue) -> StreamsError {
        StreamsError(.unexpectedReply, "\(what): got \(String("\(reply)".prefix(200))); is this server Redis 7 or Valkey?")
    }
}
