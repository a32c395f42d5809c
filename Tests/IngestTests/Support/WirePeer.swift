import NIOCore
import NIOPosix
import TestSupport

@testable import WebSocketClient

/// An exchange on 127.0.0.1 of which a test writes every byte, and reads every byte that clients send.
final class WirePeer: Sendable {
    let port: Int
    private let channel: any Channel
    private let accepted: AsyncStream<WireConnection>

    private init(port: Int, channel: any Channel, accepted: AsyncStream<WireConnection>) {
        self.port = port
        self.channel = channel
        self.accepted = accepted
    }

    static func run(_ body: (WirePeer) async throws -> Void) async throws {
        let (stream, continuation) = AsyncStream.makeStream(of: WireConnection.self)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { child in
                child.eventLoop.makeCompletedFuture {
                    let (bytes, input) = AsyncStream.makeStream(of: ByteBuffer.self)
                    try child.pipeline.syncOperations.addHandler(WireHandler(input))
                    continuation.yield(WireConnection(channel: child, bytes: bytes))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        guard let port = channel.localAddress?.port else { throw TestFailure("the exchange has no port") }
        let result: Result<Void, any Error>
        do { result = .success(try await body(WirePeer(port: port, channel: channel, accepted: stream))) } catch {
            result = .failure(error)
        }
        try await channel.close()
        try result.get()
    }

    /// The next TCP connection.
    func accept() async throws -> WireConnection {
        for await connection in accepted { return connection }
        throw TestFailure("the exchange was closed")
    }
}

/// One connection of a client. Used by one task.
final class WireConnection: @unchecked Sendable {
    // Proof: a test's body is the only task that touches the mutable state below.
    struct Frame: Equatable {
        var opcode: UInt8
        var text: String
        static let close: UInt8 = 8
    }

    private let channel: any Channel
    private var bytes: AsyncStream<ByteBuffer>.AsyncIterator
    private var pending = ByteBuffer()
    private var key = ""

    init(channel: any Channel, bytes: AsyncStream<ByteBuffer>) {
        self.channel = channel
        self.bytes = bytes.makeAsyncIterator()
    }

    private func read(_ count: Int) async -> [UInt8]? {
        while pending.readableBytes < count {
            guard var more = await bytes.next() else { return nil }
            pending.writeBuffer(&more)
        }
        return pending.readBytes(length: count)
    }

    /// The lines of the upgrade request.
    func request() async throws -> [String] {
        var head: [UInt8] = []
        while !head.suffix(4).elementsEqual("\r\n\r\n".utf8) {
            guard let byte = await read(1) else {
                throw TestFailure("the client ended within its request: \(String(decoding: head, as: UTF8.self))")
            }
            head += byte
        }
        let lines = String(decoding: head.dropLast(4), as: UTF8.self).split(separator: "\r\n").map(String.init)
        let name = "Sec-WebSocket-Key: "
        key = lines.first { $0.hasPrefix(name) }.map { String($0.dropFirst(name.count)) } ?? ""
        return lines
    }

    /// Refuses the websocket.
    func refuse(_ status: Int) async throws {
        try await channel.writeAndFlush(ByteBuffer(string: "HTTP/1.1 \(status) No\r\nContent-Length: 0\r\n\r\n"))
    }

    /// Accepts the websocket; `messages` follow in the same write.
    func accept(_ messages: String...) async throws {
        var buffer = ByteBuffer(string: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
        buffer.writeString("Sec-WebSocket-Accept: \(UpgradeRequest.accept(for: key))\r\n\r\n")
        for message in messages {
            precondition(message.utf8.count < 65_536)
            let count = message.utf8.count
            buffer.writeBytes(count < 126 ? [0x81, UInt8(count)] : [0x81, 126, UInt8(count >> 8), UInt8(count & 0xFF)])
            buffer.writeString(message)
        }
        try await channel.writeAndFlush(buffer)
    }

    /// The next frame of the client, unmasked; nil: the connection ended.
    func frame() async -> Frame? {
        guard let start = await read(2) else { return nil }
        var length = Int(start[1] & 0x7F)
        if length == 126 {
            guard let long = await read(2) else { return nil }
            length = Int(long[0]) << 8 | Int(long[1])
        }
        guard let mask = await read(4), var payload = await read(length) else { return nil }
        for index in payload.indices { payload[index] ^= mask[index & 3] }
        return Frame(opcode: start[0] & 0x0F, text: String(decoding: payload, as: UTF8.self))
    }

    func close() { channel.close(promise: nil) }
}

private final class WireHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let input: AsyncStream<ByteBuffer>.Continuation

    init(_ input: AsyncStream<ByteBuffer>.Continuation) { self.input = input }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { input.yield(unwrapInboundIn(data)) }
    func channelInactive(context: ChannelHandlerContext) { input.finish() }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
