import ColonyExchanges
import Coordination
import Ingest
import Testing

@Suite struct SubscriptionPacingTests {
    /// Connects with many topics and follows the wake-ups; the times and number of messages until nothing is left to send.
    private func replay(topics: Int, dialect: PlainDialect, heartbeats: [Int64] = []) -> (sent: [Int64], all: [Int64]) {
        var machine = SubscriptionMachine(dialect: dialect, settings: SubscriptionSettings(confirmWithin: .seconds(3600)))
        _ = machine.desire((0..<topics).map { trade("S\($0)") }, version: 1, now: at(0))
        var sent: [Int64] = []
        var all: [Int64] = []
        var beats = heartbeats
        var actions = machine.connected(generation: 1, urlTopics: [], now: at(0))
        var now: Int64 = 0
        while true {
            sent += actions.texts.map { _ in now }
            all += actions.texts.map { _ in now }
            guard let wake = actions.wake.map({ ($0 - at(0)).wholeMilliseconds }), wake < 3_000_000 else { return (sent, all.sorted()) }
            if let beat = beats.first, beat < wake {
                beats.removeFirst()
                machine.sentElsewhere(now: at(beat))
                all.append(beat)
                now = wake
                actions = machine.woken(now: at(now))
                if actions.wake == nil { actions.append(.wake(at(now + 1))) }
            } else {
                now = wake
                actions = machine.woken(now: at(now))
            }
        }
    }

    private func mostInAnyWindow(_ times: [Int64], _ window: Int64) -> Int {
        times.map { start in times.count { $0 >= start && $0 < start + window } }.max() ?? 0
    }

    @Test(arguments: [(1, 2, 1000), (5, 5, 1000), (10, 100, 10_000), (2, 1, 500)])
    func `replay keeps inside the exchange's limit in every window`(perMessage: Int, messages: Int, window: Int64) {
        let dialect = PlainDialect(topicsPerMessage: perMessage, messages: messages, window: .milliseconds(window))
        let (sent, _) = replay(topics: 57, dialect: dialect)
        #expect(sent.count == (57 + perMessage - 1) / perMessage)
        // One message of each window is left to heartbeats, where there is more than one.
        #expect(mostInAnyWindow(sent, window) == min(max(messages - 1, 1), sent.count))
    }

    @Test func `heartbeats and answers count in the limit`() {
        let dialect = PlainDialect(topicsPerMessage: 1, messages: 3, window: .seconds(1))
        let beats = (0..<40).map { Int64($0) * 1200 + 50 }
        let (sent, all) = replay(topics: 20, dialect: dialect, heartbeats: beats)
        #expect(sent.count == 20)
        #expect(all.count > 25)
        #expect(mostInAnyWindow(all, 1000) <= 3)
        let (quiet, _) = replay(topics: 20, dialect: dialect)
        #expect((sent.last ?? 0) > (quiet.last ?? 0))
    }

    @Test func `after a complaint about the rate nothing is sent for a window`() {
        var machine = SubscriptionMachine(
            dialect: PlainDialect(topicsPerMessage: 1, messages: 3, window: .seconds(2)), settings: SubscriptionSettings())
        _ = machine.desire([trade("A")], version: 1, now: at(0))
        #expect(machine.connected(generation: 1, urlTopics: [], now: at(0)).texts.count == 1)
        _ = machine.limitReported(generation: 1, now: at(100))
        let actions = machine.desire([trade("A"), trade("B")], version: 2, now: at(200))
        #expect(actions.texts == [])
        #expect(actions.wake == at(2300))
        #expect(machine.woken(now: at(2299)).texts == [])
        #expect(machine.woken(now: at(2300)).texts == ["sub 2 trade B"])
    }
}
