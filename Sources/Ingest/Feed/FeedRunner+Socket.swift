import ColonyExchanges
import Coordination
import Logging
import NIOCore
import RedisClient
import WebSocketClient

/// Opening and closing the websocket.
extension FeedRunner {
    func dial() {
        generation += 1
        note(.dial, [("socket", .number(Int64(generation)))])
        control.socketOpening(configuration.feed)
        urlTopics = subscriptions.connectionTopics
        if let warm = takeWarm() { return open(url: warm.url, pingInterval: warm.pingInterval, over: warm.attempt) }
        switch configuration.dialect.connection(topics: urlTopics, random: random.next()) {
        case .url(let url): open(url: url, pingInterval: nil)
        case .bootstrap(let call):
            let generation = generation
            let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
            attempt = HTTPCall.perform(
                HTTPCall.Request(method: call.method, url: call.url, body: call.body), like: configuration.webSocket, on: eventLoop
            ) { result in
                let runner = loopBound.value
                guard generation == runner.generation, runner.machine.phase == .dial else { return }
                switch result {
                case .success(let body):
                    do throws(DialectError) {
                        let bootstrap = try call.read(body)
                        runner.open(url: bootstrap.url, pingInterval: bootstrap.pingInterval)
                    } catch {
                        runner.dialFailed(error.description, retryAfter: nil)
                    }
                case .failure(let error): runner.dialFailed(error.description, retryAfter: error.retryAfter)
                }
            }
        }
    }

    /// Opens the websocket, over a connection that stands already where there is one.
    private func open(url: String, pingInterval: Duration?, over prepared: WebSocketConnectAttempt? = nil) {
        var webSocket = configuration.webSocket
        webSocket.url = url
        if webSocket.roots == .insecure {
            logger.warning("Certificates of the exchange are not verified (tls.insecure)", metadata: ["url": "\(url)"])
        }
        let path = FeedPath(configuration: configuration, publisher: publisher, clockOffset: clockOffset, owner: self)
        path.number = generation
        let profile = configuration.dialect.profile
        let generation = generation
        let opened = { [self] (result: Result<WebSocketConnection, WebSocketConnectError>) in
            guard generation == self.generation else {
                if case .success(let socket) = result { socket.abort() }
                return
            }
            attempt = nil
            switch result {
            case .success(let socket):
                self.socket = socket
                connections += 1
                isPausedByMachine = true
                applyReading()
                self.path = path
                reason = ""
                keepAlive = KeepAlive(
                    heartbeat: profile.heartbeat, style: configuration.heartbeatStyle, pingInterval: pingInterval,
                    firstDataWithin: configuration.firstDataWithin, maxAge: profile.limits.maxAge, openedAt: .now(), random: random.next())
                noteOpened(socket)
                logger.info("Websocket open", metadata: ["peer": "\(socket.upgrade.peer)", "url": "\(url)"])
                handle(.dialed)
            // The exchange may have given up a connection that said nothing for so long: once more, from the start.
            case .failure(let error) where prepared != nil && error.code == .closed: open(url: url, pingInterval: pingInterval)
            case .failure(let error): dialFailed(error.description, retryAfter: error.retryAfter)
            }
        }
        if let prepared {
            attempt = prepared
            prepared.proceed(delegate: path, completion: opened)
        } else {
            attempt = WebSocketConnection.connect(webSocket, on: eventLoop, delegate: path, completion: opened)
        }
    }

    private func dialFailed(_ description: String, retryAfter: Duration?) {
        reason = description
        failures += 1
        note(.dialFailed, [("reason", .text(description))])
        control.socketClosed(configuration.feed)
        logger.warning("Connection attempt failed", metadata: ["reason": "\(description)"])
        handle(.dialFailed(retryAfter: retryAfter))
    }

    func resumeReading() {
        guard socket != nil else { return }
        if !configuration.dialect.profile.subscribesAfterGreeting { subscribe() }
        isPausedByMachine = false
        applyReading()
    }

    func applyReading() { socket?.isReading = !isPausedByMachine && !isPausedByPressure }

    /// Once per connection: at once, or behind the exchange's greeting where it wants that.
    func subscribe() {
        guard subscriptionsGeneration != generation else { return }
        subscriptionsGeneration = generation
        whenReady { [self] in perform(subscriptions.connected(generation: generation, urlTopics: urlTopics, now: .now())) }
    }

    /// Gives the connection up; what still arrives on it is nobody's, unless it `keepsReceiving`: then what the exchange sends until it has
    /// answered our close frame is published all the same. In a planned handover that is one round trip less without data; the lease is given
    /// back only when the websocket is closed.
    func closeSocket(reason: String, within: Duration, keepsReceiving: Bool = false) {
        guard let socket, let path else { return }
        self.reason = reason
        path.isActive = keepsReceiving
        closing = path
        noteEnd(.closing, of: path, reason: reason, isCounted: !keepsReceiving)
        forgetConnection()
        socket.isReading = true
        socket.close(code: 1000, text: "", within: within)
    }

    func endSocket(reason: String) {
        guard socket != nil else { return }
        logger.warning(
            "Websocket given up",
            metadata: ["reason": "\(reason)", "last.sent": "\(lastSent)", "last.received": "\(path?.lastReceived ?? "")"])
        closeSocket(reason: reason, within: .milliseconds(100))
        handle(.socketEnded(reason: reason))
    }

    func forgetConnection() {
        finishedMalformed += path?.malformed ?? 0
        socket = nil
        path = nil
        keepAlive = nil
        perform(subscriptions.disconnected(generation: generation, now: .now()))
    }

    func whenClosed(_ action: @escaping () -> Void) {
        if closing == nil { action() } else { afterClose.append(action) }
    }
}
