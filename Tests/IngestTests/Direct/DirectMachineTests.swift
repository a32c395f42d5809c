import Coordination
import Ingest
import Testing

/// The original client without the role of a producer (`producer: false`), but for the back-off that it lacked.
@Suite("A client without a lease") struct DirectMachineTests {
    typealias Action = DirectMachine.Action

    private var random = SeededGenerator(seed: 7)

    private static func waits(_ actions: [Action]) -> [Duration] {
        actions.compactMap { action in
            switch action {
            case .report(.disconnected(_, let wait)), .report(.attemptFailed(_, let wait)): wait
            default: nil
            }
        }
    }

    @Test mutating func `the first attempt is made without any delay`() {
        var machine = DirectMachine()
        #expect(machine.handle(.start, now: at(0), random: &random) == [.dial])
    }

    @Test mutating func `the first connection is told as connected, every later one as reconnected`() {
        var machine = DirectMachine()
        _ = machine.handle(.start, now: at(0), random: &random)
        #expect(machine.handle(.dialed, now: at(1), random: &random) == [.report(.connected)])
        #expect(
            machine.handle(.ended(reason: "reset"), now: at(2), random: &random)
                == [.report(.disconnected(reason: "reset", wait: .zero)), .dial])
        #expect(machine.handle(.dialed, now: at(3), random: &random) == [.report(.reconnected)])
    }

    @Test mutating func `a hundred losses in one second are all followed at once or after the back-off, never refused by a pace`() {
        var machine = DirectMachine()
        var now: Int64 = 0
        _ = machine.handle(.start, now: at(now), random: &random)
        for _ in 0..<100 {
            let opened = machine.handle(.dialed, now: at(now), random: &random)
            #expect(opened.count == 1)
            let lost = machine.handle(.ended(reason: "reset"), now: at(now), random: &random)
            #expect(Self.waits(lost).count == 1)
            if let wake = machine.wakeAt {
                now = (wake - at(0)).wholeMilliseconds + 1
                #expect(machine.handle(.timer, now: at(now), random: &random) == [.dial])
            }
        }
    }

    @Test mutating func `failures wait not at all, then 0.1 s doubling to 30 s, each a fifth up or down`() {
        var machine = DirectMachine()
        _ = machine.handle(.start, now: at(0), random: &random)
        var now: Int64 = 0
        let nominal: [Double] = [0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30, 30, 30]
        var drawn: [Double] = []
        for expected in nominal {
            let wait = Self.waits(machine.handle(.dialFailed(reason: "refused", retryAfter: nil), now: at(now), random: &random))
            let seconds = Double(wait[0].wholeNanoseconds) / 1e9
            #expect(seconds >= expected * 0.8 - 1e-6 && seconds <= expected * 1.2 + 1e-6, "\(seconds) instead of \(expected)")
            drawn.append(seconds / max(expected, 0.001))
            guard let wake = machine.wakeAt else { continue }
            now = (wake - at(0)).wholeMilliseconds + 1
            #expect(machine.handle(.timer, now: at(now), random: &random) == [.dial])
        }
        #expect(Set(drawn).count > 5, "the waits are drawn")
    }

    @Test mutating func `what the exchange asks for is waited, however many failures there were`() {
        var machine = DirectMachine()
        _ = machine.handle(.start, now: at(0), random: &random)
        let failed = machine.handle(.dialFailed(reason: "429", retryAfter: .seconds(30)), now: at(0), random: &random)
        #expect(Self.waits(failed) == [.seconds(30)])
        #expect(machine.wakeAt == at(30_000))
        #expect(machine.handle(.timer, now: at(29_999), random: &random) == [])
        #expect(machine.handle(.timer, now: at(30_000), random: &random) == [.dial])
    }

    @Test(arguments: [(59_999, false), (60_000, true)])
    mutating func `sixty seconds of received data end the row of failures`(milliseconds: Int64, isReset: Bool) {
        var machine = DirectMachine()
        _ = machine.handle(.start, now: at(0), random: &random)
        for _ in 0..<5 {
            _ = machine.handle(.dialFailed(reason: "refused", retryAfter: nil), now: at(0), random: &random)
            if let wake = machine.wakeAt { _ = machine.handle(.timer, now: wake, random: &random) }
        }
        _ = machine.handle(.dialed, now: at(100_000), random: &random)
        // A connection without data proves nothing, however long it lasts.
        _ = machine.handle(.dataReceived, now: at(200_000), random: &random)
        _ = machine.handle(.dataReceived, now: at(200_000 + milliseconds), random: &random)
        let lost = machine.handle(.ended(reason: "reset"), now: at(300_000), random: &random)
        #expect((Self.waits(lost) == [.zero]) == isReset)
    }

    @Test mutating func `a soft error closes the socket at once: there is no pace to refuse it`() {
        var machine = DirectMachine()
        _ = machine.handle(.start, now: at(0), random: &random)
        _ = machine.handle(.dialed, now: at(1), random: &random)
        #expect(
            machine.handle(.softError(reason: "malformed message"), now: at(2), random: &random)
                == [.closeSocket(reason: "malformed message"), .report(.disconnected(reason: "malformed message", wait: .zero)), .dial])
    }

    @Test mutating func `stop ends it from every state, and nothing wakes it again`() {
        let states: [([DirectMachine.Event], [Action])] = [
            ([], []), ([.start], [.cancelDial]), ([.start, .dialed], [.closeSocket(reason: "stopped")]),
            ([.start, .dialFailed(reason: "refused", retryAfter: .seconds(9))], []),
        ]
        for (events, expected) in states {
            var machine = DirectMachine()
            for event in events { _ = machine.handle(event, now: at(0), random: &random) }
            #expect(machine.handle(.stop, now: at(1), random: &random) == expected)
            #expect(machine.wakeAt == nil)
            for event in [DirectMachine.Event.start, .dialed, .ended(reason: "late"), .timer] {
                #expect(machine.handle(event, now: at(99_999), random: &random) == [])
            }
        }
    }
}
