internal import NIOCore

extension RedisConnection {
    /// Loads a function library, replacing one of the same name; returns its name. `source` begins with `#!lua name=...`.
    /// Throws the server's words when the library does not compile. Needs Redis 7.0.
    @discardableResult
    public func loadFunctionLibrary(_ source: String, timeout: Duration = .seconds(2)) async throws(RedisError) -> String {
        let reply = try await send(["FUNCTION", "LOAD", "REPLACE", .string(source)], timeout: timeout)
        guard let name = reply.string else {
            throw RedisError(.protocolViolation, "\(endpoint) answered FUNCTION LOAD without the library's name")
        }
        return name
    }

    /// INFO: the sections server, memory, persistence and replication. Needs Redis 7.0.
    public func serverInfo(timeout: Duration = .seconds(2)) async throws(RedisError) -> RedisServerInfo {
        let reply = try await send(["INFO", "server", "memory", "persistence", "replication"], timeout: timeout)
        guard let text = reply.string else { throw RedisError(.protocolViolation, "\(endpoint) answered INFO without text") }
        return RedisServerInfo(text)
    }

    /// Subscribes this connection to `channels` and returns when all are confirmed; from then on `onMessage` is called on the event loop for each
    /// message, in the order of their arrival, until `closeFuture`. `sharded` uses SSUBSCRIBE (in a cluster: all channels in one slot).
    ///
    /// Use a connection of its own: afterwards the server accepts little more than `send(["PING"])`, which proves that the line is alive.
    /// Messages sent while nobody was connected are lost. A server that ends the subscription (a moved slot) ends the connection.
    public func subscribe(
        to channels: [String], sharded: Bool = false, timeout: Duration = .seconds(2), onMessage: @escaping @Sendable (RedisMessage) -> Void
    ) async throws(RedisError) {
        guard !channels.isEmpty else { throw RedisError(.usage, "a subscription at \(endpoint) names no channel") }
        let confirmation = Handoff<RedisValue>()
        subscribe(to: channels, sharded: sharded, timeout: timeout, onMessage: onMessage) { confirmation.fill($0) }
        _ = try await confirmation.value { "the task that subscribed at \(self.endpoint) was cancelled" }
    }

    /// The same with a completion, which is called on the event loop. `channels` is not empty.
    func subscribe(
        to channels: [String], sharded: Bool = false, timeout: Duration, onMessage: @escaping @Sendable (RedisMessage) -> Void,
        completion: @escaping @Sendable (Result<RedisValue, RedisError>) -> Void
    ) {
        var command = ByteBuffer()
        let verb: RedisArgument = sharded ? "SSUBSCRIBE" : "SUBSCRIBE"
        RedisCommandEncoder.append([verb] + channels.map { .string($0) }, to: &command)
        let deadline = NIODeadline.now() + TimeAmount(timeout)
        onEventLoop { [command] handler in
            let subscription = RedisSubscription(channelCount: channels.count, onMessage: onMessage)
            handler.subscribe(command, subscription: subscription, deadline: deadline, completion: completion)
        }
    }
}
