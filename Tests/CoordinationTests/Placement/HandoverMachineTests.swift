import Coordination
import Testing

@Suite struct HandoverMachineTests {
    /// Patience 3 s; what is known of paces is set by the test.
    private struct Bench {
        var machine = HandoverMachine(patience: .seconds(3))
        var cooling: Set<String> = []
        var successor: String? = "b"

        private func view() -> HandoverMachine.View {
            HandoverMachine.View(isPaceFree: { [cooling] in !cooling.contains($0.exchange) }, successor: { [successor] _ in successor })
        }

        mutating func order(_ feeds: [String], budget: String? = nil, to: String? = nil, forced: Bool = false, at milliseconds: Int64)
            -> [String]
        {
            let orders = feeds.map {
                HandoverMachine.Order(feed: FeedName($0), budget: budget ?? $0, target: to, reason: "drain", isForced: forced)
            }
            return words(machine.order(orders, view: view(), now: at(milliseconds)))
        }

        mutating func answered(_ feed: String, by worker: String, at milliseconds: Int64) -> [String] {
            words(machine.answered(FeedName(feed), by: worker, view: view(), now: at(milliseconds)))
        }

        mutating func gone(_ feed: String, at milliseconds: Int64) -> [String] {
            words(machine.gone(FeedName(feed), view: view(), now: at(milliseconds)))
        }

        mutating func woken(at milliseconds: Int64) -> [String] { words(machine.woken(view: view(), now: at(milliseconds))) }

        mutating func cancel() -> [String] { words(machine.cancel()) }

        private func words(_ actions: [HandoverMachine.Action]) -> [String] {
            actions.compactMap { action in
                switch action {
                case .invite(let feed, let worker): "invite \(worker) to \(feed)"
                case .give(let feed, let worker, _): "give \(feed) to \(worker ?? "anybody")"
                case .forget(let feed, let worker): "forget \(worker) for \(feed)"
                case .wake: nil
                }
            }
        }
    }

    @Test func `a feed is given up only when its successor has said that it is ready`() {
        var bench = Bench()
        #expect(bench.order(["x"], at: 0) == ["invite b to x"])
        #expect(bench.woken(at: 2999) == [])
        #expect(bench.answered("x", by: "c", at: 3000) == [])
        #expect(bench.answered("x", by: "b", at: 3000) == ["give x to b"])
        #expect(bench.answered("x", by: "b", at: 3001) == [])
        #expect(bench.gone("x", at: 3100) == ["forget b for x"])
        #expect(bench.machine.isEmpty)
    }

    @Test func `a successor that does not answer in time is given the feed as it is`() {
        var bench = Bench()
        _ = bench.order(["x"], at: 0)
        #expect(bench.woken(at: 3000) == ["give x to b"])
    }

    @Test func `without a successor the feed goes to whoever comes`() {
        var bench = Bench()
        bench.successor = nil
        #expect(bench.order(["x"], at: 0) == ["give x to anybody"])
    }

    @Test func `the worker that was named gets the feed`() {
        var bench = Bench()
        #expect(bench.order(["x"], to: "c", at: 0) == ["invite c to x"])
    }

    @Test func `a feed within its pace waits, unless it is forced`() {
        var bench = Bench()
        bench.cooling = ["x"]
        #expect(bench.order(["x", "y"], at: 0) == ["invite b to y"])
        #expect(bench.machine.waiting == [FeedName("x")])
        #expect(bench.woken(at: 500) == [])
        bench.cooling = []
        #expect(bench.woken(at: 1000) == ["invite b to x"])
        bench = Bench()
        bench.cooling = ["x"]
        #expect(bench.order(["x"], at: 0) == [])
        #expect(bench.order(["x"], forced: true, at: 100) == ["invite b to x"])
    }

    @Test func `feeds of one budget group go one after the other, and not before Redis has told of the last one`() {
        var bench = Bench()
        #expect(bench.order(["x", "y"], budget: "g", at: 0) == ["invite b to x"])
        #expect(bench.answered("x", by: "b", at: 10) == ["give x to b"])
        // The pace that is known is the one from before.
        #expect(bench.gone("x", at: 100) == ["forget b for x"])
        #expect(bench.woken(at: 2599) == [])
        #expect(bench.woken(at: 2600) == ["invite b to y"])
    }

    @Test func `forced feeds of one budget group go at once`() {
        var bench = Bench()
        #expect(bench.order(["x", "y"], budget: "g", forced: true, at: 0) == ["invite b to x", "invite b to y"])
    }

    @Test func `a feed that is lost otherwise is forgotten`() {
        var bench = Bench()
        _ = bench.order(["x"], at: 0)
        #expect(bench.gone("x", at: 10) == ["forget b for x"])
        #expect(bench.machine.isEmpty)
        #expect(bench.gone("x", at: 11) == [])
    }

    @Test func `cancelling takes invitations back, but not what is being given up`() {
        var bench = Bench()
        bench.cooling = ["z"]
        _ = bench.order(["x", "y", "z"], at: 0)
        _ = bench.answered("x", by: "b", at: 10)
        #expect(bench.cancel() == ["forget b for y"])
        #expect(bench.machine.feeds == [FeedName("x")])
        #expect(bench.woken(at: 5000) == [])
    }

    @Test func `it asks to be woken as long as something waits`() {
        var machine = HandoverMachine(patience: .seconds(3))
        let view = HandoverMachine.View(isPaceFree: { _ in false }, successor: { _ in "b" })
        var wakes: [LocalTime] = []
        func note(_ actions: [HandoverMachine.Action]) { for case .wake(let time) in actions { wakes.append(time) } }
        note(machine.order([.init(feed: FeedName("x"), budget: "x", reason: "drain")], view: view, now: at(0)))
        note(machine.woken(view: view, now: at(500)))
        #expect(wakes == [at(500), at(1000)])
    }
}
