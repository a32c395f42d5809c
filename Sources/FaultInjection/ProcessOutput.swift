internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// The lines a child process wrote, the last 5 000 of them; callers wait for one to appear.
package final class ProcessOutput: Sendable {
    private struct Waiter {
        let text: String
        let promise: EventLoopPromise<Void>
    }

    private struct State {
        var lines: [String] = []
        var waiters: [Int: Waiter] = [:]
        var nextWaiter = 0
        var hasEnded = false
    }

    private let state = Mutex(State())
    private let eventLoop: any EventLoop

    private init(eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    static func follow(_ descriptor: CInt) async throws -> ProcessOutput {
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        let output = ProcessOutput(eventLoop: eventLoop)
        _ = try await ClientBootstrap(group: eventLoop).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(LineHandler(output: output)) }
        }.withConnectedSocket(descriptor).get()
        return output
    }

    package var text: String { state.withLock { $0.lines.joined(separator: "\n") } }

    /// Returns once a line that contains `text` was written, at once if it was already. Throws when the output ends or `timeout` passes first.
    package func waitFor(_ text: String, timeout: Duration = .seconds(30)) async throws {
        let promise = eventLoop.makePromise(of: Void.self)
        let waiter: Int? = state.withLock { state in
            if state.lines.contains(where: { $0.contains(text) }) || state.hasEnded { return nil }
            state.waiters[state.nextWaiter] = Waiter(text: text, promise: promise)
            state.nextWaiter += 1
            return state.nextWaiter - 1
        }
        guard let waiter else {
            let found = state.withLock { $0.lines.contains { $0.contains(text) } }
            found ? promise.succeed() : promise.fail(failure("its output ended", waitingFor: text))
            return try await promise.futureResult.get()
        }
        let timer = eventLoop.scheduleTask(in: TimeAmount(timeout)) { [self] in
            guard let late = state.withLock({ $0.waiters.removeValue(forKey: waiter) }) else { return }
            late.promise.fail(failure("\(timeout) passed", waitingFor: text))
        }
        defer { timer.cancel() }
        try await promise.futureResult.get()
    }

    fileprivate func append(_ line: String) {
        let found: [Waiter] = state.withLock { state in
            state.lines.append(line)
            if state.lines.count > 5_000 { state.lines.removeFirst(1_000) }
            let found = state.waiters.filter { line.contains($0.value.text) }
            for key in found.keys { state.waiters.removeValue(forKey: key) }
            return Array(found.values)
        }
        for waiter in found { waiter.promise.succeed() }
    }

    fileprivate func end() {
        let left: [Waiter] = state.withLock { state in
            state.hasEnded = true
            defer { state.waiters = [:] }
            return Array(state.waiters.values)
        }
        for waiter in left { waiter.promise.fail(failure("its output ended", waitingFor: waiter.text)) }
    }

    private func failure(_ what: String, waitingFor text: String) -> FaultInjectionError {
        let tail = state.withLock { $0.lines.suffix(20).joined(separator: "\n") }
        return FaultInjectionError(.output, "\(what) before a child process wrote \"\(text)\"; it wrote:\n\(tail)")
    }
}

private final class LineHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let output: ProcessOutput
    private var partial = ByteBuffer()

    init(output: ProcessOutput) { self.output = output }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        partial.writeImmutableBuffer(unwrapInboundIn(data))
        while let end = partial.readableBytesView.firstIndex(of: UInt8(ascii: "\n")) {
            output.append(partial.readString(length: end - partial.readerIndex) ?? "")
            partial.moveReaderIndex(forwardBy: 1)
        }
        partial.discardReadBytes()
    }

    func channelInactive(context: ChannelHandlerContext) {
        if partial.readableBytes > 0 { output.append(String(buffer: partial)) }
        output.end()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
