import ColonyExchanges
import Coordination
import Logging
import NIOCore
import RedisClient
import WebSocketClient

/// What goes out on the websocket.
extension FeedRunner {
    func perform(_ actions: [SubscriptionMachine.Action]) {
        for action in actions {
            switch action {
            case .send(let asked):
                var request = configuration.dialect.stamped(asked, wallMilliseconds: Double(WallClock.nanoseconds()) / 1_000_000)
                path?.prepare(&request)
                transmit(request.message)
            case .changed(let topic, let state):
                note(.subscription, [("topic", .text("\(topic)")), ("state", .text("\(state)"))])
                logger.info("Subscription", metadata: ["topic": "\(topic)", "state": "\(state)"])
            case .wake(let at):
                subscriptionWake?.cancel()
                let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
                subscriptionWake = eventLoop.scheduleTask(in: .nanoseconds(max(0, (at - .now()).wholeNanoseconds))) {
                    let runner = loopBound.value
                    runner.perform(runner.subscriptions.woken(now: .now()))
                }
            case .staleStream(let topic):
                logger.warning("Stream fell silent", metadata: ["topic": "\(topic)"])
                perform(subscriptions.resubscribe([topic], now: .now()))
            case .silentConnection(let streams, let silence):
                handle(.softError(reason: KeepAlive.silence(streams: streams, silence)))
            case .needsReconnect(let topics):
                handle(.softError(reason: "a new connection must carry \(topics.count) more topics"))
            }
        }
    }

    func transmit(_ message: OutgoingMessage) {
        guard let socket else { return }
        switch message {
        case .text(let text):
            lastSent = String(text.prefix(1000))
            socket.send(.text, ByteBuffer(string: text), promise: nil)
        case .binary(let bytes): socket.send(.binary, ByteBuffer(bytes: bytes), promise: nil)
        case .ping(let bytes): socket.sendPing(ByteBuffer(bytes: bytes))
        case .pong(let bytes): socket.sendPong(ByteBuffer(bytes: bytes))
        }
    }

    func sendPing(_ now: LocalTime) {
        let context = PingContext(wallMilliseconds: Double(WallClock.nanoseconds()) / 1_000_000, random: random.next())
        guard let message = configuration.dialect.ping(configuration.heartbeatStyle, context) else { return }
        transmit(message)
        subscriptions.sentElsewhere(now: now)
    }
}
