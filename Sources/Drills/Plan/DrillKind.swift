/// What is done to the cluster.
package enum DrillKind: String, Sendable, CaseIterable {
    case kill
    case killTwo = "kill-two"
    case freeze
    case cutRedis = "cut-redis"
    case cutExchange = "cut-exchange"
    case restartRedis = "restart-redis"
    case wipeRedis = "wipe-redis"
    case failoverRedis = "failover-redis"
    case storm
    case flap
    case term
    case move
    case deploy
    case scale
    case partition
    case soak

    /// For `--list`: what is done, and what must hold.
    package var explanation: String {
        switch self {
        case .kill:
            "kill -9 of a producing worker, its supervisor lives: another holds its leases within 250 ms; nothing lost but the marked tail"
        case .killTwo:
            "kill -9 of two producing workers in quick succession, the second before the first one's replacement may take anything: the "
                + "leases of both are with others within 250 ms"
        case .freeze:
            "SIGSTOP of a producing worker (in every other run its supervisor too): dead by its deadline, no two websockets; with "
                + "--no-deadman the whole host thaws again and stores nothing stale"
        case .cutRedis:
            "the link between one host and Redis is blackholed (one way or both): websockets closed by the deadline, takeover within T + P + 1 s"
        case .cutExchange:
            "the link between one host and the exchanges is blackholed: noticed, reconnected when it is back, no two websockets"
        case .restartRedis: "redis-server is killed and stays away for up to 10 s: no reconnect, no gap"
        case .wipeRedis: "FLUSHALL under load, or the append-only file deleted between kill and start: `rollback` marked, websockets stay"
        case .failoverRedis:
            "the master behind Sentinels is killed (in every other run acknowledged writes die with it) and comes back as a replica: leases and "
                + "websockets are held until a replica is promoted, what it lacks is sent again"
        case .storm: "the exchanges cut all websockets at once: the pace is kept, each reconnect has its admission"
        case .flap: "the exchanges cut every websocket after a few seconds, again and again: one reconnect per pace and exchange"
        case .term: "SIGTERM of a worker that holds many feeds: all leases free and the process gone within 500 ms"
        case .move: "a feed is handed over on request to a successor whose TLS is up: the gap is an upgrade and a subscription"
        case .deploy: "every worker is drained and replaced, one after the other: each feed is handed over by its owner, once"
        case .scale: "one worker becomes four, and one again by SIGTERM: loads even out within the cap, no feed moves twice"
        case .partition: "three hosts; one is cut from Redis, from the exchanges, from both, one way: each as the failure table says"
        case .soak: "a random fault of the other kinds every 20 s"
        }
    }

    /// What a staging cluster survives without being noticed by its readers beyond marked handovers; `drill --target` refuses the others.
    package var isHarmless: Bool { [.kill, .move, .deploy].contains(self) }
}
