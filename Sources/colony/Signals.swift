import UnixSignals

/// Runs `body` until it returns, or until SIGINT or SIGTERM, which cancel it.
func untilSignal<Result: Sendable>(_ body: @escaping @Sendable () async throws -> Result) async throws -> Result? {
    try await withThrowingTaskGroup(of: Result?.self) { group in
        group.addTask { try await body() }
        group.addTask {
            for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) { return nil }
            return nil
        }
        var result: Result?
        if let first = try await group.next() { result = first }
        group.cancelAll()
        // A body that a signal cancelled takes its things down before it returns.
        while let next = try await group.next() { result = result ?? next }
        return result
    }
}
