import NIOPosix
import Synchronization

/// Does slow work with the newest of the values it is given, one at a time, on another thread; values that are overtaken are left out.
final class NewestWriter<Value: Sendable>: Sendable {
    private struct State {
        var value: Value?
        var isWorking = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())
    private let work: @Sendable (Value) -> Void

    init(_ work: @escaping @Sendable (Value) -> Void) { self.work = work }

    func submit(_ value: Value) {
        let starts = state.withLock { state in
            state.value = value
            guard !state.isWorking else { return false }
            state.isWorking = true
            return true
        }
        if starts { NIOThreadPool.singleton.submit { [self] _ in drain() } }
    }

    /// Returns when everything given so far is done with.
    func finish() async {
        await withCheckedContinuation { continuation in
            let isIdle = state.withLock { state in
                if state.isWorking { state.waiting.append(continuation) }
                return !state.isWorking
            }
            if isIdle { continuation.resume() }
        }
    }

    private func drain() {
        while true {
            let (value, waiting) = state.withLock { state -> (Value?, [CheckedContinuation<Void, Never>]) in
                if let value = state.value {
                    state.value = nil
                    return (value, [])
                }
                state.isWorking = false
                defer { state.waiting = [] }
                return (nil, state.waiting)
            }
            for continuation in waiting { continuation.resume() }
            guard let value else { return }
            work(value)
        }
    }
}
