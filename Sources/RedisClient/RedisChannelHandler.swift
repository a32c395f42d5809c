package import NIOCore
internal import NIOSSL
internal import NIOTLS

/// Matches replies with calls: a FIFO, since Redis answers in the order of the commands.
package final class RedisChannelHandler: ChannelInboundHandler, NIOScheduledCallbackHandler {
    package typealias InboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer
    package typealias Completion = (Result<RedisValue, RedisError>) -> Void

    private enum State {
        /// Not in a pipeline yet; `ready` or `securing` follows.
        case new
        /// TLS is being negotiated; `ready` or `closed` follows.
        case securing(ChannelHandlerContext)
        /// `closed` follows.
        case ready(ChannelHandlerContext)
        /// With the reason that calls get from now on.
        case closed(RedisError)
    }

    let endpoint: RedisEndpoint
    private let options: RedisConnection.Options
    private let reader: RedisReplyReader
    private var state = State.new
    private var queue = ReplyQueue<Completion>()
    private var timer: NIOScheduledCallback?
    private var subscription: RedisSubscription?
    /// Set for a master that a Sentinel named; called when it refuses a write for want of replicas.
    private let onMasterless: (@Sendable () -> Void)?

    package init(endpoint: RedisEndpoint, options: RedisConnection.Options, onMasterless: (@Sendable () -> Void)? = nil) {
        self.onMasterless = onMasterless
        self.endpoint = endpoint
        self.options = options
        self.reader = RedisReplyReader(
            maximumReplyBytes: options.maximumReplyBytes, maximumReplyElements: options.maximumReplyElements
        )
    }

    // MARK: Calls

    /// Writes one encoded command without flushing. `completion` is called on the event loop, never before this function returned.
    package func call(_ command: ByteBuffer, deadline: NIODeadline, completion: @escaping Completion) {
        guard let context = admit(deadline: deadline, completion: completion) else { return }
        context.write(wrapOutboundOut(command), promise: nil)
    }

    /// The same for a command in several parts, which go out one behind the other.
    package func call(_ parts: [ByteBuffer], deadline: NIODeadline, completion: @escaping Completion) {
        guard let context = admit(deadline: deadline, completion: completion) else { return }
        for part in parts { context.write(wrapOutboundOut(part), promise: nil) }
    }

    package func flush() {
        switch state {
        case .securing(let context), .ready(let context): context.flush()
        case .new, .closed: return
        }
    }

    /// Makes this a subscriber's connection; `completion` gets the last confirmation.
    func subscribe(
        _ command: ByteBuffer, subscription: RedisSubscription, deadline: NIODeadline, completion: @escaping Completion
    ) {
        guard self.subscription == nil else {
            let error = RedisError(.usage, "this connection to \(endpoint) has subscribed already; subscribe on a connection of its own")
            return later(completion, .failure(error))
        }
        self.subscription = subscription
        call(command, deadline: deadline) { result in
            if case .failure = result { self.subscription = nil }
            completion(result)
        }
        flush()
    }

    /// Ends the connection; calls under way and later ones fail with `reason`.
    package func close(_ reason: RedisError) {
        end(reason) { queue in queue.removeAll().map { ($0, reason) } }
    }

    private func admit(deadline: NIODeadline, completion: @escaping Completion) -> ChannelHandlerContext? {
        switch state {
        case .securing(let context), .ready(let context):
            guard queue.count < options.maximumPendingCalls else {
                let error = RedisError(
                    .overloaded, "\(queue.count) calls wait for replies of \(endpoint), the limit of a connection; the command was not sent"
                )
                later(completion, .failure(error))
                return nil
            }
            if let wakeUp = queue.append(completion, deadline: deadline) { setTimer(wakeUp, on: context.eventLoop) }
            return context
        case .closed(let reason):
            later(completion, .failure(reason))
            return nil
        case .new:
            preconditionFailure("a command was written before the connection to \(endpoint) was made")
        }
    }

    /// Completions never run inside the call they belong to: callers may hold half-made decisions there.
    private func later(_ completion: @escaping Completion, _ result: Result<RedisValue, RedisError>) {
        guard let eventLoop else { preconditionFailure("a command was written before the connection to \(endpoint) was made") }
        eventLoop.assumeIsolated().execute { completion(result) }
    }

    // MARK: Channel

    private var eventLoop: (any EventLoop)?

    package func handlerAdded(context: ChannelHandlerContext) {
        eventLoop = context.eventLoop
        state = endpoint.tls == nil ? .ready(context) : .securing(context)
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        close(RedisError(.connectionLost, "the connection to \(endpoint) ended; \(Self.fate)"))
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .securing = state, case .handshakeCompleted? = event as? TLSUserEvent { state = .ready(context) }
        context.fireUserInboundEventTriggered(event)
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        do throws(RedisReplyReader.Failure) {
            try reader.read(unwrapInboundIn(data)) { reply in
                receive(reply)
                if case .closed = state { return false }
                return true
            }
        } catch {
            let text =
                "\(endpoint) does not speak Redis' protocol: \(error.description); is this a Redis port (and plain or TLS as configured)?"
            close(RedisError(.protocolViolation, text))
        }
    }

    package func channelInactive(context: ChannelHandlerContext) {
        if case .securing = state {
            close(RedisError(.tls, "\(endpoint) closed the connection during the TLS handshake; does this port speak TLS?"))
        } else {
            close(RedisError(.connectionLost, "\(endpoint) closed the connection; \(Self.fate)"))
        }
        context.fireChannelInactive()
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if case .securing = state {
            close(RedisError(.tls, "TLS with \(endpoint) failed: \(error); check its certificate, the trusted roots and the server name"))
        } else if error is BoringSSLError {
            // A server that refuses our certificate says so after its half of a TLS 1.3 handshake.
            close(RedisError(.tls, "TLS with \(endpoint) failed: \(error); does the server want a client certificate it can verify?"))
        } else {
            close(RedisError(.connectionLost, "the connection to \(endpoint) broke: \(error); \(Self.fate)"))
        }
    }

    private static let fate = "commands without a reply may or may not have been executed"

    // MARK: Replies

    private func receive(_ reply: RedisValue) {
        switch subscription?.receive(reply) {
        case .message(let message, let deliver): return deliver(message)
        case .confirmation: return
        case .ended: return close(RedisError(.connectionLost, "\(endpoint) ended the subscription"))
        case .reply, nil: break
        }
        if case .error(let server) = reply {
            let error = RedisError(server: server, from: endpoint)
            guard let completion = queue.popFirst() else { return close(error) }
            completion(.failure(error))
            refused(error.code)
        } else {
            guard let completion = queue.popFirst() else {
                return close(RedisError(.protocolViolation, "\(endpoint) sent a reply that nothing had asked for"))
            }
            completion(.success(reply))
        }
    }

    /// Is this still the master? A replica certainly is not, whatever else it would answer.
    private func refused(_ code: RedisError.Code) {
        guard let onMasterless else { return }
        switch code {
        case .readOnly: close(RedisError(.connectionLost, "\(endpoint) is no longer the master; \(Self.fate)"))
        case .noReplicas: onMasterless()
        default: return
        }
    }

    // MARK: Time

    package func handleScheduledCallback(eventLoop: some EventLoop) {
        timer = nil
        switch queue.timerFired(now: eventLoop.now) {
        case .rest: return
        case .wake(let deadline): setTimer(deadline, on: eventLoop)
        case .expired(let calls):
            let late = RedisError(.timeout, "\(endpoint) \(neglect)")
            let lost = RedisError(.connectionLost, "the connection to \(endpoint) is closed since another call timed out; \(Self.fate)")
            end(lost) { _ in calls.map { ($0.context, $0.isLate ? late : lost) } }
        }
    }

    private var neglect: String {
        // A plain Redis waits for the end of the line that TLS' first bytes seem to begin.
        if case .securing = state { return "did not finish the TLS handshake in time; does this port speak TLS?" }
        return "did not answer in time; the connection is closed; \(Self.fate)"
    }

    private func setTimer(_ deadline: NIODeadline, on eventLoop: any EventLoop) {
        timer?.cancel()
        do {
            timer = try eventLoop.assumeIsolated().scheduleCallback(at: deadline, handler: self)
        } catch {
            // Only an event loop that shuts down refuses; it closes this channel next, which ends the calls.
            timer = nil
        }
    }

    private func end(_ reason: RedisError, failing: (inout ReplyQueue<Completion>) -> [(Completion, RedisError)]) {
        let context: ChannelHandlerContext?
        switch state {
        case .closed: return
        case .new: context = nil
        case .securing(let current), .ready(let current): context = current
        }
        state = .closed(reason)
        subscription = nil
        timer?.cancel()
        timer = nil
        let failures = failing(&queue)
        context?.close(promise: nil)
        for (completion, error) in failures { completion(.failure(error)) }
    }
}
