extension Preflight {
    static func persistence(_ facts: PreflightFacts) -> [PreflightFinding] {
        var found: [PreflightFinding] = []
        let appends = facts.setting("appendonly", infoField: "aof_enabled").map { $0 == "yes" || $0 == "1" }
        let snapshots = facts.setting("save").map { !$0.isEmpty }
        if let snapshots, let stops = facts.setting("stop-writes-on-bgsave-error") {
            if snapshots, stops == "yes" {
                found.append(
                    .init(
                        .snapshots, .error,
                        "stop-writes-on-bgsave-error is yes with snapshots on (save \"\(facts.setting("save") ?? "")\"): "
                            + "a full disk would stop all renewals",
                        "CONFIG SET stop-writes-on-bgsave-error no"))
            }
        } else {
            found.append(unreadable("stop-writes-on-bgsave-error", "no"))
        }
        if appends == false, snapshots == false {
            found.append(
                facts.replicas > 0
                    ? .init(
                        .persistence, .error,
                        "the master has replicas and no persistence: restarted empty, it makes its replicas empty too",
                        "CONFIG SET appendonly yes")
                    : .init(
                        .persistence, .warning, "nothing is written to disk: a restart of Redis loses every stream",
                        "CONFIG SET appendonly yes"))
        } else if appends == false, snapshots == true {
            found.append(
                .init(
                    .persistence, .warning,
                    "only snapshots are written to disk: a restart of Redis loses what came after the last one, more than the rings hold",
                    "CONFIG SET appendonly yes"))
        }
        if appends == true {
            found += appending(facts)
        }
        for (field, what) in [
            ("rdb_last_bgsave_status", "the last snapshot"), ("aof_last_write_status", "the last write to the append-only file"),
        ] {
            guard let status = facts.info[field], status != "ok" else { continue }
            found.append(
                .init(
                    .disk, field == "aof_last_write_status" ? .error : .warning, "\(what) failed (\(field) \(status))",
                    "look for a full or broken disk on the server"))
        }
        return found
    }

    private static func appending(_ facts: PreflightFacts) -> [PreflightFinding] {
        var found: [PreflightFinding] = []
        switch facts.setting("appendfsync") {
        case "no":
            found.append(
                .init(
                    .fsync, .warning, "appendfsync is no: a power loss costs up to 30 s, more than the rings hold",
                    "CONFIG SET appendfsync everysec"))
        case "always":
            found.append(
                .init(
                    .fsync, .advice, "appendfsync is always: every publish waits for the disk, milliseconds instead of microseconds",
                    "CONFIG SET appendfsync everysec; the rings cover the last two seconds"))
        default: break
        }
        if facts.setting("aof-load-truncated") == "no" {
            found.append(
                .init(
                    .truncation, .warning, "aof-load-truncated is no: after a power loss Redis does not start by itself",
                    "CONFIG SET aof-load-truncated yes; the rings heal the cut end"))
        }
        return found
    }

    static func replication(_ facts: PreflightFacts) -> [PreflightFinding] {
        guard facts.topology == .sentinel else { return [] }
        var found: [PreflightFinding] = []
        if facts.replicas == 0 {
            found.append(
                .init(
                    .replicas, .error, "the address is that of Sentinels, but the master has no replica connected",
                    "start a replica, or give the server's own address"))
        }
        guard let needed = facts.number("min-replicas-to-write"), let lag = facts.number("min-replicas-max-lag") else {
            return found + [unreadable("min-replicas-to-write", "1, and min-replicas-max-lag 2")]
        }
        if needed < 1 || lag < 1 {
            found.append(
                .init(
                    .replicas, .error,
                    "min-replicas-to-write is \(needed) and min-replicas-max-lag \(lag) s: a cut-off master would go on granting leases",
                    "CONFIG SET min-replicas-to-write 1, CONFIG SET min-replicas-max-lag 2, on the replicas too"))
        } else if needed > facts.replicas {
            found.append(
                .init(
                    .replicas, .error,
                    "min-replicas-to-write is \(needed), but \(facts.replicas) replicas are connected: every write is refused",
                    "start the missing replicas, or CONFIG SET min-replicas-to-write 1"))
        }
        return found
    }

    /// What the inequalities of the lease must be checked against: the server's own times where they can be read, else the recommended
    /// ones.
    ///
    /// `downAfter` is the Sentinels' `down-after-milliseconds` for this master; the smallest, since it takes one to begin.
    public static func topology(_ facts: PreflightFacts, downAfter: Duration = .seconds(5)) -> LeaseTiming.Topology {
        switch facts.topology {
        case .single: .single
        case .sentinel: .replicated(maxLag: facts.number("min-replicas-max-lag").map { .seconds($0) } ?? .seconds(2), downAfter: downAfter)
        case .cluster: .cluster(nodeTimeout: facts.number("cluster-node-timeout").map { .milliseconds($0) } ?? .seconds(4))
        }
    }
}
