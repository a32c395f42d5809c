import Coordination

/// Least-privilege users of Redis, as lines of its ACL file.
public enum AccessRules {
    /// `>CHANGE-ME..` stands where a password goes.
    public static func lines(namespace: String, hasSentinels: Bool = false) -> [String] {
        let keys = "~\(namespace):*"
        // With FUNCTION LOAD, since a restarted server has lost the library.
        let worker =
            (Preflight.neededCommands + [
                "zcard", "hlen", "xrange", "xrevrange", "hkeys", "config|get", "function|load", "function|list", "role",
            ])
            .map { "+\($0)" }
        let reader = [
            "+xread", "+xreadgroup", "+xack", "+xautoclaim", "+xgroup|create", "+xrange", "+xrevrange", "+xinfo", "+xlen", "+hgetall",
            "+hget",
            "+hmget", "+hkeys", "+ping", "+info", "+time", "+client|setname", "+role",
        ]
        let operators = [
            "+fcall", "+fcall_ro", "+time", "+hget", "+hmget", "+hset", "+hincrby", "+hdel", "+hgetall", "+hkeys", "+hlen", "+hsetnx",
            "+zrange",
            "+xrange", "+xrevrange", "+xinfo", "+xlen", "+xread", "+publish", "+ping", "+info", "+config|get", "+function|load",
            "+function|list", "+client|setname", "+role",
        ]
        let users = [
            "user colony-worker on >CHANGE-ME-1 resetchannels &\(namespace):* \(keys) -@all \(worker.joined(separator: " "))",
            "user colony-reader on >CHANGE-ME-2 resetchannels \(keys) -@all \(reader.joined(separator: " "))",
            "user colony-operator on >CHANGE-ME-3 resetchannels &\(namespace):* \(keys) -@all \(operators.joined(separator: " "))",
        ]
        // For the configuration of the Sentinels, all processes alike.
        return hasSentinels
            ? users + [
                "user colony-sentinel on >CHANGE-ME-4 resetchannels &+switch-master -@all +sentinel|get-master-addr-by-name "
                    + "+sentinel|master +sentinel|ckquorum +subscribe +ping"
            ] : users
    }
}
