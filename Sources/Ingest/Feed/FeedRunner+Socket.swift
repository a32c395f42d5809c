import ColonyExchanges
import Coordination
import Logging
import NIOCore
import RedisClient
import WebSocketClient

/// Opening and closing the websocket.
extension FeedRunner {
    func dial() {
        session.startAttempt()
        note(.dial, [("socket", .number(Int64(session.number)))])
        control.socketOpening(configuration.feed)
        if configuration.requiresReplica, link.facts.replicas == 0 {
            let reason = "redis.require_replica is set and no replica of Redis is in touch"
            logger.warning("Connection attempt failed", metadata: ["reason": "\(reason)"])
            return sessionFailedToOpen(reason: reason, retryAfter: nil)
        }
        session.connect()
    }

    func resumeReading() {
        guard session.socket != nil else { return }
        isPausedByMachine = false
        applyReading()
    }

    func applyReading() { session.isReading = !isPausedByMachine && !isPausedByPressure }

    /// Gives the connection up; what still arrives on it is nobody's, unless it `keepsReceiving`: then what the exchange sends until it has
    /// answered our close frame is published all the same. The lease is given back only when the websocket is closed.
    func closeSocket(reason: String, within: Duration, keepsReceiving: Bool = false) {
        guard let path = session.path else { return }
        self.reason = reason
        finishedMalformed += path.malformed
        noteEnd(.closing, of: path, reason: reason, isCounted: !keepsReceiving)
        session.close(within: within, keepsReceiving: keepsReceiving)
    }

    func endSocket(reason: String) {
        guard let path = session.path else { return }
        logger.warning(
            "Websocket given up",
            metadata: ["reason": "\(reason)", "last.sent": "\(session.lastSent)", "last.received": "\(path.lastReceived)"])
        closeSocket(reason: reason, within: .milliseconds(100))
        handle(.socketEnded(reason: reason))
    }
}

extension FeedRunner: ExchangeSessionOwner {
    func makePath(owner: any SessionPathOwner) -> FeedPath {
        let path = FeedPath(configuration: configuration, publisher: publisher, clockOffset: clockOffset, owner: owner)
        path.number = session.number
        return path
    }

    func sessionOpened(_ socket: WebSocketConnection) {
        connections += 1
        isPausedByMachine = true
        applyReading()
        reason = ""
        noteOpened(socket)
        // Subscribed before Redis has given the epoch: what the exchange answers waits in the socket's buffer until then.
        session.begin()
        handle(.dialed)
    }

    func sessionFailedToOpen(reason: String, retryAfter: Duration?) {
        self.reason = reason
        failures += 1
        note(.dialFailed, [("reason", .text(reason))])
        control.socketClosed(configuration.feed)
        handle(.dialFailed(retryAfter: retryAfter))
    }

    func sessionReceivedData() { handle(.dataReceived) }

    func session(lost path: FeedPath, reason: String) {
        self.reason = reason
        finishedMalformed += path.malformed
        noteEnd(.closed, of: path, reason: reason)
        control.socketClosed(configuration.feed)
        handle(.socketEnded(reason: reason))
    }

    func session(closed path: FeedPath, reason: String) {
        noteEnd(.closed, of: path, reason: reason)
        if session.socket == nil, session.attempt == nil { control.socketClosed(configuration.feed) }
    }

    func sessionFellSilent(reason: String) { endSocket(reason: reason) }

    func sessionShouldReconnect(reason: String) { handle(.softError(reason: reason)) }

    func session(happened event: ExchangeSessionEvent) {
        switch event {
        case .subscription(let topic, let state): note(.subscription, [("topic", .text("\(topic)")), ("state", .text("\(state)"))])
        case .notice, .keptAlive, .malformed: break
        }
    }
}
