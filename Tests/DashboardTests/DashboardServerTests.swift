import Cluster
import Logging
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import Dashboard

@Suite struct DashboardServerTests {
    private struct FixedSource: DashboardSource {
        var problems: [String] = []
        func workers() async -> [WorkerSample] {
            [WorkerSample(name: "w-1", isUp: true, state: "ready", heldFeeds: 0, feeds: [:])]
        }
        func redisProblem() async -> String? { problems.first }
        func notReady() async -> [String] { problems }
    }

    /// Sends bytes as they are and returns all that comes until the server closes.
    private static func exchange(_ port: Int, _ text: String) async throws -> String {
        let collector = Collector()
        let promise = MultiThreadedEventLoopGroup.singleton.any().makePromise(of: String.self)
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(collector.handler(promise))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        channel.writeAndFlush(ByteBuffer(string: text), promise: nil)
        return try await promise.futureResult.get()
    }

    private struct Collector: Sendable {
        final class Handler: ChannelInboundHandler {
            typealias InboundIn = ByteBuffer
            private var text = ""
            private let promise: EventLoopPromise<String>
            init(_ promise: EventLoopPromise<String>) { self.promise = promise }
            func channelRead(context: ChannelHandlerContext, data: NIOAny) { text += String(buffer: unwrapInboundIn(data)) }
            func channelInactive(context: ChannelHandlerContext) { promise.succeed(text) }
            func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
        }

        func handler(_ promise: EventLoopPromise<String>) -> Handler { Handler(promise) }
    }

    private static func get(_ port: Int, _ path: String, headers: String = "", method: String = "GET") async throws -> String {
        try await exchange(port, "\(method) \(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\(headers)\r\n")
    }

    /// A server before a Redis of its own.
    private static func withServer(
        problems: [String] = [], token: String? = nil, limits: DashboardLimits = DashboardLimits(),
        _ body: @escaping @Sendable (Int) async throws -> Void
    ) async throws {
        try await withRedis { redis in
            var configuration = ColonyConfiguration()
            configuration.redis.endpoint = redis.endpoint
            let client = ClusterClient(configuration)
            defer { client.close() }
            var server = DashboardServer(
                host: "127.0.0.1", port: 0, client: client, source: FixedSource(problems: problems), token: token,
                logger: Logger(label: "test"))
            server.limits = limits
            let (ports, continuation) = AsyncStream.makeStream(of: Int.self)
            let running = server
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await running.run { continuation.yield($0) } }
                var port = 0
                for await bound in ports {
                    port = bound
                    break
                }
                try await body(port)
                group.cancelAll()
            }
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `the probes say how it is`() async throws {
        try await Self.withServer { port in
            #expect(try await Self.get(port, "/healthz").hasPrefix("HTTP/1.1 200"))
            #expect(try await Self.get(port, "/readyz").hasPrefix("HTTP/1.1 200"))
        }
        try await Self.withServer(problems: ["worker w-1 is draining"]) { port in
            #expect(try await Self.get(port, "/healthz").hasPrefix("HTTP/1.1 200"))
            let answer = try await Self.get(port, "/readyz")
            #expect(answer.hasPrefix("HTTP/1.1 503"))
            #expect(answer.hasSuffix("worker w-1 is draining\n"))
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `the page runs nothing but its own script, and loads nothing from elsewhere`() async throws {
        try await Self.withServer { port in
            let first = try await Self.get(port, "/")
            let second = try await Self.get(port, "/")
            let nonces = try [first, second].map { answer in
                let match = try #require(answer.firstMatch(of: /script-src 'nonce-([a-z0-9]+)'/))
                #expect(answer.contains("<script nonce=\"\(match.1)\">"))
                return String(match.1)
            }
            #expect(nonces[0] != nonces[1])
            #expect(first.contains("default-src 'none'"))
            #expect(first.firstMatch(of: /(src|href)="?https?:/) == nil)
            #expect(!first.contains("innerHTML"))
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `data and metrics want the token, probes and the empty page do not`() async throws {
        try await Self.withServer(token: "sesame") { port in
            for path in ["/metrics", "/api/state"] {
                #expect(try await Self.get(port, path).hasPrefix("HTTP/1.1 401"))
                #expect(try await Self.get(port, path, headers: "Authorization: Bearer sesamf\r\n").hasPrefix("HTTP/1.1 401"))
                #expect(try await Self.get(port, path, headers: "Authorization: Bearer sesame\r\n").hasPrefix("HTTP/1.1 200"))
            }
            for path in ["/", "/healthz", "/readyz"] { #expect(try await Self.get(port, path).hasPrefix("HTTP/1.1 200")) }
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `the state is one JSON object, and HEAD gets no body`() async throws {
        try await Self.withServer { port in
            let answer = try await Self.get(port, "/api/state")
            #expect(answer.contains("application/json"))
            #expect(answer.contains("\"cluster\":{"))
            let head = try await Self.get(port, "/api/state", method: "HEAD")
            #expect(head.hasPrefix("HTTP/1.1 200"))
            #expect(head.hasSuffix("\r\n\r\n"))
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: ["POST", "PUT", "DELETE"])
    func `nothing that could write is answered`(method: String) async throws {
        try await Self.withServer { port in
            #expect(try await Self.get(port, "/api/state", method: method).hasPrefix("HTTP/1.1 405"))
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a head that is too long, a body and nonsense end the connection`() async throws {
        try await Self.withServer { port in
            let long = try await Self.get(port, "/", headers: "X-Long: \(String(repeating: "x", count: 9000))\r\n")
            #expect(long.hasPrefix("HTTP/1.1 431"))
            let body = try await Self.exchange(port, "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
            #expect(body.hasPrefix("HTTP/1.1 413"))
            #expect(try await Self.exchange(port, "what is this\r\n\r\n").hasPrefix("HTTP/1.1 400"))
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a request that does not come to its end is not waited for`() async throws {
        var limits = DashboardLimits()
        limits.requestWithin = .milliseconds(200)
        try await Self.withServer(limits: limits) { port in
            #expect(try await Self.exchange(port, "GET / HTTP/1.1\r\nHost: x\r\n") == "")
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `more connections than allowed are closed`() async throws {
        var limits = DashboardLimits()
        limits.connections = 0
        try await Self.withServer(limits: limits) { port in
            #expect(try await Self.exchange(port, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n") == "")
        }
    }
}
