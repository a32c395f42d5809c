import NIOCore
import NIOPosix

@testable import WebSocketClient

/// What a delegate heard.
enum Heard: Sendable, Equatable {
    case message(WebSocketMessageKind, [UInt8])
    case burstEnded
    case ping([UInt8])
    case pong([UInt8])
    case closed(WebSocketCloseReason)

    static func text(_ text: String) -> Heard { .message(.text, Array(text.utf8)) }
    static func binary(_ bytes: [UInt8]) -> Heard { .message(.binary, bytes) }
}

/// Passes on what happens, as values.
final class Listener: WebSocketDelegate {
    let events: AsyncStream<Heard>
    private let continuation: AsyncStream<Heard>.Continuation
    /// How many calls there were.
    private(set) var count = 0
    /// Called within the delegate's calls, on the loop.
    var react: ((Heard) -> Void)?

    init() { (events, continuation) = AsyncStream.makeStream(of: Heard.self) }

    func webSocketReceived(_ kind: WebSocketMessageKind, _ payload: UnsafeRawBufferPointer) { hear(.message(kind, Array(payload))) }
    func webSocketBurstEnded() { hear(.burstEnded) }
    func webSocketReceivedPing(_ payload: UnsafeRawBufferPointer) { hear(.ping(Array(payload))) }
    func webSocketReceivedPong(_ payload: UnsafeRawBufferPointer) { hear(.pong(Array(payload))) }

    func webSocketClosed(_ reason: WebSocketCloseReason) {
        hear(.closed(reason))
        continuation.finish()
    }

    private func hear(_ event: Heard) {
        count += 1
        continuation.yield(event)
        react?(event)
    }
}

/// A websocket under test, spoken to from a task.
struct Client: Sendable {
    let eventLoop: any EventLoop
    let upgrade: WebSocketUpgrade
    let connection: NIOLoopBound<WebSocketConnection>
    let listener: NIOLoopBound<Listener>
    let events: AsyncStream<Heard>

    /// - Parameter setUp: called on the loop within the completion, before any message.
    static func open(
        _ configuration: WebSocketConfiguration,
        addressBook: AddressBook = .shared,
        setUp: @escaping @Sendable (WebSocketConnection, Listener) -> Void = { _, _ in }
    ) async throws -> Client {
        let eventLoop = MultiThreadedEventLoopGroup.singleton.any()
        var configuration = configuration
        // The default is for the world; a machine busy with tests may take longer, and no test waits for it to pass.
        if configuration.connectTimeout == WebSocketConfiguration(url: "").connectTimeout { configuration.connectTimeout = .seconds(45) }
        return try await eventLoop.flatSubmit { [configuration] () -> EventLoopFuture<Client> in
            let promise = eventLoop.makePromise(of: Client.self)
            let listener = Listener()
            _ = WebSocketConnection.connect(configuration, on: eventLoop, delegate: listener, addressBook: addressBook) { result in
                promise.completeWith(
                    result.map { connection in
                        setUp(connection, listener)
                        return Client(
                            eventLoop: eventLoop,
                            upgrade: connection.upgrade,
                            connection: NIOLoopBound(connection, eventLoop: eventLoop),
                            listener: NIOLoopBound(listener, eventLoop: eventLoop),
                            events: listener.events
                        )
                    }.mapError { $0 as any Error }
                )
            }
            return promise.futureResult
        }.get()
    }

    /// The error of an attempt that must fail.
    static func failure(_ configuration: WebSocketConfiguration, addressBook: AddressBook = .shared) async throws -> WebSocketConnectError?
    {
        do {
            let client = try await open(configuration, addressBook: addressBook)
            await client.onLoop { $0.abort() }
            return nil
        } catch let error as WebSocketConnectError {
            return error
        }
    }

    /// The error of an attempt that is cancelled right after it began.
    static func cancelled(_ configuration: WebSocketConfiguration) async throws -> WebSocketConnectError? {
        let eventLoop = MultiThreadedEventLoopGroup.singleton.any()
        return try await eventLoop.flatSubmit { () -> EventLoopFuture<WebSocketConnectError?> in
            let promise = eventLoop.makePromise(of: WebSocketConnectError?.self)
            var completions = 0
            let attempt = WebSocketConnection.connect(configuration, on: eventLoop, delegate: Listener()) { result in
                completions += 1
                if case .failure(let error) = result { promise.succeed(completions == 1 ? error : nil) } else { promise.succeed(nil) }
            }
            attempt.cancel()
            attempt.cancel()
            return promise.futureResult
        }.get()
    }

    func onLoop(_ body: @escaping @Sendable (WebSocketConnection) -> Void) async {
        let connection = connection
        try? await eventLoop.submit { body(connection.value) }.get()
    }

    func send(_ kind: WebSocketMessageKind, _ bytes: [UInt8]) async throws {
        let promise = eventLoop.makePromise(of: Void.self)
        await onLoop { $0.send(kind, ByteBuffer(bytes: bytes), promise: promise) }
        try await promise.futureResult.get()
    }

    func send(_ text: String) async throws { try await send(.text, Array(text.utf8)) }

    func close(code: UInt16 = 1000, text: String = "", within: Duration = .seconds(5)) async {
        await onLoop { $0.close(code: code, text: text, within: within) }
    }

    /// The next event but ends of bursts.
    func next() async -> Heard? {
        for await event in events where event != .burstEnded { return event }
        return nil
    }

    /// Everything up to and with the end.
    func rest() async -> [Heard] {
        var all: [Heard] = []
        for await event in events where event != .burstEnded { all.append(event) }
        return all
    }
}
