internal import ColonyExchanges
package import Logging
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL
internal import NIOWebSocket
internal import Synchronization

/// Exchanges that never were: one port, over TLS or not, where each behaves towards its clients as the real one does.
///
/// The first component of a request's path is the exchange id, the rest is the exchange's own path
/// (`wss://localhost:PORT/binance/stream`). Data, acknowledgements, duties and limits are the dialects' (`ServerDialect`); faults come on
/// command; what really happened is in `truth`.
package final class ExchangeSimulator: Sendable {
    package let configuration: SimulatorConfiguration
    package let port: Int
    /// The PEM file clients have to trust; nil without TLS.
    package let caFile: String?
    package let truth: TruthLog
    private let core: SimulatorCore
    private let listener: any Channel
    private let group: MultiThreadedEventLoopGroup
    private let flusher: RepeatedTask
    private let control: (any Channel)?
    private let temporaryDirectory: String?
    private let stopping = Mutex(false)

    private init(
        core: SimulatorCore, listener: any Channel, control: (any Channel)?, group: MultiThreadedEventLoopGroup, port: Int, caFile: String?,
        temporaryDirectory: String?
    ) {
        self.core = core
        self.configuration = core.configuration
        self.truth = core.truth
        self.listener = listener
        self.control = control
        self.group = group
        self.port = port
        self.caFile = caFile
        self.temporaryDirectory = temporaryDirectory
        let truth = core.truth
        flusher = listener.eventLoop.scheduleRepeatedTask(initialDelay: .milliseconds(100), delay: .milliseconds(100)) { _ in truth.flush()
        }
    }

    /// Starts a simulator. It runs until `stop()`, whoever holds it.
    ///
    /// Throws `SimulatorError`: `.configuration` (unknown exchange), `.bind` (port taken), `.certificate`, `.file`.
    package static func start(_ configuration: SimulatorConfiguration, logger: Logger? = nil) async throws -> ExchangeSimulator {
        let truth = try TruthLog(path: configuration.truthPath, memoryLimit: configuration.truthMemory, clock: configuration.truthClock)
        let core = try SimulatorCore(configuration, truth: truth)
        var directory = configuration.directory
        var temporary: String?
        var tls: (context: NIOSSLContext, caFile: String)?
        if configuration.isTLS {
            if directory == nil {
                temporary = try TemporaryDirectory.make(prefix: "colony-simulator")
                directory = temporary
            }
            tls = try makeTLS(configuration, directory: directory ?? ".")
        }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: configuration.threads)
        do {
            let context = tls?.context
            let listener = try await ServerBootstrap(group: group)
                .serverChannelOption(.backlog, value: 1024)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture { try configure(channel, core: core, tls: context) }
                }
                .bind(host: configuration.host, port: configuration.port)
                .flatMapErrorThrowing { error in
                    throw SimulatorError(cannotBind: "listen on \(configuration.host):\(configuration.port)", error)
                }.get()
            let control = try await ControlServer.start(configuration.control, core: core, group: group)
            let port = listener.localAddress?.port ?? configuration.port
            truth.add(
                .start, [("seed", .unsigned(configuration.seed)), ("port", .number(Int64(port))), ("tls", .flag(configuration.isTLS))])
            logger?.info("Simulator listens", metadata: ["port": "\(port)", "tls": "\(configuration.isTLS)"])
            return ExchangeSimulator(
                core: core, listener: listener, control: control, group: group, port: port, caFile: tls?.caFile,
                temporaryDirectory: temporary)
        } catch {
            try await group.shutdownGracefully()
            if let temporary { TemporaryDirectory.remove(temporary) }
            throw error
        }
    }

    /// The port of the control socket; nil without one on TCP.
    package var controlPort: Int? { control?.localAddress?.port }

    /// The address of an exchange, to be put in place of its profile's: that of the websocket, or of the REST call that comes first.
    /// It has the path of the exchange's own URL below the exchange id.
    package func url(_ exchange: String) throws(SimulatorError) -> String {
        let id = exchange.lowercased()
        guard let served = core.exchanges[id] else {
            throw SimulatorError(.configuration, "the exchange '\(exchange)' is not served by this simulator")
        }
        if let path = served.dialect.bootstrapPath { return "\(configuration.isTLS ? "https" : "http")://\(urlHost):\(port)/\(id)\(path)" }
        let profile = Exchanges.all.first { $0.profile.id == id }?.profile.url
        let own = profile.flatMap { url in url.firstRange(of: "://").map { url[$0.upperBound...].drop { $0 != "/" && $0 != "?" } } }
        var path = served.dialect.path
        // The client's table may be newer than ours; a path we do not serve would only be refused.
        if let own, !own.isEmpty, served.dialect.serves(path: String(own.prefix { $0 != "?" })) { path = String(own) }
        return "\(configuration.isTLS ? "wss" : "ws")://\(urlHost):\(port)/\(id)\(path)"
    }

    /// The exchange ids served, sorted.
    package var exchanges: [String] { core.exchanges.keys.sorted() }

    private var urlHost: String { ["127.0.0.1", "::1", "0.0.0.0", "::"].contains(configuration.host) ? "localhost" : configuration.host }

    /// Brings a fault over an exchange (`*`: all) or one socket; returns how many open sockets it reached. Standing faults also hold for
    /// sockets opened later.
    @discardableResult
    package func inject(_ fault: Fault, exchange: String = "*", socket: UInt64? = nil) throws(SimulatorError) -> Int {
        let id = exchange.lowercased()
        guard id == "*" || core.exchanges[id] != nil else {
            throw SimulatorError(.command, "the exchange '\(exchange)' is not served by this simulator")
        }
        return core.inject(fault, exchange: id, socket: socket, command: "\(fault)")
    }

    /// The open sockets.
    package var openSockets: [(number: UInt64, exchange: String)] { core.openSockets() }

    /// Closes everything, writes the totals and closes the truth log. Idempotent.
    package func stop() async throws {
        let isFirst = stopping.withLock { stopping in
            defer { stopping = true }
            return !stopping
        }
        guard isFirst else { return }
        try await listener.close()
        try await control?.close()
        if case .unix(let path) = configuration.control { TemporaryDirectory.removeFile(path) }
        for channel in core.beginStop() { try await channel.closeFuture.get() }
        flusher.cancel()
        truth.close()
        try await group.shutdownGracefully()
        if let temporaryDirectory { TemporaryDirectory.remove(temporaryDirectory) }
        if let failure = truth.failure { throw failure }
    }

    private static func makeTLS(
        _ configuration: SimulatorConfiguration, directory: String
    ) throws -> (context: NIOSSLContext, caFile: String) {
        let authority = try LocalAuthority()
        let identity = try authority.identity(names: configuration.names, defect: configuration.certificateDefect)
        let caFile = try authority.writeRoots(to: directory)
        let tls = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMBytes(Array(identity.certificatePEM.utf8)).map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(bytes: Array(identity.keyPEM.utf8), format: .pem)))
        return (try NIOSSLContext(configuration: tls), caFile)
    }

    private static func configure(_ channel: any Channel, core: SimulatorCore, tls: NIOSSLContext?) throws {
        guard core.accepted(channel) else { throw ChannelError.ioOnClosedChannel }
        channel.closeFuture.whenComplete { _ in core.gone(channel) }
        let pipeline = channel.pipeline.syncOperations
        if core.configuration.hasProxyHeaders { try pipeline.addHandler(ProxyHeaderHandler()) }
        if let tls { try pipeline.addHandler(NIOSSLServerHandler(context: tls)) }
        let front = NIOLoopBound(FrontHandler(core: core), eventLoop: channel.eventLoop)
        let upgrader = NIOWebSocketServerUpgrader(
            maxFrameSize: SimulatorCore.frameLimit, automaticErrorHandling: false,
            shouldUpgrade: { channel, head in
                switch core.admit(core.target(head.uri), now: channel.eventLoop.now) {
                case .refuse(let status, let retryAfter, let reason):
                    front.value.refusal = .refuse(status: status, retryAfter: retryAfter, reason: reason)
                    return channel.eventLoop.makeSucceededFuture(nil)
                case .upgrade(_, _, delay: .zero): return channel.eventLoop.makeSucceededFuture([:])
                case .upgrade(_, _, let delay):
                    front.value.waive()
                    return channel.eventLoop.scheduleTask(in: TimeAmount(delay)) { HTTPHeaders() }.futureResult.map { $0 }
                }
            },
            upgradePipelineHandler: { channel, head in
                channel.eventLoop.makeCompletedFuture {
                    let target = core.target(head.uri)
                    guard let exchange = core.exchanges[target.exchange] else { throw ChannelError.inappropriateOperationForState }
                    channel.pipeline.syncOperations.removeHandler(front.value, promise: nil)
                    try channel.pipeline.syncOperations.addHandler(
                        SocketHandler(core: core, exchange: exchange, number: core.nextSocketNumber(), request: target))
                }
            })
        try pipeline.configureHTTPServerPipeline(
            withPipeliningAssistance: false, withServerUpgrade: (upgraders: [upgrader], completionHandler: { _ in }),
            withErrorHandling: true)
        try pipeline.addHandler(front.value)
    }
}
