import Testing

@testable import FaultInjection

@Suite struct DelayLineTests {
    @Test func `what goes in comes out after the delay, in order`() {
        var line = DelayLine<String>(delay: 20, opening: 0)
        let startsWaiting = [line.enter("a", bytes: 1, now: 100), line.enter("b", bytes: 2, now: 105)]
        #expect(startsWaiting == [true, false])
        #expect(line.byteCount == 3)
        #expect(line.nextDue == 120)
        #expect(line.leave(now: 119) == [])
        #expect(line.leave(now: 120) == ["a"])
        #expect(line.byteCount == 2)
        #expect(line.nextDue == 125)
        #expect(line.leave(now: 200) == ["b"])
        #expect(line.nextDue == nil)
        #expect(line.byteCount == 0)
    }

    @Test func `many at once leave at once: the rate is not limited`() {
        var line = DelayLine<Int>(delay: 20, opening: 0)
        for number in 0..<5_000 { _ = line.enter(number, bytes: 1_000, now: 7) }
        #expect(line.leave(now: 26) == [])
        #expect(line.leave(now: 27) == Array(0..<5_000))
    }

    @Test func `what is sent during the handshake starts when it is over`() {
        var line = DelayLine<String>(delay: 20, opening: 140)
        _ = line.enter("early", bytes: 5, now: 101)
        _ = line.enter("late", bytes: 4, now: 150)
        #expect(line.nextDue == 160)
        #expect(line.leave(now: 169) == ["early"])
        #expect(line.leave(now: 170) == ["late"])
    }

    @Test func `a clock that went back does not change the order`() {
        var line = DelayLine<Int>(delay: 20, opening: 0)
        for (number, now) in [100, 90, 95, 101].enumerated() { _ = line.enter(number, bytes: 0, now: Int64(now)) }
        #expect(line.leave(now: 119) == [])
        #expect(line.leave(now: 120) == [0, 1, 2])
        #expect(line.leave(now: 121) == [3])
    }

    @Test func `a line that is never empty forgets what has left`() {
        var line = DelayLine<Int>(delay: 10, opening: 0)
        var left: [Int] = []
        for number in 0..<10_000 {
            _ = line.enter(number, bytes: 1, now: Int64(number))
            left += line.leave(now: Int64(number))
        }
        #expect(left == Array(0..<9_990))
        #expect(line.byteCount == 10)
    }
}
