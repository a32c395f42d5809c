import Testing

@testable import WebSocketClient

@Suite struct ConnectionWatchTests {
    private static let limits = ConnectionWatch.Limits(pingInterval: 20, pongTimeout: 10, frameTimeout: 50, dataTimeout: 70)

    @Test("Without limits nothing is watched")
    func watchesNothing() {
        var watch = ConnectionWatch(.init(), openedAt: 0)
        #expect(watch.check(now: 1_000_000) == .wait(until: nil))
    }

    @Test("A ping is due an interval after the open and after each ping, and the time to wait is the nearest of all")
    func pings() {
        var watch = ConnectionWatch(Self.limits, openedAt: 100)
        #expect(watch.check(now: 100) == .wait(until: 120))
        #expect(watch.check(now: 120) == .sendPing)
        #expect(watch.check(now: 120) == .wait(until: 130))
        watch.pongReceived(now: 125)
        #expect(watch.check(now: 125) == .wait(until: 140))
        #expect(watch.check(now: 143) == .sendPing)
    }

    @Test("A pong that does not come in time is death, whatever else comes")
    func missesPongs() {
        var watch = ConnectionWatch(Self.limits, openedAt: 0)
        #expect(watch.check(now: 20) == .sendPing)
        watch.dataReceived(now: 29)
        #expect(watch.check(now: 29) == .wait(until: 30))
        #expect(watch.check(now: 30) == .dead(.pongMissing))
    }

    @Test("Without a limit for pongs, pings go on unanswered")
    func pingsWithoutPongs() {
        var watch = ConnectionWatch(.init(pingInterval: 20), openedAt: 0)
        #expect(watch.check(now: 20) == .sendPing)
        #expect(watch.check(now: 20) == .wait(until: 40))
        #expect(watch.check(now: 40) == .sendPing)
    }

    @Test("Any frame holds off the silence of frames, only data that of data")
    func tellsFramesFromData() {
        var watch = ConnectionWatch(.init(frameTimeout: 50, dataTimeout: 70), openedAt: 0)
        watch.frameReceived(now: 40)
        #expect(watch.check(now: 40) == .wait(until: 70))
        watch.frameReceived(now: 69)
        #expect(watch.check(now: 69) == .wait(until: 70))
        #expect(watch.check(now: 70) == .dead(.noData))
        watch.dataReceived(now: 70)
        #expect(watch.check(now: 70) == .wait(until: 120))
        #expect(watch.check(now: 120) == .dead(.noFrame))
    }

    @Test("While reading is withheld silence is no death; pings go on and the clocks start afresh")
    func forgivesPauses() {
        var watch = ConnectionWatch(Self.limits, openedAt: 0)
        watch.readingPaused()
        #expect(watch.check(now: 20) == .sendPing)
        #expect(watch.check(now: 500) == .wait(until: nil))
        watch.readingResumed(now: 500)
        #expect(watch.check(now: 500) == .wait(until: 510))
        watch.pongReceived(now: 505)
        #expect(watch.check(now: 505) == .sendPing)
    }

    @Test(
        "The reasons read as documented",
        arguments: zip([ConnectionWatch.DeadReason.pongMissing, .noFrame, .noData], ["pong missing", "no frame", "no data"]))
    func namesReasons(reason: ConnectionWatch.DeadReason, text: String) {
        #expect(reason.description == text)
    }
}
