public import NIOCore

/// One connection to one Redis server. It never reconnects: that is its owner's business.
public final class RedisConnection: Sendable {
    public let eventLoop: any EventLoop
    public let endpoint: RedisEndpoint
    private let channel: any Channel

    init(channel: any Channel, endpoint: RedisEndpoint) {
        self.channel = channel
        self.eventLoop = channel.eventLoop
        self.endpoint = endpoint
    }

    /// Connects, then AUTH, SELECT and CLIENT SETNAME as asked for. Throws a `RedisError` that tells refused, unreachable, timeout, TLS, wrong
    /// password and LOADING apart.
    public static func connect(
        to endpoint: RedisEndpoint, name: String? = nil, on eventLoop: any EventLoop, timeout: Duration = .seconds(2)
    ) async throws(RedisError) -> RedisConnection {
        throw RedisError(.usage, "replaced by the transport")
    }

    /// The same for callers on the event loop; `completion` is called on it.
    public static func connect(
        to endpoint: RedisEndpoint, name: String? = nil, on eventLoop: any EventLoop, timeout: Duration = .seconds(2),
        completion: @escaping @Sendable (Result<RedisConnection, RedisError>) -> Void
    ) {}

    /// Sends one command and waits for its reply. An error reply is thrown. The deadline counts from now; when it passes, the call fails with
    /// `.timeout` and the connection is closed, since its replies can no longer be matched in time.
    public func send(_ arguments: [RedisArgument], timeout: Duration = .seconds(2)) async throws(RedisError) -> RedisValue {
        throw RedisError(.usage, "replaced by the transport")
    }

    /// Event loop only. Writes one already encoded command without flushing; replies arrive in the order of the calls.
    /// Writing several parts for one command: `parts` are concatenated on the wire, none is copied.
    public func write(_ parts: [ByteBuffer], timeout: Duration, completion: @escaping (Result<RedisValue, RedisError>) -> Void) {}

    /// Event loop only.
    public func flush() {}

    /// Closes; everything under way fails with `.connectionLost`. Any thread.
    public func close() {}

    /// Fulfilled when the connection is closed, for whatever reason.
    public var closeFuture: EventLoopFuture<Void> { channel.closeFuture }
}

/// One argument of a command; text and numbers convert by themselves.
public enum RedisArgument: Sendable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByStringInterpolation {
    case string(String)
    case bytes(ByteBuffer)

    public init(stringLiteral value: String) { self = .string(value) }
    public init(integerLiteral value: Int) { self = .string(String(value)) }
    public init(_ value: String) { self = .string(value) }
    public init(_ value: some BinaryInteger) { self = .string(String(value)) }
}
