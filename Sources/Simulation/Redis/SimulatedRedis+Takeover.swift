import Coordination

extension SimulatedRedis {
    /// A holder's process is gone.
    func left(_ feed: Int, by holder: Incarnation, in phase: FeedMachine.Phase) {
        guard model.hashes[simulation.feeds[feed].lease]?["holder"] == holder.text else { return }
        deaths[feed] = Death(holder: holder, phase: phase)
    }

    /// A lease as its holder left it. Whoever is granted it next, or frees it for a dead holder, must pass on what is owed (sections 8 and 15, rows
    /// 17 and 18): a reconnect that cools or has its time keeps it; an attempt that was under way is waited out anew; neither is counted again.
    struct Left {
        private let feed: Int
        private let record: [String: String]
        private let admissions: String?

        init(_ feed: Int, _ redis: SimulatedRedis) {
            self.feed = feed
            record = redis.model.hashes[redis.simulation.feeds[feed].lease] ?? [:]
            admissions = redis.model.hashes[redis.simulation.feeds[feed].disconnects]?["count"]
        }

        /// `connect`: the delay the call has drawn for an attempt after one that was under way, ms.
        func judge(_ redis: SimulatedRedis, connect: Int64) {
            let facts = redis.simulation.feeds[feed]
            let now = redis.model.hashes[facts.lease] ?? [:]
            if record["state"] == "held" { note(redis) }
            guard record["phase"] != "live" else { return }
            func fail(_ what: String) {
                redis.simulation.fail("S7", "\(facts.name): what its holder left as \(record) is \(what): \(now)")
            }
            if redis.model.hashes[facts.disconnects]?["count"] != admissions { fail("counted again") }
            if record["phase"] == "connecting" {
                let until = max(Int64(record["pending_until"] ?? "") ?? 0, redis.time + connect)
                let quarantine = redis.simulation.policy.quarantine.wholeMilliseconds
                let isQuarantined = quarantine > 0 && now["pending_span"] == String(quarantine)
                if now["pending"] != "due" || (now["pending_until"] != String(until) && !isQuarantined) { fail("not waited out anew") }
            } else if record["pending"] == "cooling" || record["pending"] == "due" {
                for field in ["pending", "pending_until", "pending_delay"] where now[field] != record[field] { fail("not passed on") }
            }
        }

        private func note(_ redis: SimulatedRedis) {
            guard let death = redis.deaths[feed], death.holder.text == record["holder"] else { return }
            redis.deaths[feed] = nil
            switch (record["phase"], record["pending"]) {
            case ("connecting", _): redis.simulation.reach(death.phase == .begin ? .crashInBegin : .crashInDial)
            case ("waiting", "cooling"): redis.simulation.reach(.crashInCooling)
            // Nothing has been connected since the record was made: the first connection is owed.
            case ("waiting", "due"): redis.simulation.reach(record["connections"] == nil ? .crashInWait : .crashInDue)
            default: break
            }
        }
    }
}
