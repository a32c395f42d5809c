import ColonyExchanges
import Coordination
import Logging
import NIOCore
import WebSocketClient

/// A connection to the exchange that stands up to its TLS and waits to be asked for: no websocket is open on it.
struct WarmConnection {
    var attempt: WebSocketConnectAttempt
    /// What the websocket's address was made for; nothing is asked of the exchange before the upgrade.
    var topics: [Topic]
    var address: ConnectionAddress
    /// Given up by then: an exchange does not keep a silent connection for ever, and we do not want to.
    var expiry: Scheduled<Void>?
}

extension ExchangeSession {
    /// Makes ready what can be made ready beforehand: the name, the connection, its TLS. `completion` is called once, with whether it stands.
    /// It is kept for `limit`, and used by the next `connect` if the address of then is one it can ask for.
    func prewarm(for limit: Duration, completion: @escaping (Bool) -> Void) {
        guard settings.prewarms, socket == nil, attempt == nil, closing == nil else { return completion(false) }
        dropWarm()
        warmNumber += 1
        let number = warmNumber
        let topics = subscriptions.connectionTopics
        let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
        warmCall = ConnectionAddress.find(dialSettings, topics: topics, random: random.next(), on: eventLoop) { result in
            let session = loopBound.value
            if number == session.warmNumber { session.warmCall = nil }
            // Where there is no address, the dial that comes will say why.
            guard number == session.warmNumber, case .success(let address) = result else { return completion(false) }
            session.warmUp(address, topics: topics, limit: limit, completion: completion)
        }
    }

    private func warmUp(_ address: ConnectionAddress, topics: [Topic], limit: Duration, completion: @escaping (Bool) -> Void) {
        var webSocket = settings.webSocket
        webSocket.url = address.url
        let number = warmNumber
        var answer: ((Bool) -> Void)? = completion
        let attempt = WebSocketConnection.prepare(
            webSocket, on: eventLoop,
            onReady: { [self] in
                logger.debug("Connection is ready for the websocket", metadata: ["url": "\(address.summary)"])
                answer?(true)
                answer = nil
            },
            onFailure: { [self] error in
                logger.info("Prepared connection ended", metadata: ["reason": "\(error.description)"])
                if number == warmNumber { warm = nil }
                answer?(false)
                answer = nil
            })
        let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
        let expiry = eventLoop.scheduleTask(in: .nanoseconds(limit.wholeNanoseconds)) {
            if number == loopBound.value.warmNumber { loopBound.value.dropWarm() }
        }
        warm = WarmConnection(attempt: attempt, topics: topics, address: address, expiry: expiry)
    }

    /// The prepared connection, if it is still there, with the address for what is wanted now.
    func takeWarm(_ topics: [Topic]) -> (attempt: WebSocketConnectAttempt, address: ConnectionAddress)? {
        guard let warm, let address = address(of: warm, topics), warm.attempt.retarget(to: address.url) else {
            dropWarm()
            return nil
        }
        warm.expiry?.cancel()
        self.warm = nil
        warmNumber += 1
        return (warm.attempt, address)
    }

    /// What was wanted when the connection was made ready may have changed since; an address that the exchange has handed out stays what it is.
    private func address(of warm: WarmConnection, _ topics: [Topic]) -> ConnectionAddress? {
        if warm.topics == topics { return warm.address }
        guard case .url(let url, let asking) = dialSettings.dialect.connection(topics: topics, random: random.next()) else { return nil }
        return ConnectionAddress(url: url, asking: asking)
    }

    func dropWarm() {
        warmNumber += 1
        warm?.expiry?.cancel()
        let attempt = warm?.attempt
        warm = nil
        attempt?.cancel()
        warmCall?.cancel()
        warmCall = nil
    }
}
