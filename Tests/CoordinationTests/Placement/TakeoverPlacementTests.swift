import Coordination
import Testing

/// Who may take what has just lost its holder, while some have come too recently to count.
@Suite struct TakeoverPlacementTests {
    private static let settings = PlacementSettings()

    private func member(_ name: String, life: UInt64 = 1, load: Int = 0, host: String = "h", state: Member.State = .ready) -> Member {
        Member(incarnation: Incarnation(name: name, random: life), state: state, load: load, host: host)
    }

    /// A machine that has been settled with `members` since 3 s.
    private func machine(_ members: [Member], of name: String = "a", feeds: Int) -> PlacementMachine {
        var machine = PlacementMachine(name: name, settings: Self.settings)
        _ = machine.beatReplied(membersVersion: 1, catalogueVersion: 1, now: at(0))
        let catalogue = (0..<feeds).map { (FeedName("e\($0)"), CatalogueEntry(exchange: "e\($0)")) }
        _ = machine.catalogueRead(Dictionary(uniqueKeysWithValues: catalogue), version: 1, now: at(0))
        _ = machine.membersRead(members, version: 1, now: at(0))
        _ = machine.woken(now: at(3000)) { _ in true }
        // The loads are read again at that time.
        _ = machine.membersRead(members, version: 1, now: at(3000))
        return machine
    }

    private func places(_ machine: inout PlacementMachine, _ members: [Member], version: Int = 2, at time: Int64 = 4000) -> [FeedName:
        PlacementMachine.Place]
    {
        machine.membersRead(members, version: version, now: at(time)).places.compactMapValues { $0 }
    }

    // MARK: The cap

    @Test func `after two deaths those that are left take over everything, not only their share with the replacement that settles`() {
        var machine = machine([member("a"), member("b"), member("c"), member("d")], feeds: 40)
        for number in 0..<13 { _ = machine.took(FeedName("e\(number)"), now: at(3100)) }
        // b died and is back; then c died.
        let left = [member("a", load: 13), member("b", life: 2), member("d", load: 13)]
        _ = machine.membersRead(left, version: 3, now: at(4000))
        #expect(machine.cap(for: .fresh) == 15)
        #expect(machine.cap(for: .takeover) == 22)
        let lost = (20..<40).map { FeedName("e\($0)") }
        var (fresh, takenOver) = (0, 0)
        for feed in lost where machine.reserve(feed, for: .fresh) { fresh += 1 }
        #expect(fresh == 2)
        for feed in lost where machine.reserve(feed, for: .takeover) { takenOver += 1 }
        #expect(takenOver == 9, "those that were claimed already among them")
        #expect(machine.load == 22)
        let offered = machine.reserve(lost[19], for: .handover)
        #expect(offered, "its owner has chosen")
        // From the settle time on b takes its part itself.
        _ = machine.beatReplied(membersVersion: 3, catalogueVersion: 1, now: at(7000))
        _ = machine.woken(now: at(7000)) { _ in true }
        #expect(machine.cap(for: .takeover) == 15)
        #expect(machine.cap == 15)
    }

    @Test func `a worker that does not count yet takes nothing over`() {
        var machine = PlacementMachine(name: "a", settings: Self.settings)
        _ = machine.beatReplied(membersVersion: 1, catalogueVersion: 1, now: at(0))
        _ = machine.catalogueRead([FeedName("e0"): CatalogueEntry(exchange: "e0")], version: 1, now: at(0))
        _ = machine.membersRead([member("a"), member("b")], version: 1, now: at(0))
        let early = machine.reserve(FeedName("e0"), for: .takeover)
        #expect(!early)
        _ = machine.woken(now: at(3000)) { _ in true }
        let later = machine.reserve(FeedName("e0"), for: .takeover)
        #expect(later)
    }

    @Test(
        arguments: [
            (.lost, true), (.neverHeld, false), (.freed(at: 100_000), true), (.freed(at: 97_000), true), (.freed(at: 96_999), false),
            // Redis' clock, as this worker knows it, lags; or it has gone back.
            (.freed(at: 100_900), true), (.freed(at: 103_001), false),
        ] as [(Vacancy, Bool)])
    func `what was held until now is taken over; what has been free for the settle time is shared by all`(
        vacancy: Vacancy, isTakeover: Bool
    ) {
        #expect(Self.settings.isTakeover(vacancy, redisNow: 100_000) == isTakeover)
    }

    // MARK: Who looks, who claims

    @Test func `each of the four best with room has a turn, whatever happens to those before it`() {
        let names = ["a", "b", "c", "d", "e", "f", "g", "h"]
        var turns: [FeedName: [Int]] = [:]
        var looks: [FeedName: [PlacementMachine.Place.Look]] = [:]
        for name in names {
            var machine = machine(names.map { member($0) }, of: name, feeds: 0)
            let catalogue = (0..<100).map { (FeedName("e\($0)"), CatalogueEntry(exchange: "e\($0)")) }
            let actions = machine.catalogueRead(Dictionary(uniqueKeysWithValues: catalogue), version: 2, now: at(3500))
            for (feed, place) in actions.places {
                guard let place else { continue }
                turns[feed, default: []].append(place.rank)
                looks[feed, default: []].append(place.look)
            }
        }
        #expect(turns.count == 100)
        for (feed, ranks) in turns { #expect(ranks.sorted() == [1, 2, 3, 4], "\(feed)") }
        for (feed, looks) in looks {
            #expect(looks.count { $0 == .often } == 1, "\(feed)")
            #expect(looks.count { $0 == .steadily } == 1, "\(feed)")
        }
    }

    @Test func `of every feed somebody on another host than the best placed looks steadily`() {
        let hosts = ["a": "x", "b": "x", "c": "x", "d": "y", "e": "y"]
        let members = hosts.keys.sorted().map { member($0, host: hosts[$0] ?? "") }
        var watching: [FeedName: Set<String>] = [:]
        var third = 0
        for name in hosts.keys.sorted() {
            var machine = machine(members, of: name, feeds: 0)
            let catalogue = (0..<100).map { (FeedName("e\($0)"), CatalogueEntry(exchange: "e\($0)")) }
            let actions = machine.catalogueRead(Dictionary(uniqueKeysWithValues: catalogue), version: 2, now: at(3500))
            for (feed, place) in actions.places {
                guard let place, place.look != .seldom else { continue }
                watching[feed, default: []].insert(hosts[name] ?? "")
                if place.rank > 2 { third += 1 }
            }
        }
        #expect(watching.count == 100)
        for (feed, hosts) in watching { #expect(hosts.count == 2, "\(feed)") }
        // Only where the two best are on one host: 2 in 5 pairs.
        #expect((20...60).contains(third), "\(third)")
    }

    @Test func `a look is due in its turns`() {
        func turns(_ look: PlacementMachine.Place.Look) -> [Int] { (0..<25).filter { look.isDue(turn: $0) } }
        #expect(turns(.often) == Array(0..<25))
        #expect(turns(.steadily) == stride(from: 0, through: 24, by: 2).map { $0 })
        #expect(turns(.seldom) == [0, 12, 24])
        // A wake-up may be lost: T + P + 1 s is promised all the same.
        let timing = LeaseTiming()
        #expect(timing.observeEvery * 12 <= timing.ttl + timing.observeEvery)
    }

    @Test func `those that were believed to have room and have none are followed by the others`() {
        // a believes b and c below the cap of 11, both are full.
        var machine = machine([member("a"), member("b", load: 10), member("c", load: 10)], feeds: 30)
        let known = places(&machine, [member("a"), member("b", load: 10), member("c", load: 10)])
        let fresh = places(&machine, [member("a"), member("b", load: 11), member("c", load: 11)], at: 7100)
        #expect(known.values.allSatisfy { $0.rank <= 3 })
        #expect(fresh.values.allSatisfy { $0.rank == 1 && $0.look == .often })
        #expect(!fresh.isEmpty)
    }

    // MARK: Reading the members

    @Test func `a freed feed has the members read at once, then no more often than the bound, and once more behind a reading under way`() {
        var machine = machine([member("a"), member("b")], feeds: 4)
        let early = machine.hurry(now: at(3050))
        #expect(!early.contains(.readMembers))
        #expect(early.wake == at(3100))
        let due = machine.woken(now: at(3100)) { _ in true }
        #expect(due.contains(.readMembers))
        // Something is freed while the answer is on its way: it may not be in it.
        let meanwhile = machine.hurry(now: at(3115))
        #expect(!meanwhile.contains(.readMembers))
        let answered = machine.membersRead([member("a")], version: 2, now: at(3120))
        #expect(!answered.contains(.readMembers))
        let again = machine.woken(now: at(3200)) { _ in true }
        #expect(again.contains(.readMembers))
        _ = machine.membersRead([member("a")], version: 2, now: at(3220))
        let quiet = machine.woken(now: at(3400)) { _ in true }
        #expect(!quiet.contains(.readMembers))
        let later = machine.hurry(now: at(3500))
        #expect(later.contains(.readMembers))
    }

    @Test func `the more members there are the less often they are read in a hurry, and never before the first beat`() {
        #expect(Self.settings.hurriedRefresh(members: 4) == .milliseconds(100))
        #expect(Self.settings.hurriedRefresh(members: 1000) == .seconds(10))
        var machine = PlacementMachine(name: "a", settings: Self.settings)
        #expect(machine.hurry(now: at(0)) == [])
        #expect(machine.beatReplied(membersVersion: 1, catalogueVersion: 0, now: at(10)).contains(.readMembers))
    }

    @Test func `a reading that failed is not hurried`() {
        var machine = PlacementMachine(name: "a", settings: Self.settings)
        _ = machine.beatReplied(membersVersion: 1, catalogueVersion: 0, now: at(0))
        _ = machine.hurry(now: at(10))
        #expect(machine.membersNotRead(now: at(100)).wake == at(1100))
        #expect(!machine.hurry(now: at(1000)).contains(.readMembers))
    }

    @Test func `a newcomer counts from its settle time on, also when the list that shows it is newer than the last beat`() {
        var machine = machine([member("a"), member("b")], feeds: 20)
        _ = machine.hurry(now: at(4000))
        _ = machine.membersRead([member("a"), member("b"), member("c")], version: 2, now: at(4010))
        _ = machine.woken(now: at(6999)) { _ in true }
        #expect(!machine.isCandidate("c"))
        _ = machine.woken(now: at(7010)) { _ in true }
        #expect(machine.isCandidate("c"))
    }
}
