import Coordination
import Testing

extension [PlacementMachine.Action] {
    var places: [FeedName: PlacementMachine.Place?] {
        var places: [FeedName: PlacementMachine.Place?] = [:]
        for case .placed(let feed, let place) in self { places[feed] = .some(place) }
        return places
    }
    var moves: [FeedName: String] {
        var moves: [FeedName: String] = [:]
        for case .move(let feed, let name) in self { moves[feed] = name }
        return moves
    }
    var wake: LocalTime? {
        reversed().lazy.compactMap { if case .wake(let time) = $0 { time } else { nil } }.first
    }
}

@Suite struct PlacementSettingsTests {
    @Test(arguments: [(10, 1, 11), (1000, 10, 110), (5000, 1000, 6), (7, 3, 3), (3, 7, 1), (0, 4, 0)])
    func `the cap is a tenth above the fair share, rounded up`(total: Int, workers: Int, cap: Int) {
        #expect(PlacementSettings().cap(total: total, weight: 1, weights: Double(workers)) == cap)
    }

    @Test func `the cap follows the weight`() {
        #expect(PlacementSettings().cap(total: 100, weight: 3, weights: 4) == 83)
        #expect(PlacementSettings().cap(total: 100, weight: 1, weights: 4) == 28)
    }

    @Test func `the caps of all together always hold everything`() {
        var random = SeededGenerator(seed: 5)
        for _ in 0..<500 {
            let weights = (0..<Int.random(in: 1...30, using: &random)).map { _ in Double.random(in: 0.1...8, using: &random) }
            let total = Int.random(in: 1...3000, using: &random)
            let sum = weights.reduce(0, +)
            let caps = weights.map { PlacementSettings().cap(total: total, weight: $0, weights: sum) }
            #expect(caps.reduce(0, +) > total)
        }
    }

    @Test func `patience and reading of loads grow with the members`() {
        #expect(PlacementSettings().patience(members: 3) == .seconds(30))
        #expect(PlacementSettings().patience(members: 2000) == .seconds(50))
        #expect(PlacementSettings().loadRefresh(members: 10) == .seconds(3))
        #expect(PlacementSettings().loadRefresh(members: 1000) == .seconds(30))
    }
}

@Suite struct PlacementMachineTests {
    private func member(_ name: String, load: Int = 0, host: String = "h", state: Member.State = .ready, weight: Double = 1) -> Member {
        Member(incarnation: Incarnation(name: name, random: 1), state: state, weight: weight, load: load, host: host)
    }

    private func catalogue(_ count: Int) -> [FeedName: CatalogueEntry] {
        Dictionary(uniqueKeysWithValues: (0..<count).map { (FeedName("e\($0)"), CatalogueEntry(exchange: "e\($0)")) })
    }

    /// A machine `a` that has read members and catalogue at 0 and is settled at 3 s.
    private func machine(
        _ members: [Member], feeds: Int, settings: PlacementSettings = PlacementSettings()
    ) -> (machine: PlacementMachine, actions: [PlacementMachine.Action]) {
        var machine = PlacementMachine(name: "a", settings: settings)
        _ = machine.beatReplied(membersVersion: 1, catalogueVersion: 1, now: at(0))
        _ = machine.catalogueRead(catalogue(feeds), version: 1, now: at(0))
        _ = machine.membersRead(members, version: 1, now: at(0))
        let actions = machine.woken(now: at(3000)) { _ in true }
        return (machine, actions)
    }

    @Test func `a beat asks for what has changed, and members at most once in the settle time`() {
        var machine = PlacementMachine(name: "a", settings: PlacementSettings())
        #expect(machine.beatReplied(membersVersion: 4, catalogueVersion: 7, now: at(0)) == [.readCatalogue, .readMembers])
        // Both are under way.
        #expect(machine.beatReplied(membersVersion: 5, catalogueVersion: 7, now: at(500)) == [])
        let read = machine.membersRead([member("a")], version: 4, now: at(600))
        #expect(!read.contains(.readMembers))
        #expect(read.wake == at(3000))
        #expect(machine.woken(now: at(3000)) { _ in true }.contains(.readMembers))
        _ = machine.membersRead([member("a")], version: 5, now: at(3100))
        machine.catalogueNotRead()
        #expect(machine.beatReplied(membersVersion: 5, catalogueVersion: 7, now: at(3200)).contains(.readCatalogue))
        _ = machine.catalogueRead([:], version: 7, now: at(3300))
        // Nothing new: only the loads are read again.
        #expect(machine.beatReplied(membersVersion: 5, catalogueVersion: 7, now: at(4000)).contains(.readMembers) == false)
        #expect(machine.woken(now: at(6000)) { _ in true }.contains(.readMembers))
    }

    @Test func `a failed reading is repeated`() {
        var machine = PlacementMachine(name: "a", settings: PlacementSettings())
        _ = machine.beatReplied(membersVersion: 1, catalogueVersion: 0, now: at(0))
        #expect(machine.membersNotRead(now: at(100)).wake == at(3000))
        #expect(machine.woken(now: at(3000)) { _ in true }.contains(.readMembers))
    }

    @Test func `a wake-up that comes a little early is asked for again`() {
        var machine = PlacementMachine(name: "a", settings: PlacementSettings())
        _ = machine.beatReplied(membersVersion: 1, catalogueVersion: 1, now: at(0))
        _ = machine.catalogueRead(catalogue(3), version: 1, now: at(0))
        #expect(machine.membersRead([member("a")], version: 1, now: at(0)).wake == at(3000))
        let early = LocalTime(nanoseconds: at(3000).nanoseconds - 1)
        #expect(machine.woken(now: early) { _ in true }.wake == at(3000))
        #expect(machine.woken(now: at(3000)) { _ in true }.places.count == 3)
    }

    @Test func `a joining member counts after the settle time, this one too`() {
        var machine = PlacementMachine(name: "a", settings: PlacementSettings())
        _ = machine.beatReplied(membersVersion: 1, catalogueVersion: 1, now: at(0))
        _ = machine.catalogueRead(catalogue(3), version: 1, now: at(0))
        let read = machine.membersRead([member("a")], version: 1, now: at(0))
        #expect(read.places.isEmpty)
        #expect(read.wake == at(3000))
        #expect(machine.woken(now: at(2999)) { _ in true }.places.isEmpty)
        #expect(machine.woken(now: at(3000)) { _ in true }.places.count == 3)
        _ = machine.beatReplied(membersVersion: 2, catalogueVersion: 1, now: at(5000))
        // Two more: with three members about a third of the feeds is no longer ours, but not before they count.
        #expect(machine.membersRead([member("a"), member("b"), member("c")], version: 2, now: at(6000)).places.isEmpty)
        #expect(!machine.woken(now: at(9000)) { _ in true }.places.isEmpty)
    }

    @Test func `exactly the two best ranked below their cap watch each feed`() {
        let names = ["a", "b", "c", "d", "e"]
        var watchers: [FeedName: [Int]] = [:]
        for name in names {
            var machine = PlacementMachine(name: name, settings: PlacementSettings())
            _ = machine.beatReplied(membersVersion: 1, catalogueVersion: 1, now: at(0))
            _ = machine.catalogueRead(catalogue(200), version: 1, now: at(0))
            _ = machine.membersRead(names.map { member($0) }, version: 1, now: at(0))
            let places = machine.woken(now: at(3000)) { _ in true }.places
            for (feed, place) in places { if let place, place.look != .seldom { watchers[feed, default: []].append(place.rank) } }
        }
        #expect(watchers.count == 200)
        for (feed, ranks) in watchers { #expect(ranks.sorted() == [1, 2], "\(feed)") }
    }

    @Test func `a member at its cap and one that drains are passed over`() {
        // Of 30 feeds on 3 members the cap is 11.
        let (_, both) = machine([member("a"), member("b", load: 10), member("c", load: 10)], feeds: 30)
        let (_, full) = machine([member("a"), member("b", load: 11), member("c", load: 10)], feeds: 30)
        let (_, draining) = machine([member("a"), member("b", state: .draining), member("c")], feeds: 30)
        func ranks(_ actions: [PlacementMachine.Action]) -> Set<Int> { Set(actions.places.values.compactMap { $0?.rank }) }
        #expect(ranks(both) == [1, 2, 3])
        // With b out of the way, a and c are the two best for everything.
        #expect(ranks(full) == [1, 2])
        #expect(ranks(draining) == [1, 2])
    }

    @Test func `at its own cap a worker watches what it would have the best places for, and claims no more than fits`() {
        var (machine, actions) = machine([member("a"), member("b"), member("c")], feeds: 30)
        let watched = actions.places.keys.sorted()
        #expect(watched.count > 11)
        var claimed: [FeedName] = []
        for feed in watched where machine.reserve(feed) { claimed.append(feed) }
        #expect(claimed.count == 11)
        #expect(machine.load == 11)
        let again = machine.reserve(claimed[0])
        #expect(again, "asking twice changes nothing")
        #expect(machine.load == 11)
        _ = machine.claimFailed(claimed[0], now: at(3100))
        let fits = machine.reserve(watched[11])
        #expect(fits)
        var places: [FeedName: PlacementMachine.Place?] = [:]
        for feed in claimed.dropFirst() + [watched[11]] { places.merge(machine.took(feed, now: at(3200)).places) { $1 } }
        let full = places.filter { $0.value?.rank == PlacementMachine.Place.full }
        #expect(full.count == watched.count - 11)
        let claims = full.keys.contains { machine.reserve($0) }
        #expect(!claims)
        // One feed less, and it watches to claim again.
        let freed = machine.gaveUp(claimed[1], now: at(3300)).places
        #expect(freed.values.count { $0.map { $0.rank != PlacementMachine.Place.full } ?? false } >= full.count)
    }

    @Test func `the alternate is the best member of another host`() {
        let members = [member("a", host: "x"), member("b", host: "x"), member("c", host: "y"), member("d", host: "z")]
        let (_, actions) = machine(members, feeds: 40)
        for (feed, place) in actions.places {
            let ranked = Rendezvous.ranked(feed, among: members.map { Rendezvous.Candidate(name: $0.name, weight: 1) }).map(\.name)
            #expect(place?.alternate == ranked.first { $0 == "c" || $0 == "d" })
        }
        let (_, alone) = machine([member("a", host: "x"), member("b", host: "x")], feeds: 4)
        #expect(alone.places.values.allSatisfy { $0 != nil && $0?.alternate == nil })
    }

    @Test func `a feed that leaves the catalogue is drained where it is held and forgotten where it is watched`() {
        var (machine, _) = machine([member("a")], feeds: 3)
        _ = machine.took(FeedName("e0"), now: at(4000))
        _ = machine.beatReplied(membersVersion: 1, catalogueVersion: 2, now: at(5000))
        let actions = machine.catalogueRead([FeedName("e2"): CatalogueEntry(exchange: "e2")], version: 2, now: at(5100))
        #expect(actions.contains(.removed(FeedName("e0"))))
        #expect(!actions.contains(.removed(FeedName("e1"))))
        #expect(actions.places.filter { $0.value == nil }.keys.sorted() == [FeedName("e0"), FeedName("e1")])
        let claim = machine.reserve(FeedName("e1"))
        #expect(!claim)
    }

    @Test func `a draining worker watches and claims nothing any more`() {
        var (machine, _) = machine([member("a")], feeds: 3)
        let actions = machine.drain(now: at(4000))
        #expect(actions.places.count == 3)
        #expect(actions.places.values.allSatisfy { $0 == nil })
        let claim = machine.reserve(FeedName("e1"))
        #expect(!claim)
    }
}
