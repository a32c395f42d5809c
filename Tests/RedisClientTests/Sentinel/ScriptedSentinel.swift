import NIOCore
import NIOPosix
import RedisClient
import Synchronization

/// A server that answers as a Sentinel would, or as none would: what the test says.
final class ScriptedSentinel: Sendable {
    enum Answer: Sendable {
        case names(RedisNode)
        case reply(String)
        /// Takes the question and stays silent.
        case silence
    }

    private struct State {
        var answer: Answer
        var questions = 0
        var subscribers: [any Channel] = []
        var waiting: [EventLoopPromise<Void>] = []
    }

    let node: RedisNode
    private let listener: any Channel
    private let state: Mutex<State>

    static func start(_ answer: Answer) async throws -> ScriptedSentinel {
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        let box = NIOLoopBoundBox<ScriptedSentinel?>.makeEmptyBox(valueType: ScriptedSentinel.self, eventLoop: eventLoop)
        let listener = try await ServerBootstrap(group: eventLoop)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Handler { words, channel in box.value?.heard(words, channel) })
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let sentinel = ScriptedSentinel(
            node: RedisNode(host: "127.0.0.1", port: listener.localAddress?.port ?? 0), listener: listener, answer: answer)
        try await eventLoop.submit { box.value = sentinel }.get()
        return sentinel
    }

    private init(node: RedisNode, listener: any Channel, answer: Answer) {
        self.node = node
        self.listener = listener
        self.state = Mutex(State(answer: answer))
    }

    /// Times it was asked for the master.
    var questions: Int { state.withLock { $0.questions } }

    func answer(_ answer: Answer) { state.withLock { $0.answer = answer } }

    /// Returns when somebody listens to what it publishes.
    func untilHeard() async throws {
        let promise = listener.eventLoop.makePromise(of: Void.self)
        let isHeard = state.withLock { state in
            if state.subscribers.isEmpty { state.waiting.append(promise) }
            return !state.subscribers.isEmpty
        }
        if isHeard { promise.succeed() }
        try await promise.futureResult.get()
    }

    /// Returns when the listeners have hung up.
    func untilDeserted() async throws {
        for channel in state.withLock({ $0.subscribers }) { try await channel.closeFuture.get() }
    }

    func publish(_ text: String) {
        let message = "*3\r\n$7\r\nmessage\r\n$14\r\n+switch-master\r\n$\(text.utf8.count)\r\n\(text)\r\n"
        for channel in state.withLock({ $0.subscribers }) { channel.writeAndFlush(ByteBuffer(string: message), promise: nil) }
    }

    func stop() async throws { try await listener.close() }

    private func heard(_ words: [String], _ channel: any Channel) {
        func say(_ text: String) { channel.writeAndFlush(ByteBuffer(string: text), promise: nil) }
        switch words.first {
        case "PING": say("+PONG\r\n")
        case "SUBSCRIBE":
            say("*3\r\n$9\r\nsubscribe\r\n$14\r\n+switch-master\r\n:1\r\n")
            let waiting = state.withLock { state in
                state.subscribers.append(channel)
                defer { state.waiting = [] }
                return state.waiting
            }
            for promise in waiting { promise.succeed() }
        case "SENTINEL":
            let answer = state.withLock { state in
                state.questions += 1
                return state.answer
            }
            switch answer {
            case .names(let node):
                say("*2\r\n$\(node.host.utf8.count)\r\n\(node.host)\r\n$\("\(node.port)".utf8.count)\r\n\(node.port)\r\n")
            case .reply(let text): say(text)
            case .silence: break
            }
        default: say("-ERR unknown command\r\n")
        }
    }

    /// Commands are arrays of strings, as replies may be.
    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let reader = RedisReplyReader(maximumReplyBytes: 4096, maximumReplyElements: 64)
        private let heard: ([String], any Channel) -> Void

        init(_ heard: @escaping ([String], any Channel) -> Void) { self.heard = heard }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            do {
                try reader.read(unwrapInboundIn(data)) { command in
                    heard((command.array ?? []).map { $0.string ?? "" }, context.channel)
                    return true
                }
            } catch {
                context.close(promise: nil)
            }
        }
    }
}

/// Runs `body` with a scripted Sentinel and the endpoint that names it.
func withScriptedSentinel<Result>(
    _ answer: ScriptedSentinel.Answer, _ body: (ScriptedSentinel, RedisEndpoint) async throws -> Result
) async throws -> Result {
    let sentinel = try await ScriptedSentinel.start(answer)
    let result: Result
    do {
        result = try await body(sentinel, RedisEndpoint(address: .sentinel(.init(nodes: [sentinel.node], master: "m"))))
    } catch {
        try await sentinel.stop()
        throw error
    }
    try await sentinel.stop()
    return result
}
