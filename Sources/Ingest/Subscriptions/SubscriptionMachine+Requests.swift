internal import ColonyExchanges
internal import Coordination
internal import DequeModule

extension SubscriptionMachine {
    /// Makes the next requests from what is to be done: first leave, then try the parts of a refused batch, then subscribe the rest.
    /// False when nothing is to be done.
    mutating func fill() -> Bool {
        guard let connection = open else { return false }
        if !connection.leaving.isEmpty {
            open?.leaving = []
            enqueue(dialect.unsubscribe(connection.leaving.sorted(), remaining: carried(), firstID: nextRequestID), .unsubscribe)
            return true
        }
        if let split = open?.splits.popFirst() {
            let topics = split.filter { entries[$0]?.phase == .waiting }
            if !topics.isEmpty { ask(topics, .split) }
            return true
        }
        var waiting = topics { $0.phase == .waiting }
        // Thousands of small messages are made some hundreds at a time.
        let limits = dialect.profile.limits
        let each = max(1, limits.topicsPerMessage)
        if !limits.subscriptionReplaces, each < 64 { waiting = Array(waiting.prefix(256 / each * each)) }
        if !waiting.isEmpty { ask(waiting, .subscribe) }
        return !waiting.isEmpty
    }

    private mutating func ask(_ topics: [Topic], _ kind: Outgoing.Kind) {
        let replaced = dialect.profile.limits.subscriptionReplaces ? carried() : []
        let requests = dialect.subscribe((replaced + topics).sorted(), firstID: nextRequestID)
        enqueue(requests, kind)
        var missing = Set(topics)
        for request in requests { missing.subtract(request.topics) }
        // No message asks for these: the URL names them, or that of a new connection must.
        for topic in missing.sorted() { setPhase(topic, .sent(deadline: nil)) }
        if let urlTopics = open?.urlTopics { missing.subtract(urlTopics) }
        unreachable += missing
    }

    private mutating func enqueue(_ requests: [Request], _ kind: Outgoing.Kind) {
        takeRequestIDs(requests.count)
        for request in requests { open?.outbox.append(Outgoing(kind: kind, request: request)) }
    }

    /// What the exchange may be sending and shall go on with.
    private func carried() -> [Topic] { topics { $0.phase.isOnConnection } }

    /// Takes back the requests that were not sent: what is desired has changed.
    mutating func requeue() {
        guard let outbox = open?.outbox else { return }
        open?.outbox = []
        for waiting in outbox {
            switch waiting.kind {
            case .subscribe: continue
            case .split: open?.splits.append(waiting.request.topics)
            case .unsubscribe: open?.leaving.formUnion(waiting.request.topics)
            }
        }
    }

    /// The address has asked for these as the connection opened.
    mutating func registerAddress(_ asked: [Topic], now: LocalTime) {
        var wanted: [Topic] = []
        for topic in asked {
            // Given up, or above the maximum, since the dial: the exchange sends it all the same.
            if entries[topic]?.phase == .waiting { wanted.append(topic) } else { open?.leaving.insert(topic) }
        }
        if !wanted.isEmpty { register(wanted, id: nil, isUnsubscription: false, now: now) }
    }

    /// A request has been sent.
    mutating func register(_ sent: Outgoing, now: LocalTime) {
        register(sent.request.topics, id: sent.request.id, isUnsubscription: sent.kind == .unsubscribe, now: now)
    }

    private mutating func register(_ topics: [Topic], id: String?, isUnsubscription: Bool, now: LocalTime) {
        guard let number = open.map({ $0.requestsSent &+ 1 }) else { return }
        open?.requestsSent = number
        open?.unanswered.removeAll { $0.until <= now }
        var until = now + settings.confirmWithin
        if !isUnsubscription {
            for topic in topics {
                guard let entry = entries[topic], entry.phase == .waiting else { continue }
                let deadline = now + settings.confirmation(attempt: Int(entry.attempts) + 1)
                entries[topic]?.attempts &+= 1
                entries[topic]?.request = number
                setPhase(topic, .sent(deadline: deadline))
                until = max(until, deadline)
            }
        }
        open?.unanswered.append(Unanswered(number: number, id: id, isUnsubscription: isUnsubscription, topics: topics, until: until))
    }

    /// What was not confirmed in time is sent again, a bounded number of times.
    mutating func expire(now: LocalTime) {
        for topic in entries.keys.sorted() {
            guard let entry = entries[topic], let deadline = entry.phase.deadline, deadline <= now else { continue }
            setPhase(topic, Int(entry.attempts) < settings.maximumAttempts ? .waiting : .sent(deadline: nil))
        }
        open?.unanswered.removeAll { $0.until <= now }
    }
}
