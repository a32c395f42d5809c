internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// A connection that somebody wants to whatever server is the master.
struct MasterRequest: Sendable {
    /// The one with the Sentinels.
    let endpoint: RedisEndpoint
    let name: String?
    let eventLoop: any EventLoop
    let options: RedisConnection.Options
    /// Called on `eventLoop`, once.
    let completion: @Sendable (Result<RedisConnection, RedisError>) -> Void
}

/// One client per set of Sentinels, so that all connections of a process share what is known.
final class SentinelClients: Sendable {
    static let shared = SentinelClients()

    private struct Key: Hashable {
        let sentinel: RedisSentinel
        let tls: RedisEndpoint.TLS?
    }

    private let clients = Mutex<[Key: SentinelClient]>([:])

    func client(of sentinel: RedisSentinel, endpoint: RedisEndpoint) -> SentinelClient {
        clients.withLock { clients in
            let key = Key(sentinel: sentinel, tls: endpoint.tls)
            if let known = clients[key] { return known }
            let fresh = SentinelClient(sentinel, endpoint: endpoint, on: MultiThreadedEventLoopGroup.singleton.next())
            clients[key] = fresh
            return fresh
        }
    }
}

/// The shell around `MasterLocator`: asks, connects, and hears of moves of the master as long as there are connections to it.
final class SentinelClient: Sendable {
    /// Bound to the event loop.
    private struct State {
        var locator: MasterLocator
        var wake: Scheduled<Void>?
        var requests: [Int: MasterRequest] = [:]
        var connections: [ObjectIdentifier: Connection] = [:]
        var watch: SentinelWatch?
    }

    /// One that was handed out. Not the connection itself, which closes when nobody else refers to it.
    private struct Connection {
        let node: RedisNode
        let eventLoop: any EventLoop
        let handler: NIOLoopBound<RedisChannelHandler>
    }

    private let sentinel: RedisSentinel
    private let endpoint: RedisEndpoint
    private let eventLoop: any EventLoop
    private let state: NIOLoopBoundBox<State>
    /// What Sentinels answer is short.
    static let options = RedisConnection.Options(maximumReplyBytes: 65_536, maximumReplyElements: 4096, maximumPendingCalls: 16)

    init(_ sentinel: RedisSentinel, endpoint: RedisEndpoint, on eventLoop: any EventLoop) {
        self.sentinel = sentinel
        self.endpoint = endpoint
        self.eventLoop = eventLoop
        self.state = NIOLoopBoundBox.makeBoxSendingValue(
            State(locator: MasterLocator(sentinel, endpoint: endpoint)), eventLoop: eventLoop)
    }

    /// Any thread.
    func connect(_ request: MasterRequest, timeout: Duration) {
        let deadline = NIODeadline.now() + TimeAmount(timeout)
        guard !sentinel.nodes.isEmpty else {
            let error = RedisError(.usage, "no Sentinel is named for the master '\(sentinel.master)'")
            return request.eventLoop.execute { request.completion(.failure(error)) }
        }
        eventLoop.execute { [self] in
            let (ticket, actions) = state.value.locator.want(deadline: deadline, now: .now())
            state.value.requests[ticket] = request
            perform(actions)
        }
    }

    // MARK: On the event loop

    private func perform(_ actions: [MasterLocator.Action]) {
        for action in actions {
            switch action {
            case .ask(let node, let timeout): ask(node, timeout: timeout)
            case .connect(let attempt): connect(attempt)
            case .fail(let ticket, let error):
                guard let request = state.value.requests.removeValue(forKey: ticket) else { continue }
                request.eventLoop.execute { request.completion(.failure(error)) }
            case .leave(let node, let reason): leave(node, reason: reason)
            case .wake(let at):
                state.value.wake?.cancel()
                state.value.wake = eventLoop.scheduleTask(deadline: at) { [self] in perform(state.value.locator.woken(now: .now())) }
            }
        }
    }

    /// On a connection of its own: during a failover they are few, and otherwise there are none.
    private func ask(_ node: RedisNode, timeout: TimeAmount) {
        let place = endpoint.sentinelEndpoint(node, of: sentinel)
        let deadline = NIODeadline.now() + timeout
        let command: [RedisArgument] = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", .string(sentinel.master)]
        RedisConnection.connect(to: place, on: eventLoop, timeout: Duration(timeout), options: Self.options) { [self] result in
            switch result {
            case .failure(let error): answered(node, .failed(error))
            case .success(let connection):
                var buffer = ByteBuffer()
                RedisCommandEncoder.append(command, to: &buffer)
                let left = max(.milliseconds(1), deadline - .now())
                connection.write(buffer, timeout: Duration(left)) { [self] reply in
                    connection.close()
                    answered(node, SentinelAnswer(reply, from: place))
                }
                connection.flush()
            }
        }
    }

    private func answered(_ node: RedisNode, _ answer: SentinelAnswer) {
        perform(state.value.locator.answered(node, answer, now: .now()))
    }

    private func connect(_ attempt: MasterLocator.Attempt) {
        guard let request = state.value.requests[attempt.ticket] else { return }
        let node = attempt.node
        RedisConnection.connect(
            to: request.endpoint.at(node), name: request.name, on: request.eventLoop, timeout: Duration(attempt.timeout),
            options: request.options,
            onMasterless: { [self] in eventLoop.execute { [self] in perform(state.value.locator.doubt(node, now: .now())) } },
            completion: { [self] result in eventLoop.execute { [self] in finished(attempt, result) } })
    }

    private func finished(_ attempt: MasterLocator.Attempt, _ result: Result<RedisConnection, RedisError>) {
        switch result {
        case .failure(let error): perform(state.value.locator.refuted(attempt, error, now: .now()))
        case .success(let connection):
            guard state.value.locator.connected(attempt), let request = state.value.requests.removeValue(forKey: attempt.ticket) else {
                return connection.close()
            }
            adopt(connection, at: attempt.node)
            request.eventLoop.execute { request.completion(.success(connection)) }
        }
    }

    private func adopt(_ connection: RedisConnection, at node: RedisNode) {
        let id = ObjectIdentifier(connection.channel)
        state.value.connections[id] = Connection(node: node, eventLoop: connection.eventLoop, handler: connection.handler)
        connection.closeFuture.whenComplete { [self] _ in eventLoop.execute { [self] in ended(id, at: node) } }
        if state.value.watch == nil {
            let watch = SentinelWatch(
                nodes: state.value.locator.nodes.map { endpoint.sentinelEndpoint($0, of: sentinel) }, on: eventLoop
            ) { [self] message in perform(state.value.locator.switched(message, now: .now())) }
            state.value.watch = watch
            watch.start()
        }
    }

    private func ended(_ id: ObjectIdentifier, at node: RedisNode) {
        state.value.connections[id] = nil
        if !state.value.connections.values.contains(where: { $0.node == node }) { state.value.locator.left(node) }
        guard state.value.connections.isEmpty else { return }
        state.value.watch?.stop()
        state.value.watch = nil
    }

    private func leave(_ node: RedisNode, reason: String) {
        for connection in state.value.connections.values where connection.node == node {
            let error = RedisError(.connectionLost, "\(reason): the connection is closed; commands without a reply may have been executed")
            connection.eventLoop.execute { connection.handler.value.close(error) }
        }
    }
}

extension Duration {
    init(_ amount: TimeAmount) { self = .nanoseconds(amount.nanoseconds) }
}
