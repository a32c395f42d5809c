internal import Coordination
internal import Ingest
internal import Synchronization

/// A line of `faults.jsonl`: what was done to the cluster, by whoever did it.
///
/// `{"t":"fault","boot":..,"kind":"kill","worker":"worker-1.0123456789abcdef","feeds":"binance kraken","detail":".."}`
package struct FaultRecord: Sendable, Hashable {
    /// Boot time of the act, nanoseconds.
    package var boot: Int64
    /// The drill's word: `kill`, `freeze`, `cut-redis`, `restart-redis`, ...
    package var kind: String
    /// The incarnation it was done to; empty: to no worker in particular.
    package var worker: String
    /// The feeds that it hits; empty: those the worker held, and without a worker every feed that changed its socket within `reach`.
    package var feeds: [String]
    package var detail: String

    package init(boot: Int64, kind: String, worker: String = "", feeds: [String] = [], detail: String = "") {
        self.boot = boot
        self.kind = kind
        self.worker = worker
        self.feeds = feeds
        self.detail = detail
    }
}

/// Writes `faults.jsonl`, each line at once. Any thread.
package final class FaultLog: Sendable {
    private struct State: ~Copyable {
        var file: LineFile
    }

    private let state: Mutex<State>

    package init(_ directory: RecordingDirectory) throws(HistoryError) {
        try directory.create()
        let file = try LineFile(directory.faults)
        state = Mutex(State(file: file))
    }

    /// Notes an act; `boot` is now by default. Call it directly before the act.
    package func add(
        _ kind: String, worker: String = "", feeds: [String] = [], detail: String = "", boot: Int64 = LocalTime.now().nanoseconds
    ) throws(HistoryError) {
        var line = JSONLine()
        line.add("t", .text("fault"))
        line.add("boot", .number(boot))
        line.add("kind", .text(kind))
        line.add("worker", .text(worker))
        line.add("feeds", .text(feeds.joined(separator: " ")))
        line.add("detail", .text(detail))
        let bytes = line.finished()
        let result = state.withLock { state in
            Result { () throws(HistoryError) in
                try state.file.append(bytes)
                try state.file.flush()
            }
        }
        try result.get()
    }
}
