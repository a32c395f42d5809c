import Coordination
import Testing

/// A whole cluster on one clock: every worker decides for itself from what it has read, at its own moments; a lease goes to the first
/// claimant.
private struct Cluster {
    var machines: [String: PlacementMachine] = [:]
    var watched: [String: [FeedName: Int]] = [:]
    var owner: [FeedName: String] = [:]
    /// Who has the head start for a feed that was handed over.
    var preferred: [FeedName: String] = [:]
    var wake: [String: LocalTime] = [:]
    var draining: Set<String> = []
    var version = 1
    var catalogue: [FeedName: CatalogueEntry]
    var weights: [String: Double] = [:]
    var now: Int64 = 0
    var moves = 0
    var lastMoveAt: Int64 = 0
    var random: SeededGenerator
    let settings = PlacementSettings()

    init(feeds: Int, seed: UInt64, weight: (Int) -> Int = { _ in 1 }) {
        catalogue = Dictionary(
            uniqueKeysWithValues: (0..<feeds).map { (FeedName("e\($0)"), CatalogueEntry(exchange: "e\($0)", weight: weight($0))) })
        random = SeededGenerator(seed: seed)
    }

    var members: [Member] {
        machines.keys.sorted().map { name in
            Member(
                incarnation: Incarnation(name: name, random: 1), state: draining.contains(name) ? .draining : .ready,
                weight: weights[name] ?? 1, load: machines[name]?.load ?? 0, host: name)
        }
    }

    mutating func join(_ name: String, weight: Double = 1) {
        machines[name] = PlacementMachine(name: name, settings: settings)
        weights[name] = weight
        version += 1
        beat(name)
    }

    /// The worker is gone; its feeds are free.
    mutating func leave(_ name: String) -> Set<FeedName> {
        let freed = Set(owner.filter { $0.value == name }.keys)
        for feed in freed { owner[feed] = nil }
        machines[name] = nil
        watched[name] = nil
        wake[name] = nil
        draining.remove(name)
        version += 1
        return freed
    }

    mutating func perform(_ name: String, _ actions: [PlacementMachine.Action]) {
        let (version, catalogue, now) = (version, catalogue, now)
        for action in actions {
            switch action {
            case .readMembers:
                let read = members
                perform(name, machines[name]?.membersRead(read, version: version, now: at(now)) ?? [])
            case .readCatalogue: perform(name, machines[name]?.catalogueRead(catalogue, version: 1, now: at(now)) ?? [])
            case .placed(let feed, let place): watched[name, default: [:]][feed] = place?.rank
            case .removed: Issue.record("nothing leaves the catalogue here")
            case .move(let feed, let target):
                moves += 1
                lastMoveAt = now
                #expect(owner[feed] == name)
                owner[feed] = nil
                preferred[feed] = target
                perform(name, machines[name]?.gaveUp(feed, now: at(now)) ?? [])
            case .wake(let time): wake[name] = time
            }
        }
    }

    mutating func beat(_ name: String) {
        let version = version
        perform(name, machines[name]?.beatReplied(membersVersion: version, catalogueVersion: 1, now: at(now)) ?? [])
    }

    /// A second, or five when everything has its place: beats, wake-ups, and claims of everything free by those that watch it.
    mutating func step() {
        now += owner.count == catalogue.count ? 5000 : 1000
        let now = now
        for name in machines.keys.sorted().shuffled(using: &random) {
            beat(name)
            if let due = wake[name], due <= at(now) {
                wake[name] = nil
                perform(name, machines[name]?.woken(now: at(now)) { _ in true } ?? [])
            }
        }
        for feed in catalogue.keys.sorted() where owner[feed] == nil {
            // Rank 1 claims first; a preferred one has its head start.
            let watchers = watched.compactMap { name, feeds in feeds[feed].map { (name: name, rank: $0) } }
                .sorted { ($0.rank, $0.name) < ($1.rank, $1.name) }
            let order = watchers.filter { $0.name == preferred[feed] } + watchers.filter { $0.name != preferred[feed] }
            for (name, _) in order {
                guard machines[name]?.reserve(feed) == true else { continue }
                owner[feed] = name
                preferred[feed] = nil
                perform(name, machines[name]?.took(feed, now: at(now)) ?? [])
                break
            }
        }
    }

    mutating func run(seconds: Int, until isDone: (Cluster) -> Bool = { _ in false }) {
        let end = now + Int64(seconds) * 1000
        while now < end {
            step()
            if isDone(self) { return }
        }
    }

    func load(_ name: String) -> Int { owner.filter { $0.value == name }.reduce(0) { $0 + (catalogue[$1.key]?.weight ?? 1) } }

    func cap(_ name: String) -> Int {
        let total = catalogue.values.reduce(0) { $0 + $1.weight }
        return settings.cap(total: total, weight: weights[name] ?? 1, weights: machines.keys.reduce(0) { $0 + (weights[$1] ?? 1) })
    }
}

@Suite struct PlacementSimulationTests {
    @Test(arguments: [(3, 30, 1), (5, 200, 2), (10, 1000, 3), (7, 5, 4)] as [(Int, Int, UInt64)])
    func `every feed is placed and no load exceeds its cap (S12)`(workers: Int, feeds: Int, seed: UInt64) {
        var cluster = Cluster(feeds: feeds, seed: seed)
        for number in 0..<workers { cluster.join("w\(number)") }
        cluster.run(seconds: 40) { $0.owner.count == feeds }
        #expect(cluster.owner.count == feeds)
        let loads = cluster.machines.keys.map { cluster.load($0) }
        let mean = Double(feeds) / Double(workers)
        #expect(loads.allSatisfy { Double($0) <= max((1.12 * mean).rounded(.up), 1) }, "\(loads)")
        for name in cluster.machines.keys { #expect(cluster.load(name) <= cluster.cap(name)) }
        #expect(cluster.moves == 0)
    }

    @Test func `when one leaves exactly its feeds move, and the others stay below their cap`() {
        var cluster = Cluster(feeds: 300, seed: 7)
        for number in 0..<6 { cluster.join("w\(number)") }
        cluster.run(seconds: 60) { $0.owner.count == 300 }
        let before = cluster.owner
        let freed = cluster.leave("w2")
        #expect(freed.count > 30)
        cluster.run(seconds: 60) { $0.owner.count == 300 }
        #expect(cluster.owner.count == 300)
        for (feed, owner) in before where owner != "w2" { #expect(cluster.owner[feed] == owner) }
        for name in cluster.machines.keys { #expect(cluster.load(name) <= cluster.cap(name)) }
        #expect(cluster.moves == 0)
    }

    @Test func `after one joins the loads come below the cap, and then nothing moves any more (L4)`() {
        var cluster = Cluster(feeds: 60, seed: 8)
        for number in 0..<3 { cluster.join("w\(number)") }
        cluster.run(seconds: 700)
        #expect(cluster.owner.count == 60)
        #expect(cluster.moves == 0)
        cluster.join("w3")
        cluster.run(seconds: 4000)
        #expect(cluster.owner.count == 60)
        #expect(cluster.moves > 0)
        for name in cluster.machines.keys { #expect(cluster.load(name) <= cluster.cap(name), "\(name) \(cluster.load(name))") }
        #expect(cluster.now - cluster.lastMoveAt > 300_000)
        // No more than needed: from 20 each to at most 17.
        #expect(cluster.moves <= 3 * 3 + 2)
    }

    @Test func `weights of workers share the load out in proportion`() {
        var cluster = Cluster(feeds: 200, seed: 9)
        for (number, weight) in [1.0, 1, 2, 4].enumerated() { cluster.join("w\(number)", weight: weight) }
        cluster.run(seconds: 60) { $0.owner.count == 200 }
        #expect(cluster.owner.count == 200)
        for name in cluster.machines.keys { #expect(cluster.load(name) <= cluster.cap(name)) }
        #expect(cluster.load("w3") > 80)
    }

    @Test func `feeds of different weight all find a place`() {
        var cluster = Cluster(feeds: 40, seed: 10) { $0 % 7 == 0 ? 9 : 1 }
        for number in 0..<5 { cluster.join("w\(number)") }
        cluster.run(seconds: 80) { $0.owner.count == 40 }
        #expect(cluster.owner.count == 40)
        // A heavy feed may pass the cap by less than its own weight.
        for name in cluster.machines.keys { #expect(cluster.load(name) < cluster.cap(name) + 9) }
        cluster.run(seconds: 3000)
        #expect(cluster.now - cluster.lastMoveAt > 300_000)
    }

    @Test(arguments: 20..<26 as Range<UInt64>)
    func `through joins and leaves at random the loads settle below their caps`(seed: UInt64) {
        var cluster = Cluster(feeds: 90, seed: seed)
        for number in 0..<4 { cluster.join("w\(number)") }
        for round in 0..<6 {
            cluster.run(seconds: Int.random(in: 5...400, using: &cluster.random))
            if cluster.machines.count > 2, Bool.random(using: &cluster.random),
                let name = cluster.machines.keys.sorted().randomElement(using: &cluster.random)
            {
                _ = cluster.leave(name)
            } else {
                cluster.join("n\(round)")
            }
        }
        cluster.run(seconds: 6000)
        #expect(cluster.owner.count == 90)
        for name in cluster.machines.keys { #expect(cluster.load(name) <= cluster.cap(name), "seed \(seed) \(name) \(cluster.load(name))") }
        #expect(cluster.now - cluster.lastMoveAt > 300_000, "seed \(seed)")
    }

    @Test func `five thousand feeds on a thousand workers are ranked by one of them`() {
        let members = (0..<1000).map { Member(incarnation: Incarnation(name: "w\($0)", random: 1), host: "h\($0 % 50)") }
        let catalogue = (0..<5000).map { (FeedName("e\($0)"), CatalogueEntry(exchange: "e\($0)")) }
        var machine = PlacementMachine(name: "w77", settings: PlacementSettings())
        _ = machine.beatReplied(membersVersion: 1, catalogueVersion: 1, now: at(0))
        _ = machine.catalogueRead(Dictionary(uniqueKeysWithValues: catalogue), version: 1, now: at(0))
        _ = machine.membersRead(members, version: 1, now: at(0))
        let places = machine.woken(now: at(3000)) { _ in true }.places.values.compactMap { $0 }
        // Two watchers a feed: ten feeds each on average; two more that would follow.
        let watched = places.count { $0.look != .seldom }
        #expect((2...25).contains(watched), "\(watched)")
        #expect((7...45).contains(places.count), "\(places.count)")
    }
}
