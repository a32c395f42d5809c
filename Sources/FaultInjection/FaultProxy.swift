internal import NIOCore
internal import NIOPosix
package import RedisClient

/// A TCP proxy on a free port that fails on command: cuts after an exact number of bytes, resets, stalls. It can also be as far away as an
/// exchange is.
package final class FaultProxy: Sendable {
    package enum Direction: Sendable, Hashable, CaseIterable {
        case clientToServer, serverToClient
    }

    package enum Cut: Sendable {
        /// Both sides are closed.
        case close
        /// The client sees a reset; the server a close.
        case reset
        /// Both directions stall; the connections stay open.
        case stall
    }

    package let host: String
    package let port: Int
    private let listener: any Channel
    private let core: NIOLoopBound<FaultProxyCore>

    /// Proxies to `target` from a port of `host`, an address of this machine.
    ///
    /// With a `roundTripTime` bytes and ends of connections take half of it in each direction, in order and at any rate. A connection costs
    /// what it does over such a way: it reaches the target after half of it, and the client's first bytes start only when its handshake
    /// would be over. Faults act at this end, at once.
    ///
    /// `announcesClients`: the target is first told whose connection it is, in a line of the PROXY protocol, version 1.
    package static func start(
        to target: RedisEndpoint.Address, host: String = "127.0.0.1", roundTripTime: Duration = .zero, announcesClients: Bool = false
    ) async throws -> FaultProxy {
        let nanoseconds = TimeAmount(roundTripTime).nanoseconds
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        return try await eventLoop.flatSubmit {
            let core = FaultProxyCore(
                target: target, roundTripNanoseconds: nanoseconds, announcesClients: announcesClients, eventLoop: eventLoop)
            let bound = NIOLoopBound(core, eventLoop: eventLoop)
            return ServerBootstrap(group: eventLoop)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.autoRead, value: false)
                .childChannelInitializer { client in
                    client.eventLoop.makeCompletedFuture { try bound.value.accept(client) }
                }
                .bind(host: host, port: 0)
                .flatMapThrowing { listener in
                    guard let port = listener.localAddress?.port else {
                        throw FaultInjectionError(.system, "the fault proxy listens at no port")
                    }
                    return FaultProxy(host: host, port: port, listener: listener, core: bound)
                }
        }.get()
    }

    private init(host: String, port: Int, listener: any Channel, core: NIOLoopBound<FaultProxyCore>) {
        self.host = host
        self.port = port
        self.listener = listener
        self.core = core
    }

    package var address: RedisEndpoint.Address { .tcp(host: host, port: port) }

    /// Forwards exactly `byteCount` more bytes in `direction` (counted over all connections from now on), then cuts, once. With 0, the next
    /// byte is the first not forwarded. Connections made afterwards work.
    package func arm(_ cut: Cut, after byteCount: Int, _ direction: Direction) async throws {
        try await onLoop { $0.arm(cut, after: byteCount, direction) }
    }

    /// Cuts all connections now.
    package func cut(_ cut: Cut) async throws {
        try await onLoop { $0.cutAll(cut) }
    }

    /// Holds back bytes in these directions, of later connections too, until `resume`; none is lost.
    package func stall(_ directions: Set<Direction> = Set(Direction.allCases)) async throws {
        try await onLoop { $0.stall(directions) }
    }

    package func resume() async throws {
        try await onLoop { $0.resume() }
    }

    /// Resumes as soon as an armed stall has been reached; at once when nothing is armed.
    package func resumeOnceStalled() async throws {
        try await listener.eventLoop.flatSubmit { self.core.value.waitUntilDisarmed() }.get()
        try await resume()
    }

    /// Connections accepted from now on go to another server; those that are open stay.
    package func retarget(to target: RedisEndpoint.Address) async throws {
        try await onLoop { $0.target = target }
    }

    /// Connections accepted so far.
    package var acceptedCount: Int {
        get async throws { try await core.eventLoopSubmit(listener) { $0.acceptedCount } }
    }

    /// Bytes forwarded so far in `direction`.
    package func forwardedByteCount(_ direction: Direction) async throws -> Int {
        try await core.eventLoopSubmit(listener) { $0.forwardedByteCounts[direction, default: 0] }
    }

    package func stop() async throws {
        try await listener.close().get()
        try await cut(.close)
    }

    private func onLoop(_ body: @escaping @Sendable (FaultProxyCore) -> Void) async throws {
        try await core.eventLoopSubmit(listener, body)
    }
}

extension NIOLoopBound where Value == FaultProxyCore {
    fileprivate func eventLoopSubmit<Result: Sendable>(
        _ channel: any Channel, _ body: @escaping @Sendable (FaultProxyCore) -> Result
    ) async throws -> Result {
        try await channel.eventLoop.submit { body(self.value) }.get()
    }
}

/// Runs `body` with a proxy to `target`, which is closed afterwards.
package func withFaultProxy<Result>(
    to target: RedisEndpoint.Address, _ body: (FaultProxy) async throws -> Result
) async throws -> Result {
    let proxy = try await FaultProxy.start(to: target)
    let result: Result
    do {
        result = try await body(proxy)
    } catch {
        try await proxy.stop()
        throw error
    }
    try await proxy.stop()
    return result
}
