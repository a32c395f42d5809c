import Coordination
import Testing

/// `a` holds 20 of 30 feeds since time 0; `b` has 10, `c` has just come with none. The mean is 10, the cap 11.
@Suite struct SheddingTests {
    private var members: [Member] {
        [("a", 20), ("b", 10), ("c", 0)].map { Member(incarnation: Incarnation(name: $0.0, random: 1), load: $0.1) }
    }

    private func overloaded(
        budgets: (Int) -> String = { "e\($0)" }, members: [Member]? = nil, settings: PlacementSettings = PlacementSettings()
    ) -> PlacementMachine {
        var machine = PlacementMachine(name: "a", settings: settings)
        _ = machine.beatReplied(membersVersion: 1, catalogueVersion: 1, now: at(0))
        let catalogue = (0..<30).map { (FeedName("e\($0)"), CatalogueEntry(exchange: "e\($0)", budget: budgets($0))) }
        _ = machine.catalogueRead(Dictionary(uniqueKeysWithValues: catalogue), version: 1, now: at(0))
        for number in 0..<20 { _ = machine.took(FeedName("e\(number)"), now: at(0)) }
        _ = machine.membersRead(members ?? self.members, version: 1, now: at(0))
        _ = machine.woken(now: at(3000)) { _ in true }
        return machine
    }

    private func moves(_ machine: inout PlacementMachine, at seconds: Int64, isPaceFree: (FeedName) -> Bool = { _ in true }) -> [FeedName:
        String]
    {
        machine.woken(now: at(seconds * 1000), isPaceFree: isPaceFree).moves
    }

    @Test func `an overloaded owner gives a tenth a round to the member below the mean, lowest score first`() {
        var machine = overloaded()
        let moved = moves(&machine, at: 600)
        #expect(moved.count == 2)
        #expect(Set(moved.values) == ["c"])
        let own = Rendezvous.Candidate(name: "a", weight: 1)
        let byScore = (0..<20).map { FeedName("e\($0)") }.sorted { Rendezvous.score($0, own) < Rendezvous.score($1, own) }
        #expect(Set(moved.keys) == Set(byScore.prefix(2)))
    }

    @Test func `rounds are a minute apart and double while they follow one another`() {
        var machine = overloaded()
        var rounds: [Int64] = []
        for second in Int64(590)..<1100 {
            let moved = moves(&machine, at: second)
            if !moved.isEmpty { rounds.append(second) }
            for feed in moved.keys.sorted() { _ = machine.gaveUp(feed, now: at(second * 1000)) }
        }
        #expect(rounds == [600, 660, 780, 1020])
    }

    @Test func `a feed younger than ten minutes in its place stays`() {
        var machine = overloaded()
        #expect(moves(&machine, at: 599).isEmpty)
        #expect(!moves(&machine, at: 600).isEmpty)
    }

    @Test func `nothing is moved before the members have been unchanged for the patience`() {
        var machine = overloaded()
        _ = machine.beatReplied(membersVersion: 2, catalogueVersion: 1, now: at(590_000))
        _ = machine.membersRead(members, version: 2, now: at(590_100))
        #expect(moves(&machine, at: 619).isEmpty)
        #expect(!moves(&machine, at: 620).isEmpty)
    }

    @Test func `the target must have been below the mean for the patience`() {
        var full = members
        full[2].load = 10
        var machine = overloaded(members: full)
        #expect(moves(&machine, at: 600).isEmpty)
        _ = machine.membersRead(members, version: 1, now: at(600_000))
        #expect(moves(&machine, at: 629).isEmpty)
        #expect(!moves(&machine, at: 630).isEmpty)
    }

    @Test func `nothing is moved while the pace of its group is not over`() {
        var machine = overloaded()
        let free = FeedName("e7")
        #expect(moves(&machine, at: 600) { _ in false }.isEmpty)
        #expect(moves(&machine, at: 604) { $0 == free } == [free: "c"])
    }

    @Test func `of one budget group only one feed is moved in a round, since its disconnect uses the admission`() {
        var machine = overloaded(budgets: { _ in "shared" })
        #expect(moves(&machine, at: 600).count == 1)
    }

    @Test func `up to the cap nothing is moved, and never below it`() {
        var machine = overloaded()
        for number in 0..<8 { _ = machine.gaveUp(FeedName("e\(number)"), now: at(1000)) }
        // Twelve are left, one above the cap.
        #expect(moves(&machine, at: 600).count == 1)
        var even = overloaded()
        for number in 0..<9 { _ = even.gaveUp(FeedName("e\(number)"), now: at(1000)) }
        #expect(moves(&even, at: 600).isEmpty)
    }

    @Test func `a move that is under way counts as done`() {
        var machine = overloaded()
        for number in 0..<8 { _ = machine.gaveUp(FeedName("e\(number)"), now: at(1000)) }
        #expect(moves(&machine, at: 600).count == 1)
        #expect(moves(&machine, at: 900).isEmpty)
    }

    @Test func `rebalancing now goes down to the mean without waiting, but not against the pace`() {
        var machine = overloaded()
        let blocked = machine.rebalance(now: at(4000)) { _ in false }
        #expect(blocked.moves.isEmpty)
        let moved = machine.rebalance(now: at(4000)) { _ in true }
        #expect(moved.moves.count == 10)
        #expect(Set(moved.moves.values) == ["c"])
        let again = machine.rebalance(now: at(4001)) { _ in true }
        #expect(again.moves.isEmpty)
    }

    @Test func `the wake-ups asked for are enough to shed in time`() {
        var machine = overloaded()
        _ = machine.beatReplied(membersVersion: 2, catalogueVersion: 1, now: at(580_000))
        var now = at(580_000)
        var actions = machine.membersRead(members, version: 2, now: now)
        var moved = false
        var steps = 0
        while !moved, steps < 400 {
            steps += 1
            now = actions.wake.map { max($0, now) } ?? now + .milliseconds(500)
            actions = machine.woken(now: now) { _ in true }
            moved = !actions.moves.isEmpty
            if actions.contains(.readMembers) { actions += machine.membersRead(members, version: 2, now: now) }
        }
        #expect(moved)
        #expect(now <= at(613_000))
    }
}
