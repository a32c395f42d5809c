import ColonyExchanges
import Coordination
import Ingest
import Testing

/// An exchange at the other end of a machine: takes requests, remembers what it sends, answers in its own way or not at all.
private struct ModelExchange {
    enum Answers: CaseIterable { case byID, named, inOrder, never }

    var answers: Answers
    /// One unknown symbol spoils a whole request (else it is named and the rest is taken).
    var refusesWholeRequest: Bool
    var replaces: Bool
    var subscribed: Set<Topic> = []
    private(set) var requests = 0

    /// The answers to one message.
    mutating func receive(_ text: String, isBad: (Topic) -> Bool) -> [Acknowledgement] {
        requests += 1
        let parts = text.split(separator: " ", maxSplits: 2)
        let id = String(parts[1])
        let topics =
            parts.count < 3
            ? [] : parts[2].split(separator: ",").map { name in trade(String(name.split(separator: " ")[1])) }
        let isUnsubscription = parts[0] == "unsub"
        if isUnsubscription {
            subscribed.subtract(topics)
            return answer(.accepted, id, topics, isUnsubscription: true)
        }
        let bad = topics.filter(isBad)
        if !bad.isEmpty, refusesWholeRequest { return answer(.rejected("bad request"), id, [], isUnsubscription: false) }
        let good = topics.filter { !isBad($0) }
        if replaces { subscribed = Set(good) } else { subscribed.formUnion(good) }
        // Refused ones are named in every way of answering: what is not named could never be told apart.
        let refusals = bad.map { Acknowledgement(.rejected("unknown"), requestID: id, topics: [$0]) }
        return refusals + (good.isEmpty ? [] : answer(.accepted, id, good, isUnsubscription: false))
    }

    /// A connection begins, with what its address asks for. `confirms`: the exchange answers for each topic of it.
    mutating func open(asking topics: [Topic], confirms: Bool, isBad: (Topic) -> Bool) -> [Acknowledgement] {
        subscribed = Set(topics.filter { !isBad($0) })
        guard confirms else { return [] }
        return topics.map { Acknowledgement(isBad($0) ? .rejected("unknown") : .accepted, topics: [$0]) }
    }

    private func answer(_ outcome: Acknowledgement.Outcome, _ id: String, _ topics: [Topic], isUnsubscription: Bool) -> [Acknowledgement] {
        switch answers {
        case .byID: [Acknowledgement(outcome, requestID: id, isUnsubscription: isUnsubscription)]
        case .named:
            topics.isEmpty
                ? [Acknowledgement(outcome, requestID: id, isUnsubscription: isUnsubscription)]
                : topics.map { Acknowledgement(outcome, topics: [$0], isUnsubscription: isUnsubscription) }
        case .inOrder: [Acknowledgement(outcome, isUnsubscription: isUnsubscription)]
        case .never: []
        }
    }
}

@Suite struct SubscriptionPropertyTests {
    /// A random life: wishes change, connections break, answers come late or get lost, data come; then everything calms down.
    ///
    /// In the end the exchange sends exactly what is desired and valid, every valid topic is confirmed (or receiving, where there are no
    /// answers),
    /// every invalid one rejected; and at no time were more messages sent in a window than allowed.
    @Test(arguments: 0..<120 as Range<UInt64>)
    func `after any history the exchange sends exactly what is desired`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let replaces = seed % 5 == 4
        let perMessage = replaces ? 100 : Int.random(in: 1...7, using: &random)
        let messages = Int.random(in: 1...6, using: &random)
        let dialect = PlainDialect(topicsPerMessage: perMessage, messages: messages, replaces: replaces)
        var exchange = ModelExchange(
            answers: ModelExchange.Answers.allCases[Int(seed % 4)], refusesWholeRequest: seed % 3 == 0 && seed % 4 == 0, replaces: replaces)
        func isBad(_ topic: Topic) -> Bool { topic.symbol.hasSuffix("9") }
        var machine = SubscriptionMachine(
            dialect: dialect, settings: SubscriptionSettings(confirmWithin: .seconds(10), maximumAttempts: 6))

        var now: Int64 = 0
        var generation = 0
        var isOpen = false
        var version = 0
        var wake: LocalTime?
        var sent: [Int64] = []
        var answers: [(generation: Int, answer: Acknowledgement)] = []
        var states: [Topic: SubscriptionState] = [:]

        func perform(_ actions: [Action], loses: Bool) {
            for action in actions {
                switch action {
                case .send(let request):
                    guard case .text(let text) = request.message else {
                        Issue.record("only texts are sent")
                        continue
                    }
                    sent.append(now)
                    let came = exchange.receive(text, isBad: isBad)
                    if !loses || Int.random(in: 0..<4, using: &random) > 0 { answers += came.map { (generation, $0) } }
                case .changed(let topic, let state): states[topic] = state
                case .wake(let time): wake = time
                case .staleStream, .silentConnection, .needsReconnect: Issue.record("unexpected \(action)")
                }
            }
        }
        func step(loses: Bool) {
            if let due = wake, due <= at(now) {
                wake = nil
                perform(machine.woken(now: at(now)), loses: loses)
            }
            while let (generation, answer) = answers.first, !loses || Bool.random(using: &random) {
                answers.removeFirst()
                perform(machine.acknowledged(answer, generation: generation, now: at(now)), loses: loses)
            }
        }
        // Half of the exchanges take topics in the address; wishes may change between the dial and the opening.
        let asksInAddress = seed % 2 == 1 && !replaces
        func connect(loses: Bool) {
            generation += 1
            isOpen = true
            wake = nil
            var asked: [Topic] = []
            if asksInAddress { asked = Array(machine.connectionTopics.prefix(Int.random(in: 0...8, using: &random))) }
            let answered = exchange.open(asking: asked, confirms: exchange.answers == .named, isBad: isBad)
            if !asked.isEmpty, Bool.random(using: &random) { desire(loses: loses) }
            perform(machine.connected(generation: generation, urlTopics: asked, asked: asked, now: at(now)), loses: loses)
            for answer in answered where !loses || Int.random(in: 0..<4, using: &random) > 0 { answers.append((generation, answer)) }
        }
        func desire(loses: Bool) {
            version += 1
            let wanted = (0..<Int.random(in: 0...12, using: &random)).map { _ in trade("S\(Int.random(in: 0..<20, using: &random))") }
            perform(machine.desire(wanted, version: version, now: at(now)), loses: loses)
        }

        for _ in 0..<150 {
            now += Int64.random(in: 0...900, using: &random)
            switch Int.random(in: 0..<10, using: &random) {
            case 0: desire(loses: true)
            case 1 where isOpen:
                isOpen = false
                perform(machine.disconnected(generation: generation, now: at(now)), loses: true)
            case 2 where !isOpen: connect(loses: true)
            case 3...5 where isOpen:
                if let topic = exchange.subscribed.sorted().randomElement(using: &random) {
                    perform(machine.firstData(topic, generation: generation, now: at(now)), loses: true)
                }
            default: step(loses: true)
            }
        }
        // Calm: a fresh connection, no loss, data of every stream.
        now += 5000
        if isOpen { perform(machine.disconnected(generation: generation, now: at(now)), loses: false) }
        connect(loses: false)
        for _ in 0..<4000 {
            now += 100
            step(loses: false)
            if exchange.answers == .never {
                for topic in exchange.subscribed.sorted() {
                    perform(machine.firstData(topic, generation: generation, now: at(now)), loses: false)
                }
            }
        }

        let desired = Set(machine.subscriptions.map(\.topic))
        #expect(exchange.subscribed == desired.filter { !isBad($0) }, "seed \(seed)")
        for subscription in machine.subscriptions {
            #expect(states[subscription.topic] == subscription.state, "seed \(seed): the changes told must add up")
            switch subscription.state {
            case .acknowledged, .receiving: #expect(!isBad(subscription.topic), "seed \(seed)")
            case .rejected: #expect(isBad(subscription.topic), "seed \(seed)")
            case .pending, .stale: Issue.record("seed \(seed): \(subscription) is not settled")
            }
        }
        #expect(machine.confirmedVersion == machine.version, "seed \(seed)")
        for (index, start) in sent.enumerated() {
            #expect(sent[index...].prefix { $0 < start + 1000 }.count <= messages, "seed \(seed): at \(start)")
        }
    }
}
