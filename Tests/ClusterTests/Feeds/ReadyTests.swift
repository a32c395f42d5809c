import Cluster
import NIOCore
import NIOPosix
import Simulator
import Synchronization
import TestSupport
import Testing

/// `ready: [websocket, rest]`.
@Suite struct ReadyTests {
    /// Answers every request with one status, which may change.
    private final class Answerer: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer
        let status = Atomic<Int>(503)
        let requests = Atomic<Int>(0)

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            requests.add(1, ordering: .relaxed)
            let text = "HTTP/1.1 \(status.load(ordering: .relaxed)) Now\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
            context.writeAndFlush(NIOAny(ByteBuffer(string: text)), promise: nil)
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `nothing is subscribed while the REST service is down, though the websocket is up`() async throws {
        let answerer = Answerer()
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(answerer) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = server.localAddress?.port ?? 0
        let settings = ["ready: [websocket, rest]", "rest: { url: \"http://127.0.0.1:\(port)/time\" }"]
        try await withLightCluster(exchange: "kraken", topics: ["trade BTC/USD"], settings: settings) { cluster in
            try await cluster.until("was live") { $0.phase == "live" }
            // Refused twice: whatever would have been subscribed at once has been by now.
            try await eventually("the REST service was asked again", within: .seconds(60)) {
                answerer.requests.load(ordering: .relaxed) >= 2 ? true : nil
            }
            #expect(cluster.simulator.truth.recent.allSatisfy { $0.kind != .subscribe })
            answerer.status.store(200, ordering: .relaxed)
            try await cluster.until("received") { $0.subscriptions.values.contains("receiving") }
            #expect(cluster.simulator.truth.summary(of: "kraken").socketsOpened == 1)
        }
        try await server.close()
    }

    @Test func `a REST service that is waited for must have an address`() {
        #expect(throws: ClusterError.self) {
            try ConfigurationLoader(environment: [:], flags: ["exchanges.kraken.ready": "websocket,rest"]).load()
        }
    }
}
