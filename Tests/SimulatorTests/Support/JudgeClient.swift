import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import NIOWebSocket

@testable import Simulator

/// An independent websocket client: NIOWebSocket's own upgrader and codec, nothing of the project's.
final class JudgeClient: Sendable {
    enum Event: Sendable, Equatable {
        case text(String)
        case binary([UInt8])
        case ping(String)
        case pong(String)
        /// 1005: without a code.
        case close(UInt16, String)
        /// The upgrade was refused.
        case refused(status: UInt, retryAfter: String?, body: String)
        case failed(String)
        /// The connection is gone.
        case ended

        var isClose: Bool {
            switch self {
            case .close: true
            default: false
            }
        }

        var isPong: Bool {
            switch self {
            case .pong: true
            default: false
            }
        }
    }

    private let channel: any Channel
    private let stream: AsyncStream<Event>

    private init(channel: any Channel, stream: AsyncStream<Event>) {
        self.channel = channel
        self.stream = stream
    }

    /// Connects; the outcome of the upgrade is the first event only when it was refused.
    static func connect(_ url: String, caFile: String? = nil, answersPings: Bool = true) async throws -> JudgeClient {
        let parts = url.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false).map(String.init)
        let port = Int(parts[2].split(separator: ":").last.map(String.init) ?? "") ?? 0
        let host = parts[2]
        let path = "/" + (parts.count > 3 ? parts[3] : "")
        var tls: NIOSSLContext?
        if parts[0] == "wss:" {
            var configuration = TLSConfiguration.makeClientConfiguration()
            if let caFile { configuration.trustRoots = .file(caFile) }
            tls = try NIOSSLContext(configuration: configuration)
        }
        let (stream, continuation) = AsyncStream<Event>.makeStream(bufferingPolicy: .bufferingOldest(100_000))
        let context = tls
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        // Fulfilled when the upgrade is decided, one way or the other.
        let decided = loop.makePromise(of: Void.self)
        let channel = try await ClientBootstrap(group: loop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let context {
                        try channel.pipeline.syncOperations.addHandler(NIOSSLClientHandler(context: context, serverHostname: "localhost"))
                    }
                    let sender = NIOLoopBound(
                        UpgradeSender(continuation, decided, host: host, path: path), eventLoop: channel.eventLoop)
                    let upgrader = NIOWebSocketClientUpgrader(maxFrameSize: 1 << 25, automaticErrorHandling: false) { channel, _ in
                        channel.eventLoop.makeCompletedFuture {
                            channel.pipeline.syncOperations.removeHandler(sender.value, promise: nil)
                            try channel.pipeline.syncOperations.addHandler(
                                FrameReader(continuation, answersPings: answersPings), position: .last)
                            channel.eventLoop.execute { decided.succeed() }
                        }
                    }
                    try channel.pipeline.syncOperations.addHTTPClientHandlers(
                        leftOverBytesStrategy: .forwardBytes,
                        withClientUpgrade: (upgraders: [upgrader], completionHandler: { _ in }))
                    try channel.pipeline.syncOperations.addHandler(sender.value)
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        try await decided.futureResult.get()
        return JudgeClient(channel: channel, stream: stream)
    }

    /// The next event; `.ended` for ever after the connection is gone.
    func next() async -> Event {
        var iterator = stream.makeAsyncIterator()
        return await iterator.next() ?? .ended
    }

    /// The next text or unpacked event that matches; everything before it is dropped. Nil when the connection ends first.
    func first(where matches: (Event) -> Bool) async -> Event? {
        while true {
            let event = await next()
            if matches(event) { return event }
            if event == .ended { return nil }
        }
    }

    func send(_ text: String) async throws {
        try await send(WebSocketFrame(fin: true, opcode: .text, maskKey: .random(), data: ByteBuffer(string: text)))
    }

    func send(_ frame: WebSocketFrame) async throws { try await channel.writeAndFlush(frame) }

    func close(code: UInt16 = 1000) async throws {
        var data = ByteBuffer()
        data.writeInteger(code)
        try await send(WebSocketFrame(fin: true, opcode: .connectionClose, maskKey: .random(), data: data))
    }

    func abort() { channel.close(promise: nil) }
}

private final class UpgradeSender: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private let events: AsyncStream<JudgeClient.Event>.Continuation
    private let decided: EventLoopPromise<Void>
    private let host: String
    private let path: String
    private var head: HTTPResponseHead?
    private var body = ""

    init(_ events: AsyncStream<JudgeClient.Event>.Continuation, _ decided: EventLoopPromise<Void>, host: String, path: String) {
        self.events = events
        self.decided = decided
        self.host = host
        self.path = path
    }

    func channelActive(context: ChannelHandlerContext) {
        let head = HTTPRequestHead(
            version: .http1_1, method: .GET, uri: path, headers: HTTPHeaders([("Host", host), ("Content-Length", "0")]))
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body(let part): body += String(buffer: part)
        case .end:
            guard let head else { return }
            events.yield(.refused(status: head.status.code, retryAfter: head.headers.first(name: "retry-after"), body: body))
            decided.succeed()
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        events.yield(.failed("\(error)"))
        decided.succeed()
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        events.yield(.ended)
        decided.succeed()
        events.finish()
    }
}

private final class FrameReader: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    private let events: AsyncStream<JudgeClient.Event>.Continuation
    private let answersPings: Bool

    init(_ events: AsyncStream<JudgeClient.Event>.Continuation, answersPings: Bool) {
        self.events = events
        self.answersPings = answersPings
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        var payload = frame.unmaskedData
        switch frame.opcode {
        case .text: events.yield(.text(String(buffer: payload)))
        case .binary: events.yield(.binary(Array(payload.readableBytesView)))
        case .ping:
            events.yield(.ping(String(buffer: payload)))
            if answersPings {
                let pong = WebSocketFrame(fin: true, opcode: .pong, maskKey: .random(), data: payload)
                context.writeAndFlush(wrapOutboundOut(pong), promise: nil)
            }
        case .pong: events.yield(.pong(String(buffer: payload)))
        case .connectionClose:
            let code: UInt16 = payload.readInteger() ?? 1005
            events.yield(.close(code, String(buffer: payload)))
        default: events.yield(.failed("opcode \(frame.opcode)"))
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        events.yield(.failed("\(error)"))
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        events.yield(.ended)
        events.finish()
    }
}
