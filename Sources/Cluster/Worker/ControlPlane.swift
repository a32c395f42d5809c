import ColonyExchanges
import Coordination
import Ingest
import Logging
import NIOCore
import RedisClient
import Synchronization

/// A feed as the control thread reaches it: events hop to the feed's own loop.
struct FeedHandle: Sendable {
    let feed: FeedName
    let keys: FeedKeys
    let eventLoop: any EventLoop
    let runner: FeedRunnerBox
    let progress: FeedProgress

    func post(_ event: FeedMachine.Event) {
        eventLoop.execute { [runner] in runner.runner?.handle(event) }
    }

    func run(_ action: @escaping @Sendable (FeedRunner) -> Void) {
        eventLoop.execute { [runner] in
            if let runner = runner.runner { action(runner) }
        }
    }
}

/// The control side of a worker, on its own thread and Redis connection: renews the leases it holds, watches those of others, asks for
/// them, beats, and follows catalogue, members and subscriptions.
///
/// Bound to its event loop, but for the `FeedControl` calls, which hop.
final class ControlPlane: Sendable {
    let eventLoop: any EventLoop
    private let state: NIOLoopBound<ControlState>

    init(state: ControlState) {
        self.eventLoop = state.eventLoop
        self.state = NIOLoopBound(state, eventLoop: state.eventLoop)
    }

    func run(_ action: @escaping @Sendable (ControlState) -> Void) {
        eventLoop.execute { [state] in action(state.value) }
    }
}

extension ControlPlane: FeedControl {
    func initialise(_ feed: FeedName) { run { $0.initialise(feed) } }
    func observe(_ feed: FeedName) { run { $0.observe([feed]) } }
    func acquire(_ feed: FeedName, _ acquisition: FeedMachine.Acquisition, connection: Int) {
        run { $0.acquire(feed, acquisition, connection: connection) }
    }
    func hold(_ feed: FeedName, _ token: Token, sentAt: LocalTime) { run { $0.hold(feed, token, sentAt: sentAt) } }
    func replaceToken(_ feed: FeedName, _ token: Token) { run { $0.replaceToken(feed, token) } }
    func socketOpening(_ feed: FeedName) { run { $0.socketOpening(feed) } }
    func socketClosed(_ feed: FeedName) { run { $0.socketClosed(feed) } }
    func letGo(_ feed: FeedName) { run { $0.letGo(feed) } }
    func offer(_ feed: FeedName, to worker: String) { run { $0.offer(feed, to: worker) } }
    func saw(_ feed: FeedName, epoch: Int) { run { $0.saw(feed, epoch: epoch) } }
    func finished(_ feed: FeedName) { run { $0.finished(feed) } }
}
