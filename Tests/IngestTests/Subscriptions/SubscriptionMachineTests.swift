import ColonyExchanges
import Coordination
import Ingest
import Testing

/// The time so many milliseconds after the start.
func at(_ milliseconds: Int64) -> LocalTime { LocalTime(nanoseconds: 1_000_000_000_000 + milliseconds * 1_000_000) }

func trade(_ symbol: String) -> Topic { Topic(channel: "trade", symbol: symbol) }

typealias Action = SubscriptionMachine.Action

extension [Action] {
    var texts: [String] {
        compactMap { if case .send(let request) = $0, case .text(let text) = request.message { text } else { nil } }
    }
    var states: [String] {
        compactMap { if case .changed(let topic, let state) = $0 { "\(topic) \(state)" } else { nil } }
    }
    var wake: LocalTime? {
        reversed().lazy.compactMap { if case .wake(let time) = $0 { time } else { nil } }.first
    }
}

@Suite struct SubscriptionMachineTests {
    /// A machine that wants the symbols and has an open connection of generation 1 at time 0.
    private func connected(
        _ dialect: PlainDialect, _ symbols: [String], settings: SubscriptionSettings = SubscriptionSettings()
    ) -> (machine: SubscriptionMachine, actions: [Action]) {
        var machine = SubscriptionMachine(dialect: dialect, settings: settings)
        _ = machine.desire(symbols.map(trade), version: 1, now: at(0))
        let actions = machine.connected(generation: 1, urlTopics: [], now: at(0))
        return (machine, actions)
    }

    @Test func `nothing is sent before a connection is open, and everything as soon as one is`() {
        var machine = SubscriptionMachine(dialect: PlainDialect(topicsPerMessage: 2), settings: SubscriptionSettings())
        let desired = machine.desire([trade("BTC"), trade("ETH"), trade("XRP")], version: 1, now: at(0))
        #expect(desired.states == ["trade BTC pending", "trade ETH pending", "trade XRP pending"])
        #expect(desired.texts == [])
        let opened = machine.connected(generation: 1, urlTopics: [], now: at(5))
        #expect(opened.texts == ["sub 1 trade BTC,trade ETH", "sub 2 trade XRP"])
        #expect(opened.states == [])
    }

    @Test func `an acknowledgement by id confirms the topics of its request, first data those that came`() {
        var (machine, _) = connected(PlainDialect(topicsPerMessage: 2), ["BTC", "ETH", "XRP"])
        let accepted = machine.acknowledged(Acknowledgement(.accepted, requestID: "1"), generation: 1, now: at(10))
        #expect(accepted.states == ["trade BTC acknowledged", "trade ETH acknowledged"])
        #expect(machine.confirmedVersion == nil)
        // Data may come before the acknowledgement.
        let data = machine.firstData(trade("XRP"), generation: 1, now: at(11))
        #expect(data.states == ["trade XRP receiving"])
        #expect(machine.confirmedVersion == 1)
        let late = machine.acknowledged(Acknowledgement(.accepted, requestID: "2"), generation: 1, now: at(12))
        #expect(late.states == [])
        #expect(machine.subscriptions.map(\.state) == [.acknowledged, .acknowledged, .receiving])
    }

    @Test func `an acknowledgement that names topics confirms those and leaves the others pending`() {
        var (machine, _) = connected(PlainDialect(), ["BTC", "ETH"])
        let answer = Acknowledgement(.accepted, requestID: "1", topics: [trade("ETH")])
        #expect(machine.acknowledged(answer, generation: 1, now: at(10)).states == ["trade ETH acknowledged"])
        // The same request is answered a second time, for the other topic.
        let second = Acknowledgement(.accepted, topics: [trade("BTC")])
        #expect(machine.acknowledged(second, generation: 1, now: at(11)).states == ["trade BTC acknowledged"])
    }

    @Test func `answers without id and topics belong to the requests in the order of sending`() {
        var (machine, _) = connected(PlainDialect(topicsPerMessage: 1, hasIDs: false), ["BTC", "ETH"])
        let first = machine.acknowledged(Acknowledgement(.accepted), generation: 1, now: at(10))
        #expect(first.states == ["trade BTC acknowledged"])
        let second = machine.acknowledged(Acknowledgement(.rejected("no such pair")), generation: 1, now: at(11))
        #expect(second.states == ["trade ETH rejected: no such pair"])
        #expect(machine.acknowledged(Acknowledgement(.accepted), generation: 1, now: at(12)).states == [])
    }

    @Test func `what was not confirmed in time is sent again with growing pauses, a bounded number of times`() {
        let settings = SubscriptionSettings(confirmWithin: .seconds(10), confirmWithinCap: .seconds(30), maximumAttempts: 4)
        var (machine, actions) = connected(PlainDialect(), ["BTC", "ETH"], settings: settings)
        _ = machine.firstData(trade("ETH"), generation: 1, now: at(1))
        var sent: [Int64] = []
        var wake = actions.wake
        while let time = wake {
            actions = machine.woken(now: time)
            for text in actions.texts {
                #expect(text.hasSuffix("trade BTC"))
                sent.append((time - at(0)).wholeMilliseconds)
            }
            wake = actions.wake
        }
        #expect(sent == [10_000, 30_000, 60_000])
        #expect(machine.subscriptions.map(\.state) == [.pending, .receiving])
        // Given up on this connection, not for ever.
        #expect(machine.connected(generation: 2, urlTopics: [], now: at(200_000)).texts == ["sub 5 trade BTC,trade ETH"])
    }

    @Test func `answers and data of an old connection are ignored`() {
        var (machine, _) = connected(PlainDialect(), ["BTC"])
        #expect(machine.disconnected(generation: 1, now: at(5)).states == [])
        #expect(machine.connected(generation: 2, urlTopics: [], now: at(6)).texts == ["sub 2 trade BTC"])
        #expect(machine.acknowledged(Acknowledgement(.accepted, requestID: "2"), generation: 1, now: at(7)) == [])
        #expect(machine.firstData(trade("BTC"), generation: 1, now: at(8)) == [])
        #expect(machine.disconnected(generation: 1, now: at(9)) == [])
        #expect(machine.limitReported(generation: 1, now: at(9)) == [])
        // And the id of a request of the old connection means nothing on the new one.
        #expect(machine.acknowledged(Acknowledgement(.accepted, requestID: "1"), generation: 2, now: at(10)).states == [])
        #expect(
            machine.acknowledged(Acknowledgement(.accepted, requestID: "2"), generation: 2, now: at(11)).states == [
                "trade BTC acknowledged"
            ])
    }

    @Test func `a lost connection makes everything pending and the next one gets everything again`() {
        var (machine, _) = connected(PlainDialect(), ["BTC", "ETH", "XRP"])
        _ = machine.acknowledged(Acknowledgement(.rejected("bad"), requestID: "1", topics: [trade("XRP")]), generation: 1, now: at(1))
        _ = machine.firstData(trade("BTC"), generation: 1, now: at(2))
        let lost = machine.disconnected(generation: 1, now: at(3))
        #expect(lost.states == ["trade BTC pending", "trade XRP pending"])
        #expect(machine.connected(generation: 2, urlTopics: [], now: at(4)).texts == ["sub 2 trade BTC,trade ETH,trade XRP"])
    }

    @Test func `a change of what is desired subscribes the new, unsubscribes the old and leaves the rest alone`() {
        var (machine, _) = connected(PlainDialect(), ["BTC", "ETH"])
        _ = machine.firstData(trade("BTC"), generation: 1, now: at(1))
        let changed = machine.desire([trade("BTC"), trade("XRP")], version: 2, now: at(10))
        #expect(changed.texts == ["unsub 2 trade ETH", "sub 3 trade XRP"])
        #expect(changed.states == ["trade XRP pending"])
        #expect(machine.subscriptions.map(\.topic.symbol) == ["BTC", "XRP"])
        // The answer to the unsubscription does not confirm anything, and data that were under way bring nothing back.
        #expect(machine.acknowledged(Acknowledgement(.accepted, requestID: "2"), generation: 1, now: at(11)).states == [])
        #expect(machine.firstData(trade("ETH"), generation: 1, now: at(12)) == [])
        #expect(machine.desire([], version: 2, now: at(13)) == [])
        #expect(machine.desire([], version: 3, now: at(14)).texts == ["unsub 4 trade BTC,trade XRP"])
        #expect(machine.confirmedVersion == 3)
    }

    @Test func `a topic wanted again while its unsubscription is under way is subscribed anew`() {
        var (machine, _) = connected(PlainDialect(), ["BTC"])
        _ = machine.firstData(trade("BTC"), generation: 1, now: at(1))
        #expect(machine.desire([], version: 2, now: at(2)).texts == ["unsub 2 trade BTC"])
        let again = machine.desire([trade("BTC")], version: 3, now: at(3))
        #expect(again.texts == ["sub 3 trade BTC"])
        // Answers that do not tell what they answer mean the oldest request; only the last of them is about the new subscription.
        #expect(machine.acknowledged(Acknowledgement(.accepted, topics: [trade("BTC")]), generation: 1, now: at(4)).states == [])
        #expect(machine.acknowledged(Acknowledgement(.accepted, topics: [trade("BTC")]), generation: 1, now: at(4)).states == [])
        #expect(
            machine.acknowledged(Acknowledgement(.accepted, topics: [trade("BTC")]), generation: 1, now: at(5)).states == [
                "trade BTC acknowledged"
            ])
    }

    @Test func `requests that wait for their turn are made anew when the wish changes`() {
        var (machine, actions) = connected(PlainDialect(topicsPerMessage: 1, messages: 2), ["BTC", "ETH", "XRP"])
        #expect(actions.texts == ["sub 1 trade BTC"])
        actions = machine.desire([trade("BTC"), trade("XRP")], version: 2, now: at(10))
        #expect(actions.texts == [])
        var sent: [String] = []
        var wake = actions.wake ?? at(1100)
        while wake < at(5000) {
            actions = machine.woken(now: wake)
            sent += actions.texts
            wake = actions.wake ?? at(5000)
        }
        #expect(sent.count == 1)
        #expect(sent.first?.hasSuffix("trade XRP") == true)
    }

    /// Wakes the machine again and again in the time of the first confirmation; what was sent.
    private func drained(_ machine: inout SubscriptionMachine) -> [String] {
        var sent: [String] = []
        for time in stride(from: Int64(1100), to: 9000, by: 1100) { sent += machine.woken(now: at(time)).texts }
        return sent
    }

    @Test func `an unsubscription that waits for its turn is not forgotten when the wish changes again`() {
        var (machine, _) = connected(PlainDialect(messages: 2), ["BTC"])
        _ = machine.firstData(trade("BTC"), generation: 1, now: at(1))
        #expect(machine.desire([], version: 2, now: at(10)).texts == [])
        #expect(machine.desire([trade("ETH")], version: 3, now: at(20)).texts == [])
        let sent = drained(&machine)
        #expect(sent.map { $0.split(separator: " ").first } == ["unsub", "sub"])
        #expect(sent.first?.hasSuffix("trade BTC") == true)
    }

    @Test func `the parts of a refused batch stay apart when the wish changes`() {
        var (machine, _) = connected(PlainDialect(messages: 2), ["A", "B", "C", "D"])
        let refused = machine.acknowledged(Acknowledgement(.rejected("bad request"), requestID: "1"), generation: 1, now: at(10))
        #expect(refused.texts == [])
        #expect(machine.desire(["A", "B", "C", "D", "E"].map(trade), version: 2, now: at(20)).texts == [])
        let sent = drained(&machine)
        #expect(sent.count == 3)
        for text in sent { #expect(!(text.contains("trade A") && text.contains("trade D")), "\(text)") }
    }

    @Test func `a refusal that names its topic rejects that one with the exchange's words`() {
        var (machine, _) = connected(PlainDialect(), ["BTC", "NO"])
        let answer = Acknowledgement(.rejected("unknown pair NO"), requestID: "1", topics: [trade("NO")])
        #expect(machine.acknowledged(answer, generation: 1, now: at(1)).states == ["trade NO rejected: unknown pair NO"])
        #expect(machine.subscriptions.map(\.state) == [.pending, .rejected("unknown pair NO")])
    }

    @Test func `a batch refused as a whole is taken apart until the culprit stands alone`() {
        var (machine, actions) = connected(PlainDialect(), ["A", "B", "C", "D", "E"])
        var time: Int64 = 0
        var requests = actions.texts
        var sent = 0
        while !requests.isEmpty {
            let text = requests.removeFirst()
            sent += 1
            time += 10
            let isBad = text.contains("trade D")
            let id = String(text.split(separator: " ")[1])
            let answer = Acknowledgement(isBad ? .rejected("invalid request") : .accepted, requestID: id)
            actions = machine.acknowledged(answer, generation: 1, now: at(time))
            requests += actions.texts
        }
        #expect(
            machine.subscriptions.map(\.state) == [
                .acknowledged, .acknowledged, .acknowledged, .rejected("invalid request"), .acknowledged,
            ])
        #expect(sent <= 7)
        #expect(machine.confirmedVersion == 1)
    }

    @Test func `what runs is not taken back by a refusal of a second request for it`() {
        var (machine, _) = connected(PlainDialect(), ["BTC"])
        _ = machine.woken(now: at(10_000))
        _ = machine.acknowledged(Acknowledgement(.accepted, topics: [trade("BTC")]), generation: 1, now: at(10_001))
        let again = machine.acknowledged(Acknowledgement(.rejected("already subscribed"), requestID: "2"), generation: 1, now: at(10_002))
        #expect(again.states == [])
        #expect(machine.subscriptions.map(\.state) == [.acknowledged])
    }

    @Test func `data of a rejected stream win over the rejection`() {
        var (machine, _) = connected(PlainDialect(), ["BTC"])
        _ = machine.acknowledged(Acknowledgement(.rejected("duplicate"), requestID: "1"), generation: 1, now: at(1))
        #expect(machine.firstData(trade("BTC"), generation: 1, now: at(2)).states == ["trade BTC receiving"])
    }

    @Test func `topics the dialect refuses are rejected with its words, spellings of one stream are one subscription`() {
        var machine = SubscriptionMachine(dialect: PlainDialect(), settings: SubscriptionSettings())
        let nope = Topic(channel: "nope", symbol: "x")
        let desired = machine.desire([trade("btc"), trade("BTC"), nope], version: 1, now: at(0))
        #expect(desired.states == ["nope x rejected: Plain has no channel 'nope'", "trade BTC pending"])
        #expect(machine.connected(generation: 1, urlTopics: [], now: at(1)).texts == ["sub 1 trade BTC"])
        #expect(machine.subscriptions.map(\.wanted) == [[nope], [trade("BTC"), trade("btc")]])
        #expect(machine.connectionTopics == [trade("BTC")])
    }

    @Test func `more topics than the exchange allows are rejected, and take their place when there is room`() {
        var (machine, actions) = connected(PlainDialect(maxTopics: 2), ["C", "D"])
        actions = machine.desire(["A", "B", "C", "D"].map(trade), version: 2, now: at(1))
        // Those that run keep their place.
        #expect(actions.texts == [])
        #expect(
            actions.states.map { String($0.prefix(16)) } == ["trade A pending", "trade B pending", "trade A rejected", "trade B rejected"])
        #expect(machine.subscriptions.map(\.state.isConfirmed) == [true, true, false, false])
        #expect(machine.connectionTopics == [trade("C"), trade("D")])
        actions = machine.desire(["A", "B", "D"].map(trade), version: 3, now: at(2))
        #expect(actions.texts == ["unsub 2 trade C", "sub 3 trade A"])
    }

    @Test func `where a subscription replaces the one before, every request names everything that runs`() {
        var (machine, actions) = connected(PlainDialect(replaces: true), ["BTC"])
        #expect(actions.texts == ["sub 1 trade BTC"])
        _ = machine.firstData(trade("BTC"), generation: 1, now: at(1))
        actions = machine.desire([trade("BTC"), trade("ETH")], version: 2, now: at(2))
        #expect(actions.texts == ["sub 2 trade BTC,trade ETH"])
        actions = machine.acknowledged(Acknowledgement(.rejected("no ETH"), requestID: "2"), generation: 1, now: at(3))
        #expect(actions.states == ["trade ETH rejected: no ETH"])
        #expect(actions.texts == [])
        actions = machine.desire([trade("BTC")], version: 3, now: at(4))
        #expect(actions.texts == [])
    }

    @Test func `topics named in the URL are not asked for, and a new one asks for a new connection`() {
        let (one, two) = (Topic(channel: "url", symbol: "A"), Topic(channel: "url", symbol: "B"))
        var machine = SubscriptionMachine(dialect: PlainDialect(), settings: SubscriptionSettings())
        _ = machine.desire([one], version: 1, now: at(0))
        #expect(machine.connected(generation: 1, urlTopics: machine.connectionTopics, now: at(1)) == [])
        #expect(machine.firstData(one, generation: 1, now: at(2)).states == ["url A receiving"])
        let changed = machine.desire([one, two], version: 2, now: at(3))
        #expect(changed == [.changed(two, .pending), .needsReconnect([two])])
        #expect(machine.woken(now: at(100_000)) == [])
    }

    @Test func `asking for a stream once more ends the old subscription first`() {
        var (machine, _) = connected(PlainDialect(), ["BTC", "ETH"])
        _ = machine.firstData(trade("BTC"), generation: 1, now: at(1))
        let again = machine.resubscribe([trade("BTC"), trade("UNKNOWN")], now: at(2))
        #expect(again.texts == ["unsub 2 trade BTC", "sub 3 trade BTC"])
        #expect(again.states == ["trade BTC pending"])
    }
}
