import ColonyExchanges
import Coordination
import Ingest
import Testing

@Suite struct StaleStreamTests {
    private let settings = SubscriptionSettings(staleFloor: .seconds(10), staleFactor: 4)

    /// A machine that receives A, and has seen data of it every `gap` seconds for `count` sweeps; and the time of the last data.
    private func learned(gap: Int64, count: Int64) -> (machine: SubscriptionMachine, last: Int64) {
        var machine = SubscriptionMachine(dialect: PlainDialect(), settings: settings)
        _ = machine.desire([trade("A")], version: 1, now: at(0))
        _ = machine.connected(generation: 1, urlTopics: [], now: at(0))
        _ = machine.firstData(trade("A"), generation: 1, now: at(0))
        for step in 1...count { _ = machine.sweep(generation: 1, now: at(step * gap * 1000)) { _ in at(step * gap * 1000) } }
        return (machine, count * gap * 1000)
    }

    private func silence(_ machine: inout SubscriptionMachine, last: Int64, seconds: Int64) -> [Action] {
        machine.sweep(generation: 1, now: at(last + seconds * 1000)) { _ in at(last) }
    }

    @Test func `a busy stream is stale when it is silent beyond the floor, once`() {
        var (machine, last) = learned(gap: 1, count: 20)
        #expect(silence(&machine, last: last, seconds: 10) == [])
        #expect(silence(&machine, last: last, seconds: 11) == [.changed(trade("A"), .stale), .staleStream(trade("A"))])
        #expect(silence(&machine, last: last, seconds: 12) == [])
    }

    @Test func `a slow stream is given a multiple of its own longest gap`() {
        var (machine, last) = learned(gap: 60, count: 20)
        #expect(silence(&machine, last: last, seconds: 240) == [])
        #expect(silence(&machine, last: last, seconds: 241).states == ["trade A stale"])
    }

    @Test func `a stream without a rhythm yet is never stale`() {
        var (machine, last) = learned(gap: 1, count: 7)
        #expect(silence(&machine, last: last, seconds: 86_400) == [])
    }

    @Test func `data end the staleness`() {
        var (machine, last) = learned(gap: 1, count: 20)
        _ = silence(&machine, last: last, seconds: 11)
        #expect(silence(&machine, last: last + 12_000, seconds: 0).states == ["trade A receiving"])
        #expect(machine.subscriptions.map(\.state) == [.receiving])
    }

    @Test func `one outage does not blunt the watch by more than a factor of two, and fades`() {
        var (machine, last) = learned(gap: 1, count: 20)
        _ = silence(&machine, last: last, seconds: 11)
        last += 5_000_000
        _ = silence(&machine, last: last, seconds: 0)
        #expect(silence(&machine, last: last, seconds: 20) == [])
        #expect(silence(&machine, last: last, seconds: 21).states == ["trade A stale"])
        // A long run of short gaps sharpens it again.
        for _ in 0..<200 {
            last += 1000
            _ = silence(&machine, last: last, seconds: 0)
        }
        #expect(silence(&machine, last: last, seconds: 11).states == ["trade A stale"])
    }

    @Test func `the rhythm outlives the connection: accepted and yet silent is stale`() {
        var (machine, last) = learned(gap: 1, count: 20)
        _ = machine.disconnected(generation: 1, now: at(last + 1))
        _ = machine.connected(generation: 2, urlTopics: [], now: at(last + 3_600_000))
        let reopened = last + 3_600_000
        _ = machine.acknowledged(Acknowledgement(.accepted, topics: [trade("A")]), generation: 2, now: at(reopened))
        #expect(machine.sweep(generation: 2, now: at(reopened + 10_000)) { _ in nil } == [])
        let actions = machine.sweep(generation: 2, now: at(reopened + 10_001)) { _ in nil }
        #expect(actions == [.changed(trade("A"), .stale), .staleStream(trade("A"))])
    }

    @Test func `the pause between two connections is no gap of the stream`() {
        var (machine, last) = learned(gap: 1, count: 20)
        _ = machine.disconnected(generation: 1, now: at(last + 1))
        _ = machine.connected(generation: 2, urlTopics: [], now: at(last + 9_000))
        last += 9_500
        _ = machine.firstData(trade("A"), generation: 2, now: at(last))
        // Had it counted, nine seconds would stretch the limit to 36.
        #expect(machine.sweep(generation: 2, now: at(last + 11_000)) { _ in at(last) }.states == ["trade A stale"])
    }

    @Test func `a sweep notices data whose first packet was not reported`() {
        var machine = SubscriptionMachine(dialect: PlainDialect(), settings: settings)
        _ = machine.desire([trade("A")], version: 1, now: at(0))
        _ = machine.connected(generation: 1, urlTopics: [], now: at(0))
        #expect(machine.sweep(generation: 1, now: at(500)) { _ in at(400) }.states == ["trade A receiving"])
        #expect(machine.sweep(generation: 7, now: at(600)) { _ in at(550) } == [])
    }

    @Test func `data that name no stream confirm what was sent, and nothing is sent a second time`() {
        var dialect = PlainDialect(topicsPerMessage: 1, messages: 2)
        dialect.profile.namesStreams = false
        var machine = SubscriptionMachine(dialect: dialect, settings: settings)
        _ = machine.desire([trade("A"), trade("B")], version: 1, now: at(0))
        // One message is left to heartbeats: only the first request goes out.
        _ = machine.connected(generation: 1, urlTopics: [], now: at(0))
        #expect(machine.firstUnnamedData(generation: 1, now: at(10)).states == ["trade A receiving"])
        #expect(machine.subscriptions.map(\.state) == [.receiving, .pending])
        // The second has its turn, and the next data are taken to be its own as well.
        _ = machine.woken(now: at(1200))
        #expect(machine.sweep(generation: 1, now: at(1500)) { _ in at(1400) }.states == ["trade B receiving"])
        #expect(machine.woken(now: at(100_000)).texts == [])
        #expect(machine.firstUnnamedData(generation: 2, now: at(100_001)) == [])
    }
}

/// When not a stream but the connection is to blame.
@Suite struct SilentConnectionTests {
    private let settings = SubscriptionSettings(staleFloor: .seconds(10), staleFactor: 4)

    /// Both streams have spoken every second for twenty seconds; the time is 20 s.
    private func learned() -> SubscriptionMachine {
        var machine = SubscriptionMachine(dialect: PlainDialect(), settings: settings)
        _ = machine.desire([trade("A"), trade("B")], version: 1, now: at(0))
        _ = machine.connected(generation: 1, urlTopics: [], now: at(0))
        for step in Int64(0)...20 { _ = machine.sweep(generation: 1, now: at(step * 1000)) { _ in at(step * 1000) } }
        return machine
    }

    private func sweep(_ machine: inout SubscriptionMachine, _ seconds: ClosedRange<Int64>, lastOfB: Int64 = 20) -> [Action] {
        seconds.flatMap { second in
            machine.sweep(generation: 1, now: at(second * 1000)) { at(($0 == trade("B") ? lastOfB : 20) * 1000) }
        }
    }

    @Test(arguments: [false, true])
    func `streams that stay silent after they were asked for again mean the connection, acknowledged or not`(isAcknowledged: Bool) {
        var machine = learned()
        let first = sweep(&machine, 21...31)
        #expect(first.contains(.staleStream(trade("A"))) && first.contains(.staleStream(trade("B"))))
        _ = machine.resubscribe([trade("A"), trade("B")], now: at(31_000))
        if isAcknowledged {
            _ = machine.acknowledged(Acknowledgement(.accepted, topics: [trade("A"), trade("B")]), generation: 1, now: at(31_100))
            _ = machine.acknowledged(Acknowledgement(.accepted, topics: [trade("A"), trade("B")]), generation: 1, now: at(31_200))
        }
        let second = sweep(&machine, 32...44)
        let silent = second.compactMap { if case .silentConnection(let streams, let silence) = $0 { (streams, silence) } else { nil } }
        #expect(silent.map(\.0) == [2])
        #expect(silent.allSatisfy { $0.1 > .seconds(20) && $0.1 < .seconds(25) })
    }

    @Test func `one stream that still speaks clears the connection`() {
        var machine = learned()
        var actions: [Action] = []
        for second in Int64(21)...80 {
            actions += sweep(&machine, second...second, lastOfB: second)
            if second == 31 { _ = machine.resubscribe([trade("A")], now: at(31_000)) }
        }
        #expect(actions.contains(.staleStream(trade("A"))))
        #expect(!actions.contains { if case .silentConnection = $0 { true } else { false } })
    }
}
