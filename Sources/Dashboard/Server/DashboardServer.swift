public import Cluster
public import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization
import TransportSecurity

/// The HTTP endpoints of a supervisor or of `colony dashboard`: page, state, metrics, probes. Answers GET and HEAD, and nothing that writes.
public struct DashboardServer: Sendable {
    public var host: String
    /// 0: a free one is chosen.
    public var port: Int
    private let routes: DashboardRoutes
    private let logger: Logger
    var limits = DashboardLimits()

    public init(
        host: String, port: Int, client: ClusterClient, source: any DashboardSource, token: String?, logger: Logger
    ) {
        self.host = host
        self.port = port
        self.routes = DashboardRoutes(client: client, source: source, token: token)
        self.logger = logger
    }

    /// Serves until cancelled. `onListening` is told the port before the first request is taken.
    ///
    /// Throws `ClusterError.inUse` when the address cannot be bound.
    public func run(onListening: @Sendable (Int) -> Void) async throws {
        let routes = routes
        let limits = limits
        let open = OpenConnections(limit: limits.connections)
        let channel: any Channel
        do {
            channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .serverChannelOption(.backlog, value: 64)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelInitializer { child in
                    child.eventLoop.makeCompletedFuture {
                        guard open.enter() else { throw ChannelError.operationUnsupported }
                        child.closeFuture.whenComplete { _ in open.leave() }
                        try child.pipeline.syncOperations.configureHTTPServerPipeline(
                            withPipeliningAssistance: true, withErrorHandling: true)
                        try child.pipeline.syncOperations.addHandler(DashboardHandler(routes, limits))
                    }
                }
                .bind(host: host, port: port).get()
        } catch {
            throw ClusterError(
                .inUse,
                "the dashboard cannot listen on \(host):\(port): \(ErrorWords.of(error)); set dashboard.listen to a free address, or off")
        }
        onListening(channel.localAddress?.port ?? port)
        try await withTaskCancellationHandler {
            try await channel.closeFuture.get()
        } onCancel: {
            channel.close(promise: nil)
        }
    }
}

/// What a client may cost.
struct DashboardLimits: Sendable {
    /// More are closed at once.
    var connections = 64
    /// From the connection, or from the last answer, to the end of a request.
    var requestWithin: TimeAmount = .seconds(10)
    /// Bytes of target and headers of one request.
    var headBytes = 8192
}

private final class OpenConnections: Sendable {
    private let count = Atomic<Int>(0)
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    func enter() -> Bool {
        guard count.add(1, ordering: .relaxed).newValue <= limit else {
            leave()
            return false
        }
        return true
    }

    func leave() { count.subtract(1, ordering: .relaxed) }
}
