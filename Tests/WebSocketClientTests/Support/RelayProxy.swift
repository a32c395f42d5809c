import NIOCore
import NIOPosix
import NIOSSL
import Testing

/// A small HTTP CONNECT proxy that relays bytes, with or without TLS of its own.
enum RelayProxy {
    static func run<Value: Sendable>(_ identity: Certificates.Identity?, _ body: (Int) async throws -> Value) async throws -> Value {
        let context = try identity.map { try TestTLS.serverContext($0) }
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { child in
                child.eventLoop.makeCompletedFuture {
                    if let context { try child.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context)) }
                    try child.pipeline.syncOperations.addHandler(RelayHandler())
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(channel.localAddress?.port)
        let result: Result<Value, any Error>
        do { result = .success(try await body(port)) } catch { result = .failure(error) }
        try await channel.close()
        return try result.get()
    }
}

/// Reads the CONNECT line, connects, and joins both sides.
private final class RelayHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var head = ""
    private var isJoined = false
    private var other: (any Channel)?
    private var waiting: [ByteBuffer] = []

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        guard !isJoined else {
            if let other { other.writeAndFlush(buffer, promise: nil) } else { waiting.append(buffer) }
            return
        }
        head += String(buffer: buffer)
        guard head.hasSuffix("\r\n\r\n") else { return }
        isJoined = true
        let target = head.split(separator: " ")[1].split(separator: ":")
        let client = context.channel
        ClientBootstrap(group: context.eventLoop)
            .channelInitializer { server in
                server.eventLoop.makeCompletedFuture { try server.pipeline.syncOperations.addHandler(ForwardHandler(to: client)) }
            }
            .connect(host: String(target[0]), port: Int(target[1]) ?? 0)
            .assumeIsolated()
            .whenComplete { [self] result in
                switch result {
                case .success(let server):
                    other = server
                    client.writeAndFlush(ByteBuffer(string: "HTTP/1.1 200 OK\r\n\r\n"), promise: nil)
                    for buffer in waiting { server.writeAndFlush(buffer, promise: nil) }
                case .failure:
                    client.close(promise: nil)
                }
            }
    }

    func channelInactive(context: ChannelHandlerContext) { other?.close(promise: nil) }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

private final class ForwardHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let destination: any Channel

    init(to destination: any Channel) { self.destination = destination }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { destination.writeAndFlush(unwrapInboundIn(data), promise: nil) }
    func channelInactive(context: ChannelHandlerContext) { destination.close(promise: nil) }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
