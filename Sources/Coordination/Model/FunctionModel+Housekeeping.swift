internal import RedisClient

extension FunctionModel {
    mutating func trim(_ call: Arguments) throws(RedisError) -> RedisValue {
        let (minimum, forget) = (try call.number(0), try call.number(1))
        guard call.keys.count <= 201 else { throw Self.error("BADARG trim takes at most 200 streams, not \(call.keys.count - 1)") }
        guard call.values.count <= 2 || call.values.count == call.keys.count + 1 else {
            throw Self.error(
                "BADARG trim takes one maxlen per stream or none, not \(call.values.count - 2) for \(call.keys.count - 1) streams")
        }
        var maxlens: [Int64] = []
        for at in call.values.indices.dropFirst(2) { maxlens.append(try call.number(at)) }
        var removed = 0
        var forgotten = 0
        for (at, stream) in call.keys.dropFirst().enumerated() {
            guard streams[stream] != nil else { continue }
            if at < maxlens.count { removed += streams[stream]?.trim(toLength: Int(max(0, maxlens[at]))) ?? 0 }
            removed += streams[stream]?.trim(below: StreamID(milliseconds: UInt64(max(0, minimum)), sequence: 0)) ?? 0
            if let left = streams[stream], left.entries.isEmpty, Int64(left.lastGeneratedID.milliseconds) < forget {
                streams[stream] = nil
                hashes[call.keys[0]]?[stream] = nil
                if hashes[call.keys[0]]?.isEmpty == true { hashes[call.keys[0]] = nil }
                forgotten += 1
            }
        }
        return Self.reply("1", String(removed), String(forgotten))
    }

    mutating func beat(_ call: Arguments, now: Int64) throws(RedisError) -> RedisValue {
        let (meta, beats, worker) = (call.keys[0], call.keys[1], call.keys[2])
        let incarnation = try call.text(0)
        guard call.values.count % 2 == 1 else { throw Self.error("BADARG beat takes the incarnation, then field and value in turn") }
        var facts = RecordModel(hashes[meta] ?? [:])
        if facts["generation"].isEmpty {
            facts["generation"] = "\(incarnation.split(separator: ".").last ?? "")-\(now)"
            facts.set("members_version", facts.number("members_version"))
            facts.set("catalogue_version", facts.number("catalogue_version"))
            facts["library"] = "colony1"
        }
        store(facts, at: meta)

        var changes: Int64 = scores[beats]?[incarnation] == nil ? 1 : 0
        scores[beats, default: [:]][incarnation] = now
        hashes[meta]?["suspected:\(incarnation)"] = nil
        let before = hashes[worker] ?? [:]
        for at in stride(from: 1, to: call.values.count, by: 2) { hashes[worker, default: [:]][call.values[at]] = call.values[at + 1] }
        let behind = hashes[worker] ?? [:]
        if changes == 0, before["state"] != behind["state"] || before["weight"] != behind["weight"] { changes = 1 }

        let silent = (scores[beats] ?? [:]).filter { $0.value <= now - 30_000 }.sorted { ($0.value, $0.key) < ($1.value, $1.key) }
        for (member, _) in silent.prefix(100) {
            let field = "suspected:\(member)"
            let since = hashes[meta]?[field].flatMap { Int64($0) }
            if let since, since <= now {
                guard now - since >= 2000 else { continue }
                scores[beats]?[member] = nil
                hashes[meta]?[field] = nil
                hashes[worker.dropLast(incarnation.count) + member] = nil
                changes += 1
            } else {
                hashes[meta]?[field] = String(now)
            }
        }
        let members = facts.number("members_version") + changes
        if changes > 0 { hashes[meta]?["members_version"] = String(members) }
        return Self.reply("1", String(members), String(facts.number("catalogue_version")), facts["generation"], String(now))
    }

    mutating func desire(_ call: Arguments) throws(RedisError) -> RedisValue {
        let (feed, value, version) = (try call.text(0), try call.text(1), try call.number(2))
        let ofCatalogue = call.keys.count == 2
        let (holder, field) = ofCatalogue ? (call.keys[1], "catalogue_version") : (call.keys[0], "version")
        let current = RecordModel(hashes[holder] ?? [:]).number(field)
        guard current == version else { return Self.reply("0", "CHANGED", String(current)) }
        if ofCatalogue {
            hashes[call.keys[0], default: [:]][feed] = value.isEmpty ? nil : value
            if hashes[call.keys[0]]?.isEmpty == true { hashes[call.keys[0]] = nil }
        } else {
            hashes[holder, default: [:]]["desired"] = value
            wake(holder, kind: "subscriptions", "subscriptions \(feed)")
        }
        hashes[holder, default: [:]][field] = String(version + 1)
        return Self.reply("1", String(version + 1))
    }

    mutating func request(_ call: Arguments, now: Int64) throws(RedisError) -> RedisValue {
        guard call.values.count >= 2, call.values.count % 2 == 0 else { throw Self.error("BADARG request takes field and value in turn") }
        let (requests, meta) = (call.keys[0], call.keys[1])
        for (field, text) in hashes[requests] ?? [:] {
            let since = Int64(text.prefix { $0.isNumber })
            if since.map({ now - $0 > 600_000 }) ?? true { hashes[requests]?[field] = nil }
        }
        for at in stride(from: 0, to: call.values.count, by: 2) {
            let (field, value) = (call.values[at], call.values[at + 1])
            hashes[requests, default: [:]][field] = value.isEmpty ? nil : "\(now) \(value)"
        }
        if hashes[requests]?.isEmpty == true { hashes[requests] = nil }
        let version = RecordModel(hashes[meta] ?? [:]).number("requests_version") + 1
        hashes[meta, default: [:]]["requests_version"] = String(version)
        for at in stride(from: 0, to: call.values.count, by: 2) where !call.values[at + 1].isEmpty {
            wake(requests, kind: "requests", "request \(call.values[at])")
        }
        return Self.reply("1", String(version), String(now))
    }
}
