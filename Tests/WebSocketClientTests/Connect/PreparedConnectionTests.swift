import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import WebSocketClient

/// A connection that is made ready and held before the upgrade.
@Suite struct PreparedConnectionTests {
    private enum Step: Sendable, Equatable {
        case ready
        case failed(WebSocketConnectError.Code)
        case open
    }

    private final class Flag: Sendable {
        private let value = Atomic<Bool>(false)
        var isSet: Bool { value.load(ordering: .sequentiallyConsistent) }
        func set() { value.store(true, ordering: .sequentiallyConsistent) }
    }

    /// An attempt on its loop, and what it has told.
    private struct Prepared: Sendable {
        let eventLoop: any EventLoop
        let attempt: NIOLoopBound<WebSocketConnectAttempt>
        let steps: AsyncStream<Step>
        let continuation: AsyncStream<Step>.Continuation

        /// `goesOn`: in the same turn of the loop, so before anything can be ready.
        static func start(_ configuration: WebSocketConfiguration, goesOn: Bool = false) async throws -> Prepared {
            let loop = MultiThreadedEventLoopGroup.singleton.any()
            return try await loop.submit {
                let (steps, continuation) = AsyncStream.makeStream(of: Step.self)
                let attempt = WebSocketConnection.prepare(
                    configuration, on: loop, onReady: { continuation.yield(.ready) },
                    onFailure: { continuation.yield(.failed($0.code)) })
                let prepared = Prepared(
                    eventLoop: loop, attempt: NIOLoopBound(attempt, eventLoop: loop), steps: steps, continuation: continuation)
                if goesOn { prepared.proceedNow() }
                return prepared
            }.get()
        }

        func proceed() { eventLoop.execute { proceedNow() } }

        private func proceedNow() {
            attempt.value.proceed(delegate: Listener()) { result in
                switch result {
                case .success(let connection):
                    continuation.yield(.open)
                    connection.abort()
                case .failure(let error): continuation.yield(.failed(error.code))
                }
            }
        }

        func retarget(to url: String) async throws -> Bool { try await eventLoop.submit { attempt.value.retarget(to: url) }.get() }

        func isOver() async throws -> Bool { try await eventLoop.submit { attempt.value.isOver }.get() }
    }

    private static func configuration(_ port: Int, _ roots: WebSocketConfiguration.Roots) -> WebSocketConfiguration {
        var configuration = WebSocketConfiguration(url: "wss://localhost:\(port)/")
        configuration.roots = roots
        configuration.connectTimeout = .seconds(45)
        return configuration
    }

    @Test(.timeLimit(.minutes(1)))
    func `TLS stands before the upgrade is asked for, which is when it is told to go on`() async throws {
        let mayAsk = Flag()
        try await TestTLS.withRoots { roots in
            let peer = try await ScriptedPeer.start(Certificates.localhost)
            defer { peer.stop() }
            let prepared = try await Prepared.start(Self.configuration(peer.port, roots))
            let connection = try await peer.accept()
            // Reads from the start, so that whatever comes too early is seen.
            async let firstByte = (connection.read(1), mayAsk.isSet)
            var steps = prepared.steps.makeAsyncIterator()
            #expect(await steps.next() == .ready)
            mayAsk.set()
            prepared.proceed()
            let (byte, mightAsk) = try await firstByte
            #expect(byte == Array("G".utf8))
            #expect(mightAsk)
            try await connection.write(PeerConnection.answer(to: "G" + connection.readHead()))
            #expect(await steps.next() == .open)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `going on before it is ready is enough`() async throws {
        try await TestTLS.withRoots { roots in
            try await ScriptedPeer.run(Certificates.localhost) { peer in
                try await peer.upgrade()
                await peer.waitForEnd()
            } body: { port in
                let prepared = try await Prepared.start(Self.configuration(port, roots), goesOn: true)
                var steps = prepared.steps.makeAsyncIterator()
                #expect(await steps.next() == .open)
            }
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `the upgrade is asked for at the path that was named last, of the same server only`() async throws {
        try await TestTLS.withRoots { roots in
            let peer = try await ScriptedPeer.start(Certificates.localhost)
            defer { peer.stop() }
            let prepared = try await Prepared.start(Self.configuration(peer.port, roots))
            let connection = try await peer.accept()
            // Before it is ready and behind that.
            #expect(try await prepared.retarget(to: "wss://localhost:\(peer.port)/stream?streams=a"))
            var steps = prepared.steps.makeAsyncIterator()
            #expect(await steps.next() == .ready)
            #expect(try await prepared.retarget(to: "wss://LOCALHOST:\(peer.port)/stream?streams=a/b"))
            for other in [
                "wss://localhost:\(peer.port + 1)/stream", "ws://localhost:\(peer.port)/stream", "wss://127.0.0.1:\(peer.port)/stream",
                "nowhere",
                "wss://localhost:\(peer.port)/stre am",
            ] {
                #expect(try await !prepared.retarget(to: other), "\(other)")
            }
            prepared.proceed()
            let head = try await connection.readHead()
            #expect(head.hasPrefix("GET /stream?streams=a/b HTTP/1.1\r\n"), "\(head)")
            try await connection.write(PeerConnection.answer(to: head))
            #expect(await steps.next() == .open)
            #expect(try await !prepared.retarget(to: "wss://localhost:\(peer.port)/stream?streams=c"), "it is over")
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `an end before going on is told, and the attempt is over`() async throws {
        try await TestTLS.withRoots { roots in
            let peer = try await ScriptedPeer.start(Certificates.localhost)
            defer { peer.stop() }
            let prepared = try await Prepared.start(Self.configuration(peer.port, roots))
            let connection = try await peer.accept()
            var steps = prepared.steps.makeAsyncIterator()
            #expect(await steps.next() == .ready)
            connection.reset()
            #expect(await steps.next() == .failed(.closed))
            #expect(try await prepared.isOver())
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `nobody listening is told as a failure`() async throws {
        try await ClosedPort.hold { port in
            let prepared = try await Prepared.start(WebSocketConfiguration(url: "ws://127.0.0.1:\(port)/"))
            var steps = prepared.steps.makeAsyncIterator()
            #expect(await steps.next() == .failed(.refused))
        }
    }
}
