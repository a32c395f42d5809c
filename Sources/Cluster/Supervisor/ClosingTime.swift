import Coordination
import Synchronization

/// When a supervisor that is told to end has to have ended: nothing it still does may take longer.
final class ClosingTime: Sendable {
    private let end = Mutex<LocalTime?>(nil)

    /// nil: it goes on.
    var at: LocalTime? { end.withLock { $0 } }

    /// The first word counts.
    func begin(within limit: Duration, now: LocalTime) {
        end.withLock { $0 = $0 ?? now + limit }
    }

    /// The earlier of `deadline` and the end, but always at least `least` from the start of what is to be done.
    func limit(_ deadline: LocalTime, startedAt: LocalTime, least: Duration) -> LocalTime {
        guard let at else { return deadline }
        return min(deadline, max(at, startedAt + least))
    }
}
