import ColonyExchanges
import Coordination
import Testing

@testable import Ingest

@Suite("Heartbeats and the end of a connection") struct KeepAliveTests {
    private static let opened = LocalTime(nanoseconds: 1_000_000_000_000)
    private static let day = Duration.seconds(86_400)

    private func at(_ seconds: Double) -> LocalTime { Self.opened + .seconds(seconds) }

    private func keepAlive(
        interval: Duration? = .seconds(20), replyWithin: Duration? = .seconds(10), silence: Duration = .seconds(60),
        style: HeartbeatStyle = .documented, pingInterval: Duration? = nil, maxAge: Duration? = nil, random: UInt64 = 0
    ) -> KeepAlive {
        let heartbeat = ExchangeProfile.Heartbeat(
            initiator: .client, interval: interval, replyWithin: replyWithin, silence: silence)
        return KeepAlive(
            heartbeat: heartbeat, style: style, pingInterval: pingInterval, firstDataWithin: .seconds(30), maxAge: maxAge,
            openedAt: Self.opened, random: random)
    }

    /// Looked at four times a second by a connection on which something is always heard; the age at which it is to be replaced.
    private func plannedAge(_ random: UInt64, from: Duration = .zero) -> Duration? {
        var keepAlive = keepAlive(interval: nil, replyWithin: nil, maxAge: Self.day, random: random)
        var age = from
        while age < Self.day {
            let now = Self.opened + age
            let verdict = keepAlive.check(now: now, lastFrame: now, lastData: now, expectsData: true, acknowledged: 1, heard: .messages)
            if case .reconnect(let reason) = verdict { return reason.hasPrefix("planned") ? age : nil }
            age += .milliseconds(250)
        }
        return nil
    }

    @Test func `planned reconnects come between 75 and 95 hundredths of the allowed age, evenly spread`() {
        let draws = 200
        // Evenly drawn: each age must be where its draw is.
        for index in 0..<draws {
            let fraction = Double(index) / Double(draws)
            let expected = Self.day * (0.75 + 0.2 * fraction)
            let age = plannedAge(UInt64(fraction * 0x1p64), from: expected - .seconds(2))
            #expect(
                age.map { $0 >= expected && $0 - expected < .milliseconds(251) } == true, "draw \(index): \(age.map { "\($0)" } ?? "none")")
        }
    }

    @Test func `eight exchanges whose connections were opened together are never all replaced in the same minutes`() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<20 {
            let ages = (0..<8).map { _ in Double.random(in: 0..<1, using: &generator) }.sorted().map { 0.75 + 0.2 * $0 }
            let planned = ages.compactMap { plannedAge(UInt64(($0 - 0.75) / 0.2 * 0x1p63) * 2, from: Self.day * $0 - .seconds(2)) }
            #expect(planned.count == 8)
            // Of a window of 4.8 h: closer than this once in 10^9.
            #expect((planned.max() ?? .zero) - (planned.min() ?? .zero) > .seconds(10 * 60), "\(planned)")
        }
    }

    @Test func `a planned reconnect that was refused is asked for again after five seconds`() {
        var keepAlive = keepAlive(interval: nil, replyWithin: nil, maxAge: .seconds(100))
        func check(_ seconds: Double) -> KeepAlive.Verdict {
            keepAlive.check(
                now: at(seconds), lastFrame: at(seconds), lastData: at(seconds), expectsData: true, acknowledged: 0, heard: .messages)
        }
        #expect(check(74.9) == .alive)
        let planned = KeepAlive.Verdict.reconnect("planned: the exchange limits the age of connections")
        #expect(check(75) == planned)
        #expect(check(79.9) == .alive)
        #expect(check(80) == planned)
    }

    @Test func `each kind of silence has a reason of its own`() {
        var silent = keepAlive()
        #expect(
            silent.check(now: at(61), lastFrame: at(0), lastData: at(0), expectsData: true, acknowledged: 0, heard: .messages)
                == .dead("no frame for 61 s"))

        var unanswered = keepAlive()
        #expect(
            unanswered.check(now: at(20), lastFrame: at(19), lastData: at(19), expectsData: true, acknowledged: 0, heard: .messages)
                == .ping)
        #expect(
            unanswered.check(now: at(30), lastFrame: at(19), lastData: at(19), expectsData: true, acknowledged: 0, heard: .messages)
                == .alive)
        #expect(
            unanswered.check(now: at(31), lastFrame: at(19), lastData: at(19), expectsData: true, acknowledged: 0, heard: .messages)
                == .dead("heartbeat not answered for 11 s"))

        var acknowledged = keepAlive()
        #expect(
            acknowledged.check(now: at(30.5), lastFrame: at(30), lastData: nil, expectsData: true, acknowledged: 3, heard: .messages)
                == .dead("no data within 30 s of connecting, though 3 subscriptions were acknowledged"))
        var unacknowledged = keepAlive()
        #expect(
            unacknowledged.check(now: at(30.5), lastFrame: at(30), lastData: nil, expectsData: true, acknowledged: 0, heard: .messages)
                == .dead("no data within 30 s of connecting, only heartbeats or answers, and no acknowledgement"))
        // Nothing is expected where nothing is subscribed.
        var idle = keepAlive(interval: nil)
        #expect(
            idle.check(now: at(30.5), lastFrame: at(30), lastData: nil, expectsData: false, acknowledged: 0, heard: .messages) == .alive)
    }

    @Test func `an answer, or any frame behind the ping, ends the wait for it`() {
        var answered = keepAlive()
        #expect(
            answered.check(now: at(20), lastFrame: at(19), lastData: at(19), expectsData: true, acknowledged: 0, heard: .messages) == .ping)
        answered.pongReceived()
        #expect(
            answered.check(now: at(31), lastFrame: at(19), lastData: at(19), expectsData: true, acknowledged: 0, heard: .messages) == .alive
        )
        var spoken = keepAlive()
        #expect(
            spoken.check(now: at(20), lastFrame: at(19), lastData: at(19), expectsData: true, acknowledged: 0, heard: .messages) == .ping)
        #expect(
            spoken.check(now: at(31), lastFrame: at(21), lastData: at(19), expectsData: true, acknowledged: 0, heard: .messages) == .alive)
    }

    @Test func `the interval is what the exchange asked for, else the dialect's, else the original client's minute`() {
        func firstPing(_ keepAlive: KeepAlive) -> Int? {
            var keepAlive = keepAlive
            return (0..<200).first { second in
                let now = at(Double(second))
                return keepAlive.check(now: now, lastFrame: now, lastData: now, expectsData: true, acknowledged: 0, heard: .messages)
                    == .ping
            }
        }
        #expect(firstPing(keepAlive(pingInterval: .seconds(18))) == 18)
        #expect(firstPing(keepAlive()) == 20)
        #expect(firstPing(keepAlive(interval: nil, style: .legacy2020)) == 60)
        #expect(firstPing(keepAlive(interval: nil)) == nil)
    }

    @Test(
        arguments: [
            (0, KeepAlive.Heard.nothing, "and nothing else either"), (0, .controlFrames, "only PING or PONG frames, and no message"),
            (0, .messages, "only heartbeats or answers, and no acknowledgement"),
            (1, .messages, "though 1 subscription was acknowledged"), (2, .messages, "though 2 subscriptions were acknowledged"),
        ])
    func `a connection without data is told with what came instead`(acknowledged: Int, heard: KeepAlive.Heard, words: String) {
        var keepAlive = keepAlive()
        let verdict = keepAlive.check(
            now: at(31), lastFrame: at(30), lastData: nil, expectsData: true, acknowledged: acknowledged, heard: heard)
        #expect(verdict == .dead("no data within 30 s of connecting, \(words)"))
    }

    @Test func `one stream is counted as one`() {
        #expect(KeepAlive.silence(streams: 1, .seconds(120)).contains("any of 1 stream that"))
        #expect(KeepAlive.silence(streams: 2, .seconds(120)).contains("any of 2 streams that"))
    }
}
