import Coordination
import Synchronization

/// A worker's place under its supervisor: the name stays, the processes in it come and go.
final class WorkerSlot: Sendable {
    let name: String
    private struct State {
        var child = ChildState()
        var starts = 0
        var isBeingReplaced = false
    }

    private let state = Mutex(State())

    init(name: String) { self.name = name }

    /// The process that runs, or ran last.
    var child: ChildState { state.withLock { $0.child } }
    /// Processes started after the first one.
    var restarts: Int { state.withLock { max(0, $0.starts - 1) } }
    /// The end of the process is wanted: the next one follows at once.
    var isBeingReplaced: Bool {
        get { state.withLock { $0.isBeingReplaced } }
        set { state.withLock { $0.isBeingReplaced = newValue } }
    }

    func startsChild() -> ChildState {
        let child = ChildState()
        state.withLock {
            $0.child = child
            $0.starts += 1
        }
        return child
    }
}
