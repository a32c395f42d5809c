public import NIOCore

/// One connection to one Redis server. It never reconnects: that is its owner's business.
///
/// Calls are pipelined: a command does not wait for the replies before it. A command that blocks at the server (`XREAD BLOCK`, `WAIT`) holds
/// up everything behind it, so give it a connection of its own and a `timeout` longer than it may block. A connection that nobody refers to
/// any more closes.
public final class RedisConnection: Sendable {
    /// Limits of one connection.
    public struct Options: Sendable, Hashable {
        /// A reply larger than this is a protocol violation (default 512 MiB, Redis' own limit for one string).
        public var maximumReplyBytes: Int
        /// An array of more elements is a protocol violation (default 1 048 576).
        public var maximumReplyElements: Int
        /// Calls that wait for replies at once; more fail with `.overloaded` (default 65 536).
        public var maximumPendingCalls: Int
        /// TCP_USER_TIMEOUT: how long written bytes may stay without acknowledgement before the system ends the connection (default 2 s, Linux).
        public var userTimeout: Duration

        public init(
            maximumReplyBytes: Int = 512 * 1024 * 1024, maximumReplyElements: Int = 1_048_576, maximumPendingCalls: Int = 65_536,
            userTimeout: Duration = .seconds(2)
        ) {
            self.maximumReplyBytes = maximumReplyBytes
            self.maximumReplyElements = maximumReplyElements
            self.maximumPendingCalls = maximumPendingCalls
            self.userTimeout = userTimeout
        }
    }

    public let eventLoop: any EventLoop
    public let endpoint: RedisEndpoint
    package let channel: any Channel
    let handler: NIOLoopBound<RedisChannelHandler>

    /// On the channel's event loop.
    init(channel: any Channel, handler: RedisChannelHandler) {
        self.channel = channel
        self.eventLoop = channel.eventLoop
        self.endpoint = handler.endpoint
        self.handler = NIOLoopBound(handler, eventLoop: channel.eventLoop)
    }

    deinit {
        channel.close(promise: nil)
    }

    /// Sends one command and waits for its reply. An error reply is thrown. The deadline counts from now; when it passes, the call fails with
    /// `.timeout` and the connection is closed, since its replies can no longer be matched in time.
    ///
    /// Cancellation throws `.cancelled` at once; the command may still be executed, its reply is dropped when it comes, and the connection
    /// goes on (its deadline still holds).
    public func send(_ arguments: [RedisArgument], timeout: Duration = .seconds(2)) async throws(RedisError) -> RedisValue {
        guard !arguments.isEmpty else { throw RedisError(.usage, "a command for \(endpoint) has no arguments, not even a name") }
        var command = ByteBuffer()
        RedisCommandEncoder.append(arguments, to: &command)
        let deadline = NIODeadline.now() + TimeAmount(timeout)
        let reply = Handoff<RedisValue>()
        onEventLoop { [command] handler in
            handler.call(command, deadline: deadline) { reply.fill($0) }
            handler.flush()
        }
        do throws(RedisError) {
            return try await reply.value { "the task that waited for \(self.endpoint) was cancelled" }
        } catch {
            var error = error
            error.description = "\(Self.title(of: arguments)): \(error.description)"
            throw error
        }
    }

    /// Event loop only. Writes one already encoded command without flushing; replies arrive in the order of the calls.
    /// Writing several parts for one command: `parts` are concatenated on the wire, none is copied.
    /// `completion` is called on the event loop, never before this function returned.
    public func write(_ parts: [ByteBuffer], timeout: Duration, completion: @escaping (Result<RedisValue, RedisError>) -> Void) {
        handler.value.call(parts, deadline: .now() + TimeAmount(timeout), completion: completion)
    }

    /// The same for a command in one part.
    public func write(_ command: ByteBuffer, timeout: Duration, completion: @escaping (Result<RedisValue, RedisError>) -> Void) {
        handler.value.call(command, deadline: .now() + TimeAmount(timeout), completion: completion)
    }

    /// Event loop only.
    public func flush() {
        handler.value.flush()
    }

    /// False once the connection is over.
    public var isOpen: Bool { channel.isActive }

    /// Closes; everything under way fails with `.connectionLost`. Any thread.
    public func close() {
        let reason = RedisError(.connectionLost, "the connection to \(endpoint) was closed by its owner")
        onEventLoop { $0.close(reason) }
    }

    /// Closes; everything under way fails with `reason`. Any thread.
    func close(_ reason: RedisError) { onEventLoop { $0.close(reason) } }

    /// Fulfilled when the connection is closed, for whatever reason.
    public var closeFuture: EventLoopFuture<Void> { channel.closeFuture }

    func onEventLoop(_ body: @escaping @Sendable (RedisChannelHandler) -> Void) {
        if eventLoop.inEventLoop {
            body(handler.value)
        } else {
            eventLoop.execute { [handler] in body(handler.value) }
        }
    }

    /// The command's name, and the function's for FCALL; never an argument, which may be a secret.
    private static func title(of arguments: [RedisArgument]) -> String {
        guard case .string(let name)? = arguments.first else { return "a command" }
        guard name.uppercased().hasPrefix("FCALL"), arguments.count > 1, case .string(let function) = arguments[1] else { return name }
        return "\(name) \(function)"
    }
}
