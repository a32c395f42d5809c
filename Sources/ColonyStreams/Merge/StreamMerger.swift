package import Coordination

/// Merges the streams of several feeds that one server holds: exactly in arrival order within a feed, by time between feeds.
package struct StreamMerger: Sendable {
    /// Bounds for one read.
    package struct Limits: Sendable, Hashable {
        /// Entries of one stream.
        package var perStream: Int
        /// Entries of all streams together, as long as that leaves each at least 8.
        package var perRead: Int

        package init(perStream: Int = 500, perRead: Int = 16_384) {
            self.perStream = max(1, perStream)
            self.perRead = max(1, perRead)
        }

        /// COUNT for a read of so many streams.
        package func count(for streams: Int) -> Int { max(1, min(perStream, max(8, perRead / max(1, streams)))) }
    }

    package private(set) var feeds: [FeedMerger]
    package let limits: Limits

    package init(feeds: [FeedMerger], limits: Limits = Limits()) {
        self.feeds = feeds
        self.limits = limits
    }

    /// Where reading has got to.
    package var position: Position {
        Position(Dictionary(feeds.map { ($0.keys.feed, $0.position) }, uniquingKeysWith: { max($0, $1) }))
    }

    /// The next snapshot.
    package var plan: ReadPlan {
        var streams: [String] = []
        var cursors: [EntryID] = []
        for feed in feeds {
            let wanted = feed.wanted
            streams += wanted
            cursors += Array(repeating: feed.position, count: wanted.count)
        }
        return ReadPlan(streams: streams, cursors: cursors, count: limits.count(for: streams.count))
    }

    /// Takes the answer to a plan.
    package mutating func receive(_ replies: [StreamReply], to plan: ReadPlan) {
        for at in feeds.indices { feeds[at].receive(replies, asked: plan.streams, count: plan.count) }
    }

    /// The feeds (by offset) whose registry must be read before the next `drain`, since a stream may have joined.
    package var feedsToDiscover: [Int] { feeds.indices.filter { feeds[$0].mayHideStreams } }

    /// Adds what the registry of a feed (by offset) names and the subscription wants; returns how many streams are new. They are read,
    /// with the plan that is then due, before the next `drain`.
    package mutating func add(registered keys: some Sequence<String>, toFeed at: Int) -> Int { feeds[at].add(registered: keys) }

    /// Delivers what is complete.
    package mutating func drain() -> [ColonyEvent] {
        if feeds.count == 1 { return feeds[0].drain() }
        return StreamMerger.interleave(feeds.indices.map { feeds[$0].drain() })
    }

    /// Takes what readers before have dealt with; see `FeedMerger.resume`.
    package mutating func resume(behind replies: [StreamReply]) {
        for at in feeds.indices { feeds[at].resume(behind: replies) }
    }

    /// Takes the last ids of the streams; see `FeedMerger.inspect`.
    package mutating func inspect(lastGenerated: [String: EntryID?]) -> [ColonyEvent] {
        feeds.indices.flatMap { feeds[$0].inspect(lastGenerated: lastGenerated) }
    }

    /// To be called before the first read on a new connection.
    package mutating func reset() {
        for at in feeds.indices { feeds[at].reset() }
    }

    /// Merges lists by the time of ids without changing the order within a list.
    static func interleave(_ lists: [[ColonyEvent]]) -> [ColonyEvent] {
        var heads = lists.map(\.startIndex)
        var merged: [ColonyEvent] = []
        merged.reserveCapacity(lists.reduce(0) { $0 + $1.count })
        while true {
            var next: (list: Int, milliseconds: Int64)?
            for (at, list) in lists.enumerated() where heads[at] < list.endIndex {
                let milliseconds = list[heads[at]].id.milliseconds
                if next.map({ milliseconds < $0.milliseconds }) ?? true { next = (at, milliseconds) }
            }
            guard let next else { return merged }
            merged.append(lists[next.list][heads[next.list]])
            heads[next.list] += 1
        }
    }
}
