internal import Coordination
internal import FaultInjection
internal import Glibc
package import RedisClient
internal import Synchronization

/// A network namespace for Redis, one for the exchanges, one for each host, on a bridge in a namespace of its own.
///
/// Namespaces live as long as the processes that hold them, which end with the drill however it ends; nothing is named, nothing is left.
/// A cut is a neighbour entry with a hardware address that nobody has: packets leave and arrive nowhere, and neither end hears of it.
package final class NamespaceNetwork: DrillNetwork {
    private static let redisIP = "10.77.0.1"
    private static let exchangeIP = "10.77.0.2"
    private static let nobody = "02:00:00:00:00:ff"

    private struct State {
        var holders: [NetworkPlace: ChildProcess] = [:]
        var ports: (redis: Int, exchanges: Int) = (0, 0)
    }

    private let bridge: ChildProcess
    private let state = Mutex(State())

    private init(bridge: ChildProcess) { self.bridge = bridge }

    package var name: String { "network namespaces" }
    package var redisBind: String { Self.redisIP }
    package var exchangeBind: String { Self.exchangeIP }
    package var announcesClients: Bool { false }

    /// True where this user may make namespaces and links between them.
    package static func isAllowed() async -> Bool {
        guard getuid() == 0 else { return false }
        // A trial: containers often run as root without the right to do this.
        guard
            let child = try? await ChildProcess.spawn(
                "unshare",
                ["--net", "sh", "-c", "ip link add name trial0 type veth peer name trial1 && ip link add name trial2 type bridge"])
        else { return false }
        return (try? await child.waitForExit()) == .code(0)
    }

    package static func start() async throws -> NamespaceNetwork {
        let network = NamespaceNetwork(bridge: try await hold())
        do {
            try await network.ip(
                in: network.bridge, ["link add name br0 type bridge forward_delay 0", "link set br0 up", "link set lo up"])
            try await network.add(.redis, Self.redisIP)
            try await network.add(.exchanges, Self.exchangeIP)
        } catch {
            await network.remove()
            throw error
        }
        return network
    }

    package func addHost(_ host: Int, redisPort: Int, exchangePort: Int) async throws {
        state.withLock { $0.ports = (redisPort, exchangePort) }
        try await add(.host(host), Self.ip(of: host))
    }

    package func redisAddress(for host: Int) -> RedisEndpoint.Address {
        .tcp(host: Self.redisIP, port: state.withLock { $0.ports.redis })
    }

    package func exchangeAddress(for host: Int) -> (name: String, port: Int) {
        (Self.exchangeIP, state.withLock { $0.ports.exchanges })
    }

    package func command(at place: NetworkPlace, _ words: [String]) -> [String] {
        guard let holder = state.withLock({ $0.holders[place] }) else { return words }
        return ["nsenter", "--net=/proc/\(holder.pid)/ns/net", "--"] + words
    }

    package func cut(_ host: Int, from side: NetworkSide, _ direction: CutDirection) async throws {
        if direction != .replies { try await setNeighbour(at: .host(host), Self.ip(of: side), Self.nobody) }
        if direction != .requests { try await setNeighbour(at: Self.place(of: side), Self.ip(of: host), Self.nobody) }
    }

    package func heal(_ host: Int, from side: NetworkSide) async throws {
        try await setNeighbour(at: .host(host), Self.ip(of: side), Self.hardwareAddress(Self.ip(of: side)))
        try await setNeighbour(at: Self.place(of: side), Self.ip(of: host), Self.hardwareAddress(Self.ip(of: host)))
    }

    package func remove() async {
        let holders = state.withLock { state in
            defer { state.holders = [:] }
            return Array(state.holders.values)
        }
        for holder in holders + [bridge] {
            holder.signal(SIGKILL)
            // Reaped here; how it ended is known.
            _ = try? await holder.waitForExit()
        }
    }

    // MARK: Parts

    private static func hold() async throws -> ChildProcess {
        let holder = try await ChildProcess.spawn("unshare", ["--net", "sh", "-c", "echo held; exec sleep 2147483647"])
        do {
            try await holder.output.waitFor("held")
        } catch {
            throw DrillError(.setup, "no network namespace can be made: \(holder.output.text); run as root, or give --network loopback")
        }
        return holder
    }

    private func add(_ place: NetworkPlace, _ address: String) async throws {
        let holder = try await Self.hold()
        state.withLock { $0.holders[place] = holder }
        let port = "p\(holder.pid)"
        try await ip(
            in: bridge, ["link add name \(port) type veth peer name eth0 netns \(holder.pid)", "link set \(port) master br0 up"])
        try await ip(
            in: holder,
            [
                "link set lo up", "link set eth0 address \(Self.hardwareAddress(address))", "addr add \(address)/16 dev eth0",
                "link set eth0 up",
            ])
    }

    private func setNeighbour(at place: NetworkPlace, _ address: String, _ hardwareAddress: String) async throws {
        guard let holder = state.withLock({ $0.holders[place] }) else {
            throw DrillError(.injection, "there is no \(place) whose link could be changed")
        }
        try await ip(in: holder, ["neigh replace \(address) lladdr \(hardwareAddress) dev eth0 nud permanent"])
    }

    private func ip(in holder: ChildProcess, _ commands: [String]) async throws {
        let script = commands.map { "ip \($0)" }.joined(separator: " && ")
        let child = try await ChildProcess.spawn("nsenter", ["--net=/proc/\(holder.pid)/ns/net", "--", "sh", "-c", script])
        let exit = try await child.waitForExit()
        guard exit == .code(0) else {
            throw DrillError(.setup, "the network could not be set up (\(script)): \(exit): \(child.output.text)")
        }
    }

    private static func ip(of host: Int) -> String { "10.77.1.\(host)" }
    private static func ip(of side: NetworkSide) -> String { side == .redis ? redisIP : exchangeIP }
    private static func place(of side: NetworkSide) -> NetworkPlace { side == .redis ? .redis : .exchanges }

    private static func hardwareAddress(_ address: String) -> String {
        "02:00:"
            + address.split(separator: ".").map { part in
                let hex = String(Int(part) ?? 0, radix: 16)
                return hex.count == 1 ? "0" + hex : hex
            }.joined(separator: ":")
    }
}
