public import ColonyExchanges
public import Coordination
internal import DequeModule

/// Keeps one connection subscribed to what is desired: sends what is missing inside the exchange's limits, hears the answers, sends again,
/// takes back what is no longer desired, and notices streams that fell silent.
///
/// Pure: time comes in, actions go out. Events of another connection than the open one are ignored by their generation. After each verb
/// the shell performs the actions in order; `.wake` replaces the wake-up asked for before.
public struct SubscriptionMachine: Sendable {
    public enum Action: Sendable, Equatable {
        /// Show the request to the connection's reader (`DialectReader.prepare`), then send its message.
        case send(Request)
        case changed(Topic, SubscriptionState)
        /// Call `woken` at this time.
        case wake(LocalTime)
        /// The stream is silent far beyond its own rhythm; its state has been reported as stale.
        case staleStream(Topic)
        /// Every stream that has a rhythm was asked for again and stayed silent, so long, as far as the connection's last data are back:
        /// what still comes are heartbeats and answers.
        case silentConnection(streams: Int, silence: Duration)
        /// These topics are named in the URL of a connection only; the open one does not carry them.
        case needsReconnect([Topic])
    }

    let dialect: any Dialect
    /// The dialect's: packets tell their stream.
    public let namesStreams: Bool
    let settings: SubscriptionSettings
    /// By canonical topic. Changed through `add`, `remove` and `setPhase` only, where the phase is concerned.
    var entries: [Topic: Entry] = [:]
    /// What the dialect refused, by the topic as asked for.
    private var unknown: [Topic: String] = [:]
    var open: Connection?
    var pacer: MessagePacer
    private(set) var nextRequestID = 1
    /// How many entries are pending.
    private var unconfirmed = 0
    /// No deadline is earlier; there may be none at this time any more.
    private var earliestDeadline: LocalTime?
    private var wakeAt: LocalTime?
    /// What the verb under way has to say.
    var actions: [Action] = []
    /// What the open connection does not carry, as the verb under way has found.
    var unreachable: [Topic] = []

    /// Moves with whatever `subscriptions` tells.
    private(set) var changes = 0

    /// The version of the desired set last taken in; nil before the first.
    public private(set) var version: Int?
    /// The last version all of whose subscriptions were acknowledged, receiving or rejected at some moment.
    public private(set) var confirmedVersion: Int?

    public init(dialect: any Dialect, settings: SubscriptionSettings) {
        let limits = dialect.profile.limits
        self.dialect = dialect
        self.namesStreams = dialect.profile.namesStreams
        self.settings = settings
        self.pacer = MessagePacer(limit: limits.messages, window: limits.messageWindow, reserved: settings.reservedMessages)
    }

    // MARK: What is desired

    /// Takes in the desired set. The same version again changes nothing.
    ///
    /// Topics the dialect refuses, and those above the exchange's maximum per connection, are rejected with words; the others keep their
    /// place.
    public mutating func desire(_ topics: [Topic], version: Int, now: LocalTime) -> [Action] {
        guard version != self.version else { return [] }
        self.version = version
        changes &+= 1
        let refusedBefore = unknown
        // Thousands, as a rule: sorted lists, and no dictionaries for a moment's use.
        var wanted: [(canonical: Topic, spelling: Topic)] = []
        wanted.reserveCapacity(topics.count)
        unknown = [:]
        for topic in topics {
            do throws(DialectError) {
                wanted.append((try dialect.canonical(topic), topic))
            } catch {
                guard unknown.updateValue(error.description, forKey: topic) == nil else { continue }
                if refusedBefore[topic] != error.description { actions.append(.changed(topic, .rejected(error.description))) }
            }
        }
        wanted.sort { ($0.canonical, $0.spelling) < ($1.canonical, $1.spelling) }
        entries.reserveCapacity(wanted.count)
        for topic in entries.keys.sorted() where !Self.contains(wanted, topic) {
            if entries[topic]?.phase.isOnConnection == true { open?.leaving.insert(topic) }
            remove(topic)
        }
        var start = 0
        while start < wanted.count {
            let topic = wanted[start].canonical
            var end = start + 1
            while end < wanted.count, wanted[end].canonical == topic { end += 1 }
            if entries[topic] == nil { add(topic) }
            var spellings: [Topic] = []
            for index in start..<end where spellings.last != wanted[index].spelling { spellings.append(wanted[index].spelling) }
            entries[topic]?.spellings = spellings == [topic] ? [] : spellings
            start = end
        }
        applyMaximum()
        requeue()
        return finish(now: now)
    }

    /// What a new connection will carry, for `Dialect.connection(topics:random:)`; sorted.
    public var connectionTopics: [Topic] { topics { !$0.phase.isSurplus } }

    /// How many subscriptions the exchange has acknowledged, and no data have proved.
    public var acknowledgedCount: Int { entries.values.count { $0.phase.state == .acknowledged } }

    /// Every desired subscription with its state, sorted by topic.
    public var subscriptions: [Subscription] {
        let known = entries.map { topic, entry in
            Subscription(topic: topic, wanted: entry.spellings.isEmpty ? [topic] : entry.spellings, state: entry.phase.state)
        }
        let refused = unknown.map { Subscription(topic: $0.key, wanted: [$0.key], state: .rejected($0.value)) }
        return (known + refused).sorted { $0.topic < $1.topic }
    }

    /// The state of every desired subscription by `<channel> <symbol>`, as a JSON object.
    var statesText: String {
        var line = JSONLine()
        for (topic, entry) in entries { line.add(topic.description, .text(entry.phase.state.description)) }
        for (topic, words) in unknown { line.add(topic.description, .text(SubscriptionState.rejected(words).description)) }
        return line.text()
    }

    // MARK: The connection

    /// A connection is open and ready for subscriptions (behind the exchange's greeting where there is one). `urlTopics` are those that
    /// were given to `Dialect.connection(topics:random:)`, `asked` those of them that the address has subscribed.
    ///
    /// An address counts as the first request for its topics: they wait for an answer or data as after a message, and are asked for by message
    /// when neither has come in time. What is no longer desired is unsubscribed.
    public mutating func connected(generation: Int, urlTopics: [Topic], asked: [Topic] = [], now: LocalTime) -> [Action] {
        disconnect()
        open = Connection(generation: generation, urlTopics: urlTopics)
        registerAddress(asked, now: now)
        return finish(now: now)
    }

    /// The connection is over: everything is pending again, and is sent again on the next one.
    public mutating func disconnected(generation: Int, now: LocalTime) -> [Action] {
        guard open?.generation == generation else { return [] }
        disconnect()
        return finish(now: now)
    }

    /// Messages that went out on the connection besides `.send`: heartbeats, answers, pongs. They count in the exchange's limit.
    public mutating func sentElsewhere(_ count: Int = 1, now: LocalTime) { pacer.note(count, at: now) }

    /// The exchange complained about the rate of messages: nothing is sent for a whole window.
    public mutating func limitReported(generation: Int, now: LocalTime) -> [Action] {
        guard open?.generation == generation else { return [] }
        pacer.pause(at: now)
        return finish(now: now)
    }

    /// The time of the last `.wake` has come; early or needless calls do no harm.
    public mutating func woken(now: LocalTime) -> [Action] {
        if let at = wakeAt, at <= now { wakeAt = nil }
        if let deadline = earliestDeadline, deadline <= now {
            expire(now: now)
            earliestDeadline = entries.values.compactMap(\.phase.deadline).min()
        }
        return finish(now: now)
    }

    /// Asks for these streams once more, whatever their state: for stale ones, and for rejected ones whose cause is gone.
    public mutating func resubscribe(_ topics: [Topic], now: LocalTime) -> [Action] {
        for topic in topics {
            guard let entry = entries[topic], entry.phase != .waiting, !entry.phase.isSurplus else { continue }
            if entry.phase.isOnConnection { open?.leaving.insert(topic) }
            setPhase(topic, .waiting)
            entries[topic]?.attempts = 0
        }
        requeue()
        return finish(now: now)
    }

    // MARK: Inside

    private static func contains(_ sorted: [(canonical: Topic, spelling: Topic)], _ topic: Topic) -> Bool {
        var low = 0
        var high = sorted.count
        while low < high {
            let middle = (low + high) / 2
            if sorted[middle].canonical < topic { low = middle + 1 } else { high = middle }
        }
        return low < sorted.count && sorted[low].canonical == topic
    }

    /// Sorted. Not through a filtered dictionary: that would be as large as the whole, every second.
    func topics(where isMeant: (Entry) -> Bool) -> [Topic] {
        var found: [Topic] = []
        for (topic, entry) in entries where isMeant(entry) { found.append(topic) }
        found.sort()
        return found
    }

    /// Sends what may be sent, says when to be woken, and hands out the actions of the verb.
    mutating func finish(now: LocalTime) -> [Action] {
        // Not a copy of the connection: taking a request out of its box would copy the box.
        while let isEmpty = open?.outbox.isEmpty {
            if isEmpty, fill() { continue }
            guard let next = open?.outbox.first, pacer.slot(at: now) <= now else { break }
            open?.outbox.removeFirst()
            pacer.note(at: now)
            register(next, now: now)
            actions.append(.send(next.request))
        }
        if !unreachable.isEmpty {
            actions.append(.needsReconnect(unreachable.sorted()))
            unreachable = []
        }
        if let version, unconfirmed == 0 { confirmedVersion = version }
        if let at = nextWake(now: now), at != wakeAt {
            wakeAt = at
            actions.append(.wake(at))
        }
        defer { actions = [] }
        return actions
    }

    mutating func setPhase(_ topic: Topic, _ phase: Phase) {
        guard let old = entries[topic]?.phase, old != phase else { return }
        entries[topic]?.phase = phase
        if let deadline = phase.deadline { earliestDeadline = min(deadline, earliestDeadline ?? deadline) }
        guard old.state != phase.state else { return }
        changes &+= 1
        unconfirmed += (phase.state.isConfirmed ? 0 : 1) - (old.state.isConfirmed ? 0 : 1)
        actions.append(.changed(topic, phase.state))
    }

    private mutating func add(_ topic: Topic) {
        entries[topic] = Entry(phase: .waiting)
        unconfirmed += 1
        actions.append(.changed(topic, .pending))
    }

    /// What is no longer desired has no state; nothing is said about it.
    private mutating func remove(_ topic: Topic) {
        guard let entry = entries.removeValue(forKey: topic) else { return }
        if !entry.phase.state.isConfirmed { unconfirmed -= 1 }
    }

    /// The ids of requests, unique over all connections of this machine.
    mutating func takeRequestIDs(_ count: Int) { nextRequestID += count }

    private mutating func nextWake(now: LocalTime) -> LocalTime? {
        guard let open else { return nil }
        let slot = open.outbox.isEmpty ? nil : pacer.slot(at: now)
        guard let slot, let earliestDeadline else { return slot ?? earliestDeadline }
        return min(slot, earliestDeadline)
    }

    private mutating func disconnect() {
        open = nil
        wakeAt = nil
        earliestDeadline = nil
        for topic in connectionTopics {
            setPhase(topic, .waiting)
            entries[topic]?.attempts = 0
            entries[topic]?.lastData = nil
            entries[topic]?.silences = 0
        }
    }

    /// Keeps at most the exchange's maximum: those that are there already first, then in the order of their names.
    private mutating func applyMaximum() {
        guard let maximum = dialect.profile.limits.maxTopics else { return }
        let words = "\(dialect.profile.name) allows \(maximum) topics on one connection; use another shard for the rest"
        let present = topics { $0.phase.isOnConnection }
        let absent = topics { !$0.phase.isOnConnection }
        for (rank, topic) in (present + absent).enumerated() {
            if rank >= maximum {
                if entries[topic]?.phase.isOnConnection == true { open?.leaving.insert(topic) }
                setPhase(topic, .surplus(words))
            } else if entries[topic]?.phase.isSurplus == true {
                setPhase(topic, .waiting)
            }
        }
    }
}
