package import Coordination
internal import DequeModule

/// Merges the streams of one feed: snapshots of some or all of them in, events in the order of ids out.
///
/// For each stream it knows up to which id it holds everything: a stream that returned as many entries as were asked for ends at its last
/// one; any other ends where the snapshot ends. What lies at or below the lowest of these ids is safe to deliver. Streams from which entries
/// are left over are not asked again before those are delivered, so that nothing is read twice and no more is held than one reply.
package struct FeedMerger: Sendable {
    struct Stream: Sendable {
        var key: String
        var topic: StreamTopic?
        var chain: StreamChain
        var held: Deque<StreamEntry> = []
        /// Every entry of the stream up to here is delivered or held.
        var completeTo: EntryID
        /// An id that the stream is known to have had: if it is not read by the time the stream is complete up to it, it was trimmed.
        var witness: EntryID?
        /// The last of the sequences of `repeatsEpoch` that are repeats of what this reader has had of the stream.
        var repeatsThrough = 0
        var rolledBack = false
    }

    package let keys: FeedKeys
    package let subscription: Subscription
    /// Where reading began.
    private let cut: EntryID
    /// All streams are delivered up to here.
    package private(set) var position: EntryID
    var streams: [Stream]
    private var index: [String: Int]
    private var teller: EventTeller
    /// The epoch that the last rollback opened.
    private var repeatsEpoch = 0

    /// `cut`: where reading begins. Streams that the subscription names are read from the start, the others when they are added.
    package init(subscription: Subscription, keys: FeedKeys, cut: EntryID) {
        self.subscription = subscription
        self.keys = keys
        self.cut = cut
        self.position = cut
        self.teller = EventTeller(feed: keys.feed, subscription: subscription, epoch: cut.epoch == 0 ? nil : cut.epoch)
        self.streams = []
        self.index = [:]
        insert(keys.control, topic: nil)
        for topic in subscription.patterns.compactMap(\.topic) {
            insert(keys.data(channel: topic.channel, symbol: topic.symbol), topic: topic)
        }
    }

    /// The keys of all streams that are read, the control stream first.
    package var streamKeys: [String] { streams.map(\.key) }

    /// Adds the wanted ones among the keys of the feed's registry, from the current position; returns how many are new.
    package mutating func add(registered: some Sequence<String>) -> Int {
        let before = streams.count
        for key in registered.sorted() where index[key] == nil {
            if let topic = keys.topic(of: key), subscription.matches(topic) { insert(key, topic: topic) }
        }
        return streams.count - before
    }

    private mutating func insert(_ key: String, topic: StreamTopic?) {
        guard index[key] == nil else { return }
        index[key] = streams.count
        streams.append(Stream(key: key, topic: topic, chain: StreamChain(cut: position), completeTo: position))
    }

    /// How many of the newest entries at or below the cut `resume` wants of a stream: of the control stream enough to find recent gaps.
    package func resumeCount(of key: String) -> Int { key == keys.control ? 64 : 1 }

    /// Takes the newest entries at or below the cut, oldest first, which a reader before has dealt with. Without it the first verdict on each
    /// stream rests on the cut alone, and does not tell a loss that was announced before the cut.
    package mutating func resume(behind replies: [StreamReply]) {
        for reply in replies {
            guard let at = index[reply.stream] else { continue }
            let entries = reply.entries.filter { $0.id <= position }
            streams[at].chain.resume(behind: entries)
            if reply.stream == keys.control { teller.resume(behind: entries, key: keys.control) }
        }
    }

    /// The streams to read next: those of which nothing is held. All of them are read behind `position`.
    package var wanted: [String] { streams.filter(\.held.isEmpty).map(\.key) }

    /// Takes one snapshot: the replies of the streams in `asked`, each with at most `count` entries; a stream without a reply had none.
    package mutating func receive(_ replies: [StreamReply], asked: [String], count: Int) {
        var full: Set<Int> = []
        for reply in replies {
            guard let at = index[reply.stream] else { continue }
            // An entry at or below the position cannot come; if a server sent one, it would break the order.
            streams[at].held.append(contentsOf: reply.entries.lazy.filter { [position] in $0.id > position })
            if reply.entries.count >= count { full.insert(at) }
        }
        var known = position
        for stream in streams { known = max(known, stream.held.last?.id ?? known, stream.witness ?? known) }
        for key in asked {
            guard let at = index[key] else { continue }
            streams[at].completeTo = full.contains(at) ? streams[at].held.last?.id ?? known : known
        }
    }

    /// Whether the feed may have streams with entries in what would be delivered now that are not read yet. For subscriptions to everything
    /// a look at the sequences tells; otherwise any entry may come with one of a new stream.
    package var mayHideStreams: Bool {
        guard subscription.isOpen else { return false }
        let entries = deliverable.map { streams[$0.stream].held[$0.offset] }
        if entries.isEmpty { return false }
        guard subscription.readsEverything else { return true }
        return !SequenceScan.isUnbroken(entries, behind: position)
    }

    /// Delivers what is complete, in order.
    package mutating func drain() -> [ColonyEvent] {
        let batch = deliverable
        let limit = limit
        var events: [ColonyEvent] = []
        events.reserveCapacity(batch.count)
        for item in batch {
            let entry = streams[item.stream].held[item.offset]
            tell(entry, of: item.stream, into: &events)
        }
        for at in streams.indices {
            let count = streams[at].held.prefix { $0.id <= limit }.count
            streams[at].held.removeFirst(count)
        }
        position = max(position, limit)
        tellWitnesses(upTo: limit, into: &events)
        return events
    }

    /// Forgets what was read ahead; needed when the next read may see another history or an older one (a new connection).
    package mutating func reset() {
        for at in streams.indices {
            streams[at].held.removeAll()
            streams[at].completeTo = position
            streams[at].witness = nil
        }
    }

    /// Takes the last ids that the server knows of the streams, nil for a stream that does not exist. Tells what was rolled back; what was
    /// trimmed without a trace is told by a later `drain`.
    package mutating func inspect(lastGenerated: [String: EntryID?]) -> [ColonyEvent] {
        var events: [ColonyEvent] = []
        for (key, answer) in lastGenerated.sorted(by: { $0.key < $1.key }) {
            guard let at = index[key] else { continue }
            let last = answer ?? EntryID(milliseconds: 0, epoch: 0, sequence: 0)
            let known = streams[at].chain.last
            if last > known {
                streams[at].witness = last
            } else if last < known, streams[at].chain.hasEntry, !streams[at].rolledBack {
                streams[at].rolledBack = true
                let rollback = Rollback(stream: key, feed: keys.feed, id: known, cause: .observed(lastGenerated: last), marker: nil)
                events.append(.rollback(rollback))
            } else if last >= known {
                streams[at].rolledBack = false
            }
        }
        return events
    }

    private var limit: EntryID { streams.map(\.completeTo).min() ?? position }

    /// The entries at or below the limit as (stream, offset), in the order of ids.
    private var deliverable: [(stream: Int, offset: Int)] {
        let limit = limit
        var items: [(id: EntryID, stream: Int, offset: Int)] = []
        for (at, stream) in streams.enumerated() {
            for (offset, entry) in stream.held.enumerated() {
                if entry.id > limit { break }
                items.append((entry.id, at, offset))
            }
        }
        items.sort { $0.id < $1.id }
        return items.map { ($0.stream, $0.offset) }
    }

    private mutating func tell(_ entry: StreamEntry, of at: Int, into events: inout [ColonyEvent]) {
        if case .marker(let marker) = entry.content, marker.kind == .rollback { noteRepeats(marker, opening: entry.id.epoch) }
        let before = streams[at].chain
        let hole = streams[at].chain.append(entry)
        streams[at].rolledBack = false
        let missing = hole.map { teller.missing($0, in: entry.id.epoch) }
        if missing == .trimmed, let hole {
            events.append(.trimmed(trimmed(hole, behind: before, of: at, before: entry.id)))
        }
        let isRepeat = entry.id.epoch == repeatsEpoch && entry.id.sequence <= streams[at].repeatsThrough
        teller.tell(entry, key: streams[at].key, topic: streams[at].topic, missing: missing, isRepeat: isRepeat, into: &events)
    }

    /// A rollback repeats (previous epoch, previous next + k) as (epoch, 1 + k): streams that had been read further see packets again.
    private mutating func noteRepeats(_ marker: Marker, opening opened: Int) {
        guard let epoch = marker.previousEpoch, let next = marker.previousNext else { return }
        for at in streams.indices {
            let last = streams[at].chain.last
            var had = last.epoch == epoch ? last.sequence : 0
            if cut.epoch == epoch { had = max(had, cut.sequence) }
            if repeatsEpoch == epoch { had = max(had, streams[at].repeatsThrough) }
            streams[at].repeatsThrough = had >= next ? had - next + 1 : 0
        }
        repeatsEpoch = opened
    }

    private mutating func tellWitnesses(upTo limit: EntryID, into events: inout [ColonyEvent]) {
        for at in streams.indices {
            guard let witness = streams[at].witness, witness <= limit else { continue }
            streams[at].witness = nil
            if streams[at].chain.last >= witness { continue }
            let before = streams[at].chain
            streams[at].chain.skip(to: witness)
            events.append(.trimmed(trimmed(.through(witness), behind: before, of: at, before: witness)))
        }
    }

    private func trimmed(_ hole: StreamChain.Hole, behind chain: StreamChain, of at: Int, before: EntryID) -> Trimmed {
        let sequences =
            switch hole {
            case .sequences(let range): range.count
            case .through(let id): id.epoch == chain.last.epoch ? max(1, id.sequence - chain.last.sequence) : 1
            case .unknown, .diverged: 1
            }
        return Trimmed(
            stream: streams[at].key, feed: keys.feed, after: chain.lastLinked, before: before, lostEstimate: chain.estimate(of: sequences))
    }
}
