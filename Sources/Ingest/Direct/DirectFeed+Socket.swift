import ColonyExchanges
import Coordination
import Logging
import NIOCore
import WebSocketClient

/// Opening the websocket, and what goes out on it.
extension DirectFeed {
    func dial() {
        generation += 1
        urlTopics = subscriptions.connectionTopics
        switch configuration.dialect.connection(topics: urlTopics, random: random.next()) {
        case .url(let url): open(url: url, pingInterval: nil)
        case .bootstrap(let call):
            let generation = generation
            let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
            attempt = HTTPCall.perform(
                HTTPCall.Request(method: call.method, url: call.url, body: call.body), like: configuration.webSocket, on: eventLoop
            ) { result in
                let feed = loopBound.value
                guard generation == feed.generation else { return }
                switch result {
                case .success(let body):
                    do throws(DialectError) {
                        let bootstrap = try call.read(body)
                        feed.open(url: bootstrap.url, pingInterval: bootstrap.pingInterval)
                    } catch {
                        feed.dialFailed(error.description, retryAfter: nil)
                    }
                case .failure(let error): feed.dialFailed(error.description, retryAfter: error.retryAfter)
                }
            }
        }
    }

    private func open(url: String, pingInterval: Duration?) {
        var webSocket = configuration.webSocket
        webSocket.url = url
        webSocket.answersPings = configuration.keepsAlive
        let path = DirectPath(configuration, owner: self)
        let generation = generation
        attempt = WebSocketConnection.connect(webSocket, on: eventLoop, delegate: path) { [self] result in
            guard generation == self.generation else {
                if case .success(let socket) = result { socket.abort() }
                return
            }
            attempt = nil
            switch result {
            case .success(let socket): opened(socket, path, pingInterval: pingInterval)
            case .failure(let error): dialFailed(error.description, retryAfter: error.retryAfter)
            }
        }
    }

    private func opened(_ socket: WebSocketConnection, _ path: DirectPath, pingInterval: Duration?) {
        self.socket = socket
        self.path = path
        socket.isReading = isReading
        if configuration.keepsAlive {
            keepAlive = KeepAlive(
                heartbeat: configuration.heartbeat, style: configuration.heartbeatStyle,
                pingInterval: pingInterval.map { $0 * configuration.heartbeatFactor }, firstDataWithin: configuration.firstDataWithin,
                maxAge: configuration.dialect.profile.limits.maxAge, openedAt: .now(), random: random.next())
        }
        handle(.dialed)
        if !configuration.dialect.profile.subscribesAfterGreeting { subscribe() }
    }

    private func dialFailed(_ description: String, retryAfter: Duration?) {
        attempt = nil
        logger.warning("Connection attempt failed", metadata: ["reason": "\(description)"])
        handle(.dialFailed(reason: description, retryAfter: retryAfter))
    }

    /// Once per connection: at once, or behind the exchange's greeting where it wants that.
    func subscribe() {
        guard subscribedGeneration != generation else { return }
        subscribedGeneration = generation
        perform(subscriptions.connected(generation: generation, urlTopics: urlTopics, now: .now()))
    }

    func perform(_ actions: [SubscriptionMachine.Action]) {
        for action in actions {
            switch action {
            case .send(let asked):
                var request = configuration.dialect.stamped(asked, wallMilliseconds: Double(WallClock.nanoseconds()) / 1_000_000)
                path?.prepare(&request)
                transmit(request.message)
            case .changed(let topic, let state): tell(.subscription(topic, state))
            case .wake(let at):
                subscriptionWake?.cancel()
                let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
                subscriptionWake = eventLoop.scheduleTask(in: .nanoseconds(max(0, (at - .now()).wholeNanoseconds))) {
                    let feed = loopBound.value
                    feed.perform(feed.subscriptions.woken(now: .now()))
                }
            case .staleStream(let topic): perform(subscriptions.resubscribe([topic], now: .now()))
            case .silentConnection(let streams, let silence):
                handle(.softError(reason: KeepAlive.silence(streams: streams, silence)))
            case .needsReconnect(let topics): handle(.softError(reason: "a new connection must carry \(topics.count) more topics"))
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
        tell(.keptAlive(message))
    }
}
