import Coordination
import Synchronization

/// What a worker has told through its status pipe.
final class ChildState: Sendable {
    private struct State {
        var pid: Int32 = 0
        var incarnation: Incarnation?
        var feeds: [FeedName] = []
        var lastHeard = LocalTime.now()
        var report: WorkerSelfReport?
        /// JSON by feed, read when somebody asks.
        var feedReports: [String: String] = [:]
        /// Those of the report that is coming in.
        var incoming: [String: String] = [:]
        var hasEnded = false
    }

    private let state = Mutex(State())

    var pid: Int32 { state.withLock { $0.pid } }
    var incarnation: Incarnation? { state.withLock { $0.incarnation } }
    var feeds: [FeedName] { state.withLock { $0.feeds } }
    var lastHeard: LocalTime { state.withLock { $0.lastHeard } }

    var report: WorkerSelfReport? { state.withLock { $0.report } }
    var isUp: Bool { state.withLock { $0.pid > 0 && !$0.hasEnded } }
    var feedReports: [String: WorkerFeedReport] {
        state.withLock { $0.feedReports }.compactMapValues { WorkerFeedReport.decodeOne($0) }
    }

    func ended() { state.withLock { $0.hasEnded = true } }

    func started(pid: Int32) {
        state.withLock {
            $0.pid = pid
            $0.lastHeard = .now()
        }
    }

    /// Lines as in `StatusPipe`.
    func heard(_ line: String) {
        let words = line.split(maxSplits: 1, whereSeparator: \.isWhitespace).map(String.init)
        let rest = words.count > 1 ? words[1] : ""
        state.withLock { state in
            state.lastHeard = .now()
            switch words.first {
            case "incarnation": state.incarnation = rest.isEmpty ? nil : Incarnation(rest)
            case "feeds": state.feeds = rest.split(separator: " ").map { FeedName(String($0)) }
            case "worker": state.report = WorkerSelfReport.decode(rest)
            case "feed":
                guard let space = rest.firstIndex(of: " ") else { return }
                state.incoming[String(rest[..<space])] = String(rest[rest.index(after: space)...])
            case "reported":
                // Whole, so that a feed that has gone elsewhere is gone here.
                state.feedReports = state.incoming
                state.incoming = [:]
            default: break
            }
        }
    }
}
