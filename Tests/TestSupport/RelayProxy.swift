internal import NIOCore
internal import NIOPosix
package import NIOSSL
internal import Synchronization

/// A small HTTP CONNECT proxy on 127.0.0.1 that relays bytes and remembers for where.
package final class RelayProxy: Sendable {
    package let port: Int
    fileprivate let log: TargetLog

    private init(port: Int, log: TargetLog) {
        self.port = port
        self.log = log
    }

    /// The targets asked for, `host:port`, in order.
    package var targets: [String] { log.targets.withLock { $0 } }

    /// Runs `body` beside a proxy; `tls`: one that is spoken to over TLS.
    package static func run<Value: Sendable>(tls: NIOSSLContext? = nil, _ body: (RelayProxy) async throws -> Value) async throws -> Value {
        let log = TargetLog()
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { child in
                child.eventLoop.makeCompletedFuture {
                    if let tls { try child.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls)) }
                    try child.pipeline.syncOperations.addHandler(RelayHandler(log))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        guard let port = channel.localAddress?.port else { throw TestFailure("the relay proxy has no port") }
        let result: Result<Value, any Error>
        do { result = .success(try await body(RelayProxy(port: port, log: log))) } catch { result = .failure(error) }
        try await channel.close()
        return try result.get()
    }
}

private final class TargetLog: Sendable {
    let targets = Mutex<[String]>([])
}

/// Reads the CONNECT line, connects, and joins both sides.
private final class RelayHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var head = ""
    private var isJoined = false
    private var other: (any Channel)?
    private var waiting: [ByteBuffer] = []
    private let log: TargetLog

    init(_ log: TargetLog) { self.log = log }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        guard !isJoined else {
            if let other { other.writeAndFlush(buffer, promise: nil) } else { waiting.append(buffer) }
            return
        }
        head += String(buffer: buffer)
        guard head.hasSuffix("\r\n\r\n") else { return }
        isJoined = true
        let name = head.split(separator: " ")[1]
        log.targets.withLock { $0.append(String(name)) }
        let target = name.split(separator: ":")
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
