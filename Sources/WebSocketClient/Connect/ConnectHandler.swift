internal import NIOCore
internal import NIOSSL
internal import NIOTLS

/// Leads a fresh TCP connection through proxy, TLS and upgrade, and leaves the pipeline when a websocket stands.
final class ConnectHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Phase {
        /// Added, nothing done.
        case idle
        /// The TLS handshake with the proxy runs.
        case proxyTLS
        case httpTunnel(HTTPTunnel)
        case socks(SOCKS5)
        /// The TLS handshake with the server runs.
        case tls
        /// All before the upgrade is done; it waits for leave.
        case held
        case upgrade(HTTPHeadReader)
        /// The server said no and says why.
        case refused(UpgradeResponse, RefusalBody)
        /// A REST call was accepted; its answer comes in.
        case answer(HTTPHead, HTTPBody)
        case over
    }

    /// How long the body of a refusal is waited for.
    private static let bodyPatience = TimeAmount.milliseconds(500)

    private let plan: ConnectPlan
    private let configuration: WebSocketConfiguration
    private let attempt: WebSocketConnectAttempt
    private var phase = Phase.idle
    private var bodyTimer: Scheduled<Void>?
    /// The TLS whose handshake came last.
    private var tls: NIOSSLClientHandler?

    init(_ plan: ConnectPlan, _ configuration: WebSocketConfiguration, attempt: WebSocketConnectAttempt) {
        self.plan = plan
        self.configuration = configuration
        self.attempt = attempt
    }

    func handlerAdded(context: ChannelHandlerContext) {
        perform { () throws(WebSocketConnectError) in try begin(context) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        phase = .over
        bodyTimer?.cancel()
        bodyTimer = nil
    }

    private func begin(_ context: ChannelHandlerContext) throws(WebSocketConnectError) {
        switch configuration.proxy {
        case .http(let host, _, _, true):
            attempt.entered(.proxyTLS)
            phase = .proxyTLS
            try startTLS(context, serverName: IPAddress.isLiteral(host) ? nil : host)
        case .http(_, _, _, false), .socks5:
            try beginTunnel(context)
        case nil:
            try beginTLS(context)
        }
    }

    private func beginTunnel(_ context: ChannelHandlerContext) throws(WebSocketConnectError) {
        attempt.entered(.proxy)
        switch configuration.proxy {
        case .http(let host, let port, let login, _):
            phase = .httpTunnel(HTTPTunnel(proxy: "\(WebSocketURL.bracketed(host)):\(port)", now: attempt.wallClock))
            send(context, HTTPTunnel.request(host: plan.target.host, port: plan.target.port, login: login))
        case .socks5(let host, let port, let login):
            let proxy = "\(WebSocketURL.bracketed(host)):\(port)"
            let dialogue = try SOCKS5(proxy: proxy, host: plan.target.host, port: plan.target.port, login: login)
            phase = .socks(dialogue)
            send(context, dialogue.greeting)
        case nil:
            try beginTLS(context)
        }
    }

    private func beginTLS(_ context: ChannelHandlerContext) throws(WebSocketConnectError) {
        guard plan.url.isSecure else { return beginUpgrade(context) }
        attempt.entered(.tls)
        phase = .tls
        try startTLS(context, serverName: plan.serverName)
    }

    private func startTLS(_ context: ChannelHandlerContext, serverName: String?) throws(WebSocketConnectError) {
        do {
            guard let trust = attempt.tls else { preconditionFailure("TLS to \(plan.name) begins, but nothing said it would be needed") }
            let handler = try TLSContexts.handler(trust, name: serverName, roots: configuration.roots)
            tls = handler
            try context.pipeline.syncOperations.addHandler(handler, position: .before(self))
        } catch {
            let name = serverName ?? "a bare address"
            throw WebSocketConnectError(.tls, "\(plan.name): TLS could not be set up for \(name): \(error)")
        }
    }

    private func beginUpgrade(_ context: ChannelHandlerContext) {
        if attempt.isHeld {
            attempt.entered(.upgrade)
            phase = .held
            return attempt.reachedHold { [self] in
                if case .held = phase { beginUpgrade(context) }
            }
        }
        attempt.entered(.upgrade)
        phase = .upgrade(HTTPHeadReader())
        send(context, attempt.call?.bytes(to: plan) ?? request.bytes)
    }

    private var request: UpgradeRequest { attempt.request ?? plan.request }

    // MARK: Events

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case TLSUserEvent.handshakeCompleted? = event as? TLSUserEvent else { return context.fireUserInboundEventTriggered(event) }
        perform { () throws(WebSocketConnectError) in
            switch phase {
            case .proxyTLS: try beginTunnel(context)
            case .tls: beginUpgrade(context)
            case .idle, .httpTunnel, .socks, .held, .upgrade, .refused, .answer, .over: break
            }
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        perform { () throws(WebSocketConnectError) in try take(buffer, context) }
    }

    private func take(_ buffer: ByteBuffer, _ context: ChannelHandlerContext) throws(WebSocketConnectError) {
        switch phase {
        case .httpTunnel(var tunnel):
            let isDone = try buffer.withBytes { (bytes) throws(WebSocketConnectError) in try tunnel.take(bytes) }
            phase = .httpTunnel(tunnel)
            if isDone { try beginTLS(context) }
        case .socks(var dialogue):
            let step = try buffer.withBytes { (bytes) throws(WebSocketConnectError) in try dialogue.take(bytes) }
            phase = .socks(dialogue)
            switch step {
            case .needsMore: break
            case .send(let bytes): send(context, bytes)
            case .done: try beginTLS(context)
            }
        case .upgrade(let reader):
            try takeAnswer(buffer, reader, context)
        case .refused(let response, var body):
            buffer.withUnsafeReadableBytes { body.take($0) }
            phase = .refused(response, body)
            if body.isComplete { throw refusal(response, body) }
        case .answer(let head, var body):
            try takeAnswerBody(head, &body, buffer)
        case .held:
            throw WebSocketConnectError(.badUpgrade, "\(plan.name): the server spoke before it was asked for a websocket")
        case .idle, .proxyTLS, .tls, .over:
            break
        }
    }

    private func takeAnswer(_ buffer: ByteBuffer, _ reader: HTTPHeadReader, _ context: ChannelHandlerContext) throws(WebSocketConnectError)
    {
        var reader = reader
        var rest = buffer
        while true {
            let (taken, complete): (Int, HTTPHead?)
            do throws(HTTPHeadError) {
                (taken, complete) = try rest.withBytes { (bytes) throws(HTTPHeadError) in try reader.take(bytes) }
            } catch {
                throw WebSocketConnectError(.badUpgrade, "\(plan.name): \(error.text)")
            }
            rest.moveReaderIndex(forwardBy: taken)
            guard let head = complete else {
                phase = .upgrade(reader)
                return
            }
            if (100..<200).contains(head.status), head.status != 101 {
                reader.startOver()  // interim answers; the real one follows
                continue
            }
            return try judge(UpgradeResponse(head: head), rest, context)
        }
    }

    private func takeAnswerBody(_ head: HTTPHead, _ body: inout HTTPBody, _ more: ByteBuffer) throws(WebSocketConnectError) {
        do throws(HTTPHeadError) {
            try more.withBytes { (bytes) throws(HTTPHeadError) in try body.take(bytes) }
        } catch {
            throw WebSocketConnectError(.badUpgrade, "\(plan.name): \(error.text)")
        }
        guard !body.isCut else {
            throw WebSocketConnectError(.badUpgrade, "\(plan.name): the answer is longer than \(HTTPCall.maxBodyBytes) bytes")
        }
        phase = .answer(head, body)
        if body.isComplete { try finishAnswer(head, body) }
    }

    private func finishAnswer(_ head: HTTPHead, _ body: HTTPBody) throws(WebSocketConnectError) {
        phase = .over
        let plain: [UInt8]
        do throws(HTTPHeadError) { plain = try HTTPCall.plain(body, head) } catch {
            throw WebSocketConnectError(.badUpgrade, "\(plan.name): the answer has a \(error.text)")
        }
        attempt.answered(plain)
    }

    private func judge(_ response: UpgradeResponse, _ rest: ByteBuffer, _ context: ChannelHandlerContext) throws(WebSocketConnectError) {
        if attempt.call != nil, (200..<300).contains(response.head.status) {
            var body: HTTPBody
            do throws(HTTPHeadError) { body = try HTTPBody(response.head, limit: HTTPCall.maxBodyBytes) } catch {
                throw WebSocketConnectError(.badUpgrade, "\(plan.name): \(error.text)")
            }
            return try takeAnswerBody(response.head, &body, rest)
        }
        let now = attempt.wallClock
        switch try response.judge(key: request.key, offer: plan.offer, protocols: plan.protocols, now: now, peer: plan.name) {
        case .accepted(let agreement):
            phase = .over
            attempt.upgraded(context, self, response.head, agreement, rest: rest)
        case .refused:
            var body = RefusalBody(response.head)
            rest.withUnsafeReadableBytes { body.take($0) }
            if body.isComplete { throw refusal(response, body) }
            phase = .refused(response, body)
            bodyTimer = context.eventLoop.assumeIsolated().scheduleTask(in: Self.bodyPatience) { [self] in finishRefusal() }
        }
    }

    private func refusal(_ response: UpgradeResponse, _ body: RefusalBody) -> WebSocketConnectError {
        let what = attempt.call.map { "the \($0.request.method) request" } ?? "the websocket"
        return response.refusal(of: what, body: body.bytes, now: attempt.wallClock, peer: plan.name)
    }

    /// The body does not come, or ends with the connection: the head says enough.
    func finishRefusal() {
        guard case .refused(let response, let body) = phase else { return }
        phase = .over
        attempt.fail(refusal(response, body))
    }

    func channelInactive(context: ChannelHandlerContext) {
        end("the other side closed the connection")
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        end(explain(error))
    }

    private func explain(_ error: any Error) -> String {
        let name: String
        switch (attempt.currentStage, configuration.proxy) {
        case (.tls, _): name = plan.serverName ?? plan.url.host
        case (.proxyTLS, .http(let host, _, _, _)): name = host
        default: return "\(error)"
        }
        return TLSContexts.explain(error, certificate: tls?.peerCertificate, name: name, now: attempt.wallClock)
    }

    private func end(_ why: String) {
        finishRefusal()
        if case .answer(let head, let body) = phase, body.endsWithConnection {
            return perform { () throws(WebSocketConnectError) in try finishAnswer(head, body) }
        }
        guard !isOver else { return }
        phase = .over
        let code: WebSocketConnectError.Code =
            switch attempt.currentStage {
            case .resolve, .tcp, .upgrade: .closed
            case .proxy: .proxy
            case .proxyTLS, .tls: .tls
            }
        attempt.fail(WebSocketConnectError(code, "\(plan.name): connecting failed during \(attempt.currentStage.rawValue): \(why)"))
    }

    private var isOver: Bool { if case .over = phase { true } else { false } }

    private func send(_ context: ChannelHandlerContext, _ bytes: ByteBuffer) {
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
    }

    private func perform(_ step: () throws(WebSocketConnectError) -> Void) {
        do throws(WebSocketConnectError) { try step() } catch {
            phase = .over
            attempt.fail(error)
        }
    }
}

extension ByteBuffer {
    /// `withUnsafeReadableBytes` with the error's type kept.
    func withBytes<Value, Failure: Error>(_ body: (UnsafeRawBufferPointer) throws(Failure) -> Value) throws(Failure) -> Value {
        let result = withUnsafeReadableBytes { bytes in Result { () throws(Failure) in try body(bytes) } }
        return try result.get()
    }
}
