internal import ColonyExchanges
internal import Glibc
internal import NIOCore
internal import NIOSSL
internal import NIOWebSocket
internal import TransportSecurity

/// The shell of one websocket: frames in, `SocketSession`'s actions out, everything into the truth log.
final class SocketHandler: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    /// What others tell a socket, as a user event of its channel.
    enum Command: Sendable {
        case fault(Fault)
        case stop
    }

    private enum Phase {
        case open
        /// A close frame was sent; the client's is waited for.
        case closing
        case closed
    }

    private let core: SimulatorCore
    private let exchange: SimulatorCore.Exchange
    private let number: UInt64
    private let request: String
    private let packer: Packer
    private var session: SocketSession
    private var assembler = MessageAssembler(limit: 1 << 20)
    private var phase = Phase.open
    private var context: ChannelHandlerContext?
    private var timer: (deadline: NIODeadline, scheduled: Scheduled<Void>)?
    private var isFrozen = false
    private var needsFlush = false
    private var ending: (cause: SocketSession.Cause, code: UInt16, reason: String)?
    private var closingBoot: Int64 = 0
    private var program: (any SocketProgram)?
    private var isPumping = false
    private var packets: UInt64 = 0
    private var flushed: UInt64 = 0

    /// A wake-up sooner than this is put off: timers that follow each other closer cost more than they give.
    private static let granularity = TimeAmount.microseconds(500)
    private static let closeTimeout = TimeAmount.seconds(1)
    private static let pumpTurns = 1024

    init(core: SimulatorCore, exchange: SimulatorCore.Exchange, number: UInt64, request: RequestTarget) {
        self.core = core
        self.exchange = exchange
        self.number = number
        self.request = request.text
        packer = Packer(packing: exchange.rules.packing)
        switch exchange.program {
        case .market: program = nil
        case .replay(let recording, let plan): program = ReplayProgram(recording: recording, plan: plan)
        case .source(let plan):
            program = SourceProgram(
                plan: plan, dialect: exchange.dialect, packer: packer, socket: number, isTLS: core.configuration.isTLS)
        }
        let hasProgram = program != nil
        let settings = SocketSettings(
            number: number, path: request.path, query: request.query, listings: exchange.listings, seed: core.configuration.seed,
            rate: hasProgram ? 0 : core.configuration.market.messagesPerSecond, minimumBytes: core.configuration.market.minimumBytes,
            heartbeatFactor: core.configuration.heartbeatFactor)
        session = SocketSession(settings, dialect: exchange.dialect, rules: exchange.rules, faults: core.standingFaults(of: exchange.id))
    }

    private func moment(_ context: ChannelHandlerContext) -> Moment {
        Moment(now: context.eventLoop.now, wallMilliseconds: core.truth.clock.wall())
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        guard context.channel.isActive else {
            phase = .closed
            return
        }
        // Absent where clients come without a proxy in between.
        let announced = try? context.pipeline.syncOperations.handler(type: ProxyHeaderHandler.self).client
        let peer = announced ?? context.remoteAddress?.description ?? "unknown"
        core.truth.add(.open, exchange: exchange.id, socket: number, [("request", .text(request)), ("peer", .text(peer))])
        core.opened(number, exchange: exchange.id, channel: context.channel)
        perform(session.opened(moment(context)), context)
        settle(context)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        finish()
        self.context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let event = assembler.take(unwrapInboundIn(data)) else { return }
        switch (phase, event) {
        case (.open, .message(let message)):
            perform(session.received(message, moment(context)), context)
            program?.began(now: context.eventLoop.now)
        case (.open, .ping(let payload)): perform(session.receivedPing(payload, moment(context)), context)
        case (.open, .pong(let payload)): perform(session.receivedPong(payload, moment(context)), context)
        case (.open, .close(let code, let reason)):
            guard !isFrozen else { return }
            session.closed()
            noteEnding(.client, code: code, reason: reason)
            sendClose(code == 1005 ? nil : code, reason: "", context)
            context.flush()
            closeChannel(context)
        case (_, .violation(let code, let text)): violate(code, text, context)
        case (.closing, .close): closeChannel(context)
        case (.closing, _), (.closed, _): break
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        settle(context)
        context.fireChannelReadComplete()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        // While the program writes, its own loop looks at the writability.
        if context.channel.isWritable && !isPumping { wake(context) }
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case let command as Command:
            obey(command, context)
            settle(context)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case NIOWebSocketError.invalidFrameLength: violate(1009, "a frame of more than \(SimulatorCore.frameLimit) bytes", context)
        case let error as NIOWebSocketError: violate(1002, "\(error)", context)
        default:
            noteEnding(.transport, code: 0, reason: ErrorWords.of(error))
            closeChannel(context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        noteEnding(.transport, code: 0, reason: "end of stream without a close frame")
        finish()
        context.fireChannelInactive()
    }

    private func obey(_ command: Command, _ context: ChannelHandlerContext) {
        switch command {
        case .fault(let fault): perform(session.apply(fault, moment(context), number: core.nextNumber), context)
        case .stop:
            guard phase != .closed else { return }
            noteEnding(.stop, code: 1001, reason: "simulator stopped")
            session.closed()
            if phase == .open && !isFrozen {
                sendClose(1001, reason: "simulator stopped", context)
                context.flush()
            }
            closeBelowTLS(context)
        }
    }

    private func wake(_ context: ChannelHandlerContext) {
        guard phase == .open else { return }
        perform(session.woke(moment(context), canSend: context.channel.isWritable, number: core.nextNumber), context)
        settle(context)
    }

    /// Flushes what was written and asks for the next wake-up.
    private func settle(_ context: ChannelHandlerContext) {
        pump(context)
        flushNow(context)
        guard phase == .open, let deadline = nextWake(context) else { return }
        if let timer, timer.deadline <= deadline { return }
        timer?.scheduled.cancel()
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        timer = (
            deadline,
            context.eventLoop.scheduleTask(deadline: deadline) {
                let handler = bound.value
                handler.timer = nil
                if let context = handler.context { handler.wake(context) }
            }
        )
    }

    private func nextWake(_ context: ChannelHandlerContext) -> NIODeadline? {
        let now = context.eventLoop.now
        let ofSession = session.wakeUp.map { max($0, now + Self.granularity) }
        // A peer that takes nothing wakes the program by becoming writable.
        guard session.allowsData, context.channel.isWritable, let ofProgram = program?.wakeUp(now: now) else { return ofSession }
        return ofSession.map { min($0, ofProgram) } ?? ofProgram
    }

    private func perform(_ actions: [SocketSession.Action], _ context: ChannelHandlerContext) {
        guard phase == .open else { return }
        let lastPacket = actions.lastIndex { if case .packet = $0 { true } else { false } }
        for (index, action) in actions.enumerated() {
            switch action {
            case .send(let message):
                guard isAnswering, !isFrozen else { continue }
                recordAnswer(message)
                write(message, context, promise: nil)
            case .sendPing(let payload): writeControl(.ping, Array(payload.utf8), context)
            case .sendPong(let payload): writeControl(.pong, payload, context)
            case .packet(let packet): send(packet, context, isLast: index == lastPacket)
            case .withhold(let packet): record(.withheld, packet)
            case .subscribed(let subscription):
                record(.subscribe, subscription)
                program?.subscribed(subscription, session.view(moment(context)))
                program?.began(now: context.eventLoop.now)
            case .unsubscribed(let subscription): record(.unsubscribe, subscription)
            case .sendRaw(let bytes):
                core.truth.add(.raw, exchange: exchange.id, socket: number, [("bytes", .number(Int64(bytes.count)))])
                writeBelowFrames(bytes, context)
            case .freeze: setFrozen(true, context)
            case .thaw: setFrozen(false, context)
            case .close(let close, let cause):
                noteEnding(cause, code: close.code, reason: close.reason)
                begin(close, context)
            case .reset(let cause, let reason, let midFrame):
                noteEnding(cause, code: 0, reason: reason)
                reset(midFrame: midFrame, context)
            }
        }
    }

    /// A client of a bare recording hears nothing else.
    private var isAnswering: Bool {
        if case .replay(_, let plan) = exchange.program { plan.answers } else { true }
    }

    /// Sends of the program what is due and what the peer takes.
    private func pump(_ context: ChannelHandlerContext) {
        guard program != nil, phase == .open, session.allowsData, !isPumping else { return }
        isPumping = true
        defer { isPumping = false }
        // Other sockets of the loop get their turn after so many writes.
        for turn in 1...Self.pumpTurns {
            guard context.channel.isWritable, let item = program?.next(now: context.eventLoop.now, boot: core.truth.clock.boot()) else {
                break
            }
            play(item, context)
            guard phase == .open else { return }
            if turn % 64 == 0 { flushNow(context) }
        }
        flushNow(context)
    }

    private func play(_ item: ProgramItem, _ context: ChannelHandlerContext) {
        switch item {
        case .recorded(let message):
            packets += 1
            core.truth.add(
                .packet, exchange: exchange.id, socket: number,
                [
                    ("channel", .text("")), ("symbol", .text("")), ("n", .unsigned(core.nextNumber())),
                    ("bytes", .number(Int64(message.plainBytes))), ("fnv", .text(FNV1a.text(message.plainHash))),
                ])
            write(message, context)
        case .frames(let buffer, let last):
            let promise = context.eventLoop.makePromise(of: Void.self)
            promise.futureResult.assumeIsolated().whenSuccess { self.flushed = max(self.flushed, last) }
            writeBelowFrames(buffer, context, promise: promise)
        case .close:
            let close = Close(code: 1001, reason: "the recording is over")
            session.closed()
            noteEnding(.rule, code: close.code, reason: close.reason)
            begin(close, context)
        }
    }

    private func write(_ message: RecordedMessage, _ context: ChannelHandlerContext) {
        guard message.isPacked else {
            write(ServerMessage(binary: message.bytes), context, promise: nil)
            return
        }
        var payload = context.channel.allocator.buffer(capacity: message.bytes.count + 10)
        payload.moveWriterIndex(to: 10)
        payload.moveReaderIndex(to: 10)
        payload.writeBytes(message.bytes)
        context.write(
            wrapOutboundOut(WebSocketFrame(fin: true, opcode: message.isBinary ? .binary : .text, data: payload)), promise: nil)
        needsFlush = true
    }

    private func flushNow(_ context: ChannelHandlerContext) {
        guard needsFlush else { return }
        needsFlush = false
        context.flush()
    }

    private func send(_ packet: SocketSession.Packet, _ context: ChannelHandlerContext, isLast: Bool) {
        let hash = FNV1a.hash(packet.message.bytes)
        for copy in 0..<packet.copies {
            var promise: EventLoopPromise<Void>?
            if isLast && copy == packet.copies - 1 {
                let made = context.eventLoop.makePromise(of: Void.self)
                let number = packet.number
                made.futureResult.assumeIsolated().whenSuccess { self.flushed = max(self.flushed, number) }
                promise = made
            }
            packets += 1
            core.truth.add(
                .packet, exchange: exchange.id, socket: number,
                [
                    ("channel", .text(packet.subscription.topic.channel)), ("symbol", .text(packet.subscription.topic.symbol)),
                    ("n", .unsigned(packet.number)), ("bytes", .number(Int64(packet.message.bytes.count))),
                    ("fnv", .text(FNV1a.text(hash))),
                ] + (copy > 0 ? [("again", .flag(true))] : []))
            write(packet.message, context, promise: promise)
        }
    }

    private func recordAnswer(_ message: ServerMessage) {
        core.truth.add(
            .answer, exchange: exchange.id, socket: number,
            [
                ("bytes", .number(Int64(message.bytes.count))), ("fnv", .text(FNV1a.text(FNV1a.hash(message.bytes)))),
            ])
    }

    private func record(_ kind: TruthRecord.Kind, _ packet: SocketSession.Packet) {
        core.truth.add(
            kind, exchange: exchange.id, socket: number,
            [
                ("channel", .text(packet.subscription.topic.channel)), ("symbol", .text(packet.subscription.topic.symbol)),
                ("n", .unsigned(packet.number)), ("bytes", .number(Int64(packet.message.bytes.count))),
                ("fnv", .text(FNV1a.text(FNV1a.hash(packet.message.bytes)))),
            ])
    }

    private func record(_ kind: TruthRecord.Kind, _ subscription: Subscription) {
        core.truth.add(
            kind, exchange: exchange.id, socket: number,
            [
                ("channel", .text(subscription.topic.channel)), ("symbol", .text(subscription.topic.symbol)),
                ("key", .text(subscription.key)),
            ])
    }

    private func write(_ message: ServerMessage, _ context: ChannelHandlerContext, promise: EventLoopPromise<Void>?) {
        guard !isFrozen else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        do {
            let payload = try packer.pack(message.bytes, allocator: context.channel.allocator)
            let opcode: WebSocketOpcode = message.form == .text && packer.packing == .none ? .text : .binary
            context.write(wrapOutboundOut(WebSocketFrame(fin: true, opcode: opcode, data: payload)), promise: promise)
            needsFlush = true
        } catch {
            promise?.fail(error)
            noteEnding(.transport, code: 0, reason: "cannot pack a message: \(error)")
            closeChannel(context)
        }
    }

    private func writeControl(_ opcode: WebSocketOpcode, _ payload: [UInt8], _ context: ChannelHandlerContext) {
        guard !isFrozen else { return }
        context.write(
            wrapOutboundOut(WebSocketFrame(fin: true, opcode: opcode, data: ByteBuffer(bytes: payload.prefix(125)))), promise: nil)
        needsFlush = true
    }

    private func sendClose(_ code: UInt16?, reason: String, _ context: ChannelHandlerContext) {
        var payload = ByteBuffer()
        if let code {
            payload.writeInteger(code)
            payload.writeString(String(reason.prefix(60)))
        }
        context.write(wrapOutboundOut(WebSocketFrame(fin: true, opcode: .connectionClose, data: payload)), promise: nil)
        if closingBoot == 0 { closingBoot = core.truth.clock.boot() }
    }

    private func begin(_ close: Close, _ context: ChannelHandlerContext) {
        guard close.code != 0 else {
            context.flush()
            closeChannel(context)
            return
        }
        phase = .closing
        timer?.scheduled.cancel()
        sendClose(close.code, reason: close.reason, context)
        context.flush()
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        timer = (
            .distantFuture,
            context.eventLoop.scheduleTask(in: Self.closeTimeout) {
                let handler = bound.value
                if let context = handler.context { handler.closeChannel(context) }
            }
        )
    }

    private func violate(_ code: UInt16, _ text: String, _ context: ChannelHandlerContext) {
        guard phase == .open else {
            closeChannel(context)
            return
        }
        session.closed()
        noteEnding(.violation, code: code, reason: text)
        begin(Close(code: code, reason: text), context)
    }

    private func setFrozen(_ frozen: Bool, _ context: ChannelHandlerContext) {
        isFrozen = frozen
        context.channel.setOption(.autoRead, value: !frozen).assumeIsolated().whenFailure { error in
            self.noteEnding(.transport, code: 0, reason: "cannot set autoRead: \(error)")
            self.closeChannel(context)
        }
    }

    private func noteEnding(_ cause: SocketSession.Cause, code: UInt16, reason: String) {
        guard ending == nil else { return }
        ending = (cause, code, reason)
        if cause == .client { closingBoot = core.truth.clock.boot() }
    }

    private func closeChannel(_ context: ChannelHandlerContext) {
        guard phase != .closed else { return }
        phase = .closed
        context.close(promise: nil)
    }

    /// Half a frame, where asked for, then a reset.
    private func reset(midFrame: Bool, _ context: ChannelHandlerContext) {
        if midFrame {
            // A text frame of 4,096 bytes, cut after 600.
            writeBelowFrames([0x81, 0x7E, 0x10, 0x00] + Array(repeating: UInt8(ascii: "x"), count: 596), context)
        }
        context.flush()
        needsFlush = false
        // On the loop the option is set before the call returns; a channel without it is closed in the ordinary way.
        (context.channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0)).assumeIsolated().whenFailure { error in
            self.noteEnding(.transport, code: 0, reason: "cannot set SO_LINGER: \(error)")
        }
        closeBelowTLS(context)
    }

    /// Writes bytes as they are, behind the frame encoder.
    private func writeBelowFrames(_ bytes: [UInt8], _ context: ChannelHandlerContext) {
        writeBelowFrames(ByteBuffer(bytes: bytes), context, promise: nil)
    }

    private func writeBelowFrames(_ bytes: ByteBuffer, _ context: ChannelHandlerContext, promise: EventLoopPromise<Void>?) {
        guard !isFrozen else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        do {
            let encoder = try context.pipeline.syncOperations.context(handlerType: WebSocketFrameEncoder.self)
            encoder.write(NIOAny(bytes), promise: promise)
            needsFlush = true
        } catch {
            promise?.fail(error)
            noteEnding(.transport, code: 0, reason: "no frame encoder in the pipeline: \(error)")
            closeChannel(context)
        }
    }

    /// Closes the TCP connection without TLS' own good-bye.
    private func closeBelowTLS(_ context: ChannelHandlerContext) {
        phase = .closed
        if let tls = try? context.pipeline.syncOperations.context(handlerType: NIOSSLServerHandler.self) {
            tls.close(promise: nil)
        } else {
            context.close(promise: nil)
        }
    }

    /// The connection is gone: the last line about it. Once.
    private func finish() {
        guard let context else { return }
        self.context = nil
        phase = .closed
        session.closed()
        timer?.scheduled.cancel()
        timer = nil
        guard core.closed(number, channel: context.channel) else { return }
        let ending = ending ?? (.transport, 0, "handler removed")
        if let sent = program?.sent {
            packets = sent.count
            core.truth.add(
                .source, exchange: exchange.id, socket: number,
                [("first", .unsigned(sent.first)), ("last", .unsigned(sent.last)), ("packets", .unsigned(sent.count))])
        }
        core.truth.add(
            .close, exchange: exchange.id, socket: number,
            [
                ("cause", .text(ending.cause.rawValue)), ("reason", .text(ending.reason)), ("code", .number(Int64(ending.code))),
                ("packets", .unsigned(packets)), ("flushed", .unsigned(flushed)), ("closing", .number(closingBoot)),
            ])
    }
}
