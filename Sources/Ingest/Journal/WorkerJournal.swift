package import Coordination
import Glibc
import NIOPosix
import Synchronization

/// Writes a worker's journal (`WorkerEvent`) for the history checker. Off unless the setting `history` names a directory.
///
/// `add` never waits for the disk: lines gather in memory and a thread of the journal's own writes them at once. What a process that is killed had
/// not written yet is lost, at most some tenths of a millisecond's worth on a healthy disk. When the disk is so slow that `capacity` bytes have
/// gathered, further lines are dropped, counted, and replaced by one `hole` line.
package final class WorkerJournal: Sendable {
    private struct State {
        var descriptor: Int32
        var pending: [UInt8] = []
        var dropped: Int64 = 0
        var isWriting = false
        var failure: String?
    }

    package static let capacity = 4 << 20

    package let path: String
    private let state: Mutex<State>
    private let pool: NIOThreadPool

    /// Opens `<directory>/workers/<incarnation>.jsonl`; makes the directories. Throws text that says what failed.
    package init(directory: String, incarnation: Incarnation) throws(WorkerJournalError) {
        for level in [directory, "\(directory)/workers"] where mkdir(level, 0o755) != 0 && errno != EEXIST {
            throw WorkerJournalError("cannot make the directory \(level) for the worker's journal: \(String(cString: strerror(errno)))")
        }
        path = "\(directory)/workers/\(incarnation).jsonl"
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw WorkerJournalError("cannot open the worker's journal \(path): \(String(cString: strerror(errno)))")
        }
        state = Mutex(State(descriptor: descriptor))
        pool = NIOThreadPool(numberOfThreads: 1)
        pool.start()
    }

    deinit {
        state.withLock { if $0.descriptor >= 0 { Glibc.close($0.descriptor) } }
    }

    /// The first write that failed, if any.
    package var failure: String? { state.withLock { $0.failure } }

    /// Any thread.
    package func add(
        _ kind: WorkerEvent.Kind, feed: FeedName? = nil, at time: LocalTime = .now(), _ fields: [JSONLine.Field] = []
    ) {
        let line = WorkerEvent(kind, boot: time.nanoseconds, feed: feed, fields).line
        let mustStart = state.withLock { state in
            guard state.descriptor >= 0 else { return false }
            guard state.pending.count + line.count <= Self.capacity else {
                state.dropped += 1
                return false
            }
            if state.dropped > 0 {
                let hole = WorkerEvent(.hole, boot: time.nanoseconds, [("lines", .number(state.dropped))]).line
                state.pending.append(contentsOf: hole)
                state.dropped = 0
            }
            state.pending.append(contentsOf: line)
            defer { state.isWriting = true }
            return !state.isWriting
        }
        if mustStart { pool.submit { [self] item in if item == .active { writePending() } } }
    }

    /// Writes what has gathered and closes the file. For the end of the process: later lines go nowhere.
    package func close() async {
        do { try await pool.shutdownGracefully() } catch { note("its thread could not be ended: \(error)") }
        // What came while the last write was under way; nobody else writes any more.
        let (bytes, descriptor) = state.withLock { state in
            var bytes = state.pending
            if state.dropped > 0 {
                bytes += WorkerEvent(.hole, boot: LocalTime.now().nanoseconds, [("lines", .number(state.dropped))]).line
            }
            defer {
                state.pending = []
                state.dropped = 0
                state.descriptor = -1
            }
            return (bytes, state.descriptor)
        }
        guard descriptor >= 0 else { return }
        if let problem = Self.write(bytes, to: descriptor) { note(problem) }
        Glibc.close(descriptor)
    }

    private func writePending() {
        while true {
            let (bytes, descriptor) = state.withLock { state in
                defer { state.pending = [] }
                if state.pending.isEmpty || state.descriptor < 0 { state.isWriting = false }
                return (state.pending, state.descriptor)
            }
            guard !bytes.isEmpty, descriptor >= 0 else { return }
            if let problem = Self.write(bytes, to: descriptor) { note(problem) }
        }
    }

    private func note(_ problem: String) {
        state.withLock { if $0.failure == nil { $0.failure = "cannot write the worker's journal \(path): \(problem)" } }
    }

    /// nil when all was written, else why not.
    private static func write(_ bytes: [UInt8], to descriptor: Int32) -> String? {
        var position = 0
        while position < bytes.count {
            let written = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress?.advanced(by: position), $0.count - position) }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { return String(cString: strerror(errno)) }
            position += written
        }
        return nil
    }
}

/// Why a journal cannot be kept.
package struct WorkerJournalError: Error, CustomStringConvertible {
    package var description: String
    init(_ description: String) { self.description = description }
}
