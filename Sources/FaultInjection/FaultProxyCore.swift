internal import Glibc
internal import NIOCore
internal import NIOPosix
internal import RedisClient

/// The proxy's decisions and connections. Everything runs on one event loop.
final class FaultProxyCore {
    /// What travels a long way.
    fileprivate enum Parcel {
        case bytes(ByteBuffer)
        /// The sender has closed.
        case end
        /// The target took no connection.
        case refusal
    }

    /// Two sockets and what is held back between them.
    fileprivate final class Pair {
        let client: any Channel
        var server: (any Channel)?
        var held: [FaultProxy.Direction: ByteBuffer] = [:]
        /// What is on its way; empty where the way is short.
        var lines: [FaultProxy.Direction: DelayLine<Parcel>] = [:]
        var isCut = false

        init(client: any Channel) { self.client = client }

        func source(_ direction: FaultProxy.Direction) -> (any Channel)? {
            direction == .clientToServer ? client : server
        }

        func sink(_ direction: FaultProxy.Direction) -> (any Channel)? {
            direction == .clientToServer ? server : client
        }
    }

    /// Where connections accepted from now on go.
    var target: RedisEndpoint.Address
    private let eventLoop: any EventLoop
    private let roundTripNanoseconds: Int64
    private let announcesClients: Bool
    /// So much may be on its way in one direction of a connection; then its sender is not read for a while.
    private static let lineCapacity = 16 * 1_048_576
    private var pairs: [ObjectIdentifier: Pair] = [:]
    private var armed: (cut: FaultProxy.Cut, left: Int, direction: FaultProxy.Direction)? {
        didSet {
            guard armed == nil else { return }
            for waiter in disarmWaiters { waiter.succeed() }
            disarmWaiters = []
        }
    }
    private var disarmWaiters: [EventLoopPromise<Void>] = []
    private var stalled: Set<FaultProxy.Direction> = []
    private(set) var acceptedCount = 0
    private(set) var forwardedByteCounts: [FaultProxy.Direction: Int] = [:]

    init(target: RedisEndpoint.Address, roundTripNanoseconds: Int64, announcesClients: Bool, eventLoop: any EventLoop) {
        self.target = target
        self.roundTripNanoseconds = roundTripNanoseconds
        self.announcesClients = announcesClients
        self.eventLoop = eventLoop
    }

    // MARK: Commands

    func arm(_ cut: FaultProxy.Cut, after byteCount: Int, _ direction: FaultProxy.Direction) {
        armed = (cut, byteCount, direction)
    }

    func cutAll(_ cut: FaultProxy.Cut) {
        armed = nil
        for pair in pairs.values { perform(cut, pair) }
    }

    func stall(_ directions: Set<FaultProxy.Direction>) {
        stalled.formUnion(directions)
        for pair in pairs.values { updateReading(pair) }
    }

    func resume() {
        stalled = []
        for pair in pairs.values {
            for direction in FaultProxy.Direction.allCases {
                if let held = pair.held.removeValue(forKey: direction) { forward(held, direction, pair) }
            }
            updateReading(pair)
            // An end that is still on its way comes by itself.
            for direction in FaultProxy.Direction.allCases
            where pair.source(direction)?.isActive == false && pair.lines[direction]?.nextDue == nil {
                pair.sink(direction)?.close(promise: nil)
            }
        }
    }

    func waitUntilDisarmed() -> EventLoopFuture<Void> {
        guard armed != nil else { return eventLoop.makeSucceededFuture(()) }
        let promise = eventLoop.makePromise(of: Void.self)
        disarmWaiters.append(promise)
        return promise.futureResult
    }

    // MARK: Connections

    func accept(_ client: any Channel) throws {
        let pair = Pair(client: client)
        pairs[ObjectIdentifier(pair)] = pair
        acceptedCount += 1
        if roundTripNanoseconds > 0 {
            let (delay, now) = (roundTripNanoseconds / 2, Self.now)
            pair.lines = [
                .clientToServer: DelayLine(delay: delay, opening: now + roundTripNanoseconds),
                .serverToClient: DelayLine(delay: delay, opening: now),
            ]
        }
        try client.pipeline.syncOperations.addHandler(FaultProxyHandler(core: self, pair: pair, direction: .clientToServer))
    }

    /// Once the client's channel is active: until then it can neither be read from nor closed with effect.
    fileprivate func accepted(_ pair: Pair) {
        guard roundTripNanoseconds > 0 else { return connect(pair) }
        let bound = NIOLoopBound((core: self, pair: pair), eventLoop: eventLoop)
        eventLoop.scheduleTask(in: .nanoseconds(roundTripNanoseconds / 2)) {
            let (core, pair) = bound.value
            core.connect(pair)
        }
    }

    private func connect(_ pair: Pair) {
        let bound = NIOLoopBound((core: self, pair: pair), eventLoop: eventLoop)
        let bootstrap = ClientBootstrap(group: eventLoop).channelOption(.autoRead, value: false).channelInitializer { server in
            server.eventLoop.makeCompletedFuture {
                let (core, pair) = bound.value
                try server.pipeline.syncOperations.addHandler(FaultProxyHandler(core: core, pair: pair, direction: .serverToClient))
            }
        }
        let connected =
            switch target {
            case .tcp(let host, let port): bootstrap.connect(host: host, port: port)
            case .unix(let path): bootstrap.connect(unixDomainSocketPath: path)
            case .sentinel: preconditionFailure("a proxy stands in front of one server, not of whatever Sentinels name")
            }
        connected.whenComplete { result in
            let (core, pair) = bound.value
            switch result {
            case .success(let server):
                pair.server = server
                if core.announcesClients { core.announce(pair, to: server) }
                if pair.client.isActive { core.updateReading(pair) } else { server.close(promise: nil) }
            case .failure:
                core.send(.refusal, bytes: 0, .serverToClient, pair)
            }
        }
    }

    private func announce(_ pair: Pair, to server: any Channel) {
        guard let client = pair.client.remoteAddress, let address = client.ipAddress, let port = client.port else { return }
        let here = pair.client.localAddress
        let family = client.protocol == .inet6 ? "TCP6" : "TCP4"
        let line = "PROXY \(family) \(address) \(here?.ipAddress ?? address) \(port) \(here?.port ?? 0)\r\n"
        server.writeAndFlush(ByteBuffer(string: line), promise: nil)
    }

    fileprivate func ended(_ pair: Pair, _ direction: FaultProxy.Direction) {
        send(.end, bytes: 0, direction, pair)
    }

    private func arrivedEnd(_ pair: Pair, _ direction: FaultProxy.Direction) {
        // A dead line does not tell its other end.
        if !stalled.contains(direction) { pair.sink(direction)?.close(promise: nil) }
        if !pair.client.isActive, pair.server?.isActive != true { pairs.removeValue(forKey: ObjectIdentifier(pair)) }
    }

    fileprivate func updateReading(_ pair: Pair) {
        for direction in FaultProxy.Direction.allCases {
            let isOpen =
                !stalled.contains(direction) && !pair.isCut && pair.sink(direction)?.isWritable == true
                && (pair.lines[direction]?.byteCount ?? 0) < Self.lineCapacity
            pair.source(direction)?.setOption(.autoRead, value: isOpen).whenFailure { _ in }
        }
    }

    // MARK: The way

    private static var now: Int64 { Int64(clamping: NIODeadline.now().uptimeNanoseconds) }

    /// At once over a short way.
    private func send(_ parcel: Parcel, bytes: Int, _ direction: FaultProxy.Direction, _ pair: Pair) {
        guard let startsWaiting = pair.lines[direction]?.enter(parcel, bytes: bytes, now: Self.now) else {
            return arrived(parcel, direction, pair)
        }
        if startsWaiting { awaitArrival(direction, pair) }
        if let line = pair.lines[direction], line.byteCount >= Self.lineCapacity { updateReading(pair) }
    }

    private func awaitArrival(_ direction: FaultProxy.Direction, _ pair: Pair) {
        guard let due = pair.lines[direction]?.nextDue else { return }
        let bound = NIOLoopBound((core: self, pair: pair), eventLoop: eventLoop)
        eventLoop.scheduleTask(deadline: .uptimeNanoseconds(UInt64(clamping: due))) {
            let (core, pair) = bound.value
            let wasFull = pair.lines[direction].map { $0.byteCount >= Self.lineCapacity } ?? false
            for parcel in pair.lines[direction]?.leave(now: Self.now) ?? [] { core.arrived(parcel, direction, pair) }
            if wasFull { core.updateReading(pair) }
            core.awaitArrival(direction, pair)
        }
    }

    private func arrived(_ parcel: Parcel, _ direction: FaultProxy.Direction, _ pair: Pair) {
        switch parcel {
        case .bytes(let bytes): arrived(bytes, direction, pair)
        case .end: arrivedEnd(pair, direction)
        case .refusal: perform(.reset, pair)
        }
    }

    // MARK: Bytes

    fileprivate func received(_ bytes: ByteBuffer, _ direction: FaultProxy.Direction, _ pair: Pair) {
        send(.bytes(bytes), bytes: bytes.readableBytes, direction, pair)
    }

    private func arrived(_ bytes: ByteBuffer, _ direction: FaultProxy.Direction, _ pair: Pair) {
        if stalled.contains(direction) {
            pair.held[direction, default: ByteBuffer()].writeImmutableBuffer(bytes)
        } else {
            forward(bytes, direction, pair)
        }
    }

    private func forward(_ bytes: ByteBuffer, _ direction: FaultProxy.Direction, _ pair: Pair) {
        guard !pair.isCut, let sink = pair.sink(direction) else { return }
        guard let armed, armed.direction == direction, bytes.readableBytes > 0 else {
            return write(bytes, direction, to: sink)
        }
        guard bytes.readableBytes > armed.left else {
            self.armed?.left -= bytes.readableBytes
            return write(bytes, direction, to: sink)
        }
        self.armed = nil
        write(bytes.getSlice(at: bytes.readerIndex, length: armed.left) ?? ByteBuffer(), direction, to: sink)
        if case .stall = armed.cut {
            pair.held[direction] = bytes.getSlice(at: bytes.readerIndex + armed.left, length: bytes.readableBytes - armed.left)
        }
        perform(armed.cut, pair)
    }

    private func write(_ bytes: ByteBuffer, _ direction: FaultProxy.Direction, to sink: any Channel) {
        forwardedByteCounts[direction, default: 0] += bytes.readableBytes
        sink.writeAndFlush(bytes, promise: nil)
    }

    private func perform(_ cut: FaultProxy.Cut, _ pair: Pair) {
        switch cut {
        case .close:
            pair.isCut = true
            pair.client.close(promise: nil)
            pair.server?.close(promise: nil)
        case .reset:
            pair.isCut = true
            let client = pair.client
            if let socket = client as? any SocketOptionProvider {
                socket.setSoLinger(linger(l_onoff: 1, l_linger: 0)).whenComplete { _ in client.close(promise: nil) }
            } else {
                client.close(promise: nil)
            }
            pair.server?.close(promise: nil)
        case .stall:
            stall(Set(FaultProxy.Direction.allCases))
        }
    }
}

private final class FaultProxyHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let core: FaultProxyCore
    private let pair: FaultProxyCore.Pair
    private let direction: FaultProxy.Direction

    init(core: FaultProxyCore, pair: FaultProxyCore.Pair, direction: FaultProxy.Direction) {
        self.core = core
        self.pair = pair
        self.direction = direction
    }

    func channelActive(context: ChannelHandlerContext) {
        if direction == .clientToServer { core.accepted(pair) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        core.received(unwrapInboundIn(data), direction, pair)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        core.updateReading(pair)
    }

    func channelInactive(context: ChannelHandlerContext) {
        core.ended(pair, direction)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
