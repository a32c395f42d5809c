import Logging
import TestSupport

/// The lines that something logs, to be awaited.
struct LogLines: Sendable {
    struct Line: Sendable {
        var level: Logger.Level
        var message: String
        var metadata: Logger.Metadata
        var error: (any Error)?
    }

    let lines: AsyncStream<Line>
    let logger: Logger

    init(level: Logger.Level = .info) {
        let (stream, continuation) = AsyncStream<Line>.makeStream(bufferingPolicy: .bufferingOldest(1000))
        lines = stream
        logger = Logger(label: "test") { _ in Handler(continuation: continuation, logLevel: level) }
    }

    /// The next line with this message. Called by one task at a time.
    func next(_ message: String) async throws -> Line {
        for await line in lines where line.message == message { return line }
        throw TestFailure("'\(message)' was not logged")
    }

    private struct Handler: LogHandler {
        let continuation: AsyncStream<Line>.Continuation
        var logLevel: Logger.Level
        var metadata: Logger.Metadata = [:]

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            continuation.yield(
                Line(
                    level: event.level, message: "\(event.message)",
                    metadata: metadata.merging(event.metadata ?? [:]) { $1 }, error: event.error))
        }
    }
}
