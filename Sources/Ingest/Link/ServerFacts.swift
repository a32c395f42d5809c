import RedisClient

/// What a data connection must know of its server from second to second.
package struct ServerFacts: Equatable, Sendable {
    /// Replicas that are in touch.
    package var replicas = 0
    /// What counts against `maxmemory`.
    package var usedBytes = 0
    /// `maxmemory`; 0: none.
    package var limitBytes = 0

    package init() {}

    /// From the sections memory and replication of INFO.
    init(_ info: RedisServerInfo) {
        let used = info["used_memory"].flatMap { Int($0) } ?? 0
        usedBytes = max(0, used - (info["mem_not_counted_for_evict"].flatMap { Int($0) } ?? 0))
        limitBytes = info["maxmemory"].flatMap { Int($0) } ?? 0
        replicas =
            (0..<(info["connected_slaves"].flatMap { Int($0) } ?? 0)).filter { info["slave\($0)"]?.contains("state=online") == true }.count
    }
}
