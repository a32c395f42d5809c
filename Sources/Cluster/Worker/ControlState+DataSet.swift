import Coordination
import Logging
import RedisClient

/// Brings back what a lost data set said is wanted: the leases and streams restore themselves through `resume`, the catalogue and the
/// subscriptions only if somebody remembers them.
extension ControlState {
    /// Another data set than before answered the beat.
    func dataSetChanged(to fresh: String) {
        let isFirst = generation.isEmpty
        generation = fresh
        for feed in feeds.values { tellGeneration(feed) }
        guard !isFirst else { return }
        logger.warning("Redis holds another data set", metadata: ["generation": "\(fresh)"])
        // Read whatever its version is: that may be the old one's by chance.
        subscriptionVersions = [:]
        readCatalogue(nil)
    }

    /// Enters the next feed that is missing; each answer leads to another look, until none is. `version`: that of the catalogue when it was read.
    func enterMissing(version: Int) {
        guard !isDraining, let feed = memory.missing.min(), let entry = memory.feeds[feed] else { return }
        do throws(CoordinationError) {
            let call = DesireCall(target: .catalogue(configuration.keys, feed), value: try entry.json(of: feed), version: version)
            self.call(call, timeout: .seconds(2)) { [self] result in
                // Without an answer the next beat finds another version, or this one again.
                guard case .success = result else { return }
                logger.notice("Feed entered again after Redis lost the catalogue", metadata: ["feed": "\(feed)"])
                readCatalogue(nil)
            }
        } catch {
            logger.error("A feed of the catalogue cannot be entered again", error: error, metadata: ["feed": "\(feed)"])
        }
    }

    /// The holder of a feed whose desired subscriptions are gone writes what it was told last.
    func restoreDesired(_ feed: FeedName) {
        guard held.contains(feed), let text = desiredTexts[feed], let handle = feeds[feed] else { return }
        call(DesireCall(target: .subscriptions(handle.keys), value: text, version: 0), timeout: .seconds(2)) { [self] result in
            guard case .success(.stored) = result else { return }
            logger.notice("Subscriptions written again after Redis lost them", metadata: ["feed": "\(feed)"])
        }
    }
}
