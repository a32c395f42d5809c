import Coordination
import Logging
import NIOPosix
import Synchronization

/// Stores epoch floors without holding up the loop that raises them: a store syncs the disk. While one is under way newer floors wait, and only
/// the newest of them are stored.
final class EpochFloorWriter: Sendable {
    private struct State {
        var waiting: EpochFloors?
        var isWriting = false
    }

    private let store: EpochFloorStore
    private let logger: Logger
    private let state = Mutex(State())
    private let pool = NIOThreadPool(numberOfThreads: 1)

    init(_ store: EpochFloorStore, logger: Logger) {
        self.store = store
        self.logger = logger
        pool.start()
    }

    /// Any thread.
    func write(_ floors: EpochFloors) {
        let mustStart = state.withLock { state in
            state.waiting = floors
            defer { state.isWriting = true }
            return !state.isWriting
        }
        if mustStart { pool.submit { [self] item in if item == .active { writeWaiting() } } }
    }

    /// Returns when everything is stored. For the end of the process.
    func close() async {
        do { try await pool.shutdownGracefully() } catch { logger.warning("The writer of epoch floors could not be ended", error: error) }
        // What came while the last store was under way, had the pool no turn left for it.
        writeWaiting()
    }

    private func writeWaiting() {
        while true {
            let next = state.withLock { state -> EpochFloors? in
                defer { state.waiting = nil }
                if state.waiting == nil { state.isWriting = false }
                return state.waiting
            }
            guard let next else { return }
            do { try store.store(next) } catch { logger.warning("Epoch floors could not be stored", error: error) }
        }
    }
}
