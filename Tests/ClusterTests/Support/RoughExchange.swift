import NIOCore
import NIOPosix
import Synchronization

@testable import WebSocketClient

/// A server on 127.0.0.1 that treats every client alike, and badly. Notes with which close codes clients took their leave.
final class RoughExchange: Sendable {
    enum Manner: Sendable {
        /// These bytes for an answer to the first request, and nothing more.
        case answers(String)
        /// The websocket is opened; these bytes follow, and then, again and again as fast as the client takes them, those.
        case opens(extra: String = "", bytes: [UInt8], endless: [UInt8] = [])
        /// The websocket is opened, these bytes follow, then FIN.
        case hangsUp([UInt8])
    }

    let port: Int
    private let channel: any Channel
    private let log: Log

    private final class Log: Sendable {
        let closeCodes = Mutex<[UInt16]>([])
        let connections = Atomic(0)
    }

    /// Of all clients, in order.
    var closeCodes: [UInt16] { log.closeCodes.withLock { $0 } }
    var connections: Int { log.connections.load(ordering: .relaxed) }

    private init(port: Int, channel: any Channel, log: Log) {
        self.port = port
        self.channel = channel
        self.log = log
    }

    static func start(_ manner: Manner) async throws -> RoughExchange {
        let log = Log()
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { child in
                child.eventLoop.makeCompletedFuture { try child.pipeline.syncOperations.addHandler(Handler(manner, log)) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return RoughExchange(port: channel.localAddress?.port ?? 0, channel: channel, log: log)
    }

    func stop() { channel.close(promise: nil) }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let manner: Manner
        private let log: Log
        private var received: [UInt8] = []
        private var isAnswered = false

        init(_ manner: Manner, _ log: Log) {
            self.manner = manner
            self.log = log
        }

        func channelActive(context: ChannelHandlerContext) { log.connections.add(1, ordering: .relaxed) }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            received += unwrapInboundIn(data).readableBytesView
            if !isAnswered {
                guard let end = received.firstRange(of: Array("\r\n\r\n".utf8)) else { return }
                let head = String(decoding: received[..<end.lowerBound], as: UTF8.self)
                received.removeSubrange(..<end.upperBound)
                isAnswered = true
                answer(head, context.channel)
            }
            readFrames()
        }

        private func answer(_ head: String, _ channel: any Channel) {
            switch manner {
            case .answers(let text):
                channel.writeAndFlush(ByteBuffer(string: text), promise: nil)
            case .hangsUp(let bytes):
                channel.writeAndFlush(ByteBuffer(bytes: Array(Self.upgrade(head, extra: "").utf8) + bytes)).whenComplete { _ in
                    channel.close(promise: nil)
                }
            case .opens(let extra, let bytes, let endless):
                channel.writeAndFlush(ByteBuffer(bytes: Array(Self.upgrade(head, extra: extra).utf8) + bytes), promise: nil)
                if !endless.isEmpty { Self.goOn(endless, channel) }
            }
        }

        private static func goOn(_ bytes: [UInt8], _ channel: any Channel) {
            channel.writeAndFlush(ByteBuffer(bytes: bytes)).whenSuccess { goOn(bytes, channel) }
        }

        private static func upgrade(_ head: String, extra: String) -> String {
            let field = head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("sec-websocket-key:") } ?? ""
            let key = String(field.drop { $0 != ":" }.dropFirst()).filter { $0 != " " }
            return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                + "Sec-WebSocket-Accept: \(UpgradeRequest.accept(for: key))\r\n\(extra)\r\n"
        }

        /// Clients here send short frames only.
        private func readFrames() {
            while received.count >= 6, received[1] & 0x7f < 126, received.count >= 6 + Int(received[1] & 0x7f) {
                let length = Int(received[1] & 0x7f)
                if received[0] & 0x0f == 8, length >= 2 {
                    let code = UInt16(received[6] ^ received[2]) << 8 | UInt16(received[7] ^ received[3])
                    log.closeCodes.withLock { $0.append(code) }
                }
                received.removeFirst(6 + length)
            }
            if received.count > 1 << 16 { received.removeAll() }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
