internal import Coordination
internal import DequeModule
internal import Logging
internal import NIOCore
internal import RedisClient

/// The shell around `StreamMerger`: sends the reads it plans, hands it the answers, reconnects. Owned by one iterator.
final class ConsumerSession {
    private let configuration: ColonyConsumer.Configuration
    private let link: ServerLink
    private let clock = ContinuousClock()
    private var merger: StreamMerger?
    private var ready: Deque<ColonyEvent> = []
    private var inspectAt: ContinuousClock.Instant
    private(set) var position = Position()

    init(_ configuration: ColonyConsumer.Configuration, eventLoop: any EventLoop, logger: Logger) {
        self.configuration = configuration
        self.link = ServerLink(configuration.server, eventLoop: eventLoop, logger: logger)
        self.inspectAt = clock.now + configuration.quietLimit
    }

    func next() async throws -> ColonyEvent {
        while true {
            if let event = ready.popFirst() {
                position.advance(past: event)
                return event
            }
            try Task.checkCancellation()
            do {
                try await round()
                link.succeeded()
            } catch let error as RedisError {
                // The next server may be another one, with an older view: what was read ahead of the cursors is read again.
                merger?.reset()
                try await link.recover(from: error, reading: subject)
            }
        }
    }

    func lag() async throws -> [FeedName: Lag] {
        var lags: [FeedName: Lag] = [:]
        for feed in try await begun().feeds {
            let record = try await link.hash(feed.keys.lease)
            let newest = FeedLiveness(feed: feed.keys.feed, record: record)?.cut ?? feed.position
            lags[feed.keys.feed] = Lag(position: position[feed.keys.feed] ?? feed.position, newest: newest)
        }
        return lags
    }

    private var subject: String { configuration.subscriptions.map(\.feed.text).joined(separator: ", ") }

    /// One snapshot of everything wanted; if it is empty, a blocked read as a wake-up.
    private func round() async throws {
        var merger = try await begun()
        defer { self.merger = merger }
        if clock.now >= inspectAt { try await inspect(&merger) }
        let plan = merger.plan
        let replies = try StreamReply.parse(try await link.send(plan.snapshot))
        merger.receive(replies, to: plan)
        if try await discover(merger.feedsToDiscover, &merger) > 0 {
            let more = merger.plan
            merger.receive(try StreamReply.parse(try await link.send(more.snapshot)), to: more)
        }
        let events = merger.drain()
        ready.append(contentsOf: events)
        if events.isEmpty, replies.isEmpty, ready.isEmpty { try await waitForData(&merger) }
    }

    private func waitForData(_ merger: inout StreamMerger) async throws {
        let open = merger.feeds.indices.filter { merger.feeds[$0].subscription.isOpen }
        let limit = open.isEmpty ? configuration.quietLimit : min(configuration.quietLimit, configuration.discoveryInterval)
        let answer = try await link.send(merger.plan.wakeUp(after: limit), blocking: limit)
        if answer.isNull { _ = try await discover(open, &merger) }
    }

    /// Reads the registries of the feeds; returns how many streams joined.
    private func discover(_ feeds: [Int], _ merger: inout StreamMerger) async throws -> Int {
        var joined = 0
        for at in feeds {
            let registry = try await link.hash(merger.feeds[at].keys.streams)
            joined += merger.add(registered: registry.keys, toFeed: at)
        }
        return joined
    }

    /// Compares the last ids of all streams with what was read of them.
    private func inspect(_ merger: inout StreamMerger) async throws {
        inspectAt = clock.now + configuration.quietLimit
        ready.append(contentsOf: merger.inspect(lastGenerated: try await link.lastGenerated(merger.feeds.flatMap(\.streamKeys))))
    }

    /// Where reading begins is decided once, with the first connection.
    private func begun() async throws -> StreamMerger {
        if let merger { return merger }
        var feeds: [FeedMerger] = []
        for subscription in Subscription.united(configuration.subscriptions) {
            let keys = Keys(namespace: configuration.namespace).feed(subscription.feed, group: subscription.group)
            let cut = try await link.cut(configuration.start, in: keys)
            feeds.append(FeedMerger(subscription: subscription, keys: keys, cut: cut))
        }
        let limits = StreamMerger.Limits(perStream: configuration.entriesPerStream, perRead: configuration.entriesPerRead)
        var merger = StreamMerger(feeds: feeds, limits: limits)
        _ = try await discover(merger.feeds.indices.filter { merger.feeds[$0].subscription.isOpen }, &merger)
        for feed in merger.feeds where feed.position.epoch > 0 { merger.resume(behind: try await before(feed)) }
        for feed in merger.feeds { position[feed.keys.feed] = feed.position }
        self.merger = merger
        return merger
    }

    /// The newest entries of each stream at or below the cut.
    private func before(_ feed: FeedMerger) async throws -> [StreamReply] {
        let keys = feed.streamKeys
        let commands: [[RedisArgument]] = keys.map {
            ["XREVRANGE", .string($0), .string(feed.position.description), "-", "COUNT", .string(String(feed.resumeCount(of: $0)))]
        }
        return try zip(keys, try await link.sendAll(commands)).map { key, answer in
            let values = try answer.get().array ?? []
            return StreamReply(stream: key, entries: try values.reversed().map { try StreamEntry(reply: $0, stream: key) })
        }
    }
}
