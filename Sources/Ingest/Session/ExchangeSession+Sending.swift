import ColonyExchanges
import Coordination
import Logging
import NIOCore
import WebSocketClient

/// What goes out on the websocket.
extension ExchangeSession {
    func perform(_ actions: [SubscriptionMachine.Action]) {
        for action in actions {
            switch action {
            case .send(let asked):
                var request = settings.dialect.stamped(asked, wallMilliseconds: wallMilliseconds)
                path?.prepare(&request)
                transmit(request.message)
            case .changed(let topic, let state):
                logger.info("Subscription", metadata: ["topic": "\(topic)", "state": "\(state)"])
                owner.session(happened: .subscription(topic, state))
            case .wake(let at):
                subscriptionWake?.cancel()
                let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
                subscriptionWake = eventLoop.scheduleTask(in: .nanoseconds(max(0, (at - .now()).wholeNanoseconds))) {
                    let session = loopBound.value
                    session.perform(session.subscriptions.woken(now: .now()))
                }
            case .staleStream(let topic):
                logger.warning("Stream fell silent", metadata: ["topic": "\(topic)"])
                perform(subscriptions.resubscribe([topic], now: .now()))
            case .silentConnection(let streams, let silence):
                owner.sessionShouldReconnect(reason: KeepAlive.silence(streams: streams, silence))
            case .needsReconnect(let topics):
                owner.sessionShouldReconnect(reason: "a new connection must carry \(topics.count.of("more topic"))")
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
        let context = PingContext(wallMilliseconds: wallMilliseconds, random: random.next())
        guard let message = settings.dialect.ping(settings.heartbeatStyle, context) else { return }
        transmit(message)
        keptAlive(message, now: now)
    }

    /// A heartbeat or an answer went out: it counts in the exchange's limit of messages.
    func keptAlive(_ message: OutgoingMessage, now: LocalTime) {
        subscriptions.sentElsewhere(now: now)
        owner.session(happened: .keptAlive(message))
    }

    private var wallMilliseconds: Double { Double(WallClock.nanoseconds()) / 1_000_000 }
}
