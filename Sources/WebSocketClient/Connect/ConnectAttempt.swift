internal import NIOCore
internal import NIOPosix

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// An attempt under way. Bound to its event loop.
public final class WebSocketConnectAttempt {
    private let configuration: WebSocketConfiguration
    private let eventLoop: any EventLoop
    private let addressBook: AddressBook
    private var completion: ((Result<WebSocketConnection, WebSocketConnectError>) -> Void)?
    private var delegate: (any WebSocketDelegate)?
    private var deadline: Scheduled<Void>?
    private var stage = ConnectStage.resolve
    private var socket: SocketHandler?
    private var name = ""
    /// A REST call instead of an upgrade.
    var call: HTTPCall.Pending?

    init(
        _ configuration: WebSocketConfiguration,
        on eventLoop: any EventLoop,
        delegate: any WebSocketDelegate,
        addressBook: AddressBook,
        completion: @escaping (Result<WebSocketConnection, WebSocketConnectError>) -> Void
    ) {
        self.configuration = configuration
        self.eventLoop = eventLoop
        self.addressBook = addressBook
        self.delegate = delegate
        self.completion = completion
    }

    /// Ends the attempt; the completion is called with `.closed`. No effect once it is over.
    public func cancel() {
        eventLoop.preconditionInEventLoop()
        fail(WebSocketConnectError(.closed, "Connecting to \(name) was cancelled during \(stage.rawValue)"))
    }

    /// Never completes before it returns.
    func start() {
        eventLoop.preconditionInEventLoop()
        do throws(WebSocketConnectError) {
            var random = SystemRandomNumberGenerator()
            let plan = try ConnectPlan(configuration, random: &random)
            name = plan.name
            let timeout = TimeAmount(configuration.connectTimeout)
            deadline = eventLoop.assumeIsolated().scheduleTask(in: timeout) { [self] in
                fail(
                    WebSocketConnectError(
                        .timeout,
                        "Connecting to \(name) took longer than \(configuration.connectTimeout) and was given up during \(stage.rawValue)"))
            }
            resolve(plan, timeout: timeout)
        } catch {
            eventLoop.assumeIsolated().execute { [self] in fail(error) }
        }
    }

    private func resolve(_ plan: ConnectPlan, timeout: TimeAmount) {
        let (host, port) = plan.dial
        if let literal = try? SocketAddress(ipAddress: host, port: port) {
            eventLoop.assumeIsolated().execute { [self] in connect(plan, to: [literal], timeout: timeout) }
            return
        }
        addressBook.addresses(of: host, port: port, patience: .nanoseconds(timeout.nanoseconds / 4), on: eventLoop)
            .assumeIsolated()
            .whenComplete { [self] result in
                switch result {
                case .success(let addresses):
                    connect(plan, to: addresses, timeout: timeout)
                case .failure(let error):
                    let text = (error as? ResolveError)?.text ?? "\(error)"
                    fail(WebSocketConnectError(.resolve, "\(name): the host name \(host) could not be resolved: \(text)"))
                }
            }
    }

    private func connect(_ plan: ConnectPlan, to addresses: [SocketAddress], timeout: TimeAmount) {
        guard completion != nil else { return }
        stage = .tcp
        ClientBootstrap(group: eventLoop)
            .resolver(KnownAddresses(addresses: addresses, eventLoop: eventLoop))
            .connectTimeout(timeout)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .connect(host: plan.dial.host, port: plan.dial.port)
            .assumeIsolated()
            .whenComplete { [self] result in
                switch result {
                case .success(let channel): connected(plan, channel)
                case .failure(let error): fail(ConnectFailure.explain(error, name: name, dial: plan.dial))
                }
            }
    }

    private func connected(_ plan: ConnectPlan, _ channel: any Channel) {
        guard channel.isActive else {
            return fail(WebSocketConnectError(.unreachable, "\(name): the connection ended as it opened"))
        }
        let socket = SocketHandler()
        do {
            try channel.pipeline.syncOperations.addHandler(socket)
            guard completion != nil else {
                socket.reset()  // given up in the meantime
                return
            }
            self.socket = socket
            try channel.pipeline.syncOperations.addHandler(ConnectHandler(plan, configuration, attempt: self))
        } catch {
            socket.reset()
            fail(WebSocketConnectError(.unreachable, "\(name): the connection ended as it opened: \(error)"))
        }
    }

    // MARK: What the handler reports

    func entered(_ stage: ConnectStage) { self.stage = stage }

    var currentStage: ConnectStage { stage }

    /// Seconds since 1970.
    var wallClock: Int64 { Int64(time(nil)) }

    func fail(_ error: WebSocketConnectError) {
        guard let completion = finish() else { return }
        socket?.reset()
        socket = nil
        completion(.failure(error))
    }

    /// A REST call was answered.
    func answered(_ body: [UInt8]) {
        guard let call, finish() != nil else { return }
        socket?.reset()
        socket = nil
        call.completion(body)
    }

    /// The upgrade is accepted: puts the frame handler in place, tells the caller, then hands on what came behind the answer.
    func upgraded(
        _ context: ChannelHandlerContext, _ handler: ConnectHandler, _ head: HTTPHead, _ agreement: DeflateAgreement?, rest: ByteBuffer
    ) {
        guard let delegate, let socket else { return }
        do {
            let frames = FrameHandler(
                delegate: delegate,
                socket: socket,
                maxMessageBytes: configuration.maxMessageBytes,
                closeTimeout: configuration.closeTimeout,
                answersPings: configuration.answersPings,
                inflation: try agreement?.makeInflation(),
                deflation: try agreement?.makeDeflation()
            )
            let upgrade = WebSocketUpgrade(
                headers: head.fields.map { ($0.name, $0.value) },
                negotiatedDeflate: agreement != nil,
                peer: peer(of: context.channel)
            )
            let pipeline = context.pipeline.syncOperations
            try pipeline.addHandler(frames, position: .after(handler))
            guard let completion = finish() else { return }
            self.socket = nil
            completion(.success(WebSocketConnection(channel: context.channel, upgrade: upgrade, frames: frames)))
            pipeline.removeHandler(handler, promise: nil)
            if rest.readableBytes > 0 { frames.replay(rest) }
        } catch {
            fail(WebSocketConnectError(.unreachable, "\(name): the websocket could not be set up: \(error)"))
        }
    }

    private func peer(of channel: any Channel) -> String {
        let address = channel.remoteAddress.flatMap { address in
            address.ipAddress.map { "\(WebSocketURL.bracketed($0)):\(address.port ?? 0)" }
        }
        return address ?? "unknown"
    }

    /// Over, once.
    private func finish() -> ((Result<WebSocketConnection, WebSocketConnectError>) -> Void)? {
        defer {
            completion = nil
            delegate = nil
            deadline?.cancel()
            deadline = nil
        }
        return completion
    }
}

/// Tells the ways apart in which a TCP connection can fail to come about.
enum ConnectFailure {
    static func explain(_ error: any Error, name: String, dial: (host: String, port: Int)) -> WebSocketConnectError {
        let causes = (error as? NIOConnectionError)?.connectionErrors.map(\.error) ?? [error]
        let targets = (error as? NIOConnectionError)?.connectionErrors.map { "\($0.target.ipAddress ?? "?"): \($0.error)" } ?? ["\(error)"]
        let via = "\(WebSocketURL.bracketed(dial.host)):\(dial.port)"
        let detail = targets.isEmpty ? "no address to try" : targets.joined(separator: "; ")
        let isRefused = !causes.isEmpty && causes.allSatisfy { ($0 as? IOError)?.errnoCode == ECONNREFUSED }
        if isRefused { return WebSocketConnectError(.refused, "\(name): nobody listens at \(via) (\(detail))") }
        let isTimeout = causes.contains { error in
            if case ChannelError.connectTimeout = error { true } else { (error as? IOError)?.errnoCode == ETIMEDOUT }
        }
        if isTimeout { return WebSocketConnectError(.timeout, "\(name): \(via) did not answer during TCP (\(detail))") }
        return WebSocketConnectError(.unreachable, "\(name): \(via) could not be reached (\(detail))")
    }
}
