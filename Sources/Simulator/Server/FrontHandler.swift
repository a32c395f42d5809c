internal import NIOCore
internal import NIOHTTP1
internal import NIOSSL
internal import NIOWebSocket

/// Answers what is not upgraded: refusals (404, 429, on command) and plain requests (token bootstrap).
final class FrontHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let core: SimulatorCore
    /// Set by the upgrader when it said no.
    var refusal: SimulatorCore.Admission?
    private var head: HTTPRequestHead?
    private var deadline: Scheduled<Void>?

    /// A connection that has not been upgraded or answered by then is closed.
    private static let patience = TimeAmount.seconds(10)

    init(core: SimulatorCore) { self.core = core }

    func handlerAdded(context: ChannelHandlerContext) {
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        deadline = context.eventLoop.scheduleTask(in: Self.patience) { bound.value.close(promise: nil) }
    }

    func handlerRemoved(context: ChannelHandlerContext) { deadline?.cancel() }

    /// A held-back handshake takes as long as it takes.
    func waive() { deadline?.cancel() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body: break
        case .end:
            guard let head else { return }
            self.head = nil
            answer(head, context)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case SocketHandler.Command.stop? = event as? SocketHandler.Command {
            closeBelowTLS(context)
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A refused upgrade is announced as an error; the request follows and is answered.
        if error is NIOWebSocketUpgradeError { return }
        closeBelowTLS(context)
    }

    private func closeBelowTLS(_ context: ChannelHandlerContext) {
        if let tls = try? context.pipeline.syncOperations.context(handlerType: NIOSSLServerHandler.self) {
            tls.close(promise: nil)
        } else {
            context.close(promise: nil)
        }
    }

    private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let target = core.target(head.uri)
        if case .refuse(let status, let retryAfter, let reason) = refusal {
            respond(status, retryAfter: retryAfter, type: "text/plain", body: reason + "\n", head, context)
            return
        }
        if head.headers.contains(name: "sec-websocket-key") || head.headers.contains(name: "upgrade") {
            let reason = "not a valid websocket upgrade (RFC 6455 4.2.1)"
            core.truth.add(
                .refused, exchange: target.exchange,
                [("request", .text(target.text)), ("status", .number(400)), ("reason", .text(reason))])
            respond(400, retryAfter: nil, type: "text/plain", body: reason + "\n", head, context)
            return
        }
        let request = RESTRequest(
            method: head.method.rawValue, path: target.path, isTLS: core.configuration.isTLS,
            host: head.headers.first(name: "host") ?? core.configuration.host, wallMilliseconds: core.truth.clock.wall())
        if let response = core.exchanges[target.exchange]?.dialect.respond(to: request) {
            respond(response.status, retryAfter: nil, type: "application/json", body: response.body, head, context)
        } else {
            respond(404, retryAfter: nil, type: "text/plain", body: "nothing at \(target.text)\n", head, context)
        }
    }

    private func respond(
        _ status: Int, retryAfter: Duration?, type: String, body: String, _ request: HTTPRequestHead, _ context: ChannelHandlerContext
    ) {
        var headers = HTTPHeaders([
            ("content-type", type), ("content-length", String(body.utf8.count)), ("connection", "close"),
        ])
        if let retryAfter {
            let (seconds, rest) = retryAfter.components
            headers.add(name: "retry-after", value: String(max(1, seconds + (rest > 0 ? 1 : 0))))
        }
        let head = HTTPResponseHead(version: request.version, status: HTTPResponseStatus(statusCode: status), headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: body)))), promise: nil)
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in bound.value.close(promise: nil) }
    }
}
