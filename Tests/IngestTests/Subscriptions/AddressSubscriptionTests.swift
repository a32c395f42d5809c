import ColonyExchanges
import Coordination
import Ingest
import Testing

/// What the machine makes of topics that the websocket's address has asked for.
@Suite("Subscriptions in the address") struct AddressSubscriptionTests {
    /// A machine that wants the symbols, and has an open connection of generation 1 at time 0 whose address asked for some of them.
    private func connected(
        _ symbols: [String], asked: [String], dialect: PlainDialect = PlainDialect()
    ) -> (machine: SubscriptionMachine, actions: [Action]) {
        var machine = SubscriptionMachine(dialect: dialect, settings: SubscriptionSettings())
        _ = machine.desire(symbols.map(trade), version: 1, now: at(0))
        let actions = machine.connected(generation: 1, urlTopics: symbols.map(trade), asked: asked.map(trade), now: at(0))
        return (machine, actions)
    }

    private func states(_ machine: SubscriptionMachine) -> [String] { machine.subscriptions.map { "\($0.topic.symbol) \($0.state)" } }

    @Test func `what the address asks for is not sent, and stays pending until data come`() {
        var (machine, actions) = connected(["BTC", "ETH"], asked: ["BTC", "ETH"])
        #expect(actions.texts == [] && actions.states == [])
        #expect(states(machine) == ["BTC pending", "ETH pending"])
        actions = machine.firstData(trade("BTC"), generation: 1, now: at(1))
        #expect(actions.states == ["trade BTC receiving"])
        #expect(machine.acknowledgedCount == 0 && machine.confirmedVersion == nil)
        _ = machine.firstData(trade("ETH"), generation: 1, now: at(2))
        #expect(machine.confirmedVersion == 1)
    }

    @Test func `what did not fit into the address goes by message, paced, with ids from one`() {
        let symbols = (10..<35).map { "S\($0)" }
        var (machine, actions) = connected(
            symbols, asked: Array(symbols.prefix(20)), dialect: PlainDialect(topicsPerMessage: 2, messages: 2))
        #expect(actions.texts == ["sub 1 trade S30,trade S31"], "one of two messages is kept for heartbeats")
        actions = machine.woken(now: actions.wake ?? at(0))
        #expect(actions.texts == ["sub 2 trade S32,trade S33"])
        actions = machine.woken(now: actions.wake ?? at(0))
        #expect(actions.texts == ["sub 3 trade S34"])
    }

    @Test func `an exchange that confirms what its address asked for is heard`() {
        var (machine, _) = connected(["BTC", "ETH", "XRP"], asked: ["BTC", "ETH"], dialect: PlainDialect(hasIDs: false))
        let first = machine.acknowledged(Acknowledgement(.accepted, topics: [trade("ETH")]), generation: 1, now: at(1))
        #expect(first.states == ["trade ETH acknowledged"])
        let refused = machine.acknowledged(Acknowledgement(.rejected("no BTC"), topics: [trade("BTC")]), generation: 1, now: at(2))
        #expect(refused.states == ["trade BTC rejected: no BTC"])
        #expect(states(machine) == ["BTC rejected: no BTC", "ETH acknowledged", "XRP pending"])
        #expect(machine.woken(now: at(10_000)).texts == ["sub 2 trade XRP"], "what is settled is not asked for again")
    }

    @Test func `what stays silent is asked for by message after the time for answers, and that answer counts`() {
        var (machine, actions) = connected(["BTC", "NOPE"], asked: ["BTC", "NOPE"])
        _ = machine.firstData(trade("BTC"), generation: 1, now: at(1))
        #expect(actions.wake == at(10_000))
        #expect(machine.woken(now: at(9_999)).texts == [])
        actions = machine.woken(now: at(10_000))
        #expect(actions.texts == ["sub 1 trade NOPE"])
        #expect(states(machine) == ["BTC receiving", "NOPE pending"])
        actions = machine.acknowledged(Acknowledgement(.rejected("unknown symbol"), requestID: "1"), generation: 1, now: at(10_001))
        #expect(actions.states == ["trade NOPE rejected: unknown symbol"])
        #expect(machine.confirmedVersion == 1)
    }

    @Test func `the address counts among the attempts`() {
        var (machine, actions) = connected(["NOPE"], asked: ["NOPE"])
        var texts: [String] = []
        while let wake = actions.wake {
            actions = machine.woken(now: wake)
            texts += actions.texts
        }
        #expect(texts == ["sub 1 trade NOPE", "sub 2 trade NOPE", "sub 3 trade NOPE"])
        #expect(states(machine) == ["NOPE pending"])
    }

    @Test func `what was given up between dial and opening is unsubscribed by message, what was added is subscribed`() {
        var machine = SubscriptionMachine(dialect: PlainDialect(), settings: SubscriptionSettings())
        _ = machine.desire(["BTC", "ETH"].map(trade), version: 1, now: at(0))
        let asked = machine.connectionTopics
        _ = machine.desire(["ETH", "XRP"].map(trade), version: 2, now: at(1))
        let opened = machine.connected(generation: 1, urlTopics: asked, asked: asked, now: at(2))
        #expect(opened.texts == ["unsub 1 trade BTC", "sub 2 trade XRP"])
        // Its data may come until the exchange has heard that.
        #expect(machine.firstData(trade("BTC"), generation: 1, now: at(3)).states == [])
        let late = machine.acknowledged(Acknowledgement(.accepted, topics: [trade("BTC")]), generation: 1, now: at(4))
        #expect(late.states == [])
        #expect(states(machine) == ["ETH pending", "XRP pending"])
    }

    @Test func `what was given up and wanted again between dial and opening was asked for`() {
        var machine = SubscriptionMachine(dialect: PlainDialect(), settings: SubscriptionSettings())
        _ = machine.desire([trade("BTC")], version: 1, now: at(0))
        let asked = machine.connectionTopics
        _ = machine.desire([], version: 2, now: at(1))
        _ = machine.desire([trade("BTC")], version: 3, now: at(2))
        #expect(machine.connected(generation: 1, urlTopics: asked, asked: asked, now: at(3)).texts == [])
    }

    @Test func `changes on the open connection go by message, and an answer to the address does not confirm a later request`() {
        var (machine, _) = connected(["BTC"], asked: ["BTC"], dialect: PlainDialect(hasIDs: false))
        #expect(machine.desire([], version: 2, now: at(1)).texts == ["unsub 1 trade BTC"])
        #expect(machine.desire([trade("BTC")], version: 3, now: at(2)).texts == ["sub 2 trade BTC"])
        let late = machine.acknowledged(Acknowledgement(.accepted, topics: [trade("BTC")]), generation: 1, now: at(3))
        #expect(late.states == [], "it answers the address, before the topic was given up")
        _ = machine.acknowledged(Acknowledgement(.accepted, topics: [trade("BTC")], isUnsubscription: true), generation: 1, now: at(4))
        let fresh = machine.acknowledged(Acknowledgement(.accepted, topics: [trade("BTC")]), generation: 1, now: at(5))
        #expect(fresh.states == ["trade BTC acknowledged"])
    }

    @Test func `the next connection's address counts as the first, and what it refused is tried again`() {
        var (machine, _) = connected(["BTC", "NOPE"], asked: ["BTC", "NOPE"])
        _ = machine.firstData(trade("BTC"), generation: 1, now: at(1))
        _ = machine.acknowledged(Acknowledgement(.rejected("unknown"), topics: [trade("NOPE")]), generation: 1, now: at(2))
        let ended = machine.disconnected(generation: 1, now: at(5_000))
        #expect(ended.states == ["trade BTC pending", "trade NOPE pending"])
        #expect(machine.connectionTopics == ["BTC", "NOPE"].map(trade))
        let again = machine.connected(generation: 2, urlTopics: machine.connectionTopics, asked: machine.connectionTopics, now: at(6_000))
        #expect(again.texts == [] && again.wake == at(16_000))
        #expect(machine.firstData(trade("BTC"), generation: 2, now: at(6_001)).states == ["trade BTC receiving"])
    }

    @Test func `what came above the maximum since the dial is unsubscribed`() {
        var machine = SubscriptionMachine(dialect: PlainDialect(maxTopics: 2), settings: SubscriptionSettings())
        _ = machine.desire(["C", "D"].map(trade), version: 1, now: at(0))
        let asked = machine.connectionTopics
        _ = machine.desire(["A", "B", "C", "D"].map(trade), version: 2, now: at(1))
        let wanted = machine.connectionTopics
        let opened = machine.connected(generation: 1, urlTopics: asked, asked: asked, now: at(2))
        let dropped = asked.filter { !wanted.contains($0) }
        let added = wanted.filter { !asked.contains($0) }
        #expect(!dropped.isEmpty)
        #expect(opened.texts.first == "unsub 1 " + dropped.map(\.description).joined(separator: ","))
        #expect(opened.texts.dropFirst() == ["sub 2 " + added.map(\.description).joined(separator: ",")])
    }
}
