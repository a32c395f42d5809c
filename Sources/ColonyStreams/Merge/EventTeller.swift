internal import Coordination

/// Turns the entries of a feed, in order, into events; knows the epoch, how it ended, and what was declared lost in it.
struct EventTeller: Sendable {
    let feed: FeedName
    let includesControlPackets: Bool
    private var epoch: Int?
    /// The websocket before ended in order, and nothing came since.
    private var endedComplete = false
    private var gaps = GapLedger()

    init(feed: FeedName, subscription: Subscription, epoch: Int?) {
        self.feed = feed
        self.includesControlPackets = subscription.includesControlPackets
        self.epoch = epoch
    }

    /// Learns from entries of the control stream that a reader before has dealt with.
    mutating func resume(behind entries: [StreamEntry], key: String) {
        var told: [ColonyEvent] = []
        for entry in entries { tell(entry, key: key, topic: nil, missing: nil, isRepeat: false, into: &told) }
    }

    /// Why something is missing: the producer lost it if a gap marker covers it; otherwise it was stored, and trimmed.
    func missing(_ hole: StreamChain.Hole, in epoch: Int) -> Missing {
        switch hole {
        case .sequences(let range): epoch == self.epoch && gaps.contains(range.upperBound) ? .lost : .trimmed
        case .through, .unknown: .trimmed
        case .diverged: .rolledBack
        }
    }

    mutating func tell(
        _ entry: StreamEntry, key: String, topic: StreamTopic?, missing: Missing?, isRepeat: Bool, into events: inout [ColonyEvent]
    ) {
        switch entry.content {
        case .marker(let marker):
            events.append(self.event(of: marker, id: entry.id, key: key))
        case .packet(let time, let data):
            enter(entry.id, key: key, into: &events)
            endedComplete = false
            if topic == nil, !includesControlPackets { return }
            let packet = Packet(
                stream: key, feed: feed, topic: topic, id: entry.id, timeNanoseconds: time, data: data, missing: missing, isRepeat: isRepeat
            )
            events.append(.packet(packet))
        case .foreign(let fields):
            events.append(.foreign(ForeignEntry(stream: key, feed: feed, id: entry.id, fields: fields)))
        }
    }

    /// A packet of an epoch whose marker was not seen is a new start all the same.
    private mutating func enter(_ id: EntryID, key: String, into events: inout [ColonyEvent]) {
        guard epoch != id.epoch else { return }
        if epoch != nil {
            events.append(.producerChanged(ProducerChange(stream: key, feed: feed, id: id, change: .unannounced, marker: nil)))
        }
        open(id.epoch)
    }

    private mutating func open(_ epoch: Int) {
        self.epoch = epoch
        gaps.removeAll()
    }

    private mutating func event(of marker: Marker, id: EntryID, key: String) -> ColonyEvent {
        let reason = marker.reason ?? ""
        let change: ProducerChange.Change
        switch marker.kind {
        case .fence:
            open(id.epoch)
            change = .fenced(worker: marker.worker ?? "", reason: reason, tailComplete: endedComplete)
            // Nothing is received between a fence and the websocket that follows it.
            endedComplete = true
        case .up:
            open(id.epoch)
            change = .up(worker: marker.worker ?? "", tailComplete: endedComplete)
            endedComplete = false
        case .down:
            endedComplete = marker["complete"] == "yes"
            change = .down(reason: reason, complete: endedComplete, admitted: marker["admitted"] == "1")
        case .gap:
            guard let from = marker.number("from"), let to = marker.number("to"), from <= to else {
                return .foreign(ForeignEntry(stream: key, feed: feed, id: id, fields: marker.fields))
            }
            if epoch != id.epoch { open(id.epoch) }
            gaps.insert(from...to)
            return .gap(Gap(stream: key, feed: feed, id: id, from: from, to: to, reason: reason, marker: marker))
        case .rollback:
            open(id.epoch)
            endedComplete = false
            let cause = Rollback.Cause.announced(
                reason: reason, previousEpoch: marker.previousEpoch ?? 0, previousNext: marker.previousNext ?? 0)
            return .rollback(Rollback(stream: key, feed: feed, id: id, cause: cause, marker: marker))
        }
        return .producerChanged(ProducerChange(stream: key, feed: feed, id: id, change: change, marker: marker))
    }
}
