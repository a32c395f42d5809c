import Coordination
import Synchronization

/// What a worker has told through its status pipe.
final class ChildState: Sendable {
    private struct State {
        var pid: Int32 = 0
        var incarnation: Incarnation?
        var feeds: [FeedName] = []
        var lastHeard = LocalTime.now()
    }

    private let state = Mutex(State())

    var pid: Int32 { state.withLock { $0.pid } }
    var incarnation: Incarnation? { state.withLock { $0.incarnation } }
    var feeds: [FeedName] { state.withLock { $0.feeds } }
    var lastHeard: LocalTime { state.withLock { $0.lastHeard } }

    func started(pid: Int32) {
        state.withLock {
            $0.pid = pid
            $0.lastHeard = .now()
        }
    }

    /// Lines: `incarnation <text>`, `feeds <name> <name> ..` (those held), `tick`.
    func heard(_ line: String) {
        let words = line.split(whereSeparator: \.isWhitespace)
        state.withLock { state in
            state.lastHeard = .now()
            switch words.first {
            case "incarnation": state.incarnation = words.count > 1 ? Incarnation(String(words[1])) : nil
            case "feeds": state.feeds = words.dropFirst().map { FeedName(String($0)) }
            default: break
            }
        }
    }
}
