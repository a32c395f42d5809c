/// Decides which feeds this worker watches and which it gives away, from the same inputs as all others: members, catalogue, weights. There
/// is no leader; the lease is the only authority. Pure: time comes in, actions go out.
public struct PlacementMachine: Sendable {
    /// A feed's place at this worker.
    public struct Place: Sendable, Hashable {
        /// 1 to `last` for a feed to claim: the rank among the members with room for it; `full` for one that there is no room for here. For a
        /// held feed the rank among all.
        public var rank: Int
        public var look: Look
        /// The best member on another host, to hand the feed to when this host does not reach the exchange.
        public var alternate: String?

        public init(rank: Int, look: Look, alternate: String? = nil) {
            self.rank = rank
            self.look = look
            self.alternate = alternate
        }

        /// How often the feed's record is looked at, as long as another holds it; a wake-up that says it was freed is followed by everybody
        /// with a place. Ranks are guesses: loads are seconds old, and the better placed may have died together with the holder.
        public enum Look: Sendable, Hashable {
            /// At every turn: the first rank.
            case often
            /// At every other: the second rank, so that two watch; the best of another host than all better ones, so that no host takes
            /// holder and watchers along; and who would be one of these but is at its cap: what it has observed counts when a member that fell
            /// silent counts no longer and the caps rise.
            case steadily
            /// Behind these, in case none of them has the room it was believed to have, and the wake-up was lost.
            case seldom

            /// Whether it is looked at in this turn, counted from 0.
            public func isDue(turn: Int) -> Bool {
                switch self {
                case .often: true
                case .steadily: turn % 2 == 0
                case .seldom: turn % Place.seldomTurns == 0
                }
            }
        }

        /// The last rank that claims at all.
        public static let last = 4
        public static let full = 5
        /// Beyond this a free feed whose wake-up was lost could wait longer than T + P + 1 s.
        static let seldomTurns = 12
    }

    /// What a feed is claimed for; it decides how much the worker may hold.
    public enum Claim: Sendable, Hashable {
        /// Nobody has lost it: all that are ready share, also those that are about to count.
        case fresh
        /// Somebody has just lost it: those that count hold it until newcomers do. It would wait for them otherwise, as they may not take it yet.
        case takeover
        /// Its owner, or an operator, has chosen this worker: no cap applies.
        case handover
    }

    /// A member's part of all feeds.
    struct Share: Sendable {
        var cap = 0
        var mean = 0.0

        /// Below the cap with the feed on top. One heavier than others may find no such place although there is room in all; it may go where
        /// the load is below the mean, and somebody's always is.
        func fits(_ weight: Int, load: Int) -> Bool { load + weight <= cap || (weight > 1 && Double(load) < mean) }
    }

    public enum Action: Sendable, Hashable {
        /// Read the beats and the workers' fields, then `membersRead` or `membersNotRead`.
        case readMembers
        /// Read the catalogue, then `catalogueRead` or `catalogueNotRead`.
        case readCatalogue
        /// nil: neither watched nor held here.
        case placed(FeedName, Place?)
        /// A held feed is no longer in the catalogue: drain it.
        case removed(FeedName)
        /// Drain a held feed with this worker preferred.
        case move(FeedName, to: String)
        /// Call `woken` at this time; it replaces the one asked for before.
        case wake(LocalTime)
    }

    /// Another member, with what a decision needs at hand.
    struct Other: Sendable {
        var host: String
        var load: Int
        /// Of what is shared by all that are ready.
        var share: Share
        /// Of what is shared by those that are settled.
        var takeover: Share
        /// Since when its load is seen below its mean.
        var belowMeanSince: LocalTime?

        var excess: Double { Double(load) - share.mean }
    }

    struct Entry: Sendable {
        var hash: UInt64
        var weight: Int
        var budget: String
    }

    let name: String
    let settings: PlacementSettings
    var me: Member?
    var own: Rendezvous.Candidate
    /// Every settled, ready member but this worker, by name; `others` tells more of the candidate at the same index.
    var candidates: [Rendezvous.Candidate] = []
    var others: [Other] = []
    var feeds: [FeedName: Entry] = [:]
    private var total = 0
    private var heaviest = 1
    /// This worker's own; nothing before it counts itself.
    private var share = Share()
    private var takeover = Share()
    /// Held feeds, and since when.
    var held: [FeedName: LocalTime] = [:]
    /// Claims under way; they count as load.
    private var reserved: Set<FeedName> = []
    var moving: Set<FeedName> = []
    private var places: [FeedName: Place] = [:]
    /// The room with which all feeds were ranked last.
    private var placedRoom: Int?
    private var isDraining = false
    // What was read, and what is to be read.
    private var members: [Member] = []
    /// By incarnation: one that was started again under its name is not sooner ready for being known, and says so itself.
    private var firstSeen: [Incarnation: LocalTime] = [:]
    private var countedAt: LocalTime?
    private var readVersion: Int?
    private var wantedVersion: Int?
    private var readCatalogueVersion: Int?
    private var wantedCatalogueVersion: Int?
    private var readAt: LocalTime?
    /// A read that failed is not repeated at once, however short the settle time.
    private var notReadBefore = LocalTime(nanoseconds: .min)
    private var isReading = false
    /// The members are wanted before their time.
    private var isHurried = false
    private var isReadingCatalogue = false
    var stableSince: LocalTime?
    var nextRound: LocalTime?
    var roundLength: Duration
    private var wakeAt: LocalTime?
    var actions: [Action] = []

    /// `name` is the worker's own.
    public init(name: String, settings: PlacementSettings) {
        self.name = name
        self.settings = settings
        self.own = Rendezvous.Candidate(name: name, weight: 1)
        self.roundLength = settings.round
    }

    // MARK: What Redis says

    /// The reply of a `beat`.
    public mutating func beatReplied(membersVersion: Int, catalogueVersion: Int, now: LocalTime) -> [Action] {
        if membersVersion != wantedVersion { stableSince = now }
        wantedVersion = membersVersion
        wantedCatalogueVersion = catalogueVersion
        return finish(now: now)
    }

    /// The members as `Membership.members` gives them, read when `version` was the members' version.
    public mutating func membersRead(_ members: [Member], version: Int, now: LocalTime) -> [Action] {
        isReading = false
        // Newer than the last beat told: what follows from a change of members begins now.
        if let wantedVersion, version > wantedVersion {
            stableSince = now
            self.wantedVersion = version
        }
        readVersion = version
        self.members = members
        let present = Set(members.map(\.incarnation))
        firstSeen = firstSeen.filter { present.contains($0.key) }
        for incarnation in present where firstSeen[incarnation] == nil { firstSeen[incarnation] = now }
        count(now: now)
        place()
        return finish(now: now)
    }

    /// Reading the members failed; it is tried again after the settle time, at the earliest after a second.
    public mutating func membersNotRead(now: LocalTime) -> [Action] {
        isReading = false
        notReadBefore = now + .seconds(1)
        return finish(now: now)
    }

    /// A feed was freed, or found no room here: who there is and how loaded they are has changed. The members are read at once, but for a bound
    /// on how often.
    public mutating func hurry(now: LocalTime) -> [Action] {
        isHurried = true
        return finish(now: now)
    }

    /// The catalogue, read when `version` was its version.
    public mutating func catalogueRead(_ catalogue: [FeedName: CatalogueEntry], version: Int, now: LocalTime) -> [Action] {
        isReadingCatalogue = false
        readCatalogueVersion = version
        for feed in feeds.keys.sorted() where catalogue[feed] == nil {
            if held[feed] != nil { actions.append(.removed(feed)) }
            if places.removeValue(forKey: feed) != nil { actions.append(.placed(feed, nil)) }
        }
        feeds = Dictionary(
            uniqueKeysWithValues: catalogue.map { feed, entry in
                (feed, Entry(hash: StableHash.of(feed.text), weight: entry.weight, budget: entry.budget))
            })
        total = feeds.values.reduce(0) { $0 + $1.weight }
        heaviest = feeds.values.map(\.weight).max() ?? 1
        count(now: now)
        place()
        return finish(now: now)
    }

    /// Reading the catalogue failed; the next beat asks for it again.
    public mutating func catalogueNotRead() { isReadingCatalogue = false }

    // MARK: What this worker holds

    /// The sum of the weights of what is held and being claimed: what `beat` tells as `load`.
    public var load: Int { held.keys.reduce(0) { $0 + weight($1) } + reserved.reduce(0) { $0 + weight($1) } }

    /// The most this worker may hold, in weights of feeds, as far as claims of that kind go; 0 before it counts itself.
    public func cap(for claim: Claim) -> Int {
        switch claim {
        case .fresh: share.cap
        case .takeover: takeover.cap
        case .handover: .max
        }
    }

    /// The most this worker may hold before it sheds.
    public var cap: Int { share.cap }

    /// This worker's fair share of all feeds; 0 while it does not count.
    public var mean: Double { share.mean }

    /// Asks to claim a feed: true if it fits below the cap for such claims. It counts as load until `took` or `claimFailed`.
    public mutating func reserve(_ feed: FeedName, for claim: Claim = .fresh) -> Bool {
        guard !isDraining, held[feed] == nil, feeds[feed] != nil else { return false }
        guard reserved.contains(feed) || hasRoom(for: feed, claim) else { return false }
        reserved.insert(feed)
        return true
    }

    private func hasRoom(for feed: FeedName, _ claim: Claim) -> Bool {
        switch claim {
        case .fresh: share.fits(weight(feed), load: load)
        case .takeover: takeover.fits(weight(feed), load: load)
        case .handover: true
        }
    }

    public mutating func claimFailed(_ feed: FeedName, now: LocalTime) -> [Action] {
        guard reserved.remove(feed) != nil else { return [] }
        loadChanged(feed)
        return finish(now: now)
    }

    /// The feed is held from now on.
    public mutating func took(_ feed: FeedName, now: LocalTime) -> [Action] {
        reserved.remove(feed)
        held[feed] = now
        loadChanged(feed)
        return finish(now: now)
    }

    /// The feed is no longer held, or its claim came to nothing.
    public mutating func gaveUp(_ feed: FeedName, now: LocalTime) -> [Action] {
        moving.remove(feed)
        let wasReserved = reserved.remove(feed) != nil
        guard held.removeValue(forKey: feed) != nil || wasReserved else { return [] }
        loadChanged(feed)
        return finish(now: now)
    }

    /// The worker leaves: it watches nothing any more and moves nothing.
    public mutating func drain(now: LocalTime) -> [Action] {
        isDraining = true
        place()
        return finish(now: now)
    }

    /// The worker stays after all.
    public mutating func undrain(now: LocalTime) -> [Action] {
        isDraining = false
        place()
        return finish(now: now)
    }

    /// Where a held feed is best handed over to: the best-placed member with room for it, else the one with the least load; nil: there is no
    /// other. What is promised counts as load until the loads are read again.
    public mutating func successor(of feed: FeedName) -> String? {
        guard let entry = feeds[feed] else { return nil }
        let fitting = Rendezvous.best(entry.hash, among: candidates) { index in
            others[index].share.fits(entry.weight, load: others[index].load)
        }
        let least = others.indices.min { (others[$0].excess, $0) < (others[$1].excess, $1) }
        guard let chosen = fitting ?? least else { return nil }
        others[chosen].load += entry.weight
        return candidates[chosen].name
    }

    /// Whether a worker of this name counts at present: ready, settled, and not this one.
    public func isCandidate(_ name: String) -> Bool { candidates.contains { $0.name == name } }

    // MARK: Time

    /// The time of the last `.wake` has come; early calls do no harm. `isPaceFree` tells whether the admission of a feed's budget group is
    /// free, that is, whether its last admitted disconnect is at least one pace ago on Redis' clock; it is asked about held feeds only.
    public mutating func woken(now: LocalTime, isPaceFree: (FeedName) -> Bool) -> [Action] {
        // The timer is spent, even if it came early: the next one is always asked for.
        wakeAt = nil
        // With a list that is known to be old nobody is let in: the reading that is due does it.
        if readVersion == wantedVersion, let countedAt,
            firstSeen.values.contains(where: { $0 + settings.settle > countedAt && $0 + settings.settle <= now })
        {
            count(now: now)
            place()
        }
        if !isDraining { shed(now: now, isPaceFree: isPaceFree) }
        return finish(now: now)
    }

    /// `rebalance --now`: gives away at once what is above the fair share, without waiting for rounds, residence or patience; never
    /// against the pace.
    public mutating func rebalance(now: LocalTime, isPaceFree: (FeedName) -> Bool) -> [Action] {
        if !isDraining { shedAll(now: now, isPaceFree: isPaceFree) }
        return finish(now: now)
    }

    // MARK: Inside

    func weight(_ feed: FeedName) -> Int { feeds[feed]?.weight ?? 1 }

    /// How much more fits below the cap, as far as it matters to any feed; nil: as much as any feed needs.
    private var room: Int? { takeover.cap - load >= heaviest ? nil : takeover.cap - load }

    /// Who counts for ranks: ready and settled. Sets caps and means.
    private mutating func count(now: LocalTime) {
        countedAt = now
        let settled = members.filter { member in
            member.state == .ready && (firstSeen[member.incarnation].map { now - $0 >= settings.settle } ?? false)
        }
        // Those that are about to count already lower the caps: workers that start together must not let the first of them take everything.
        let ready = members.filter { $0.state == .ready }.reduce(0) { $0 + $1.weight }
        let counting = settled.reduce(0) { $0 + $1.weight }
        let since = Dictionary(uniqueKeysWithValues: zip(candidates.map(\.name), others.map(\.belowMeanSince)))
        me = settled.first { $0.name == name }
        own = Rendezvous.Candidate(name: name, weight: me?.weight ?? 1)
        share = me.map { share(of: $0, among: ready) } ?? Share()
        takeover = me.map { share(of: $0, among: counting) } ?? Share()
        candidates = []
        others = []
        for member in settled where member.name != name {
            let share = share(of: member, among: ready)
            candidates.append(Rendezvous.Candidate(name: member.name, weight: member.weight))
            others.append(
                Other(
                    host: member.host, load: member.load, share: share, takeover: self.share(of: member, among: counting),
                    belowMeanSince: Double(member.load) < share.mean ? (since[member.name] ?? nil) ?? now : nil))
        }
    }

    private func share(of member: Member, among weights: Double) -> Share {
        Share(
            cap: settings.cap(total: total, weight: member.weight, weights: weights),
            mean: PlacementSettings.mean(total: total, weight: member.weight, weights: weights))
    }

    /// Ranks every feed anew and tells what has changed.
    private mutating func place() {
        let load = load
        placedRoom = room
        for feed in feeds.keys.sorted() { place(feed, load: load) }
    }

    private mutating func place(_ feed: FeedName, load: Int) {
        guard let entry = feeds[feed] else { return }
        let place = ranked(feed, entry, load: load)
        guard places[feed] != place else { return }
        places[feed] = place
        actions.append(.placed(feed, place))
    }

    /// Only near the cap does one feed more or less decide about the others.
    private mutating func loadChanged(_ feed: FeedName) {
        if placedRoom == room { place(feed, load: load) } else { place() }
    }

    private func ranked(_ feed: FeedName, _ entry: Entry, load: Int) -> Place? {
        guard let me, !isDraining else { return nil }
        // Of all workers: only asked for where there is a place.
        var alternate: String? {
            Rendezvous.best(entry.hash, among: candidates) { others[$0].host != me.host }.map { candidates[$0].name }
        }
        if held[feed] != nil {
            let better = Rendezvous.better(entry.hash, than: own, among: candidates, limit: .max) { _ in true } ?? []
            return Place(rank: better.count + 1, look: .often, alternate: alternate)
        }
        // Ranked by the room for a takeover: what has never been held waits for a cap, not for a place.
        let hasRoom = reserved.contains(feed) || takeover.fits(entry.weight, load: load)
        let better = Rendezvous.better(entry.hash, than: own, among: candidates, limit: Place.last) { index in
            !hasRoom || others[index].takeover.fits(entry.weight, load: others[index].load)
        }
        guard let better else { return nil }
        let hosts = Set(better.map { others[$0].host })
        let isNear = better.count == 1 || (hosts.count == 1 && !hosts.contains(me.host))
        let look: Place.Look = better.isEmpty && hasRoom ? .often : better.isEmpty || isNear ? .steadily : .seldom
        return Place(rank: hasRoom ? better.count + 1 : Place.full, look: look, alternate: alternate)
    }

    /// Asks for what is to be read, says when to be woken, and hands out the actions.
    private mutating func finish(now: LocalTime) -> [Action] {
        if let wantedCatalogueVersion, wantedCatalogueVersion != readCatalogueVersion, !isReadingCatalogue {
            isReadingCatalogue = true
            actions.append(.readCatalogue)
        }
        if let due = nextRead, due <= now, !isReading {
            isReading = true
            isHurried = false
            readAt = now
            actions.append(.readMembers)
        }
        let settling = firstSeen.values.map { $0 + settings.settle }.filter { $0 > now }
        let times = settling + [isReading ? nil : nextRead, nextShedding(now: now)].compactMap { $0 }.filter { $0 > now }
        // An earlier wake-up stands until it has come, so that no other verb puts it off.
        if let at = times.min(), wakeAt.map({ $0 > at }) ?? true {
            wakeAt = at
            actions.append(.wake(at))
        }
        defer { actions = [] }
        return actions
    }

    /// When the members are read next: soon when they have changed, else when their loads have become old.
    private var nextRead: LocalTime? {
        guard let wantedVersion else { return nil }
        guard let readAt else { return LocalTime(nanoseconds: .min) }
        let usual = wantedVersion != readVersion ? settings.settle : settings.loadRefresh(members: members.count)
        return max(notReadBefore, readAt + (isHurried ? min(usual, settings.hurriedRefresh(members: members.count)) : usual))
    }
}
