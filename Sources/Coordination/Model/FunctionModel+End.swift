internal import RedisClient

extension FunctionModel {
    mutating func disconnect(_ call: Arguments, now: Int64) throws(RedisError) -> RedisValue {
        let (lease, disconnects, control, events) = (call.keys[0], call.keys[1], call.keys[2], call.keys[3])
        let (token, first, hard) = (try call.text(0), try call.number(1), try call.flag(2))
        let (delay, pace, reason) = (try call.number(3), try call.number(4), try call.text(5))
        guard var record = record(lease), record.shows(token) else { return Self.fenced }
        let cursor = record.number("next_sequence")
        if record["phase"] != "live" { return Self.reply("1", record["pending"], record.untilPending(now)) }
        if first > cursor { return Self.reply("0", "GAP", String(cursor)) }
        if !hard, let last = lastAdmitted(disconnects), insidePace(last, now, pace) {
            if last > now { hashes[disconnects]?["last_admitted"] = String(now) }
            return Self.reply("0", "REFUSED", String(min(last, now) + pace - now))
        }
        let holder = record["holder"]
        let admitted =
            request(disconnects, &record, now: now, delay: delay, pace: pace, reason: reason, lease: lease, worker: holder) ? "1" : "0"
        writeDown(control, &record, now: now, reason: reason, complete: "yes", admitted: admitted)
        record["phase"] = "waiting"
        store(record, at: lease)
        log(
            events, "disconnected", lease, worker: holder, epoch: record.number("epoch"), reason: reason, admitted: admitted, now: now)
        return Self.reply("1", record["pending"], record.untilPending(now))
    }

    mutating func release(_ call: Arguments, now: Int64) throws(RedisError) -> RedisValue {
        let (lease, disconnects, control, events) = (call.keys[0], call.keys[1], call.keys[2], call.keys[3])
        let (who, how, reason) = (try call.text(0), try call.text(1), try call.text(2))
        let (delay, connect, pace, quarantine) = (try call.number(3), try call.number(4), try call.number(5), try call.number(6))
        let preferred = call.values.count > 7 ? call.values[7] : ""
        let first = call.values.count > 8 && !call.values[8].isEmpty ? try call.number(8) : 0
        guard how == "clean" || how == "dead" else { throw Self.error("BADARG release is clean or dead, not \(how)") }
        let dead = how == "dead"
        guard var record = record(lease) else { return Self.fenced }
        guard record["state"] == "held" else { return Self.reply("0", "NOTHELD") }
        let holder = record["holder"]
        if dead, holder != who { return Self.reply("0", "OTHER", holder) }
        if !dead, !record.shows(who) { return Self.fenced }

        let phase = record["phase"]
        let epoch = record.number("epoch")
        var admitted = ""
        if phase == "live" {
            admitted =
                request(
                    disconnects, &record, now: now, delay: delay, pace: pace, reason: reason, lease: lease, worker: holder) ? "1" : "0"
            let isComplete = !dead && first <= record.number("next_sequence")
            writeDown(control, &record, now: now, reason: reason, complete: isComplete ? "yes" : "no", admitted: admitted)
        } else if phase == "connecting" {
            Self.afterAttempt(&record, now: now, connect: connect)
        }
        let crashed = dead && phase != "waiting"
        let quarantined = crashed && Self.countCrash(&record, now: now, quarantine: quarantine)
        record["state"] = "free"
        record["holder"] = ""
        record["token"] = ""
        record["phase"] = "waiting"
        record.set("renewals", record.number("renewals") + 1)
        record.set("renewed_at", now)
        record["preferred"] = preferred
        store(record, at: lease)
        if crashed {
            log(events, "crashed", lease, worker: holder, epoch: epoch, reason: reason, admitted: admitted, now: now)
        } else if phase == "live" {
            log(events, "disconnected", lease, worker: holder, epoch: epoch, reason: reason, admitted: admitted, now: now)
        }
        if quarantined { log(events, "quarantined", lease, worker: holder, epoch: epoch, reason: reason, now: now) }
        log(events, "released", lease, worker: holder, epoch: epoch, reason: reason, now: now)
        wake(lease, kind: "lease", Wake.freed(FeedName(Self.feed(lease)), preferred: preferred.isEmpty ? nil : preferred).description)
        return Self.reply("1")
    }

    mutating func resume(_ call: Arguments, now: Int64) throws(RedisError) -> RedisValue {
        let (lease, disconnects, control, events) = (call.keys[0], call.keys[1], call.keys[2], call.keys[3])
        let (incarnation, epoch, next, ttl) = (try call.text(0), try call.number(1), try call.number(2), try call.number(3))
        let (floorMilliseconds, server, jump) = (try call.number(4), try call.text(5), try call.jump(6))
        let renumber = try call.flag(7)
        let admittedAge = call.values.count > 8 && !call.values[8].isEmpty ? try call.number(8) : -1
        let known = record(lease)
        let top = top(control)
        if let known {
            let mine = known["state"] == "held" && known["holder"] == incarnation
            let recorded = known.number("epoch")
            if mine, recorded == epoch, !renumber { return Self.reply("1", "SAME", known["next_sequence"], known["last_ms"]) }
            if !omitted.contains(.repeats), mine, known["phase"] == "live", recorded != epoch, Int64(known["previous_epoch"]) == epoch {
                return Self.reply("1", "NEW", known["epoch"], known["last_ms"], String(now))
            }
            if recorded > epoch || (recorded == epoch && !mine) { return Self.fenced }
        }
        if let top, Int64(top.epoch) > epoch { return Self.fenced }
        guard let newEpoch = nextEpoch(known, floor: epoch, top: top, server: server, jump: jump) else { return Self.reply("0", "EPOCH") }

        let time = markMilliseconds(0, known, top, floor: floorMilliseconds)
        let reason = renumber ? "order" : "lost"
        if admittedAge >= 0, lastAdmitted(disconnects).map({ $0 < now - admittedAge }) ?? true {
            hashes[disconnects, default: [:]]["last_admitted"] = String(now - admittedAge)
        }
        var record = known ?? RecordModel([:])
        let connections = max(record.number("connections"), 1)
        record.hold(incarnation, epoch: newEpoch)
        record["renewals"] = "0"
        record.set("ttl_ms", ttl)
        record.set("renewed_at", now)
        record["phase"] = "live"
        record["pending"] = "none"
        record.set("previous_epoch", epoch)
        record.set("previous_next", next)
        record.set("last_ms", time)
        record["server"] = server
        record.set("connections", connections)
        store(record, at: lease)
        mark(
            control, Self.id(time, epoch: newEpoch, sequence: 0),
            [
                ("marker", "rollback"), ("at", String(now)), ("worker", incarnation), ("reason", reason),
                ("previous_epoch", String(epoch)), ("previous_next", String(next)), ("after", (top ?? .zero).description),
            ])
        log(events, "resumed", lease, worker: incarnation, epoch: newEpoch, reason: reason, now: now)
        return Self.reply("1", "NEW", String(newEpoch), String(time), String(now))
    }
}
