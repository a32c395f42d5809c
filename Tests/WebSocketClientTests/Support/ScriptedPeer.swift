import NIOCore
import NIOPosix
import NIOSSL
import Testing

@testable import WebSocketClient

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A TCP server on 127.0.0.1 that does what a test tells it to, byte by byte.
final class ScriptedPeer: Sendable {
    let port: Int
    private let channel: any Channel
    private let accepted: AsyncStream<PeerConnection>

    private init(channel: any Channel, port: Int, accepted: AsyncStream<PeerConnection>) {
        self.channel = channel
        self.port = port
        self.accepted = accepted
    }

    static func start(_ identity: Certificates.Identity? = nil, host: String = "127.0.0.1") async throws -> ScriptedPeer {
        let (stream, continuation) = AsyncStream.makeStream(of: PeerConnection.self)
        let context = try identity.map { try TestTLS.serverContext($0) }
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { child in
                child.eventLoop.makeCompletedFuture {
                    if let context { try child.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context)) }
                    let collector = ByteCollector()
                    try child.pipeline.syncOperations.addHandler(collector)
                    continuation.yield(PeerConnection(channel: child, bytes: collector.bytes))
                }
            }
            .bind(host: host, port: 0).get()
        let port = try #require(channel.localAddress?.port)
        return ScriptedPeer(channel: channel, port: port, accepted: stream)
    }

    func accept() async throws -> PeerConnection {
        for await connection in accepted { return connection }
        throw PeerError("the server was closed")
    }

    func stop() { channel.close(promise: nil) }

    /// Runs `script` for the next connection next to `body`, then stops.
    static func run<Value: Sendable>(
        _ identity: Certificates.Identity? = nil,
        host: String = "127.0.0.1",
        script: @escaping @Sendable (PeerConnection) async throws -> Void,
        body: @escaping @Sendable (Int) async throws -> Value
    ) async throws -> Value {
        let peer = try await start(identity, host: host)
        defer { peer.stop() }
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                let connection = try await peer.accept()
                defer { connection.reset() }
                try await script(connection)
            }
            let value = try await body(peer.port)
            group.cancelAll()
            while let result = await group.nextResult() {
                // That the client went away in the middle of a script is for the body to judge.
                if case .failure(let error) = result, !(error is PeerError || error is ChannelError || error is IOError) { throw error }
            }
            return value
        }
    }
}

struct PeerError: Error {
    var text: String
    init(_ text: String) { self.text = text }
}

/// One connection a client made to the scripted peer. Used by one task.
final class PeerConnection: @unchecked Sendable {
    // Proof: a test's script is the only task that touches the mutable state below.
    let channel: any Channel
    private var bytes: AsyncStream<ByteBuffer>.AsyncIterator
    private var pending = ByteBuffer()

    init(channel: any Channel, bytes: AsyncStream<ByteBuffer>) {
        self.channel = channel
        self.bytes = bytes.makeAsyncIterator()
    }

    // MARK: Reading

    /// More bytes; false at the end.
    private func more() async -> Bool {
        guard var buffer = await bytes.next() else { return false }
        pending.writeBuffer(&buffer)
        return true
    }

    func read(_ count: Int) async throws -> [UInt8] {
        while pending.readableBytes < count {
            guard await more() else { throw PeerError("the client ended after \(pending.readableBytes) of \(count) bytes") }
        }
        return pending.readBytes(length: count) ?? []
    }

    /// A request or response head.
    func readHead() async throws -> String {
        var head: [UInt8] = []
        while !head.suffix(4).elementsEqual("\r\n\r\n".utf8) { head += try await read(1) }
        return String(decoding: head, as: UTF8.self)
    }

    /// A client's frame, unmasked.
    func readFrame() async throws -> ClientFrame {
        let start = try await read(2)
        var length = Int(start[1] & 0x7f)
        let lengthBytes = length == 126 ? 2 : length == 127 ? 8 : 0
        if lengthBytes > 0 { length = try await read(lengthBytes).reduce(0) { $0 << 8 | Int($1) } }
        let isMasked = start[1] & 0x80 != 0
        let key = isMasked ? try await read(4) : [0, 0, 0, 0]
        var payload = try await read(length)
        for index in payload.indices { payload[index] ^= key[index & 3] }
        return ClientFrame(first: start[0], isMasked: isMasked, key: key, payload: payload)
    }

    /// Waits for the client's FIN or reset; what still comes is thrown away.
    func waitForEnd() async {
        while await more() { pending.clear() }
    }

    // MARK: Writing

    func write(_ bytes: [UInt8]) async throws { try await channel.writeAndFlush(ByteBuffer(bytes: bytes)) }
    func write(_ text: String) async throws { try await write(Array(text.utf8)) }

    /// Byte by byte, each in a segment of its own as far as the kernel allows.
    func drip(_ bytes: [UInt8], chunk: Int = 1) async throws {
        for start in stride(from: 0, to: bytes.count, by: chunk) { try await write(Array(bytes[start..<min(start + chunk, bytes.count)])) }
    }

    /// Reads the upgrade, answers it, and reads nothing more from then on: the kernel's buffers fill.
    func upgradeAndStopReading() async throws {
        let request = try await readHead()
        try await channel.setOption(.autoRead, value: false).get()
        try await write(Self.answer(to: request))
    }

    func startReading() async throws { try await channel.setOption(.autoRead, value: true).get() }

    func finish() { channel.close(mode: .output, promise: nil) }
    func close() { channel.close(promise: nil) }

    func reset() {
        channel.eventLoop.execute { [channel] in
            (channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0)).whenComplete { _ in
                channel.close(promise: nil)
            }
        }
    }

    // MARK: The upgrade

    /// Reads the request, answers it rightly; `extra` header lines end in CR LF.
    /// - Parameter behind: bytes to send in the same write.
    @discardableResult
    func upgrade(extra: String = "", behind: [UInt8] = []) async throws -> String {
        let request = try await readHead()
        try await write(Array(Self.answer(to: request, extra: extra).utf8) + behind)
        return request
    }

    static func answer(to request: String, extra: String = "") -> String {
        let key = header("Sec-WebSocket-Key", in: request) ?? ""
        return
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: \(UpgradeRequest.accept(for: key))\r\n\(extra)\r\n"
    }

    static func header(_ name: String, in head: String) -> String? {
        for line in head.split(separator: "\r\n") where line.lowercased().hasPrefix(name.lowercased() + ":") {
            return HTTPText.trim(line.utf8.dropFirst(name.utf8.count + 1))
        }
        return nil
    }
}

struct ClientFrame: Equatable, Sendable {
    var first: UInt8
    var isMasked: Bool
    var key: [UInt8]
    var payload: [UInt8]

    var opcode: UInt8 { first & 0x0f }
    var text: String { String(decoding: payload, as: UTF8.self) }
}

/// Passes on the bytes that come in.
private final class ByteCollector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    let bytes: AsyncStream<ByteBuffer>
    private let continuation: AsyncStream<ByteBuffer>.Continuation

    init() { (bytes, continuation) = AsyncStream.makeStream(of: ByteBuffer.self) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { continuation.yield(unwrapInboundIn(data)) }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent { continuation.finish() }
    }

    func channelInactive(context: ChannelHandlerContext) { continuation.finish() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        continuation.finish()
        context.close(promise: nil)
    }
}
