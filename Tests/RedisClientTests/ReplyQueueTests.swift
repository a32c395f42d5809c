import NIOCore
import RedisClient
import Testing

@Suite
struct ReplyQueueTests {
    private func at(_ milliseconds: Int64) -> NIODeadline { .uptimeNanoseconds(0) + .milliseconds(milliseconds) }

    @Test func `replies belong to calls in the order of the calls`() {
        var queue = ReplyQueue<String>()
        _ = queue.append("first", deadline: at(10))
        _ = queue.append("second", deadline: at(5))
        #expect(queue.count == 2)
        #expect(queue.popFirst() == "first")
        #expect(queue.popFirst() == "second")
        #expect(queue.popFirst() == nil)
    }

    @Test func `the timer is set for the first call and only again for an earlier deadline`() {
        var queue = ReplyQueue<String>()
        #expect(queue.append("first", deadline: at(10)) == at(10))
        #expect(queue.append("later", deadline: at(20)) == nil)
        #expect(queue.append("same", deadline: at(10)) == nil)
        #expect(queue.append("earlier", deadline: at(5)) == at(5))
    }

    @Test func `a timer that goes off after its call was answered waits for the next deadline`() {
        var queue = ReplyQueue<String>()
        _ = queue.append("first", deadline: at(10))
        _ = queue.append("second", deadline: at(30))
        _ = queue.append("third", deadline: at(20))
        _ = queue.popFirst()
        guard case .wake(at: at(20)) = queue.timerFired(now: at(10)) else { return #expect(Bool(false), "the timer is not set to 20") }
        #expect(queue.append("fourth", deadline: at(25)) == nil)
        #expect(queue.append("fifth", deadline: at(15)) == at(15))
    }

    @Test func `a timer that goes off with nobody waiting rests until the next call`() {
        var queue = ReplyQueue<String>()
        _ = queue.append("first", deadline: at(10))
        _ = queue.popFirst()
        guard case .rest = queue.timerFired(now: at(10)) else { return #expect(Bool(false), "the timer does not rest") }
        #expect(queue.append("second", deadline: at(99)) == at(99))
    }

    @Test func `a deadline that passes ends all calls and tells the late ones`() {
        var queue = ReplyQueue<String>()
        _ = queue.append("waits long", deadline: at(100))
        _ = queue.append("late", deadline: at(10))
        _ = queue.append("behind", deadline: at(11))
        guard case .expired(let calls) = queue.timerFired(now: at(10)) else { return #expect(Bool(false), "nothing expired") }
        #expect(calls.map(\.context) == ["waits long", "late", "behind"])
        #expect(calls.map(\.isLate) == [false, true, false])
        #expect(queue.count == 0)
        #expect(queue.append("next", deadline: at(50)) == at(50))
    }

    @Test func `in random histories the timer is never set later than the earliest deadline`() {
        var random = SystemRandomNumberGenerator()
        let seed = random.next()
        var generator = SplitMix(state: seed)
        var queue = ReplyQueue<Int64>()
        var model: [Int64] = []
        var timer: Int64?
        var now: Int64 = 0
        for _ in 0..<20_000 {
            switch generator.next() % 4 {
            case 0, 1:
                let deadline = now + 1 + Int64(generator.next() % 50)
                model.append(deadline)
                if let wakeUp = queue.append(deadline, deadline: at(deadline)) {
                    timer = Int64(wakeUp.uptimeNanoseconds / 1_000_000)
                }
            case 2:
                #expect(queue.popFirst() == (model.isEmpty ? nil : model.removeFirst()), "seed \(seed)")
            default:
                now += Int64(generator.next() % 10)
                guard let due = timer, due <= now else { break }
                timer = nil
                switch queue.timerFired(now: at(now)) {
                case .rest: #expect(model.isEmpty, "seed \(seed)")
                case .wake(let deadline):
                    #expect(deadline == at(model.min() ?? -1), "seed \(seed)")
                    timer = Int64(deadline.uptimeNanoseconds / 1_000_000)
                case .expired(let calls):
                    #expect(calls.map(\.context) == model, "seed \(seed)")
                    #expect(calls.map(\.isLate) == model.map { $0 <= now }, "seed \(seed)")
                    model = []
                }
            }
            if let earliest = model.min() { #expect((timer ?? .max) <= earliest, "seed \(seed)") }
        }
    }
}

/// A small seeded generator: the seed printed by a failed expectation repeats the run.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
