internal import NIOCore
internal import NIOSSL
internal import TransportSecurity

/// The last handler of an open websocket: walks the frames of each read where they lie, and writes frames once per burst.
final class FrameHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let closeTimeout: TimeAmount
    private let socket: SocketHandler
    private let answersPings: Bool
    private var delegate: (any WebSocketDelegate)?
    private var context: ChannelHandlerContext?
    // What every frame touches is unchecked: it is on the event loop only, and no access to it calls anybody.
    @exclusivity(unchecked) private var decoder: FrameDecoder
    private var deflation: Deflation?
    private var outbox = Outbox()
    @exclusivity(unchecked) private var closing = CloseHandshake()
    private var closeTimer: Scheduled<Void>?
    /// Set while the delegate may be up the stack: the end is reported behind it.
    private var isWalking = false
    /// Something was delivered since the last end of a burst.
    @exclusivity(unchecked) private var isBurstOpen = false
    private var hasEnded = false
    private var socketError: String?
    private var isReadWithheld = false
    /// What came behind the upgrade while reading was off, and in the reads of the same burst.
    private var held: ByteBuffer?
    /// We asked to close while reading was off: what still comes is not delivered.
    @exclusivity(unchecked) private var isDeaf = false

    var isReading = true {
        didSet {
            guard isReading, !oldValue else { return }
            resumeReading()
        }
    }

    init(
        delegate: any WebSocketDelegate,
        socket: SocketHandler,
        maxMessageBytes: Int,
        closeTimeout: Duration,
        answersPings: Bool = true,
        inflation: Inflation?,
        deflation: Deflation?
    ) {
        self.answersPings = answersPings
        self.delegate = delegate
        self.socket = socket
        self.closeTimeout = TimeAmount(closeTimeout)
        self.deflation = deflation
        decoder = FrameDecoder(maxMessageBytes: maxMessageBytes, inflation: inflation)
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        end()
    }

    // MARK: Receiving

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        // Nothing may overtake what is held.
        if held?.writeBuffer(&bytes) == nil { walk(bytes) }
    }

    /// Takes the bytes that came behind the upgrade.
    func replay(_ bytes: ByteBuffer) {
        guard isReading else {
            held = bytes
            return
        }
        walk(bytes)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        endBurst()
    }

    func read(context: ChannelHandlerContext) {
        if isReading || !closing.isOpen {
            context.read()
        } else {
            isReadWithheld = true
        }
    }

    private func walk(_ buffer: ByteBuffer) {
        guard closing.isListening, let delegate else { return }
        isWalking = true
        buffer.withUnsafeReadableBytes { bytes in
            var cursor = 0
            while closing.isListening {
                switch decoder.next(bytes, &cursor) {
                case .needsMore:
                    return
                case .message(let kind, let payload):
                    guard !isDeaf else { continue }
                    isBurstOpen = true
                    delegate.webSocketReceived(kind, payload)
                case .ping(let payload):
                    if closing.isOpen, answersPings { outbox.answerPing(payload) }
                    isBurstOpen = true
                    delegate.webSocketReceivedPing(payload)
                case .pong(let payload):
                    isBurstOpen = true
                    delegate.webSocketReceivedPong(payload)
                case .close(let code, let text):
                    perform(closing.closeReceived(code: code, text: text), within: closeTimeout)
                case .violation(let violation):
                    perform(closing.violated(violation), within: closeTimeout)
                }
            }
        }
        isWalking = false
        if hasEnded { end() }
    }

    private func endBurst() {
        if isBurstOpen {
            isBurstOpen = false
            isWalking = true
            delegate?.webSocketBurstEnded()
            isWalking = false
            if hasEnded { end() }
        }
        flush()
    }

    private func resumeReading() {
        walkHeld()
        guard isReading || !closing.isOpen, isReadWithheld else { return }
        isReadWithheld = false
        context?.read()
    }

    // MARK: The end of the socket

    private func walkHeld() {
        guard let bytes = held else { return }
        held = nil
        walk(bytes)
        endBurst()
    }

    func channelInactive(context: ChannelHandlerContext) {
        // The peer's last words may be among it.
        if !isWalking { walkHeld() }
        end()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A FIN without TLS' own good-bye is a FIN all the same.
        if case NIOSSLError.uncleanShutdown = error { return }
        if socketError == nil { socketError = ErrorWords.of(error) }
        socket.reset()
    }

    /// Reports the end, behind everything else.
    private func end() {
        hasEnded = true
        guard !isWalking else { return }
        closeTimer?.cancel()
        closeTimer = nil
        held = nil
        if isBurstOpen {
            isBurstOpen = false
            isWalking = true
            delegate?.webSocketBurstEnded()
            isWalking = false
        }
        for promise in outbox.take().promises { promise.fail(WebSocketSendError.closed) }
        let place = decoder.isWithinFrame ? "in mid-frame" : "between frames"
        guard let reason = closing.socketEnded(error: socketError.map { "\($0), \(place)" }), let delegate else { return }
        self.delegate = nil
        delegate.webSocketClosed(reason)
    }
}

// MARK: - Sending

extension FrameHandler {
    func send(_ kind: WebSocketMessageKind, _ bytes: ByteBuffer, promise: EventLoopPromise<Void>?) {
        guard closing.isOpen, !hasEnded else {
            promise?.fail(WebSocketSendError.closed)
            return
        }
        guard outbox.hasRoom(for: bytes.readableBytes) else {
            promise?.fail(WebSocketSendError.backlog(unsentBytes: outbox.unsentBytes))
            return
        }
        let opcode: FrameHeader.Opcode = kind == .text ? .text : .binary
        if let deflation, bytes.readableBytes > 0 {
            var packed = ByteBuffer()
            bytes.withUnsafeReadableBytes { deflation.deflater.deflateMessage($0, keepsContext: deflation.keepsContext, into: &packed) }
            packed.withUnsafeReadableBytes { outbox.append(opcode, $0, isCompressed: true, promise: promise) }
        } else {
            bytes.withUnsafeReadableBytes { outbox.append(opcode, $0, promise: promise) }
        }
        flushUnlessInBurst()
    }

    /// Sends a PING or PONG of at most 125 bytes; a longer payload is cut.
    func sendControl(_ opcode: FrameHeader.Opcode, _ bytes: ByteBuffer) {
        guard closing.isOpen, !hasEnded, outbox.hasRoom(for: bytes.readableBytes) else { return }
        bytes.withUnsafeReadableBytes { outbox.append(opcode, .init(rebasing: $0.prefix(125))) }
        flushUnlessInBurst()
    }

    func close(code: UInt16, text: String, within: Duration) {
        isDeaf = isDeaf || (closing.isOpen && !isReading)
        perform(closing.closeRequested(code: code, text: text), within: TimeAmount(within))
        resumeReading()
    }

    func abort() {
        perform(closing.abortRequested(), within: closeTimeout)
    }

    private func flushUnlessInBurst() {
        if !isWalking { flush() }
    }

    private func flush() {
        guard !outbox.isEmpty, let context else { return }
        let (frames, promises) = outbox.take()
        let count = frames.readableBytes
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { [self] result in
            for promise in promises { promise.completeWith(result) }
            if outbox.sent(count) { flush() }
        }
        context.writeAndFlush(wrapOutboundOut(frames), promise: written)
    }

    private func perform(_ action: CloseHandshake.Action, within: TimeAmount) {
        switch action {
        case .none:
            break
        case .sendClose(let code, let text):
            ClosePayload.encode(code: code, text: text).withUnsafeReadableBytes { outbox.append(.close, $0) }
            startCloseTimer(within)
            flushUnlessInBurst()
        case .closeSocket:
            startCloseTimer(within)
            flush()
            // TLS says good-bye; nobody waits for the peer's.
            context?.close(promise: nil)
            socket.close()
        case .reset:
            closeTimer?.cancel()
            socket.reset()
        }
    }

    private func startCloseTimer(_ within: TimeAmount) {
        closeTimer?.cancel()
        closeTimer = context?.eventLoop.assumeIsolated().scheduleTask(in: within) { [self] in
            perform(closing.timedOut(), within: closeTimeout)
        }
    }
}
