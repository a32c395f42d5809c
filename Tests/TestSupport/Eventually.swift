internal import NIOCore
internal import NIOPosix

/// Asks again and again until `probe` has an answer, and returns it: for the state of other processes, which tell no events.
///
/// Throws `TestFailure` after `limit`, with what was awaited and the last error of `probe`, if any; errors before that count as "not yet".
@discardableResult
package func eventually<Answer: Sendable>(
    _ what: @autoclosure () -> String, within limit: Duration = .seconds(30), every interval: Duration = .milliseconds(50),
    isolation: isolated (any Actor)? = #isolation, _ probe: () async throws -> Answer?
) async throws -> Answer {
    let deadline = ContinuousClock.now + limit
    var lastError: (any Error)?
    while true {
        do {
            if let answer = try await probe() { return answer }
            lastError = nil
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            lastError = error
        }
        guard ContinuousClock.now < deadline else {
            throw TestFailure("\(limit) passed before \(what())" + (lastError.map { "; the last look failed: \($0)" } ?? ""))
        }
        try await MultiThreadedEventLoopGroup.singleton.any().scheduleTask(in: TimeAmount(interval)) {}.futureResult.get()
        try Task.checkCancellation()
    }
}
