import NIOCore
import NIOPosix

/// A server that answers like a Redis of 2020, as far as a new connection asks.
struct OldRedis: Sendable {
    let port: Int
    private let listener: any Channel

    static func start(version: String) async throws -> OldRedis {
        let listener = try await ServerBootstrap(group: Loops.next())
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Handler(version: version))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return OldRedis(port: listener.localAddress?.port ?? 0, listener: listener)
    }

    func stop() async throws { try await listener.close() }

    /// Commands are arrays of bulk strings, none of which holds a line break here.
    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let version: String
        private var partial = ""
        private var words: [String] = []
        private var missing = 0

        init(version: String) { self.version = version }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            partial += String(buffer: unwrapInboundIn(data))
            while let end = partial.utf8.firstIndex(of: UInt8(ascii: "\n")) {
                let line = String(partial.utf8.prefix(upTo: end)) ?? ""
                partial = String(partial.utf8.suffix(from: partial.utf8.index(after: end))) ?? ""
                take(line.filter { $0 != "\r" }, context)
            }
        }

        private func take(_ line: String, _ context: ChannelHandlerContext) {
            if missing == 0 {
                missing = Int(line.dropFirst()) ?? 0
                words = []
            } else if !line.hasPrefix("$") {
                words.append(line)
                missing -= 1
                if missing == 0 { answer(context) }
            }
        }

        private func answer(_ context: ChannelHandlerContext) {
            var reply = "+OK\r\n"
            switch words.first?.uppercased() {
            case "PING": reply = "+PONG\r\n"
            case "INFO":
                let text = "# Server\r\nredis_version:\(version)\r\nrun_id:0123456789abcdef\r\nrole:master\r\n"
                reply = "$\(text.utf8.count)\r\n\(text)\r\n"
            default: break
            }
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: reply)), promise: nil)
        }
    }
}
