import NIOCore
import NIOPosix
import RedisClient
import Synchronization
import Testing

@testable import FaultInjection

/// A proxy that is as far away as an exchange. Only lower bounds of times are judged: a busy machine makes everything slower.
@Suite(.timeLimit(.minutes(1)))
struct LongWayTests {
    @Test func `a connection and its first answer take two round trips, every other answer one`() async throws {
        try await withEcho { echo in
            let roundTrip = Duration.milliseconds(60)
            let proxy = try await FaultProxy.start(to: .tcp(host: "127.0.0.1", port: echo.port), roundTripTime: roundTrip)
            let clock = ContinuousClock()
            let began = clock.now
            let client = try await EchoClient.connect(to: proxy.port)
            try await client.ask("first")
            #expect(clock.now - began >= roundTrip * 2)
            let again = clock.now
            try await client.ask("second")
            #expect(clock.now - again >= roundTrip)
            try await client.close()
            try await proxy.stop()
        }
    }

    @Test func `a megabyte arrives whole and in order`() async throws {
        try await withEcho { echo in
            let proxy = try await FaultProxy.start(to: .tcp(host: "127.0.0.1", port: echo.port), roundTripTime: .milliseconds(10))
            let client = try await EchoClient.connect(to: proxy.port)
            let text = (0..<150_000).map { "\($0)," }.joined()
            try await client.ask(text)
            try await client.close()
            try await proxy.stop()
        }
    }

    @Test func `the end comes behind the last bytes`() async throws {
        // Answers once and closes at the same moment.
        try await withEcho(closing: true) { echo in
            let proxy = try await FaultProxy.start(to: .tcp(host: "127.0.0.1", port: echo.port), roundTripTime: .milliseconds(20))
            let client = try await EchoClient.connect(to: proxy.port)
            try await client.ask("goodbye")
            try await client.waitForEnd()
            try await proxy.stop()
        }
    }

    @Test func `a target that takes no connection is told as a lost one`() async throws {
        let proxy = try await FaultProxy.start(to: .tcp(host: "127.0.0.1", port: try freePort()), roundTripTime: .milliseconds(10))
        let client = try await EchoClient.connect(to: proxy.port)
        try await client.waitForEnd()
        try await proxy.stop()
    }

    @Test func `a target is told whose connection it is`() async throws {
        try await withEcho { echo in
            let proxy = try await FaultProxy.start(to: .tcp(host: "127.0.0.1", port: echo.port), announcesClients: true)
            let client = try await EchoClient.connect(to: proxy.port)
            let port = try #require(client.localPort)
            try await client.ask("hello", expecting: "PROXY TCP4 127.0.0.1 127.0.0.1 \(port) \(proxy.port)\r\nhello")
            try await client.close()
            try await proxy.stop()
        }
    }
}

/// A server that sends back what it gets.
private struct EchoServer {
    let port: Int
}

private func withEcho(closing: Bool = false, _ body: (EchoServer) async throws -> Void) async throws {
    let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .childChannelInitializer { child in
            child.eventLoop.makeCompletedFuture { try child.pipeline.syncOperations.addHandler(EchoHandler(closing: closing)) }
        }
        .bind(host: "127.0.0.1", port: 0).get()
    let result: Result<Void, any Error>
    do { result = .success(try await body(EchoServer(port: listener.localAddress?.port ?? 0))) } catch { result = .failure(error) }
    try await listener.close()
    try result.get()
}

private final class EchoHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let closing: Bool

    init(closing: Bool) { self.closing = closing }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        context.writeAndFlush(data, promise: nil)
        if closing { context.close(promise: nil) }
    }
}

/// Asks one thing at a time and waits until all of the answer is there.
private struct EchoClient {
    private let channel: any Channel
    private let collector: Collector

    var localPort: Int? { channel.localAddress?.port }

    static func connect(to port: Int) async throws -> EchoClient {
        let collector = Collector()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(CollectHandler(collector)) }
            }
            .connect(host: "127.0.0.1", port: port).get()
        return EchoClient(channel: channel, collector: collector)
    }

    func ask(_ text: String, expecting answer: String? = nil) async throws {
        let expected = answer ?? text
        let arrived = channel.eventLoop.makePromise(of: Void.self)
        // Some of it may be there already: a proxy's announcement comes unasked.
        collector.state.withLock { ($0.wanted, $0.promise) = (expected.utf8.count, arrived) }
        try await channel.writeAndFlush(ByteBuffer(string: text))
        try await arrived.futureResult.get()
        let got = collector.state.withLock { state in
            defer { state.bytes.clear() }
            return String(buffer: state.bytes)
        }
        #expect(got == expected)
    }

    func waitForEnd() async throws { try await channel.closeFuture.get() }

    func close() async throws { try await channel.close() }
}

private final class Collector: Sendable {
    struct State {
        var wanted = Int.max
        var promise: EventLoopPromise<Void>?
        var bytes = ByteBuffer()
    }

    let state = Mutex(State())
}

private final class CollectHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let collector: Collector

    init(_ collector: Collector) { self.collector = collector }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        let ready = collector.state.withLock { state -> EventLoopPromise<Void>? in
            state.bytes.writeImmutableBuffer(bytes)
            guard state.bytes.readableBytes >= state.wanted else { return nil }
            defer { state.promise = nil }
            return state.promise
        }
        ready?.succeed()
    }

    func channelInactive(context: ChannelHandlerContext) {
        let left = collector.state.withLock { state -> EventLoopPromise<Void>? in
            defer { state.promise = nil }
            return state.promise
        }
        left?.fail(ChannelError.eof)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
