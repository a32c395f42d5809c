internal import NIOCore
internal import NIOPosix

/// The echo client that the Autobahn test suite judges: `AutobahnClient.run(url: "ws://127.0.0.1:9001", agent: "colony")`.
public enum AutobahnClient {
    /// The longest that one case may take: the judge has limits of its own, and a slow one took five minutes over a thousand messages.
    static let caseTimeout = Duration.seconds(1800)

    /// Runs every case of the server at `url`, then asks it to write its report. Messages are echoed in the type they came in; permessage-deflate is offered.
    /// - Parameter progress: called before each case with its number and the number of cases.
    /// - Throws: `WebSocketConnectError` when the server cannot be reached, `AutobahnError` when it does not say how many cases it has. How a case ends is the
    ///   server's to judge and no error. Cancelling resets the connection and throws `CancellationError`.
    public static func run(url: String, agent: String, progress: @Sendable (Int, Int) -> Void = { _, _ in }) async throws {
        let base = url.hasSuffix("/") ? String(url.dropLast()) : url
        let name = percentEncoded(agent)
        let greeting = try await session("\(base)/getCaseCount", echoes: false)
        guard let text = greeting, let count = Int(text) else {
            throw AutobahnError(
                description: "\(base)/getCaseCount answered \(greeting.map { "\"\($0.prefix(100))\"" } ?? "nothing"), not a number of cases"
            )
        }
        for number in stride(from: 1, through: count, by: 1) {
            progress(number, count)
            do {
                _ = try await session("\(base)/runCase?case=\(number)&agent=\(name)", echoes: true)
            } catch let error as WebSocketConnectError where [.closed, .badUpgrade, .upgradeRefused].contains(error.code) {
                continue  // part of the case
            }
        }
        _ = try await session("\(base)/updateReports?agent=\(name)", echoes: false)
    }

    /// One websocket from beginning to end; answers the first text message.
    private static func session(_ url: String, echoes: Bool) async throws -> String? {
        let eventLoop = MultiThreadedEventLoopGroup.singleton.any()
        let promise = eventLoop.makePromise(of: String?.self)
        let session = NIOLoopBoundBox.makeBoxSendingValue(EchoSession(echoes: echoes, promise: promise), eventLoop: eventLoop)
        return try await withTaskCancellationHandler {
            eventLoop.execute { session.value.start(url, on: eventLoop) }
            return try await promise.futureResult.get()
        } onCancel: {
            eventLoop.execute { session.value.cancel() }
        }
    }

    private static func percentEncoded(_ text: String) -> String {
        let hex = Array("0123456789ABCDEF")
        return text.utf8.map { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "-"),
                UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
                String(UnicodeScalar(byte))
            default: "%\(hex[Int(byte >> 4)])\(hex[Int(byte & 15)])"
            }
        }.joined()
    }
}

/// A server that is no Autobahn server.
public struct AutobahnError: Error, Sendable, CustomStringConvertible {
    public var description: String
}

/// One websocket of the suite.
private final class EchoSession: WebSocketDelegate {
    private let echoes: Bool
    private let promise: EventLoopPromise<String?>
    private var attempt: WebSocketConnectAttempt?
    private var connection: WebSocketConnection?
    private var deadline: Scheduled<Void>?
    private var firstText: String?
    private var isCancelled = false

    init(echoes: Bool, promise: EventLoopPromise<String?>) {
        self.echoes = echoes
        self.promise = promise
    }

    func start(_ url: String, on eventLoop: any EventLoop) {
        guard !isCancelled else { return promise.fail(CancellationError()) }
        var configuration = WebSocketConfiguration(url: url)
        configuration.offersDeflate = true
        deadline = eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(AutobahnClient.caseTimeout)) { [self] in connection?.abort() }
        attempt = WebSocketConnection.connect(configuration, on: eventLoop, delegate: self) { [self] result in
            attempt = nil
            switch result {
            case .success(let opened): connection = opened
            case .failure(let error): finish { isCancelled ? $0.fail(CancellationError()) : $0.fail(error) }
            }
        }
    }

    func cancel() {
        isCancelled = true
        attempt?.cancel()
        connection?.abort()
    }

    func webSocketReceived(_ kind: WebSocketMessageKind, _ payload: UnsafeRawBufferPointer) {
        if firstText == nil, kind == .text { firstText = String(decoding: payload, as: UTF8.self) }
        if echoes { connection?.send(kind, ByteBuffer(bytes: payload), promise: nil) }
    }

    func webSocketBurstEnded() {}
    func webSocketReceivedPing(_ payload: UnsafeRawBufferPointer) {}
    func webSocketReceivedPong(_ payload: UnsafeRawBufferPointer) {}

    func webSocketClosed(_ reason: WebSocketCloseReason) {
        connection = nil
        finish { isCancelled ? $0.fail(CancellationError()) : $0.succeed(firstText) }
    }

    private func finish(_ complete: (EventLoopPromise<String?>) -> Void) {
        deadline?.cancel()
        deadline = nil
        complete(promise)
    }
}
