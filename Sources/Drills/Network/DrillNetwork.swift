package import RedisClient

/// How hosts, Redis and exchanges of a private cluster reach each other, and how that is cut.
///
/// Hosts are numbered from 1. A cut holds until it is healed; cutting twice or healing what is whole does nothing.
package protocol DrillNetwork: Sendable {
    /// For people, e.g. `network namespaces`.
    var name: String { get }
    /// The address Redis is to bind, beside its unix socket.
    var redisBind: String { get }
    /// The address the simulated exchanges are to bind.
    var exchangeBind: String { get }
    /// Whether proxies stand between hosts and exchanges, and tell the exchanges whose connection each is.
    var announcesClients: Bool { get }
    /// Prepares the way of one more host to Redis at `redisPort` and the exchanges at `exchangePort`.
    func addHost(_ host: Int, redisPort: Int, exchangePort: Int) async throws
    /// Where `host` finds Redis over the network.
    func redisAddress(for host: Int) -> RedisEndpoint.Address
    /// Where `host` finds the exchanges: host name or address, and port.
    func exchangeAddress(for host: Int) -> (name: String, port: Int)
    /// The words that run a program at a place.
    func command(at place: NetworkPlace, _ words: [String]) -> [String]
    func cut(_ host: Int, from side: NetworkSide, _ direction: CutDirection) async throws
    func heal(_ host: Int, from side: NetworkSide) async throws
    /// Takes everything down that is not a process of the drill.
    func remove() async
}

/// Where a program runs.
package enum NetworkPlace: Sendable, Hashable {
    case redis
    case exchanges
    case host(Int)
}

/// What a host can be cut from.
package enum NetworkSide: String, Sendable, CaseIterable {
    case redis, exchanges
}

/// Which bytes are dropped.
package enum CutDirection: String, Sendable, CaseIterable {
    case both
    /// What the host sends is lost.
    case requests
    /// What it is sent is lost.
    case replies
}
