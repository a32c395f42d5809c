internal import NIOPosix

/// What one Sentinel knows of the master, by the fields of `SENTINEL MASTER <name>`.
public struct SentinelState: Sendable, Equatable {
    /// Where it says the master is; nil if it gives no possible address.
    public var master: RedisNode?
    /// Its `flags`, e.g. `master`, `s_down`, `o_down`, `failover_in_progress`.
    public var flags: Set<String>
    /// How many Sentinels must agree that the master is down; nil if not told, as below.
    public var quorum: Int?
    public var otherSentinels: Int?
    public var replicas: Int?
    /// `down-after-milliseconds`: how long the master must be silent to count as down.
    public var downAfter: Duration?
    public var failoverTimeout: Duration?
    /// The complaint of `SENTINEL CKQUORUM`; nil: a failover could be agreed on, or the user may not ask.
    public var quorumProblem: String?

    /// `fields`: the reply to `SENTINEL MASTER`, names and values in turn.
    public init(fields: [RedisValue], quorumProblem: String? = nil) {
        var values: [String: String] = [:]
        for index in stride(from: 0, to: fields.count - 1, by: 2) {
            if let name = fields[index].string { values[name] = fields[index + 1].string }
        }
        let count: (String) -> Int? = { values[$0].flatMap { Int($0) }.flatMap { $0 >= 0 ? $0 : nil } }
        let milliseconds: (String) -> Duration? = { values[$0].flatMap { Int64($0) }.flatMap { $0 > 0 ? .milliseconds($0) : nil } }
        master = values["ip"].flatMap { ip in values["port"].flatMap { RedisNode(host: ip, portText: $0) } }
        flags = Set((values["flags"] ?? "").split(separator: ",").map(String.init))
        quorum = count("quorum")
        otherSentinels = count("num-other-sentinels")
        replicas = count("num-slaves")
        downAfter = milliseconds("down-after-milliseconds")
        failoverTimeout = milliseconds("failover-timeout")
        self.quorumProblem = quorumProblem
    }
}

extension RedisEndpoint {
    /// Asks every Sentinel of this address, all at once, what it knows; in their order. Empty for the address of a server. `timeout` bounds
    /// each of them. Needs `SENTINEL MASTER` and, for `quorumProblem`, `SENTINEL CKQUORUM`.
    public func sentinelStates(timeout: Duration = .seconds(2)) async -> [(node: RedisNode, state: Result<SentinelState, RedisError>)] {
        guard let sentinel else { return [] }
        return await withTaskGroup(of: (Int, Result<SentinelState, RedisError>).self) { group in
            for (index, node) in sentinel.nodes.enumerated() {
                let place = sentinelEndpoint(node, of: sentinel)
                group.addTask { (index, await Self.state(at: place, master: sentinel.master, timeout: timeout)) }
            }
            var states: [Int: Result<SentinelState, RedisError>] = [:]
            for await (index, state) in group { states[index] = state }
            return sentinel.nodes.enumerated().compactMap { index, node in states[index].map { (node, $0) } }
        }
    }

    private static func state(at place: RedisEndpoint, master: String, timeout: Duration) async -> Result<SentinelState, RedisError> {
        do throws(RedisError) {
            let connection = try await RedisConnection.connect(
                to: place, on: MultiThreadedEventLoopGroup.singleton.next(), timeout: timeout, options: SentinelClient.options)
            defer { connection.close() }
            let reply = try await connection.send(["SENTINEL", "MASTER", .string(master)], timeout: timeout)
            guard let fields = reply.array else {
                throw RedisError(.protocolViolation, "\(place) answered SENTINEL MASTER with no list; is a Sentinel there?")
            }
            var problem: String?
            do throws(RedisError) {
                _ = try await connection.send(["SENTINEL", "CKQUORUM", .string(master)], timeout: timeout)
            } catch {
                // A user who may not ask is no problem of the quorum.
                if error.server?.prefix == "NOQUORUM" { problem = error.server?.text }
            }
            return .success(SentinelState(fields: fields, quorumProblem: problem))
        } catch {
            return .failure(error)
        }
    }
}
