/// Checks what a worker needs of its Redis server before it trusts it, and what `colony doctor` shows. Pure: facts in, findings out,
/// errors first.
public enum Preflight {
    /// Commands a worker's user needs besides FCALL's own effects, for `ACL DRYRUN`.
    public static let neededCommands = [
        "fcall", "fcall_ro", "time", "hget", "hmget", "hset", "hincrby", "hdel", "hgetall", "hscan", "exists", "xadd", "xinfo|stream",
        "xtrim",
        "xlen", "publish",
        "subscribe", "ping", "info", "client", "wait", "zadd", "zscore", "zrange", "zrangebyscore", "zrem",
    ]

    public static func findings(_ facts: PreflightFacts) -> [PreflightFinding] {
        let found = server(facts) + memory(facts) + persistence(facts) + replication(facts) + network(facts) + access(facts)
        return found.enumerated().sorted { left, right in
            left.element.severity != right.element.severity ? left.element.severity > right.element.severity : left.offset < right.offset
        }.map(\.element)
    }

    // MARK: The server itself

    private static func server(_ facts: PreflightFacts) -> [PreflightFinding] {
        var found: [PreflightFinding] = []
        let isValkey = facts.info["server_name"] == "valkey" || facts.info["valkey_version"] != nil
        let version = facts.info["redis_version"]
        let major = version.flatMap { Int($0.prefix { $0 != "." }) } ?? 0
        if !isValkey, major < 7 {
            found.append(
                .init(
                    .version, .error, "the server is Redis \(version ?? "of unknown version"), which has no functions",
                    "install Redis 7.0 or later, or Valkey"))
        }
        if let role = facts.info["role"], role != "master" {
            found.append(
                .init(
                    .role, .error, "the server is a replica (role \(role)) and takes no writes",
                    "give the address of the master, or the Sentinels': redis+sentinel://host:26379,../NAME"))
        }
        if facts.info["loading"] == "1" {
            found.append(.init(.loading, .warning, "the server is still loading its data", "wait; workers start when it is done"))
        }
        let isCluster = facts.info["cluster_enabled"] == "1" || facts.info["redis_mode"] == "cluster"
        if isCluster != (facts.topology == .cluster), facts.info["cluster_enabled"] != nil || facts.info["redis_mode"] != nil {
            found.append(
                isCluster
                    ? .init(
                        .topology, .error, "the server runs in cluster mode, the configuration does not say so", "set redis.cluster: true")
                    : .init(.topology, .error, "redis.cluster is set, but the server does not run in cluster mode", "remove redis.cluster"))
        }
        if let difference = facts.clockDifference, abs(difference.wholeNanoseconds) > 5_000_000_000 {
            let seconds = difference.wholeMilliseconds / 1000
            found.append(
                .init(
                    .clock, .warning, "the server's clock differs from this host's by \(seconds) s; ids carry the server's time",
                    "synchronise both clocks (chrony, systemd-timesyncd)"))
        }
        return found
    }

    // MARK: Memory

    private static func memory(_ facts: PreflightFacts) -> [PreflightFinding] {
        var found: [PreflightFinding] = []
        if let policy = facts.setting("maxmemory-policy", infoField: "maxmemory_policy") {
            // No key of ours has a TTL, so the volatile policies never touch one.
            if policy.hasPrefix("allkeys-") {
                found.append(
                    .init(
                        .eviction, .error, "maxmemory-policy is \(policy), so leases and streams may be evicted",
                        "CONFIG SET maxmemory-policy noeviction"))
            }
        } else {
            found.append(unreadable("maxmemory-policy", "noeviction"))
        }
        guard let limit = facts.number("maxmemory", infoField: "maxmemory") else { return found }
        if limit == 0 {
            found.append(
                .init(
                    .memory, .warning, "maxmemory is 0: a full host ends Redis instead of refusing a publish",
                    "CONFIG SET maxmemory to three quarters of what the host has for it"))
            return found
        }
        if let used = facts.info["used_memory"].flatMap({ Int64($0) }), used * 10 > limit * 8 {
            found.append(
                .init(
                    .memory, .warning, "\(mebibytes(used)) of maxmemory \(mebibytes(limit)) are used: streams are being shortened",
                    "raise maxmemory or lower retention.maxlen"))
        }
        if let quota = facts.quotaBytes, quota * 10 > limit * 6 {
            found.append(
                .init(
                    .quota, .error,
                    "the streams may grow to \(mebibytes(quota)), more than 60 % of maxmemory \(mebibytes(limit)): "
                        + "publishing would be refused",
                    "raise maxmemory or lower retention.maxlen"))
        }
        return found
    }

    private static func mebibytes(_ bytes: Int64) -> String { "\((bytes + (1 << 20) - 1) >> 20) MiB" }

    // MARK: Network and nodes

    private static func network(_ facts: PreflightFacts) -> [PreflightFinding] {
        var found: [PreflightFinding] = []
        if let timeout = facts.number("timeout"), timeout != 0 {
            found.append(
                .init(
                    .timeout, .warning, "timeout is \(timeout) s: quiet connections are cut, and observations with them",
                    "CONFIG SET timeout 0"))
        }
        if facts.number("tcp-keepalive") == 0 {
            found.append(
                .init(
                    .keepalive, .advice, "tcp-keepalive is 0: connections of lost hosts stay for ever", "CONFIG SET tcp-keepalive 30"))
        }
        let entries = facts.number("stream-node-max-entries")
        if let bytes = facts.number("stream-node-max-bytes"), bytes != 16_384 || entries != 0 {
            found.append(
                .init(
                    .nodes, .advice,
                    "stream nodes are \(bytes) bytes and \(entries.map(String.init) ?? "unknown") entries; "
                        + "trimming and reading work by whole nodes",
                    "CONFIG SET stream-node-max-bytes 16384, CONFIG SET stream-node-max-entries 0"))
        }
        if let clients = facts.info["connected_clients"].flatMap({ Int64($0) }),
            let limit = facts.number("maxclients", infoField: "maxclients"),
            clients * 10 > limit * 8
        {
            found.append(
                .init(
                    .clients, .warning, "\(clients) of \(limit) clients are connected: a worker that reconnects may be refused",
                    "CONFIG SET maxclients \(limit * 2)"))
        }
        return found
    }

    // MARK: Access

    private static func access(_ facts: PreflightFacts) -> [PreflightFinding] {
        var found: [PreflightFinding] = []
        if let libraries = facts.libraries, !libraries.contains("colony1") {
            found.append(
                .init(
                    .library, .error, "the function library colony1 is not loaded",
                    "let a user with +function run `colony doctor --load` once"))
        }
        if !facts.deniedCommands.isEmpty {
            let names = facts.deniedCommands.sorted().map { "+\($0)" }.joined(separator: " ")
            found.append(
                .init(
                    .permissions, .error, "the worker's user may not use \(facts.deniedCommands.sorted().joined(separator: ", "))",
                    "ACL SETUSER <user> \(names)"))
        }
        return found
    }

    static func unreadable(_ setting: String, _ wanted: String) -> PreflightFinding {
        .init(
            .unreadable, .warning, "\(setting) cannot be read (CONFIG GET is not allowed)",
            "make sure that it is \(wanted), or allow +config|get")
    }
}
