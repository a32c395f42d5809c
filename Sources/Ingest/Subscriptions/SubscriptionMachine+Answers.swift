public import ColonyExchanges
public import Coordination
internal import DequeModule

extension SubscriptionMachine {
    /// The exchange answered a request.
    ///
    /// The request is found by the id in the answer, else by the topics it names, else it is the oldest one without an answer. A refusal
    /// of several topics at once that does not say which of them it means is taken apart: each half is sent again on its own.
    public mutating func acknowledged(_ answer: Acknowledgement, generation: Int, now: LocalTime) -> [Action] {
        guard open?.generation == generation else { return [] }
        let index = indexOfRequest(answer)
        let request = index.flatMap { open?.unanswered[$0] }
        // An answer with the id of no request that waits, and without topics, is late or meant for nobody.
        let topics = answer.topics.isEmpty ? request?.topics ?? [] : answer.topics
        if answer.requestID == nil, !answer.topics.isEmpty {
            settleOldest(topics, besides: index)
        } else if let index {
            settle(index, answered: topics)
        }
        if answer.isUnsubscription || request?.isUnsubscription == true { return finish(now: now) }
        switch answer.outcome {
        case .accepted: for topic in topics { accept(topic, by: request, now: now) }
        case .rejected(let words): reject(topics, words, namesThem: !answer.topics.isEmpty)
        }
        return finish(now: now)
    }

    /// The first packet of a stream on the connection. To be called once per stream and connection, with the time of its receipt.
    public mutating func firstData(_ topic: Topic, generation: Int, now: LocalTime) -> [Action] {
        guard open?.generation == generation, let entry = entries[topic], !entry.phase.isSurplus else { return [] }
        setPhase(topic, .receiving)
        entries[topic]?.lastData = now
        return finish(now: now)
    }

    /// The first packet on the connection, from an exchange whose packets do not tell their stream: whatever has been sent is taken to be received.
    public mutating func firstUnnamedData(generation: Int, now: LocalTime) -> [Action] {
        guard open?.generation == generation else { return [] }
        for topic in connectionTopics where entries[topic]?.phase.isOnConnection == true {
            setPhase(topic, .receiving)
            entries[topic]?.lastData = now
        }
        return finish(now: now)
    }

    /// Looks at every stream: learns its rhythm and finds those that fell silent. To be called about once a second.
    ///
    /// `lastData` gives the receipt time of the stream's last packet on this connection, nil if there was none. Only data count, no
    /// heartbeats.
    public mutating func sweep(generation: Int, now: LocalTime, lastData: (Topic) -> LocalTime?) -> [Action] {
        guard open?.generation == generation else { return [] }
        var stale: [Topic] = []
        for topic in connectionTopics {
            // Data that name no stream are not of one that was not asked for.
            guard var entry = entries[topic], namesStreams || entry.phase.isOnConnection else { continue }
            if let last = lastData(topic), entry.lastData.map({ last > $0 }) ?? true {
                if let previous = entry.lastData {
                    entry.rhythm.learn(last - previous, floor: settings.staleFloor, factor: settings.staleFactor)
                }
                entry.lastData = last
                entry.silences = 0
                entries[topic] = entry
                setPhase(topic, .receiving)
            }
            if isSilent(topic, now: now) {
                setPhase(topic, .stale)
                entries[topic]?.noteSilence()
                entries[topic]?.silentSince = now
                stale.append(topic)
            }
        }
        if !stale.isEmpty, let silence = connectionSilence(now: now) {
            for topic in stale { entries[topic]?.silences = 0 }
            actions.append(silence)
        } else {
            actions += stale.map { .staleStream($0) }
        }
        return finish(now: now)
    }

    private func isSilent(_ topic: Topic, now: LocalTime) -> Bool {
        guard let entry = entries[topic] else { return false }
        let since: LocalTime
        switch entry.phase {
        case .receiving: since = entry.lastData ?? now
        // Accepted, and yet nothing comes, from a stream that used to speak on earlier connections.
        case .acknowledged(let accepted): since = accepted
        // Asked for again because of its silence, of an exchange that does not answer.
        case .sent, .waiting:
            guard entry.silences > 0, let silent = entry.silentSince else { return false }
            since = silent
        case .stale, .rejected, .surplus: return false
        }
        guard let limit = entry.rhythm.limit(floor: settings.staleFloor, factor: settings.staleFactor) else { return false }
        return now - since > limit
    }

    /// Said when each stream with a rhythm was found silent twice, and no other has spoken meanwhile.
    private func connectionSilence(now: LocalTime) -> Action? {
        let judged = entries.values.filter { entry in
            switch entry.phase {
            case .rejected, .surplus: false
            case .waiting, .sent, .acknowledged, .receiving, .stale: entry.rhythm.isKnown
            }
        }
        guard !judged.isEmpty, judged.allSatisfy({ $0.silences > 1 }) else { return nil }
        guard let newest = entries.values.compactMap(\.lastData).max() ?? judged.compactMap(\.silentSince).min() else { return nil }
        let silence = now - newest
        return silence > settings.staleFloor ? .silentConnection(streams: judged.count, silence: silence) : nil
    }

    private func indexOfRequest(_ answer: Acknowledgement) -> Int? {
        guard let unanswered = open?.unanswered else { return nil }
        if let id = answer.requestID { return unanswered.firstIndex { $0.id == id } }
        if case .rejected = answer.outcome, answer.topics.isEmpty {
            // Not one whose streams have proved themselves: exchanges that never say yes leave those unanswered.
            let open = unanswered.firstIndex { request in request.isUnsubscription || request.topics.contains(where: isUnconfirmed) }
            if let open { return open }
        }
        // An answer that does not say it ends a subscription may do so all the same.
        return unanswered.firstIndex { request in
            (request.isUnsubscription || !answer.isUnsubscription) && (answer.topics.first.map(request.topics.contains) ?? true)
        }
    }

    private func isUnconfirmed(_ topic: Topic) -> Bool { if case .sent = entries[topic]?.phase { true } else { false } }

    /// Takes each topic out of the oldest request that names it: some exchanges list everything subscribed so far with each answer.
    private mutating func settleOldest(_ topics: [Topic], besides index: Int?) {
        guard let unanswered = open?.unanswered else { return }
        for topic in topics {
            // The request that the answer was found to mean goes first: it may be one that ends a subscription.
            let named =
                index.flatMap { unanswered[$0].topics.contains(topic) ? $0 : nil } ?? unanswered.firstIndex { $0.topics.contains(topic) }
            if let named { open?.unanswered[named].topics.removeAll { $0 == topic } }
        }
        open?.unanswered.removeAll { $0.topics.isEmpty }
    }

    private mutating func settle(_ index: Int, answered topics: [Topic]) {
        open?.unanswered[index].topics.removeAll { topics.contains($0) }
        if open?.unanswered[index].topics.isEmpty == true { open?.unanswered.remove(at: index) }
    }

    private mutating func accept(_ topic: Topic, by request: Unanswered?, now: LocalTime) {
        // The answer to a request of before the topic was given up and asked for anew says nothing.
        guard let entry = entries[topic], request == nil || request?.number == entry.request else { return }
        switch entry.phase {
        // Late, while it waits to be sent again. Never sent: the answer means somebody else.
        case .waiting: if entry.attempts > 0 { setPhase(topic, .acknowledged(since: now)) }
        case .sent, .rejected: setPhase(topic, .acknowledged(since: now))
        case .acknowledged, .receiving, .stale, .surplus: return
        }
    }

    private mutating func reject(_ topics: [Topic], _ words: String, namesThem: Bool) {
        // What runs was asked for twice; the second answer takes nothing away.
        let asked = topics.filter(isUnconfirmed)
        guard !namesThem, asked.count > 1 else {
            for topic in asked { setPhase(topic, .rejected(words)) }
            return
        }
        for topic in asked {
            setPhase(topic, .waiting)
            // Taking a batch apart is no attempt that failed for want of an answer.
            if let attempts = entries[topic]?.attempts, attempts > 0 { entries[topic]?.attempts = attempts - 1 }
        }
        let middle = asked.count / 2
        open?.splits.append(Array(asked[..<middle]))
        open?.splits.append(Array(asked[middle...]))
    }
}
