import ColonyExchanges
import Coordination
import Logging
import NIOCore
import NIOPosix
import Testing
import WebSocketClient

@testable import Ingest

/// Subscriptions in the address, byte by byte, at an exchange whose answers the test writes.
@Suite("Subscriptions in the address, on the wire") struct AddressWireTests {
    private static let loop: any EventLoop = MultiThreadedEventLoopGroup.singleton.next()
    private static let logger = {
        var logger = Logger(label: "address")
        logger.logLevel = .critical
        return logger
    }()

    private static func dialect(_ id: String, _ port: Int) throws -> any Dialect {
        var dialect = try Exchanges.dialect(id)
        dialect.profile.url = "ws://127.0.0.1:\(port)\(id == "bitmex" ? "/realtime" : "/stream")"
        return dialect
    }

    private static let btc = Topic(channel: "trade", symbol: "BTCUSDT")
    private static let eth = Topic(channel: "trade", symbol: "ETHUSDT")
    private static let trade = #"{"stream":"btcusdt@trade","data":{"e":"trade","E":1,"s":"BTCUSDT","t":1,"p":"1","q":"1","T":1,"m":true}}"#

    @Test(.timeLimit(.minutes(1)))
    func `the request names what is wanted, and a packet right behind its answer is received before the client has said anything`()
        async throws
    {
        try await WirePeer.run { peer in
            let client = DirectClient(
                DirectConfiguration(dialect: try Self.dialect("binance", peer.port)), topics: [Self.btc, Self.eth], on: Self.loop,
                logger: Self.logger)
            let events = Task {
                var seen: [DirectClient.Event] = []
                for await event in client {
                    seen.append(event)
                    switch event {
                    case .packet, .disconnected, .attemptFailed: return seen
                    case .connected, .reconnected, .subscription, .notice, .malformed: break
                    }
                }
                return seen
            }
            let connection = try await peer.accept()
            let request = try await connection.request()
            #expect(request.first == "GET /stream?streams=btcusdt@trade/ethusdt@trade HTTP/1.1")
            #expect(request.contains("Host: 127.0.0.1:\(peer.port)"))
            try await connection.accept(Self.trade)
            let seen = await events.value
            #expect(
                seen.contains { event in
                    if case .packet(let packet) = event { packet.topic == Self.btc && packet.text == Self.trade } else { false }
                })
            #expect(seen.contains(.subscription(Self.btc, .receiving)))
            #expect(!seen.contains(.subscription(Self.btc, .acknowledged)))
            // Everything the client ever sent.
            #expect(await connection.frame()?.opcode == WireConnection.Frame.close)
            connection.close()
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `while the REST service is waited for nothing is subscribed, in the address neither`() async throws {
        try await WirePeer.run { peer in
            var configuration = DirectConfiguration(dialect: try Self.dialect("bitmex", peer.port))
            configuration.readyURL = "http://127.0.0.1:\(peer.port)/healthy"
            let client = DirectClient(
                configuration, topics: [Topic(channel: "trade", symbol: "XBTUSD")], on: Self.loop, logger: Self.logger)
            let events = Task { for await _ in client {} }
            let connection = try await peer.accept()
            #expect(try await connection.request().first == "GET /realtime HTTP/1.1")
            events.cancel()
            await events.value
            connection.close()
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `what is given up while the websocket opens is unsubscribed by message`() async throws {
        try await WirePeer.run { peer in
            try await Rig.run(Self.dialect("binance", peer.port)) { rig in
                try await rig.run { session in
                    session.desire([Self.btc, Self.eth], version: 1)
                    session.startAttempt()
                    session.connect()
                }
                let connection = try await peer.accept()
                #expect(try await connection.request().first == "GET /stream?streams=btcusdt@trade/ethusdt@trade HTTP/1.1")
                try await rig.run { $0.desire([Self.eth], version: 2) }
                try await connection.accept()
                #expect(await connection.frame()?.text == #"{"method":"UNSUBSCRIBE","params":["btcusdt@trade"],"id":1}"#)
                try await rig.run { $0.desire([Self.eth, Self.btc], version: 3) }
                #expect(await connection.frame()?.text == #"{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":2}"#)
            }
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a connection made ready beforehand asks for what is wanted at the moment of the upgrade`() async throws {
        try await WirePeer.run { peer in
            try await Rig.run(Self.dialect("binance", peer.port)) { rig in
                try await rig.run { session in
                    session.desire([Self.btc], version: 1)
                    session.prewarm(for: .seconds(600)) { rig.tell("warm \($0)") }
                }
                #expect(await rig.next() == "warm true")
                let connection = try await peer.accept()
                try await rig.run { session in
                    session.desire([Self.btc, Self.eth], version: 2)
                    session.startAttempt()
                    session.connect()
                }
                // On the connection that stood ready: there is no other.
                #expect(try await connection.request().first == "GET /stream?streams=btcusdt@trade/ethusdt@trade HTTP/1.1")
                try await connection.accept()
                #expect(await rig.next() == "opened")
                try await rig.run { $0.close(within: .seconds(10)) }
                #expect(await connection.frame()?.opcode == WireConnection.Frame.close)
                connection.close()
                #expect(await rig.next() == "closed")
            }
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `an address that is refused is tried without topics, which go by message then`() async throws {
        try await WirePeer.run { peer in
            try await Rig.run(Self.dialect("binance", peer.port)) { rig in
                func dial() async throws -> WireConnection {
                    try await rig.run { session in
                        session.desire([Self.btc], version: 1)
                        session.startAttempt()
                        session.connect()
                    }
                    return try await peer.accept()
                }
                let first = try await dial()
                #expect(try await first.request().first == "GET /stream?streams=btcusdt@trade HTTP/1.1")
                try await first.refuse(414)
                #expect(await rig.next()?.hasPrefix("failed: ") == true)
                for connection in 2...3 {
                    let plain = try await dial()
                    #expect(try await plain.request().first == "GET /stream HTTP/1.1", "connection \(connection)")
                    try await plain.accept()
                    #expect(await rig.next() == "opened")
                    #expect(await plain.frame()?.text.hasPrefix(#"{"method":"SUBSCRIBE","params":["btcusdt@trade"]"#) == true)
                    plain.close()
                    #expect(await rig.next() == "lost")
                }
            }
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `the next connection asks in its address again`() async throws {
        try await WirePeer.run { peer in
            try await Rig.run(Self.dialect("bitmex", peer.port)) { rig in
                for version in 1...2 {
                    try await rig.run { session in
                        session.desire([Topic(channel: "trade", symbol: "XBTUSD")], version: 1)
                        session.startAttempt()
                        session.connect()
                    }
                    let connection = try await peer.accept()
                    #expect(
                        try await connection.request().first == "GET /realtime?subscribe=trade:XBTUSD HTTP/1.1", "connection \(version)")
                    try await connection.accept(
                        #"{"success":true,"subscribe":"trade:XBTUSD","request":{"op":"subscribe","args":["trade:XBTUSD"]}}"#)
                    #expect(await rig.next() == "opened")
                    #expect(await rig.next() == "trade XBTUSD acknowledged")
                    connection.close()
                    #expect(await rig.next() == "trade XBTUSD pending")
                    #expect(await rig.next() == "lost")
                }
            }
        }
    }
}

/// A session of its own, driven by a test.
private final class Rig: ExchangeSessionOwner, DirectPathReceiver {
    private let configuration: DirectConfiguration
    private var session: ExchangeSession<Rig>!
    private let tell: AsyncStream<String>.Continuation

    /// The rig on its loop, and what it has told.
    final class Handle: @unchecked Sendable {
        // Proof: the iterator is used by the test's task alone; the rig on its loop.
        private let loop: any EventLoop
        private let rig: NIOLoopBound<Rig>
        private var told: AsyncStream<String>.AsyncIterator
        private let continuation: AsyncStream<String>.Continuation

        init(_ loop: any EventLoop, _ rig: NIOLoopBound<Rig>, _ told: AsyncStream<String>, _ continuation: AsyncStream<String>.Continuation)
        {
            self.loop = loop
            self.rig = rig
            self.told = told.makeAsyncIterator()
            self.continuation = continuation
        }

        func run(_ body: @escaping @Sendable (ExchangeSession<Rig>) -> Void) async throws {
            let rig = rig
            try await loop.submit { body(rig.value.session) }.get()
        }

        func tell(_ text: String) { continuation.yield(text) }
        func next() async -> String? { await told.next() }
    }

    /// A rig for the time of `body`.
    static func run(_ dialect: any Dialect, _ body: (Handle) async throws -> Void) async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let (stream, continuation) = AsyncStream.makeStream(of: String.self)
        let bound = try await loop.submit { NIOLoopBound(Rig(dialect, on: loop, continuation), eventLoop: loop) }.get()
        let handle = Handle(loop, bound, stream, continuation)
        let result: Result<Void, any Error>
        do { result = .success(try await body(handle)) } catch { result = .failure(error) }
        try await handle.run { $0.shutDown() }
        try result.get()
    }

    private init(_ dialect: any Dialect, on loop: any EventLoop, _ tell: AsyncStream<String>.Continuation) {
        configuration = DirectConfiguration(dialect: dialect)
        self.tell = tell
        var logger = Logger(label: "address")
        logger.logLevel = .critical
        let settings = SessionSettings(
            dialect: dialect, webSocket: configuration.webSocket, heartbeatStyle: .documented, firstDataWithin: .seconds(600),
            subscriptions: SubscriptionSettings(profile: dialect.profile), prewarms: true)
        session = ExchangeSession(settings, on: loop, owner: self, logger: logger, random: SystemRandomNumberGenerator())
    }

    func makePath(owner: any SessionPathOwner) -> DirectPath { DirectPath(configuration, owner: owner, receiver: self) }
    func sessionOpened(_ socket: WebSocketConnection) {
        tell.yield("opened")
        session.begin()
    }
    func sessionFailedToOpen(reason: String, retryAfter: Duration?) { tell.yield("failed: \(reason)") }
    func sessionReceivedData() {}
    func session(lost path: DirectPath, reason: String) { tell.yield("lost") }
    func session(closed path: DirectPath, reason: String) { tell.yield("closed") }
    func sessionFellSilent(reason: String) { tell.yield(reason) }
    func sessionShouldReconnect(reason: String) { tell.yield(reason) }
    func session(happened event: ExchangeSessionEvent) {
        // New topics are told as pending before anything is open.
        if case .subscription(let topic, let state) = event, session.number > 0 { tell.yield("\(topic) \(state)") }
    }
    func received(_ payload: UnsafeRawBufferPointer, of topic: Topic?, wallNanoseconds: Int64) {}
}
