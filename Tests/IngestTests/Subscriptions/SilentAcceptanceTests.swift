import ColonyExchanges
import Coordination
import Ingest
import Testing

/// Exchanges that never say yes, or say it of everything at once, and answer refusals without a name.
@Suite struct SilentAcceptanceTests {
    private func connected(_ symbols: [String], replaces: Bool = false) -> SubscriptionMachine {
        var machine = SubscriptionMachine(dialect: PlainDialect(replaces: replaces, hasIDs: false), settings: SubscriptionSettings())
        _ = machine.desire(symbols.map(trade), version: 1, now: at(0))
        _ = machine.connected(generation: 1, urlTopics: [], now: at(0))
        return machine
    }

    @Test(arguments: [false, true])
    func `a nameless refusal is not laid to a request whose streams have proved themselves by data`(replaces: Bool) {
        var machine = connected(["BTC", "ETH"], replaces: replaces)
        _ = machine.firstData(trade("BTC"), generation: 1, now: at(100))
        _ = machine.firstData(trade("ETH"), generation: 1, now: at(100))
        _ = machine.desire(["BTC", "ETH", "NOPE"].map(trade), version: 2, now: at(200))
        let refused = machine.acknowledged(Acknowledgement(.rejected("no such symbol")), generation: 1, now: at(300))
        #expect(refused.states == ["trade NOPE rejected: no such symbol"])
        #expect(machine.subscriptions.map(\.state) == [.receiving, .receiving, .rejected("no such symbol")])
    }

    @Test func `a refusal without a name is that of the oldest request which nothing has proved yet`() {
        var machine = connected(["BTC"])
        _ = machine.desire(["BTC", "NOPE"].map(trade), version: 2, now: at(10))
        _ = machine.firstData(trade("BTC"), generation: 1, now: at(20))
        _ = machine.acknowledged(Acknowledgement(.rejected("unknown")), generation: 1, now: at(30))
        #expect(machine.subscriptions.map(\.state) == [.receiving, .rejected("unknown")])
    }

    @Test func `an answer that lists everything subscribed settles every request it names`() {
        var machine = connected(["BTC"])
        _ = machine.desire(["BTC", "ETH"].map(trade), version: 2, now: at(10))
        _ = machine.acknowledged(Acknowledgement(.accepted, topics: [trade("BTC")]), generation: 1, now: at(20))
        _ = machine.acknowledged(Acknowledgement(.accepted, topics: [trade("BTC"), trade("ETH")]), generation: 1, now: at(30))
        _ = machine.desire(["BTC", "ETH", "NOPE"].map(trade), version: 3, now: at(40))
        _ = machine.acknowledged(Acknowledgement(.rejected("unknown")), generation: 1, now: at(50))
        #expect(machine.subscriptions.map(\.state) == [.acknowledged, .acknowledged, .rejected("unknown")])
    }
}
