internal import NIOCore
internal import NIOPosix
package import RedisClient

/// A TCP proxy on a free loopback port that fails on command: cuts after an exact number of bytes, resets, stalls.
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

    package let port: Int
    private let listener: any Channel
    private let core: NIOLoopBound<FaultProxyCore>

    /// Proxies to `target`.
    package static func start(to target: RedisEndpoint.Address) async throws -> FaultProxy {
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        return try await eventLoop.flatSubmit {
            let core = FaultProxyCore(target: target, eventLoop: eventLoop)
            let bound = NIOLoopBound(core, eventLoop: eventLoop)
            return ServerBootstrap(group: eventLoop)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.autoRead, value: false)
                .childChannelInitializer { client in
                    client.eventLoop.makeCompletedFuture { try bound.value.accept(client) }
                }
                .bind(host: "127.0.0.1", port: 0)
                .flatMapThrowing { listener in
                    guard let port = listener.localAddress?.port else { throw TestFailure("the fault proxy listens at no port") }
                    return FaultProxy(port: port, listener: listener, core: bound)
                }
        }.get()
    }

    private init(port: Int, listener: any Channel, core: NIOLoopBound<FaultProxyCore>) {
        self.port = port
        self.listener = listener
        self.core = core
    }

    package var address: RedisEndpoint.Address { .tcp(host: "127.0.0.1", port: port) }

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
