internal import NIOCore

/// Listens to `+switch-master` at one Sentinel after the other, from `start` to `stop`. Bound to its event loop.
///
/// What it tells is a hint that saves time-outs: nothing depends on it, so a Sentinel that does not let us listen is no error.
final class SentinelWatch {
    private enum State {
        case idle
        /// `listening` or `pausing` follows.
        case connecting
        /// Subscribed, or about to be; asked now and then whether the line is alive. `pausing` follows.
        case listening(RedisConnection, RepeatedTask)
        /// `connecting` follows.
        case pausing(Scheduled<Void>)
        case stopped
    }

    private let nodes: [RedisEndpoint]
    private let eventLoop: any EventLoop
    private let onSwitch: (MasterSwitch) -> Void
    private var state = State.idle
    private var turn = 0
    private static let channel = "+switch-master"
    private static let interval: TimeAmount = .seconds(2)

    init(nodes: [RedisEndpoint], on eventLoop: any EventLoop, onSwitch: @escaping (MasterSwitch) -> Void) {
        self.nodes = nodes
        self.eventLoop = eventLoop
        self.onSwitch = onSwitch
    }

    func start() {
        state = .connecting
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        RedisConnection.connect(
            to: nodes[turn % nodes.count], on: eventLoop, timeout: .seconds(2), options: SentinelClient.options
        ) { result in
            bound.value.connected(result)
        }
    }

    func stop() {
        switch state {
        case .idle, .connecting, .stopped: break
        case .listening(let connection, let pings):
            pings.cancel()
            connection.close()
        case .pausing(let wake): wake.cancel()
        }
        state = .stopped
    }

    private func connected(_ result: Result<RedisConnection, RedisError>) {
        guard case .connecting = state else {
            if case .success(let connection) = result { connection.close() }
            return
        }
        guard case .success(let connection) = result else { return pause() }
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        let pings = eventLoop.scheduleRepeatedTask(initialDelay: Self.interval, delay: Self.interval) { _ in bound.value.ping() }
        state = .listening(connection, pings)
        connection.closeFuture.whenComplete { _ in bound.value.lost(connection) }
        connection.subscribe(
            to: [Self.channel], timeout: .seconds(2),
            onMessage: { message in
                if let message = MasterSwitch(String(buffer: message.payload)) { bound.value.onSwitch(message) }
            },
            completion: { result in
                if case .failure = result { connection.close() }
            })
    }

    private func ping() {
        guard case .listening(let connection, _) = state else { return }
        var buffer = ByteBuffer()
        RedisCommandEncoder.append(["PING"], to: &buffer)
        // Without an answer the connection closes by itself.
        connection.write(buffer, timeout: .seconds(2)) { _ in }
        connection.flush()
    }

    private func lost(_ connection: RedisConnection) {
        guard case .listening(let current, let pings) = state, current === connection else { return }
        pings.cancel()
        pause()
    }

    private func pause() {
        turn += 1
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        state = .pausing(eventLoop.scheduleTask(in: Self.interval) { bound.value.start() })
    }
}
