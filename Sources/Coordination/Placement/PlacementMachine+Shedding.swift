extension PlacementMachine {
    /// One round of shedding, if its time has come: only above the cap, only to members that were below the mean for long enough with
    /// unchanged members, at most a tenth of what is held, never a feed that is new in its place, never inside the pace; lowest score
    /// first.
    mutating func shed(now: LocalTime, isPaceFree: (FeedName) -> Bool) {
        let isDue = nextRound.map { $0 <= now } ?? true
        guard me != nil, load > cap, isDue, isPatient(since: stableSince, now: now) else { return }
        let candidates = held.keys.filter { feed in
            feeds[feed] != nil && !moving.contains(feed) && (held[feed].map { now - $0 >= settings.minimumResidence } ?? false)
        }
        let ready = others.map { isPatient(since: $0.belowMeanSince, now: now) }
        let moved = move(candidates, to: ready, until: cap, atMost: max(1, held.count / 10), isPaceFree: isPaceFree)
        guard moved > 0 else { return }
        // Rounds that follow one another mean that the picture is not settling: go slower each time.
        let follows = nextRound.map { now - $0 < roundLength } ?? false
        roundLength = follows ? min(roundLength * 2, settings.roundCap) : settings.round
        nextRound = now + roundLength
    }

    /// Everything above the fair share, now.
    mutating func shedAll(now: LocalTime, isPaceFree: (FeedName) -> Bool) {
        guard me != nil else { return }
        let candidates = held.keys.filter { feeds[$0] != nil && !moving.contains($0) }
        let ready = others.map { _ in true }
        _ = move(candidates, to: ready, until: Int(mean.rounded(.up)), atMost: held.count, isPaceFree: isPaceFree)
    }

    /// When `shed` may find something to do that it does not find now.
    func nextShedding(now: LocalTime) -> LocalTime? {
        guard me != nil, load > cap, let stableSince else { return nil }
        let wait = settings.patience(members: others.count + 1)
        let young = held.values.map { $0 + settings.minimumResidence }.filter { $0 > now }.min()
        let first = [stableSince + wait, nextRound].compactMap { $0 }.max()
        // Beyond these the pace and the others' loads decide; they are looked at once a settle time.
        let waiting = [first, young].compactMap { $0 }.filter { $0 > now }.min()
        return waiting ?? now + settings.settle
    }

    private func isPatient(since: LocalTime?, now: LocalTime) -> Bool {
        guard let since else { return false }
        return now - since >= settings.patience(members: others.count + 1)
    }

    /// Moves feeds with the lowest score here, each to the best-placed of the `ready` members that is below its mean. Returns how many.
    private mutating func move(
        _ feedsToMove: [FeedName], to ready: [Bool], until limit: Int, atMost: Int, isPaceFree: (FeedName) -> Bool
    ) -> Int {
        let scored = feedsToMove.compactMap { feed in feeds[feed].map { (feed: feed, entry: $0, score: Rendezvous.score($0.hash, own)) } }
            .sorted { ($0.score, $0.feed.text) < ($1.score, $1.feed.text) }
        var left = load - moving.reduce(0) { $0 + weight($1) }
        var usedBudgets: Set<String> = []
        var moved = 0
        for (feed, entry, _) in scored {
            guard left > limit, moved < atMost else { break }
            // A move is a disconnect: it uses the admission of its budget group, so the next one of the group would cool down.
            guard !usedBudgets.contains(entry.budget), isPaceFree(feed) else { continue }
            let target = Rendezvous.best(entry.hash, among: candidates) { index in
                let other = others[index]
                return ready[index] && Double(other.load) < other.share.mean && other.load + entry.weight <= other.share.cap
            }
            guard let target else { continue }
            usedBudgets.insert(entry.budget)
            others[target].load += entry.weight
            left -= entry.weight
            moved += 1
            moving.insert(feed)
            actions.append(.move(feed, to: candidates[target].name))
        }
        return moved
    }
}
