import DequeModule
import Glibc
import NIOPosix
import Synchronization

/// Standard output of a worker that a supervisor started, as a pipe to it: one short line per change, and a `tick` every half second.
///
/// | line | means |
/// |---|---|
/// | `incarnation <text>` | first of all |
/// | `feeds <name> <name> ..` | all that are held |
/// | `tick` | the control loop turns |
/// | `worker <JSON>`, `feed <name> <JSON>` .., `reported` | for metrics, every other second |
///
/// Written on another thread: a supervisor that is stopped, and lets the pipe fill, must not stop the worker.
final class StatusPipe: Sendable {
    private struct State {
        var lines: Deque<String> = []
        /// Only the newest counts.
        var feeds: String?
        var isWriting = false
    }

    private let state = Mutex(State())
    /// False: nobody has given us a pipe, and standard output is a person's.
    private let isConnected: Bool
    /// Of lines; then new ones are dropped, which costs the supervisor a report or a tick, no more.
    private static let capacity = 4096

    init(isConnected: Bool) { self.isConnected = isConnected }

    func write(_ line: String) {
        enqueue { state in
            if state.lines.count < Self.capacity { state.lines.append(line) }
        }
    }

    func tell(feeds: [String]) {
        enqueue { $0.feeds = (["feeds"] + feeds).joined(separator: " ") }
    }

    private func enqueue(_ change: (inout State) -> Void) {
        guard isConnected else { return }
        let starts = state.withLock { state in
            change(&state)
            guard !state.isWriting else { return false }
            state.isWriting = true
            return true
        }
        guard starts else { return }
        NIOThreadPool.singleton.submit { [self] _ in drain() }
    }

    private func drain() {
        while let line = next() {
            var bytes = Array((line + "\n").utf8)[...]
            while !bytes.isEmpty {
                let written = bytes.withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
                // A supervisor that is gone is of no concern to the worker.
                guard written > 0 || errno == EINTR else { break }
                bytes = bytes.dropFirst(max(0, written))
            }
        }
    }

    private func next() -> String? {
        state.withLock { state in
            if let feeds = state.feeds {
                state.feeds = nil
                return feeds
            }
            if let line = state.lines.popFirst() { return line }
            state.isWriting = false
            return nil
        }
    }
}
