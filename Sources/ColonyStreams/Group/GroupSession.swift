internal import Coordination
internal import Logging
internal import NIOCore
internal import RedisClient

/// The shell of a group's member: creates groups, reads, claims, acknowledges, reconnects.
final class GroupSession {
    private struct Stream {
        var feed: FeedName
        var topic: StreamTopic?
    }

    private let configuration: ColonyGroup.Configuration
    private let link: ServerLink
    private let clock = ContinuousClock()
    private let feeds: [(subscription: Subscription, keys: FeedKeys)]
    /// The streams on which the group exists.
    private var streams: [String: Stream] = [:]
    private var window: DedupeWindow
    private var maintainAt: ContinuousClock.Instant
    private var claimAt: ContinuousClock.Instant
    /// What this member had begun on an earlier connection comes first.
    private var hasRecovered = false

    init(_ configuration: ColonyGroup.Configuration, eventLoop: any EventLoop, logger: Logger) {
        self.configuration = configuration
        self.link = ServerLink(configuration.server, eventLoop: eventLoop, logger: logger)
        self.window = DedupeWindow(capacity: configuration.dedupeWindow)
        self.maintainAt = clock.now
        self.claimAt = clock.now
        self.feeds = Subscription.united(configuration.subscriptions).map {
            ($0, Keys(namespace: configuration.namespace).feed($0.feed, group: $0.group))
        }
    }

    func run(_ handle: (GroupEvent) async throws -> Void) async throws {
        while true {
            try Task.checkCancellation()
            do {
                try await round(handle)
                link.succeeded()
            } catch let error as HandlerFailure {
                throw error.cause
            } catch let error as RedisError {
                if Recovery(error) == .recreateGroups { streams = [:] }
                hasRecovered = false
                maintainAt = clock.now
                try await link.recover(from: error, reading: "group \(configuration.group)")
            }
        }
    }

    /// An error of the caller's, kept apart from errors of Redis, which may have the same type.
    private struct HandlerFailure: Error { var cause: any Error }

    private func round(_ handle: (GroupEvent) async throws -> Void) async throws {
        if clock.now >= maintainAt {
            try await joinStreams()
            if !hasRecovered {
                try await recoverOwn(handle)
                hasRecovered = true
            }
            if clock.now >= claimAt {
                try await claim(handle)
                claimAt = clock.now + configuration.claimIdle / 4
            }
            maintainAt = clock.now + configuration.waitLimit
        }
        let keys = streams.keys.sorted()
        if keys.isEmpty {
            // Nothing exists yet; the feed's first marker creates the control stream.
            try await clock.sleep(for: configuration.waitLimit)
            return
        }
        let replies = try GroupReply.reading(try await link.send(read(keys, from: ">", block: nil)))
        if !replies.isEmpty { return try await deal(with: replies, isRedelivery: false, handle) }
        // What a blocked XREADGROUP returns is delivered and must be dealt with; it holds one stream only, the next read brings the others.
        let wait = max(.milliseconds(1), min(configuration.waitLimit, clock.now.duration(to: maintainAt)))
        let awaited = try await link.send(read(keys, from: ">", block: wait), blocking: wait)
        try await deal(with: try GroupReply.reading(awaited), isRedelivery: false, handle)
    }

    private func read(_ keys: [String], from id: String, block: Duration?) -> [RedisArgument] {
        var command: [RedisArgument] = [
            "XREADGROUP", "GROUP", .string(configuration.group), .string(configuration.member), "COUNT",
            .string(String(max(1, configuration.entriesPerStream))),
        ]
        if let block { command += ["BLOCK", .string(String(max(1, block.wholeMilliseconds)))] }
        return command + ["STREAMS"] + keys.map { .string($0) } + keys.map { _ in .string(id) }
    }

    /// Handles entries in the order of ids, and acknowledges those that were handled.
    private func deal(with replies: [GroupReply], isRedelivery: Bool, _ handle: (GroupEvent) async throws -> Void) async throws {
        var work: [(entry: StreamEntry, key: String, stream: Stream)] = []
        for reply in replies {
            guard let stream = streams[reply.stream] else { continue }
            work += reply.entries.map { ($0, reply.stream, stream) }
        }
        work.sort { $0.entry.id < $1.entry.id }
        var handled: [String: [EntryID]] = [:]
        var failure: HandlerFailure?
        do {
            for reply in replies where !reply.deleted.isEmpty {
                guard let stream = streams[reply.stream] else { continue }
                try await handle(.trimmed(feed: stream.feed, stream: reply.stream, ids: reply.deleted))
                handled[reply.stream, default: []] += reply.deleted
            }
            for (entry, key, stream) in work {
                try Task.checkCancellation()
                if !window.contains(entry.id, of: key) {
                    let delivery = GroupDelivery(
                        stream: key, feed: stream.feed, topic: stream.topic, entry: entry, isRedelivery: isRedelivery)
                    try await handle(.entry(delivery))
                    window.insert(entry.id, of: key)
                }
                handled[key, default: []].append(entry.id)
            }
        } catch {
            failure = HandlerFailure(cause: error)
        }
        do {
            try await acknowledge(handled)
        } catch {
            // The handler's error comes first; what stays unacknowledged is delivered again.
            if let failure { throw failure }
            throw error
        }
        if let failure { throw failure }
    }

    private func acknowledge(_ handled: [String: [EntryID]]) async throws {
        let commands: [[RedisArgument]] = handled.map { key, ids in
            ["XACK", .string(key), .string(configuration.group)] + ids.map { .string($0.description) }
        }
        for answer in try await link.sendAll(commands) { _ = try answer.get() }
    }

    /// What this member was given before and did not acknowledge.
    private func recoverOwn(_ handle: (GroupEvent) async throws -> Void) async throws {
        while !streams.isEmpty {
            let replies = try GroupReply.reading(try await link.send(read(streams.keys.sorted(), from: "0", block: nil)))
            if replies.allSatisfy({ $0.entries.isEmpty && $0.deleted.isEmpty }) { return }
            try await deal(with: replies, isRedelivery: true, handle)
        }
    }

    /// Takes over what other members left lying.
    private func claim(_ handle: (GroupEvent) async throws -> Void) async throws {
        for key in streams.keys.sorted() {
            var cursor: String? = "0-0"
            while let from = cursor {
                let reply = try await link.send([
                    "XAUTOCLAIM", .string(key), .string(configuration.group), .string(configuration.member),
                    .string(String(max(0, configuration.claimIdle.wholeMilliseconds))), .string(from), "COUNT",
                    .string(String(max(1, configuration.entriesPerStream))),
                ])
                let claimed = try GroupReply.claiming(reply, stream: key)
                try await deal(with: [claimed], isRedelivery: true, handle)
                cursor = claimed.next
            }
        }
    }
}

extension GroupSession {
    /// Creates the group on streams that it is to read and does not know yet; those that do not exist are tried again later.
    private func joinStreams() async throws {
        for (subscription, keys) in feeds {
            var wanted: [(key: String, topic: StreamTopic?)] = subscription.patterns.compactMap(\.topic).map {
                (keys.data(channel: $0.channel, symbol: $0.symbol), $0)
            }
            if subscription.isOpen {
                let registry = try await link.hash(keys.streams)
                for key in registry.keys.sorted() {
                    if let topic = keys.topic(of: key), subscription.matches(topic) { wanted.append((key, topic)) }
                }
            }
            if streams[keys.control] == nil {
                let cut = try await link.cut(configuration.start, in: keys)
                guard try await create(on: keys.control, from: cut.description) else { continue }
                streams[keys.control] = Stream(feed: subscription.feed, topic: nil)
            }
            let missing = wanted.filter { streams[$0.key] == nil }
            if missing.isEmpty { continue }
            // The group's place on the control stream is its place in the whole feed: ids grow over all streams.
            let place = try await delivered(on: keys.control)
            for (key, topic) in missing where try await create(on: key, from: place.description) {
                streams[key] = Stream(feed: subscription.feed, topic: topic)
            }
        }
    }

    /// False if the stream does not exist.
    private func create(on key: String, from id: String) async throws -> Bool {
        do throws(RedisError) {
            _ = try await link.send(["XGROUP", "CREATE", .string(key), .string(configuration.group), .string(id)])
            return true
        } catch {
            if error.server?.prefix == "BUSYGROUP" { return true }
            if error.isMissingKey { return false }
            throw error
        }
    }

    private func delivered(on key: String) async throws -> EntryID {
        try await info(on: key)?.lastDelivered ?? EntryID(milliseconds: 0, epoch: 0, sequence: 0)
    }

    /// XINFO GROUPS: the group's place and how much is pending.
    private func info(on key: String) async throws -> (lastDelivered: EntryID, pending: Int)? {
        let reply = try await link.send(["XINFO", "GROUPS", .string(key)])
        for group in reply.array ?? [] {
            let fields = try group.fields(of: "XINFO GROUPS")
            guard fields["name"] == configuration.group, let last = fields["last-delivered-id"].flatMap({ EntryID($0) }) else { continue }
            return (last, fields["pending"].flatMap { Int($0) } ?? 0)
        }
        return nil
    }

    func lag() async throws -> [GroupLag] {
        try await joinStreams()
        var lags: [GroupLag] = []
        for key in streams.keys.sorted() {
            guard let info = try await info(on: key) else { continue }
            let newest = try StreamReply.lastGeneratedID(try await link.send(["XINFO", "STREAM", .string(key)]))
            let lag = Lag(position: info.lastDelivered, newest: newest)
            lags.append(GroupLag(stream: key, pending: info.pending, lastDelivered: info.lastDelivered, lag: lag))
        }
        return lags
    }
}
