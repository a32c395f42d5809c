import Coordination
import Ingest
import Logging
import NIOCore

/// Giving feeds up.
extension ControlState {
    /// Gives everything up; `onAllFinished` is called when all feeds are.
    func drain(reason: String) {
        guard !isDraining else { return }
        isDraining = true
        journal?.add(.draining)
        perform(handovers.cancel())
        perform(placement.drain(now: .now()))
        for handle in feeds.values { handle.post(.stop(reason: reason, preferred: nil)) }
        beat()
        if feeds.isEmpty { onAllFinished?() }
    }

    func finished(_ feed: FeedName) {
        journal?.add(.finished, feed: feed)
        feeds[feed]?.run { $0.shutDown() }
        feeds[feed] = nil
        statuses[feed] = nil
        subscriptionVersions[feed] = nil
        perform(placement.gaveUp(feed, now: .now()))
        if isDraining {
            if feeds.isEmpty { onAllFinished?() }
            return
        }
        // Moved away: from here on it is watched again.
        addFeed(feed)
        readSubscriptions([feed])
    }
}
