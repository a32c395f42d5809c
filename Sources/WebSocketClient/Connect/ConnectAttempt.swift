internal import NIOCore
internal import NIOPosix
internal import NIOSSL

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
    private var handler: ConnectHandler?
    private var name = ""
    /// Where the attempt goes; nil before `start`, and where the configuration cannot be used.
    private var url: WebSocketURL?
    /// Instead of the plan's request: the upgrade is asked for at another path.
    private(set) var request: UpgradeRequest?
    /// The trust configuration, ready; nil where nothing is TLS.
    private(set) var tls: NIOSSLContext?
    /// A REST call instead of an upgrade.
    var call: HTTPCall.Pending?
    /// True until `proceed`: the upgrade is not asked for, all before it is done.
    private(set) var isHeld = false
    /// Asks for the upgrade; set when the connection has come so far and is held.
    private var resume: (() -> Void)?
    private var onReady: (() -> Void)?

    init(
        _ configuration: WebSocketConfiguration,
        on eventLoop: any EventLoop,
        delegate: (any WebSocketDelegate)?,
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

    /// Only ever true for a prepared attempt: everything before the upgrade is done.
    public var isReady: Bool { resume != nil }

    /// The attempt has ended: in a websocket, in an error, or by `cancel`.
    public var isOver: Bool { completion == nil }

    /// Lets a prepared attempt ask for the upgrade at another path and query of the same server.
    /// - Returns: false: `url` is of another server or no websocket's, or the attempt is over or not held any more. Nothing has changed then.
    public func retarget(to text: String) -> Bool {
        eventLoop.preconditionInEventLoop()
        // What is no URL is no other path either; the caller, who dials it afresh, hears what is wrong with it.
        guard isHeld, !isOver, let url, let fresh = try? WebSocketURL(text), fresh.isSameServer(as: url) else { return false }
        let offer = configuration.offersDeflate ? configuration.deflateOffer : nil
        var random = SystemRandomNumberGenerator()
        // The headers were good for the plan's request.
        guard let request = try? UpgradeRequest(fresh, headers: configuration.headers, offer: offer, random: &random) else { return false }
        self.request = request
        return true
    }

    /// Goes on with a prepared attempt, ready or still on its way: asks for the upgrade, under a new `connectTimeout`. The completion comes as that of
    /// `WebSocketConnection.connect`. Must not be called on an attempt that is over.
    public func proceed(
        delegate: any WebSocketDelegate, completion: @escaping (Result<WebSocketConnection, WebSocketConnectError>) -> Void
    ) {
        eventLoop.preconditionInEventLoop()
        precondition(isHeld && !isOver, "only a prepared attempt that is not over can go on")
        isHeld = false
        self.delegate = delegate
        self.completion = completion
        onReady = nil
        arm()
        let resume = resume
        self.resume = nil
        resume?()
    }

    /// Does not ask for the upgrade before `proceed`.
    func hold(onReady: @escaping () -> Void) {
        isHeld = true
        self.onReady = onReady
    }

    /// The connection is ready for the upgrade, which `resume` asks for. Held without a deadline: whoever prepared it ends it.
    func reachedHold(resume: @escaping () -> Void) {
        deadline?.cancel()
        deadline = nil
        self.resume = resume
        onReady?()
        onReady = nil
    }

    /// Never completes before it returns.
    func start() {
        eventLoop.preconditionInEventLoop()
        do throws(WebSocketConnectError) {
            var random = SystemRandomNumberGenerator()
            var plan = try ConnectPlan(configuration, random: &random)
            // A REST call is no websocket to whoever reads its errors.
            if call != nil { plan.name = "http" + plan.name.dropFirst(2) }
            name = plan.name
            url = plan.url
            arm()
            prepareTLS(plan, timeout: TimeAmount(configuration.connectTimeout))
        } catch {
            eventLoop.assumeIsolated().execute { [self] in fail(error) }
        }
    }

    private func expire() {
        // A refusal whose body still drips in is a refusal.
        handler?.finishRefusal()
        fail(
            WebSocketConnectError(
                .timeout, "Connecting to \(name) took longer than \(configuration.connectTimeout) and was given up during \(stage.rawValue)"
            ))
    }

    /// Loads the roots off the event loop, which others use meanwhile.
    private func prepareTLS(_ plan: ConnectPlan, timeout: TimeAmount) {
        let roots = configuration.roots
        if plan.needsTLS { tls = TLSContexts.known(for: roots) }
        guard plan.needsTLS, tls == nil else { return resolve(plan, timeout: timeout) }
        NIOThreadPool.singleton.runIfActive(eventLoop: eventLoop) { try TLSContexts.context(for: roots) }
            .assumeIsolated()
            .whenComplete { [self] result in
                switch result {
                case .success(let context):
                    tls = context
                    resolve(plan, timeout: timeout)
                case .failure(let error as WebSocketConnectError):
                    fail(WebSocketConnectError(.tls, "\(name): \(error.description)"))
                case .failure(let error):
                    fail(WebSocketConnectError(.tls, "\(name): TLS could not be set up: \(error)"))
                }
            }
    }

    private func arm() {
        deadline?.cancel()
        let timeout = TimeAmount(configuration.connectTimeout)
        deadline = eventLoop.assumeIsolated().scheduleTask(in: timeout) { [self] in expire() }
    }

    private func resolve(_ plan: ConnectPlan, timeout: TimeAmount) {
        guard completion != nil else { return }
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
            .probingWhenSilent()
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
            let handler = ConnectHandler(plan, configuration, attempt: self)
            self.handler = handler
            try channel.pipeline.syncOperations.addHandler(handler)
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
            resume = nil
            onReady = nil
            deadline?.cancel()
            deadline = nil
            handler = nil
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

/// Has the system ask a peer that is silent whether it is still there. Exchanges that send the heartbeats themselves may do so every three minutes
/// only, and a host that is gone says nothing at all: so the connection breaks half a minute after the last byte instead.
enum SilenceProbe {
    /// Seconds without a byte before the first question, between two of them, and how many stay without an answer.
    static let idle = 15
    static let interval = 5
    static let count = 3

    #if os(Linux)
        /// TCP_KEEPIDLE, TCP_KEEPINTVL and TCP_KEEPCNT of level IPPROTO_TCP.
        static let options: [(option: ChannelOptions.Types.SocketOption, value: SocketOptionValue)] = [
            (.tcpOption(.init(rawValue: 4)), .init(idle)), (.tcpOption(.init(rawValue: 5)), .init(interval)),
            (.tcpOption(.init(rawValue: 6)), .init(count)),
        ]
    #else
        static let options: [(option: ChannelOptions.Types.SocketOption, value: SocketOptionValue)] = []
    #endif
}

extension ClientBootstrap {
    fileprivate func probingWhenSilent() -> ClientBootstrap {
        SilenceProbe.options.reduce(channelOption(.socketOption(.so_keepalive), value: 1)) { $0.channelOption($1.option, value: $1.value) }
    }
}
