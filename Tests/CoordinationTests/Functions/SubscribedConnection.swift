import NIOCore
import NIOPosix
import RedisClient
import TestSupport

/// A subscriber's connection whose messages a test awaits one by one.
final class SubscribedConnection {
    private let connection: RedisConnection
    private var messages: AsyncStream<String>.Iterator

    init(to endpoint: RedisEndpoint, channel: String) async throws {
        let (stream, continuation) = AsyncStream.makeStream(of: String.self, bufferingPolicy: .bufferingOldest(100))
        connection = try await RedisConnection.connect(
            to: endpoint, on: MultiThreadedEventLoopGroup.singleton.next(), timeout: .seconds(20))
        messages = stream.makeAsyncIterator()
        try await connection.subscribe(to: [channel], timeout: .seconds(20)) { continuation.yield(String(buffer: $0.payload)) }
        connection.closeFuture.whenComplete { _ in continuation.finish() }
    }

    func next() async throws -> String {
        guard let message = await messages.next(isolation: #isolation) else { throw TestFailure("the subscription ended") }
        return message
    }

    func close() async throws {
        connection.close()
        try await connection.closeFuture.get()
    }
}
