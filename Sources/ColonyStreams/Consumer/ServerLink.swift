internal import Coordination
internal import Logging
internal import NIOCore
internal import RedisClient

/// The sequence of connections of one reader: one at a time, the next endpoint after a failure, with back-off.
final class ServerLink {
    let endpoints: [RedisEndpoint]
    private let eventLoop: any EventLoop
    private let name: String?
    private let replyTimeout: Duration
    private let attempts: Int?
    private let logger: Logger
    private var connection: RedisConnection?
    private var backoff = Backoff()
    private var random = SystemRandomNumberGenerator()
    private var turn = 0

    init(_ server: ReaderServer, eventLoop: any EventLoop, logger: Logger) {
        self.endpoints = server.endpoints
        self.eventLoop = eventLoop
        self.name = server.clientName
        self.replyTimeout = server.replyTimeout
        self.attempts = server.connectionAttempts
        self.logger = logger
    }

    /// True if the next call needs a new connection.
    var isDown: Bool { connection == nil }

    private func current() async throws(RedisError) -> RedisConnection {
        if let connection { return connection }
        let endpoint = endpoints[turn % endpoints.count]
        let connection = try await RedisConnection.connect(to: endpoint, name: name, on: eventLoop, timeout: replyTimeout)
        logger.debug("Connected to read streams", metadata: ["redis": "\(endpoint)"])
        self.connection = connection
        return connection
    }

    func send(_ command: [RedisArgument], blocking: Duration = .zero) async throws(RedisError) -> RedisValue {
        try await current().send(command, timeout: replyTimeout + blocking)
    }

    /// Sends the commands in one go; the answers are in their order.
    func sendAll(_ commands: [[RedisArgument]]) async throws(RedisError) -> [Result<RedisValue, RedisError>] {
        let connection = try await current()
        var results: [Result<RedisValue, RedisError>] = []
        results.reserveCapacity(commands.count)
        // Few enough at once to stay far below the connection's bound.
        for start in stride(from: 0, to: commands.count, by: 500) {
            let part = commands[start..<min(start + 500, commands.count)]
            let timeout = replyTimeout
            results += await withTaskGroup(of: Answer.self) { group in
                for (at, command) in part.enumerated() {
                    group.addTask { await Self.ask(connection, command, timeout: timeout, at: at) }
                }
                var answers = [Result<RedisValue, RedisError>](repeating: .success(.null), count: part.count)
                for await answer in group { answers[answer.at] = answer.result }
                return answers
            }
        }
        return results
    }

    private struct Answer: Sendable {
        var at: Int
        var result: Result<RedisValue, RedisError>
    }

    /// A function of its own: the optimiser of Swift 6.3 mistakes the index where this stands as a closure with typed throws.
    private static func ask(_ connection: RedisConnection, _ command: [RedisArgument], timeout: Duration, at: Int) async -> Answer {
        do {
            return Answer(at: at, result: .success(try await connection.send(command, timeout: timeout)))
        } catch {
            return Answer(at: at, result: .failure(error))
        }
    }

    /// To be called after a round of calls went well.
    func succeeded() { backoff.succeeded() }

    /// Drops the connection and waits as long as the back-off says. Throws what the caller must be told, or `CancellationError`.
    func recover(from error: RedisError, reading what: String) async throws {
        switch Recovery(error) {
        case .cancelled: throw CancellationError()
        case .giveUp: throw StreamsError(givingUp: error, reading: what)
        case .reconnect, .recreateGroups: break
        }
        try Task.checkCancellation()
        connection?.close()
        connection = nil
        turn += 1
        let wait = backoff.failed(using: &random)
        if let attempts, backoff.failures > attempts {
            throw StreamsError(
                .unavailable, "reading \(what) failed \(backoff.failures) times in a row, last: \(error.description)", cause: error)
        }
        logger.info(
            "Reading streams interrupted", metadata: ["reason": "\(error.description)", "retry.in_ms": "\(wait.wholeMilliseconds)"])
        if wait > .zero { try await ContinuousClock().sleep(for: wait) }
    }
}
