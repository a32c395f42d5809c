internal import DequeModule
internal import Glibc
internal import Synchronization

/// What really happened at the exchanges, written by them: see `TruthRecord` for the file's format.
///
/// The file is the record; in memory there are the newest lines only (`memoryLimit`) and the totals. Lines about sockets are written at once,
/// lines about packets when 64 KiB have gathered, at the latest after 100 ms (the server's timer calls `flush`).
package final class TruthLog: Sendable {
    private struct State {
        var descriptor: Int32
        var pending: [UInt8] = []
        var recent: Deque<TruthRecord> = []
        var summaries: [String: TruthSummary] = [:]
        var waiters: [UInt64: Waiter] = [:]
        var nextWaiter: UInt64 = 0
        var failure: SimulatorError?
        var isClosed = false
    }

    private struct Waiter {
        var matches: @Sendable (TruthRecord) -> Bool
        var continuation: CheckedContinuation<TruthRecord, any Error>
    }

    package let clock: TruthClock
    package let path: String?
    private let memoryLimit: Int
    private let state: Mutex<State>

    /// Opens (creates, empties) the file at `path`; without one the log is kept in memory only.
    package init(path: String?, memoryLimit: Int, clock: TruthClock = .system) throws(SimulatorError) {
        var descriptor: Int32 = -1
        if let path {
            descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0o644)
            guard descriptor >= 0 else {
                throw SimulatorError(.file, "cannot open the truth log \(path): \(String(cString: strerror(errno)))")
            }
        }
        self.path = path
        self.memoryLimit = memoryLimit
        self.clock = clock
        state = Mutex(State(descriptor: descriptor))
    }

    deinit {
        state.withLock { state in
            if state.descriptor >= 0 { Glibc.close(state.descriptor) }
        }
    }

    /// The newest records, oldest first; at most `memoryLimit`.
    package var recent: [TruthRecord] { state.withLock { Array($0.recent) } }

    /// Totals per exchange, by id.
    package var summaries: [TruthSummary] { state.withLock { $0.summaries.values.sorted { $0.exchange < $1.exchange } } }

    package func summary(of exchange: String) -> TruthSummary {
        state.withLock { $0.summaries[exchange] } ?? TruthSummary(exchange: exchange)
    }

    /// The first write that failed, if any: from then on the file has holes.
    package var failure: SimulatorError? { state.withLock { $0.failure } }

    /// The first record that matches, among those in memory or yet to come. Ends with an error when the log is closed first or the task is
    /// cancelled.
    package func first(where matches: @escaping @Sendable (TruthRecord) -> Bool) async throws -> TruthRecord {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let result: Result<TruthRecord, any Error>? = state.withLock { state in
                    if let found = state.recent.first(where: matches) { return .success(found) }
                    if state.isClosed { return .failure(SimulatorError(.stopped, "the truth log was closed before such a record")) }
                    if Task.isCancelled { return .failure(CancellationError()) }
                    state.waiters[id] = Waiter(matches: matches, continuation: continuation)
                    return nil
                }
                if let result { continuation.resume(with: result) }
            }
        } onCancel: {
            let waiter = state.withLock { $0.waiters.removeValue(forKey: id) }
            waiter?.continuation.resume(throwing: CancellationError())
        }
    }

    package func add(
        _ kind: TruthRecord.Kind, exchange: String = "", socket: UInt64 = 0, _ fields: [(name: String, value: TruthRecord.Value)] = []
    ) {
        let record = TruthRecord(kind: kind, boot: clock.boot(), wall: clock.wall(), exchange: exchange, socket: socket, fields: fields)
        let woken: [Waiter] = state.withLock { state in
            count(record, &state)
            if state.descriptor >= 0 {
                state.pending.append(contentsOf: record.line.utf8)
                state.pending.append(0x0A)
                let isPacket = kind == .packet || kind == .withheld || kind == .answer
                if !isPacket || state.pending.count >= 65_536 { Self.write(&state, path) }
            }
            if memoryLimit > 0 {
                if state.recent.count >= memoryLimit { state.recent.removeFirst() }
                state.recent.append(record)
            }
            guard !state.waiters.isEmpty else { return [] }
            let ids = state.waiters.filter { $0.value.matches(record) }.keys
            return ids.compactMap { state.waiters.removeValue(forKey: $0) }
        }
        for waiter in woken { waiter.continuation.resume(returning: record) }
    }

    /// Writes what has gathered.
    package func flush() {
        state.withLock { Self.write(&$0, path) }
    }

    /// Writes the totals and closes the file. Waiting callers get an error.
    package func close() {
        for summary in summaries {
            add(
                .summary, exchange: summary.exchange,
                [
                    ("sockets", .number(Int64(summary.socketsOpened))), ("mostOpen", .number(Int64(summary.mostOpen))),
                    ("refused", .number(Int64(summary.refused))), ("packets", .unsigned(summary.packets)),
                    ("bytes", .unsigned(summary.bytes)), ("cuts", .number(Int64(summary.cuts))),
                ])
        }
        let waiters = state.withLock { state in
            Self.write(&state, path)
            if state.descriptor >= 0 { Glibc.close(state.descriptor) }
            state.descriptor = -1
            state.isClosed = true
            defer { state.waiters = [:] }
            return Array(state.waiters.values)
        }
        for waiter in waiters {
            waiter.continuation.resume(throwing: SimulatorError(.stopped, "the truth log was closed before such a record"))
        }
    }

    private func count(_ record: TruthRecord, _ state: inout State) {
        guard record.kind != .summary, !record.exchange.isEmpty, record.kind != .fault else { return }
        var summary = state.summaries[record.exchange] ?? TruthSummary(exchange: record.exchange)
        switch record.kind {
        case .open:
            summary.socketsOpened += 1
            summary.openNow += 1
            summary.mostOpen = max(summary.mostOpen, summary.openNow)
        case .close:
            summary.openNow -= 1
            if record.text("cause") == SocketSession.Cause.rule.rawValue { summary.cuts += 1 }
        case .refused: summary.refused += 1
        case .packet:
            summary.packets += 1
            summary.bytes += record.number("bytes") ?? 0
        case .source:
            summary.packets += record.number("packets") ?? 0
        case .start, .subscribe, .unsubscribe, .answer, .raw, .withheld, .fault, .summary: break
        }
        state.summaries[record.exchange] = summary
    }

    private static func write(_ state: inout State, _ path: String?) {
        guard state.descriptor >= 0, !state.pending.isEmpty else { return }
        var position = 0
        while position < state.pending.count {
            let written = state.pending.withUnsafeBytes {
                Glibc.write(state.descriptor, $0.baseAddress?.advanced(by: position), $0.count - position)
            }
            if written < 0 && errno == EINTR { continue }
            guard written > 0 else {
                if state.failure == nil {
                    let reason = String(cString: strerror(errno))
                    state.failure = SimulatorError(.file, "cannot write the truth log \(path ?? ""): \(reason); the log has a hole")
                }
                break
            }
            position += written
        }
        state.pending.removeAll(keepingCapacity: true)
    }
}
