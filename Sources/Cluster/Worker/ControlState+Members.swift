import ColonyExchanges
import Coordination
import Ingest
import Logging
import NIOCore
import RedisClient

/// Who else there is, what is to be run, and where.
extension ControlState {
    func readMembers() {
        // Before the members, so that the version is never newer than they are.
        var version = membersVersion
        send(["HGET", .string(configuration.keys.meta), "members_version"]) { result in
            if case .success(let reply) = result, let number = reply.integer { version = Int(number) }
        }
        send(["ZRANGE", .string(configuration.keys.beats), "0", "-1", "WITHSCORES"]) { [self] result in
            guard case .success(let reply) = result, let values = reply.array else {
                return perform(placement.membersNotRead(now: .now()))
            }
            var beats: [(incarnation: Incarnation, at: Int64)] = []
            for index in stride(from: 0, to: values.count - 1, by: 2) {
                guard let text = values[index].string, let score = values[index + 1].string.flatMap({ Double($0) }) else { continue }
                beats.append((Incarnation(text), Int64(score)))
            }
            readFields(of: beats, version: version)
        }
    }

    private func readFields(of beats: [(incarnation: Incarnation, at: Int64)], version: Int) {
        var fields: [[String?]] = Array(repeating: [], count: beats.count)
        var waiting = beats.count
        if beats.isEmpty { return perform(placement.membersNotRead(now: .now())) }
        for (index, beat) in beats.enumerated() {
            let key = configuration.keys.worker(beat.incarnation)
            send([.string("HMGET"), .string(key)] + Membership.fields.map { .string($0) }) { [self] result in
                if case .success(let reply) = result { fields[index] = (reply.array ?? []).map(\.string) }
                waiting -= 1
                guard waiting == 0 else { return }
                members = Membership.members(beats: beats, values: fields)
                countMembers(version: version)
            }
        }
    }

    private func countMembers(version: Int) {
        let heard = members.filter { !silent.contains($0.incarnation) }
        perform(placement.membersRead(heard, version: version, now: .now()))
    }

    /// Only hints: who watches decides nothing about who holds.
    func readSilent(now: Int64) {
        send(["ZRANGEBYSCORE", .string(configuration.keys.beats), "0", "\(now - 3000)", "LIMIT", "0", "256"]) { [self] result in
            guard case .success(let reply) = result else { return }
            let fresh = Set((reply.array ?? []).compactMap { $0.string.map { Incarnation($0) } })
            guard fresh != silent else { return }
            silent = fresh
            countMembers(version: membersVersion)
        }
    }

    /// When disconnects of the held feeds' budget groups were last admitted: a move for balance waits until the pace is over.
    func readAdmissions(then next: @escaping () -> Void) {
        let groups = Set(held.compactMap { feeds[$0]?.keys.group })
        var waiting = groups.count
        guard waiting > 0 else { return next() }
        for group in groups {
            send(["HGET", .string(configuration.keys.disconnects(group: group)), "last_admitted"]) { [self] result in
                if case .success(let reply) = result { lastAdmitted[group] = reply.integer }
                waiting -= 1
                if waiting == 0 { next() }
            }
        }
    }

    /// The same for one feed, with the time.
    func readAdmission(of feed: FeedName, then next: @escaping () -> Void) {
        guard let group = feeds[feed]?.keys.group else { return next() }
        send(["HGET", .string(configuration.keys.disconnects(group: group)), "last_admitted"]) { [self] result in
            if case .success(let reply) = result { lastAdmitted[group] = reply.integer }
            send(["TIME"]) { [self] result in
                if case .success(let reply) = result, let time = reply.array, let seconds = time.first?.integer {
                    redisRead(max(redisNow, seconds * 1000 + (time.last?.integer ?? 0) / 1000))
                }
                next()
            }
        }
    }

    func redisRead(_ milliseconds: Int64) {
        redisNow = milliseconds
        redisReadAt = .now()
    }

    /// What Redis' clock shows, as far as is known: ms.
    func redisTime(_ now: LocalTime) -> Int64 { redisNow + (now - redisReadAt).wholeMilliseconds }

    func isPaceFree(_ feed: FeedName) -> Bool { (paceLeft(feed) ?? .zero) <= .zero }

    /// With what the catalogue says over the configuration. An entry that cannot be used has no runner here, so that its settings do not matter.
    func settings(of feed: FeedName) -> ColonyConfiguration.Exchange {
        let ours = configuration.settings(of: feed.exchange)
        guard let entry = catalogue[feed] else { return ours }
        do throws(DialectError) { return try configuration.settings(of: feed, entry: entry) } catch { return ours }
    }

    /// Until a disconnect of the feed would be admitted, as far as is known; nil: none was yet.
    func paceLeft(_ feed: FeedName) -> Duration? {
        guard let group = feeds[feed]?.keys.group, let last = lastAdmitted[group] else { return nil }
        return settings(of: feed).pace - .milliseconds(redisNow - last)
    }

    func perform(_ actions: [PlacementMachine.Action], catalogueVersion: Int? = nil) {
        for action in actions {
            switch action {
            case .readMembers: readMembers()
            case .readCatalogue: readCatalogue(catalogueVersion ?? 0)
            case .placed(let feed, let place):
                places[feed] = place
                feeds[feed]?.post(.placed(rank: place?.rank, alternate: place?.alternate))
            case .removed(let feed): feeds[feed]?.post(.stop(reason: "removed from the catalogue", preferred: nil))
            case .move(let feed, let target):
                perform(handovers.order([order(feed, to: target, reason: "rebalance")], view: view, now: .now()))
            case .wake(let at):
                placementWake?.cancel()
                let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
                placementWake = eventLoop.scheduleTask(in: .nanoseconds(max(0, (at - .now()).wholeNanoseconds))) {
                    loopBound.value.wakePlacement()
                }
            }
        }
    }

    private func wakePlacement() {
        var machine = placement
        let actions = machine.woken(now: .now()) { [self] in isPaceFree($0) }
        placement = machine
        perform(actions)
    }

    /// Reads the catalogue, of `wanted` version or of whatever it is now.
    func readCatalogue(_ wanted: Int?) {
        let generation = generation
        // Before the entries, so that the version is never newer than they are.
        send(["HGET", .string(configuration.keys.meta), "catalogue_version"]) { [self] result in
            guard case .success(let reply) = result else { return placement.catalogueNotRead() }
            readEntries(version: reply.integer.map { Int($0) } ?? wanted ?? 0, generation: generation)
        }
    }

    private func readEntries(version: Int, generation: String) {
        send(["HGETALL", .string(configuration.keys.catalogue)]) { [self] result in
            guard case .success(let reply) = result, let values = reply.array else { return placement.catalogueNotRead() }
            // Emptied in between, it would read as if everything had been removed.
            send(["HGET", .string(configuration.keys.meta), "generation"]) { [self] result in
                guard case .success(let reply) = result, reply.string == generation else { return placement.catalogueNotRead() }
                take(values, version: version)
            }
        }
    }

    private func take(_ values: [RedisValue], version: Int) {
        var fresh: [FeedName: CatalogueEntry] = [:]
        for index in stride(from: 0, to: values.count - 1, by: 2) {
            guard let name = values[index].string, let json = values[index + 1].string else { continue }
            do throws(CoordinationError) {
                fresh[FeedName(name)] = try CatalogueEntry(json: json, of: FeedName(name))
            } catch {
                logger.error("A feed of the catalogue cannot be run", error: error, metadata: ["feed": "\(name)"])
            }
        }
        memory.read(fresh, generation: generation)
        let changed = memory.feeds.filter { feed, entry in catalogue[feed].map { $0 != entry } ?? false }.keys
        catalogue = memory.feeds
        for feed in changed where feeds[feed] != nil {
            if held.contains(feed) {
                // A change of settings is no reason for a disconnect.
                logger.notice("New settings count when the feed is given up the next time", metadata: ["feed": "\(feed)"])
                outdated.insert(feed)
            } else {
                feeds[feed]?.post(.stop(reason: "new settings", preferred: nil))
            }
        }
        for feed in feeds.keys where catalogue[feed] == nil {
            feeds[feed]?.post(.stop(reason: "removed from the catalogue", preferred: nil))
        }
        for feed in catalogue.keys where feeds[feed] == nil { addFeed(feed) }
        perform(placement.catalogueRead(catalogue, version: version, now: .now()))
        enterMissing(version: version)
        readSubscriptions(Array(feeds.keys))
        subscribeToWakes()
    }

    func addFeed(_ feed: FeedName) {
        guard !isDraining, let entry = catalogue[feed], let handle = makeFeed(self, feed, entry) else { return }
        feeds[feed] = handle
        for incarnation in dead { handle.post(.deathProved(incarnation)) }
        tellGeneration(handle)
        if let place = places[feed] { handle.post(.placed(rank: place.rank, alternate: place.alternate)) }
        if let until = invitations[feed], LocalTime.now() < until { handle.post(.invited(until: until)) }
    }

    /// In the data set that our own supervisor created nobody can hold a lease that the records do not show; unless a failover took the
    /// record away.
    func tellGeneration(_ handle: FeedHandle) {
        let isOurs =
            !generation.isEmpty && generation == configuration.redis.embeddedGeneration && configuration.redis.endpoint.sentinel == nil
        handle.run { $0.setClaimsUnknownAtOnce(isOurs) }
    }

}
