import NIOCore
import NIOPosix
import RedisClient
import TestSupport
import Testing

/// What a connection makes of lines that break and of peers that are no Redis.
@Suite(.timeLimit(.minutes(2)))
struct FaultTests {
    private let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
    /// Three commands whose replies are an integer, a bulk string and an array.
    private static let batch: [[RedisArgument]] = [
        ["INCR", "colony:counter"], ["ECHO", "twelve bytes"], ["MGET", "colony:counter", "colony:none"],
    ]

    private static func encoded(_ command: [RedisArgument]) -> ByteBuffer {
        var buffer = ByteBuffer()
        RedisCommandEncoder.append(command, to: &buffer)
        return buffer
    }

    /// Writes the batch in one flush; all results in order.
    private func run(on connection: RedisConnection) async throws -> [Result<RedisValue, RedisError>] {
        let eventLoop = connection.eventLoop
        return try await eventLoop.flatSubmit {
            let done = eventLoop.makePromise(of: [Result<RedisValue, RedisError>].self)
            let results = NIOLoopBoundBox<[Result<RedisValue, RedisError>]>([], eventLoop: eventLoop)
            for command in Self.batch {
                connection.write(Self.encoded(command), timeout: .seconds(30)) { result in
                    results.value.append(result)
                    if results.value.count == Self.batch.count { done.succeed(results.value) }
                }
            }
            connection.flush()
            return done.futureResult
        }.get()
    }

    private func isLost(_ result: Result<RedisValue, RedisError>) -> Bool {
        if case .failure(let error) = result { error.code == .connectionLost } else { false }
    }

    @Test(arguments: [FaultProxy.Cut.close, .reset])
    func `a line cut at any byte towards the server executes whole commands only`(cut: FaultProxy.Cut) async throws {
        try await withRedis { server in
            try await withFaultProxy(to: server.endpoint.address) { proxy in
                let direct = try await server.connect()
                let sizes = Self.batch.map { Self.encoded($0).readableBytes }
                for offset in 0..<sizes.reduce(0, +) {
                    _ = try await direct.send(["DEL", "colony:counter"])
                    let connection = try await RedisConnection.connect(
                        to: RedisEndpoint(address: proxy.address), on: eventLoop, timeout: .seconds(30)
                    )
                    try await proxy.arm(cut, after: offset, .clientToServer)
                    let results = try await run(on: connection)
                    try await connection.closeFuture.get()
                    // Replies of whole commands may be lost with the line, but never the other way round.
                    let wholeCount = offset < sizes[0] ? 0 : offset < sizes[0] + sizes[1] ? 1 : 2
                    let answeredCount = results.prefix { !isLost($0) }.count
                    #expect(answeredCount <= wholeCount, "cut at byte \(offset)")
                    #expect(results[answeredCount...].allSatisfy(isLost), "cut at byte \(offset)")
                    #expect(try await proxy.forwardedByteCount(.clientToServer) > 0)
                    if wholeCount == 0 { #expect(try await direct.send(["EXISTS", "colony:counter"]) == .integer(0)) }
                }
            }
        }
    }

    @Test(arguments: [FaultProxy.Cut.close, .reset])
    func `a line cut at any byte towards the client gives the whole replies and loses the rest`(cut: FaultProxy.Cut) async throws {
        try await withRedis { server in
            try await withFaultProxy(to: server.tcpEndpoint.address) { proxy in
                let direct = try await server.connect()
                // As the server encodes them with the counter at 1.
                let replies = [":1\r\n", "$12\r\ntwelve bytes\r\n", "*2\r\n$1\r\n1\r\n$-1\r\n"]
                let ends = replies.reduce(into: [Int]()) { $0.append(($0.last ?? 0) + $1.utf8.count) }
                for offset in 0..<(ends.last ?? 0) {
                    _ = try await direct.send(["DEL", "colony:counter"])
                    let connection = try await RedisConnection.connect(
                        to: RedisEndpoint(address: proxy.address), on: eventLoop, timeout: .seconds(30)
                    )
                    try await proxy.arm(cut, after: offset, .serverToClient)
                    let results = try await run(on: connection)
                    try await connection.closeFuture.get()
                    let wholeCount = ends.filter { $0 <= offset }.count
                    let answeredCount = results.prefix { !isLost($0) }.count
                    // A reset may overtake bytes that were on their way.
                    if case .close = cut { #expect(answeredCount == wholeCount, "cut at byte \(offset)") }
                    #expect(answeredCount <= wholeCount, "cut at byte \(offset)")
                    #expect(results[answeredCount...].allSatisfy(isLost), "cut at byte \(offset)")
                    if answeredCount > 0 { #expect(try results[0].get() == .integer(1)) }
                    if answeredCount > 1 { #expect(try results[1].get().string == "twelve bytes") }
                }
            }
        }
    }

    @Test func `a line that stalls times out, whether in the middle of a command or of a reply`() async throws {
        try await withRedis { server in
            for direction in FaultProxy.Direction.allCases {
                try await withFaultProxy(to: server.endpoint.address) { proxy in
                    let connection = try await server.connect(to: RedisEndpoint(address: proxy.address))
                    try await proxy.arm(.stall, after: 3, direction)
                    let error = await #expect(throws: RedisError.self) {
                        try await connection.send(["ECHO", "hello"], timeout: .milliseconds(100))
                    }
                    #expect(error?.code == .timeout)
                }
            }
        }
    }

    @Test func `a line that stalls and goes on loses nothing`() async throws {
        try await withRedis { server in
            try await withFaultProxy(to: server.endpoint.address) { proxy in
                let connection = try await server.connect(to: RedisEndpoint(address: proxy.address))
                for offset in 0..<12 {
                    try await proxy.arm(.stall, after: offset, offset % 2 == 0 ? .clientToServer : .serverToClient)
                    async let reply = connection.send(["ECHO", "hello world"], timeout: .seconds(30))
                    // The other direction carries the command or nothing: either way the stall has been reached, or will be resumed from.
                    try await proxy.resumeOnceStalled()
                    #expect(try await reply.string == "hello world")
                }
                #expect(try await proxy.acceptedCount == 1)
            }
        }
    }

    @Test func `a proxy without a target resets, and cutting spares later connections`() async throws {
        let nobody = try freePort()
        try await withFaultProxy(to: .tcp(host: "127.0.0.1", port: nobody)) { proxy in
            let error = await #expect(throws: RedisError.self) {
                try await RedisConnection.connect(to: RedisEndpoint(address: proxy.address), on: eventLoop, timeout: .seconds(30))
            }
            // A reset that comes before the connection is known to be made makes the address unreachable.
            #expect(error?.code == .connectionLost || error?.code == .unreachable)
        }
        try await withRedis { server in
            try await withFaultProxy(to: server.endpoint.address) { proxy in
                let first = try await server.connect(to: RedisEndpoint(address: proxy.address))
                try await proxy.cut(.reset)
                try await first.closeFuture.get()
                let second = try await server.connect(to: RedisEndpoint(address: proxy.address))
                #expect(try await second.send(["PING"]) == .status("PONG"))
            }
        }
    }

    @Test(arguments: [
        "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n", "\u{15}\u{3}\u{1}\u{0}\u{2}\u{2}\u{16}",
        "%1\r\n+server\r\n+redis\r\n", "$999999999999999999999\r\n", String(repeating: "*1\r\n", count: 1_000),
    ])
    func `a server that is no Redis is told from a dead one`(greeting: String) async throws {
        try await withServer(answering: greeting) { endpoint in
            let error = await #expect(throws: RedisError.self) {
                try await RedisConnection.connect(to: endpoint, on: eventLoop, timeout: .seconds(30))
            }
            #expect(error?.code == .protocolViolation)
            #expect(error?.description.contains(endpoint.description) == true)
        }
    }

    @Test func `a server that closes without a word loses the connection`() async throws {
        try await withServer(answering: "") { endpoint in
            let error = await #expect(throws: RedisError.self) {
                try await RedisConnection.connect(to: endpoint, on: eventLoop, timeout: .seconds(30))
            }
            #expect(error?.code == .connectionLost)
        }
    }

    /// A server that answers the first bytes it gets with `text`, or closes if there is none.
    private func withServer(answering text: String, _ body: (RedisEndpoint) async throws -> Void) async throws {
        let listener = try await ServerBootstrap(group: eventLoop).childChannelInitializer { channel in
            channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(AnsweringHandler(text: text)) }
        }.bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(listener.localAddress?.port)
        try await body(RedisEndpoint(address: .tcp(host: "127.0.0.1", port: port)))
        try await listener.close()
    }
}

private final class AnsweringHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let text: String

    init(text: String) { self.text = text }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if text.isEmpty {
            context.close(promise: nil)
        } else {
            context.writeAndFlush(NIOAny(ByteBuffer(string: text)), promise: nil)
        }
    }
}
