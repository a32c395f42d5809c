internal import FaultInjection
package import RedisClient
internal import Synchronization

/// All on loopback; between each host and the others stands a proxy that can stop passing bytes on.
package final class LoopbackNetwork: DrillNetwork {
    private struct Way {
        var redis: FaultProxy
        var exchanges: FaultProxy
    }

    private let ways = Mutex<[Int: Way]>([:])

    package init() {}

    package var name: String { "loopback with fault proxies" }
    package var redisBind: String { "127.0.0.1" }
    package var exchangeBind: String { "127.0.0.1" }
    package var announcesClients: Bool { true }

    package func addHost(_ host: Int, redisPort: Int, exchangePort: Int) async throws {
        let way = Way(
            redis: try await FaultProxy.start(to: .tcp(host: "127.0.0.1", port: redisPort)),
            exchanges: try await FaultProxy.start(to: .tcp(host: "127.0.0.1", port: exchangePort), announcesClients: true))
        ways.withLock { $0[host] = way }
    }

    package func redisAddress(for host: Int) -> RedisEndpoint.Address {
        .tcp(host: "127.0.0.1", port: ways.withLock { $0[host]?.redis.port } ?? 0)
    }

    package func exchangeAddress(for host: Int) -> (name: String, port: Int) {
        ("localhost", ways.withLock { $0[host]?.exchanges.port } ?? 0)
    }

    package func command(at place: NetworkPlace, _ words: [String]) -> [String] { words }

    package func cut(_ host: Int, from side: NetworkSide, _ direction: CutDirection) async throws {
        switch direction {
        case .both: try await proxy(host, side).stall()
        case .requests: try await proxy(host, side).stall([.clientToServer])
        case .replies: try await proxy(host, side).stall([.serverToClient])
        }
    }

    package func heal(_ host: Int, from side: NetworkSide) async throws { try await proxy(host, side).resume() }

    package func remove() async {
        let all = ways.withLock { ways in
            defer { ways = [:] }
            return Array(ways.values)
        }
        for way in all {
            // A listener that is closed already is what we want.
            try? await way.redis.stop()
            try? await way.exchanges.stop()
        }
    }

    private func proxy(_ host: Int, _ side: NetworkSide) throws -> FaultProxy {
        guard let way = ways.withLock({ $0[host] }) else {
            throw DrillError(.injection, "there is no host \(host) whose link could be cut")
        }
        return side == .redis ? way.redis : way.exchanges
    }
}
