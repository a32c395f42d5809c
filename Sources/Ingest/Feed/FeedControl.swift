package import Coordination
import Synchronization

/// What a feed asks of its worker's control side, which renews leases and watches those of others. Callable from any thread.
package protocol FeedControl: Sendable {
    /// Create the lease record.
    func initialise(_ feed: FeedName)
    /// Poll the lease record now.
    func observe(_ feed: FeedName)
    /// Ask for the lease, on the control connection of this number only.
    func acquire(_ feed: FeedName, _ acquisition: FeedMachine.Acquisition, connection: Int)
    /// Renew this lease, granted by a call sent at this time.
    func hold(_ feed: FeedName, _ token: Token, sentAt: LocalTime)
    func replaceToken(_ feed: FeedName, _ token: Token)
    /// A websocket is about to be opened: from here the dead-man watches it.
    func socketOpening(_ feed: FeedName)
    /// The websocket is closed, or the attempt to open one has ended.
    func socketClosed(_ feed: FeedName)
    func letGo(_ feed: FeedName)
    /// The feed is about to be given up, and this worker shall have it.
    func offer(_ feed: FeedName, to worker: String)
    /// The feed saw this epoch, whoever made it.
    func saw(_ feed: FeedName, epoch: Int)
    /// The feed has been given up after `stop`.
    func finished(_ feed: FeedName)
}

/// Signs of life of a feed's event loop, read by the control thread before each renewal.
package final class FeedProgress: Sendable {
    private let tick = Atomic<Int64>(0)
    private let unanswered = Atomic<Int64>(0)

    package init() {}

    /// Local time of the loop's last turn, nanoseconds.
    package var lastTick: Int64 {
        get { tick.load(ordering: .relaxed) }
        set { tick.store(newValue, ordering: .relaxed) }
    }

    /// Local time of the oldest publish without an answer, nanoseconds; 0: none.
    package var unansweredSince: Int64 {
        get { unanswered.load(ordering: .relaxed) }
        set { unanswered.store(newValue, ordering: .relaxed) }
    }
}

/// A feed as its worker reports it.
package struct FeedStatus: Sendable {
    package var feed: FeedName
    package var phase: FeedMachine.Phase
    package var epoch: Int
    /// Packets of this process' life.
    package var packets = 0
    package var bytes = 0
    package var streams = 0
    package var dropped = 0
    package var malformed = 0
    /// Websockets opened, and attempts that failed, of this process' life.
    package var connections = 0
    package var failures = 0
    package var ringBytes = 0
    package var subscriptionsVersion: Int?
    /// State by `<channel> <symbol>`, a JSON object.
    package var subscriptions = "{}"
    /// The last reason why the feed has no websocket; empty when it has one.
    package var reason = ""
}
