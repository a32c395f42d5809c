internal import Synchronization

/// Carries one result from an event loop to one waiting task. The first result counts.
final class Handoff<Value: Sendable>: Sendable {
    private enum State {
        case empty
        case waiting(CheckedContinuation<Result<Value, RedisError>, Never>)
        case filled(Result<Value, RedisError>)
        case done
    }

    private let state = Mutex(State.empty)

    func fill(_ result: Result<Value, RedisError>) {
        let waiting: CheckedContinuation<Result<Value, RedisError>, Never>? = state.withLock { state in
            switch state {
            case .empty:
                state = .filled(result)
                return nil
            case .waiting(let continuation):
                state = .done
                return continuation
            case .filled, .done: return nil
            }
        }
        waiting?.resume(returning: result)
    }

    /// Called once. Cancellation fills in `.cancelled`, described by `what`.
    func value(orCancelled what: @Sendable () -> String) async throws(RedisError) -> Value {
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let filled: Result<Value, RedisError>? = state.withLock { state in
                    switch state {
                    case .empty:
                        state = .waiting(continuation)
                        return nil
                    case .filled(let result):
                        state = .done
                        return result
                    case .waiting, .done: preconditionFailure("a result is awaited twice")
                    }
                }
                if let filled { continuation.resume(returning: filled) }
            }
        } onCancel: {
            fill(.failure(RedisError(.cancelled, what())))
        }
        return try result.get()
    }
}
