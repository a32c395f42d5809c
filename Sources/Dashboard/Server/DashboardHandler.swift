import NIOCore
import NIOHTTP1

/// One HTTP connection: a request is read whole, within its time and size, and answered.
final class DashboardHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private enum State {
        /// For a request, at most until the timer.
        case waiting
        case reading(HTTPRequestHead)
        /// The answer is being made or written; the pipeline holds back the next request.
        case answering
        case closing
    }

    private let routes: DashboardRoutes
    private let limits: DashboardLimits
    private var state = State.waiting
    private var timer: Scheduled<Void>?

    init(_ routes: DashboardRoutes, _ limits: DashboardLimits) {
        self.routes = routes
        self.limits = limits
    }

    func channelActive(context: ChannelHandlerContext) { arm(context) }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        state = .closing
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch (unwrapInboundIn(data), state) {
        case (.head(let head), .waiting): read(head, context)
        case (.body, .reading(let head)):
            // Nothing here takes one.
            reply(.text(413, "no body is taken\n"), to: head, context, closes: true)
        case (.end, .reading(let head)): answer(head, context)
        case (.head, _), (.body, _), (.end, _): break
        }
    }

    private func read(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let size = head.headers.reduce(head.uri.utf8.count) { $0 + $1.name.utf8.count + $1.value.utf8.count + 4 }
        guard size <= limits.headBytes else {
            return reply(.text(431, "the request's head is longer than \(limits.headBytes) bytes\n"), to: head, context, closes: true)
        }
        guard head.method == .GET || head.method == .HEAD else {
            var response = DashboardResponse.text(405, "only GET and HEAD are answered\n")
            response.headers = [("Allow", "GET, HEAD")]
            return reply(response, to: head, context, closes: true)
        }
        state = .reading(head)
    }

    private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        timer?.cancel()
        state = .answering
        let request = DashboardRequest(
            path: String(head.uri.prefix { $0 != "?" && $0 != "#" }), authorization: head.headers.first(name: "Authorization"))
        let routes = routes
        let loopBound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.makeFutureWithTask { await routes.answer(request) }
            .whenSuccess { response in
                let (handler, context) = loopBound.value
                guard case .answering = handler.state else { return }
                handler.reply(response, to: head, context, closes: !head.isKeepAlive)
            }
    }

    private func reply(_ response: DashboardResponse, to request: HTTPRequestHead, _ context: ChannelHandlerContext, closes: Bool) {
        timer?.cancel()
        state = closes ? .closing : .answering
        var head = HTTPResponseHead(version: .http1_1, status: HTTPResponseStatus(statusCode: response.status))
        head.headers.add(name: "Content-Type", value: response.contentType)
        head.headers.add(name: "Content-Length", value: "\(response.body.utf8.count)")
        head.headers.add(name: "Cache-Control", value: "no-store")
        head.headers.add(name: "X-Content-Type-Options", value: "nosniff")
        head.headers.add(name: "Referrer-Policy", value: "no-referrer")
        for (name, value) in response.headers { head.headers.add(name: name, value: value) }
        if closes { head.headers.add(name: "Connection", value: "close") }
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if request.method != .HEAD {
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: response.body)))), promise: nil)
        }
        let loopBound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        // A client that does not read its answer is given as long as one that does not ask.
        arm(context)
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { result in
            let (handler, context) = loopBound.value
            if closes || (try? result.get()) == nil { return context.close(promise: nil) }
            handler.state = .waiting
            handler.arm(context)
        }
    }

    /// What is not done by then is not waited for.
    private func arm(_ context: ChannelHandlerContext) {
        timer?.cancel()
        let loopBound = NIOLoopBound(context, eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleTask(in: limits.requestWithin) { loopBound.value.close(promise: nil) }
    }
}
