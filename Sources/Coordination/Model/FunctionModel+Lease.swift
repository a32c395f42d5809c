internal import RedisClient

extension FunctionModel {
    mutating func initialize(_ call: Arguments, now: Int64) throws(RedisError) -> RedisValue {
        let server = try call.text(0)
        guard hashes[call.keys[0]] == nil else { return Self.reply("0") }
        hashes[call.keys[0]] = [
            "state": "unknown", "epoch": "0", "renewals": "0", "phase": "waiting", "pending": "none", "next_sequence": "0", "last_ms": "0",
            "renewed_at": String(now),
        ]
        if streams[call.keys[1]] == nil { hashes[call.keys[0]]?["server"] = server }
        return Self.reply("1")
    }

    func observe(_ call: Arguments) -> RedisValue {
        .array(
            call.keys.map { key in
                guard let record = record(key) else { return .array([]) }
                let names = ["state", "holder", "epoch", "renewals", "ttl_ms", "phase", "preferred", "last_ms", "server", "renewed_at"]
                return Self.reply(names.map { record[$0] })
            })
    }

    mutating func acquire(_ call: Arguments, now: Int64) throws(RedisError) -> RedisValue {
        let (lease, disconnects, control, events) = (call.keys[0], call.keys[1], call.keys[2], call.keys[3])
        let (incarnation, ttl, mode) = (try call.text(0), try call.number(1), try call.text(2))
        let (seenEpoch, seen, floor, floorMilliseconds) = (try call.number(3), try call.text(4), try call.number(5), try call.number(6))
        let (delay, connect, pace, quarantine) = (try call.number(7), try call.number(8), try call.number(9), try call.number(10))
        let (server, jump, reason) = (try call.text(11), try call.jump(12), try call.text(13))
        let mayGo = call.values.count > 15 && call.values[15] == "1"
        guard var record = record(lease) else { return Self.fenced }

        let held = record["state"] == "held"
        let phase = record["phase"]
        let epoch = record.number("epoch")
        let hasGone = mayGo && phase == "connecting"
        if !omitted.contains(.repeats), held, record["holder"] == incarnation, phase == "waiting" || hasGone,
            Int64(record["previous_epoch"]) == seenEpoch
        {
            return Self.reply(
                [
                    "1", record["epoch"], record["pending"], record.untilPending(now), record["previous_epoch"], record["previous_next"],
                    record["last_ms"], String(now),
                ] + (hasGone ? ["GO"] : []))
        }
        let asSeen: Bool
        switch mode {
        case "free": asSeen = record["state"] == "free"
        case "seen":
            let renewals = try call.number(4)
            let seenAt = call.values.count > 14 && !call.values[14].isEmpty ? try call.number(14) : nil
            asSeen =
                omitted.contains(.renewals)
                || (record.number("renewals") == renewals && (seenAt == nil || record.number("renewed_at") == seenAt))
        case "dead": asSeen = held && record["holder"] == seen
        default: throw Self.error("BADARG mode must be free, seen or dead, not \(mode)")
        }
        guard asSeen, epoch == seenEpoch else {
            return Self.reply("0", "CHANGED", record["holder"], String(epoch), String(record.number("renewals")))
        }
        if mode == "free", !record["preferred"].isEmpty, record["preferred"] != Incarnation(incarnation).name {
            let elapsed = now - record.number("renewed_at")
            if elapsed >= 0, elapsed < 1000 { return Self.reply("0", "RESERVED", String(1000 - elapsed)) }
        }
        let top = top(control)
        guard let newEpoch = nextEpoch(record, floor: floor, top: top, server: server, jump: jump) else { return Self.reply("0", "EPOCH") }

        let oldHolder = record["holder"]
        var admitted = ""
        switch phase {
        case "live":
            admitted =
                request(
                    disconnects, &record, now: now, delay: delay, pace: pace, reason: reason, lease: lease, worker: oldHolder) ? "1" : "0"
        case "connecting": Self.afterAttempt(&record, now: now, connect: connect)
        default: if !["cooling", "due"].contains(record["pending"]) { record.due(wait: connect, at: now + connect) }
        }
        let crashed = phase == "live" || phase == "connecting"
        let quarantined = crashed && Self.countCrash(&record, now: now, quarantine: quarantine)
        let goes = mayGo && record["pending"] == "due" && record.number("pending_until") <= now
        let previousNext = record.number("next_sequence")
        let time = markMilliseconds(now, record, top, floor: floorMilliseconds)
        record.hold(incarnation, epoch: newEpoch)
        record["renewals"] = "0"
        record.set("ttl_ms", ttl)
        record.set("renewed_at", now)
        record["phase"] = goes ? "connecting" : "waiting"
        record.set("previous_epoch", epoch)
        record.set("previous_next", previousNext)
        record.set("last_ms", time)
        record["server"] = server
        store(record, at: lease)
        mark(
            control, Self.id(time, epoch: newEpoch, sequence: 0),
            [
                ("marker", "fence"), ("at", String(now)), ("worker", incarnation), ("reason", reason), ("previous_epoch", String(epoch)),
                ("previous_next", String(previousNext)), ("after", (top ?? .zero).description),
            ])
        if crashed { log(events, "crashed", lease, worker: oldHolder, epoch: epoch, reason: reason, admitted: admitted, now: now) }
        if quarantined { log(events, "quarantined", lease, worker: oldHolder, epoch: epoch, reason: reason, now: now) }
        log(events, held ? "taken_over" : "acquired", lease, worker: incarnation, epoch: newEpoch, reason: reason, now: now)
        if goes { log(events, "connecting", lease, worker: incarnation, epoch: newEpoch, reason: "due", now: now) }
        return Self.reply(
            [
                "1", String(newEpoch), record["pending"], record.untilPending(now), String(epoch), String(previousNext), String(time),
                String(now),
            ] + (goes ? ["GO"] : []))
    }

    mutating func renew(_ call: Arguments, now: Int64) throws(RedisError) -> RedisValue {
        guard call.keys.count == call.values.count else { throw Self.error("BADARG renew needs one token per key") }
        var texts: [String] = []
        for (lease, token) in zip(call.keys, call.values) {
            switch renew(lease, token: token, now: now) {
            case .renewed: texts.append("1")
            case .refused: texts.append("0")
            case .missing: texts.append("-1")
            }
        }
        return Self.reply(texts + [String(now)])
    }

    /// `renew` of one lease, without the way through text.
    package mutating func renew(_ lease: String, token: String, now: Int64) -> RenewReply.Result {
        guard let at = hashes.index(forKey: lease) else { return .missing }
        guard !token.isEmpty, hashes.values[at]["token"] == token else { return .refused }
        let renewals = String((hashes.values[at]["renewals"].flatMap { Int64($0) } ?? 0) + 1)
        let time = String(now)
        hashes.values[at]["renewals"] = renewals
        hashes.values[at]["renewed_at"] = time
        return .renewed
    }

    /// `observe` of one lease, without the way through text; nil: there is no record.
    package func observe(_ lease: String) -> LeaseObservation? {
        guard let fields = hashes[lease], let state = fields["state"].flatMap({ LeaseObservation.State(rawValue: $0) }) else { return nil }
        func number(_ name: String) -> Int64 { fields[name].flatMap { Int64($0) } ?? 0 }
        func text(_ name: String) -> String? { fields[name].flatMap { $0.isEmpty ? nil : $0 } }
        return LeaseObservation(
            state: state, holder: text("holder").map { Incarnation($0) }, epoch: Int(number("epoch")), renewals: Int(number("renewals")),
            ttlMilliseconds: number("ttl_ms"), phase: fields["phase"].flatMap { LeaseObservation.Phase(rawValue: $0) } ?? .waiting,
            preferred: text("preferred"), lastMilliseconds: number("last_ms"), server: fields["server"] ?? "",
            renewedAt: number("renewed_at"))
    }

    mutating func gate(_ call: Arguments, now: Int64) throws(RedisError) -> RedisValue {
        let (lease, disconnects, events) = (call.keys[0], call.keys[1], call.keys[2])
        let (token, pace) = (try call.text(0), try call.number(1))
        guard var record = record(lease), record.shows(token) else { return Self.fenced }
        if record["phase"] == "connecting" { return Self.reply("1", "GO") }
        let holder = record["holder"]
        let epoch = record.number("epoch")
        guard record["phase"] == "waiting" else { return Self.reply("0", "NOTPENDING") }
        switch record["pending"] {
        case "cooling":
            let admitted = request(
                disconnects, &record, now: now, delay: record.number("pending_delay"), pace: pace, reason: "cooled", lease: lease,
                worker: holder)
            store(record, at: lease)
            guard admitted else { return Self.reply("0", "COOLING", record.untilPending(now)) }
            log(events, "admitted", lease, worker: holder, epoch: epoch, reason: "cooled", admitted: "1", now: now)
        case "due":
            if record.number("pending_until") - now > record.number("pending_span") + 5000 {
                let delay = record.number("pending_delay")
                record.due(wait: delay, at: now + delay)
                store(record, at: lease)
            }
        default: return Self.reply("0", "NOTPENDING")
        }
        guard now >= record.number("pending_until") else { return Self.reply("0", "DUE", record.untilPending(now)) }
        hashes[lease]?["phase"] = "connecting"
        log(events, "connecting", lease, worker: holder, epoch: epoch, reason: "due", now: now)
        return Self.reply("1", "GO")
    }

    mutating func retry(_ call: Arguments, now: Int64) throws(RedisError) -> RedisValue {
        let (lease, token, wait) = (call.keys[0], try call.text(0), try call.number(1))
        guard var record = record(lease), record.shows(token) else { return Self.fenced }
        if record["phase"] == "live" { return Self.reply("0", "LIVE") }
        if record["pending"] == "cooling" { return Self.reply("1", "cooling", record.untilPending(now)) }
        record.due(wait: wait, at: now + wait)
        record["phase"] = "waiting"
        store(record, at: lease)
        return Self.reply("1", "due", String(wait))
    }

    mutating func begin(_ call: Arguments, now: Int64) throws(RedisError) -> RedisValue {
        let (lease, control, events) = (call.keys[0], call.keys[1], call.keys[2])
        let (token, incarnation, floor, floorMilliseconds) = (try call.text(0), try call.text(1), try call.number(2), try call.number(3))
        let (server, jump) = (try call.text(4), try call.jump(5))
        guard var record = record(lease), !token.isEmpty, record["state"] == "held", record["holder"] == incarnation else {
            return Self.fenced
        }
        guard record["token"] == token else {
            guard !omitted.contains(.repeats), record["phase"] == "live", token == "\(incarnation):\(record["previous_epoch"])" else {
                return Self.fenced
            }
            return Self.reply("1", record["epoch"], record["last_ms"], String(now))
        }
        guard record["phase"] == "connecting" else { return Self.reply("0", "NOTCONNECTING") }
        let top = top(control)
        guard let newEpoch = nextEpoch(record, floor: floor, top: top, server: server, jump: jump) else { return Self.reply("0", "EPOCH") }

        let epoch = record.number("epoch")
        let previousNext = record.number("next_sequence")
        let time = markMilliseconds(now, record, top, floor: floorMilliseconds)
        let connections = record.number("connections") + 1
        record.open(incarnation, epoch: newEpoch)
        record["phase"] = "live"
        record["pending"] = "none"
        record.set("previous_epoch", epoch)
        record.set("previous_next", previousNext)
        record.set("last_ms", time)
        record.set("connections", connections)
        store(record, at: lease)
        mark(
            control, Self.id(time, epoch: newEpoch, sequence: 0),
            [
                ("marker", "up"), ("at", String(now)), ("worker", incarnation), ("previous_epoch", String(epoch)),
                ("previous_next", String(previousNext)), ("after", (top ?? .zero).description),
            ])
        log(events, connections == 1 ? "connected" : "reconnected", lease, worker: incarnation, epoch: newEpoch, reason: "", now: now)
        return Self.reply("1", String(newEpoch), String(time), String(now))
    }
}
