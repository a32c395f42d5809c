import ColonyExchanges
import Coordination
import Logging
import NIOCore
import WebSocketClient

/// A connection to the exchange that stands up to its TLS and waits for the lease: no websocket is open on it.
struct WarmConnection {
    var attempt: WebSocketConnectAttempt
    /// What the websocket's address was made for.
    var topics: [Topic]
    var url: String
    var pingInterval: Duration?
    /// Given up by then: an exchange does not keep a silent connection for ever, and we do not want to.
    var expiry: Scheduled<Void>?
}

extension FeedRunner {
    /// Makes ready what can be made ready before the lease is here: the name, the connection, its TLS. `completion` is called once, with whether
    /// it stands. It is kept for `limit`, and used by the next dial if the topics are the same then.
    package func prewarm(for limit: Duration, completion: @escaping (Bool) -> Void) {
        let isFree = socket == nil && attempt == nil && closing == nil
        guard configuration.prewarm, isFree else { return completion(false) }
        dropWarm()
        warmNumber += 1
        let number = warmNumber
        let topics = subscriptions.connectionTopics
        switch configuration.dialect.connection(topics: topics, random: random.next()) {
        case .url(let url):
            warmUp(url: url, pingInterval: nil, topics: topics, limit: limit, completion: completion)
        case .bootstrap(let call):
            let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
            warmCall = HTTPCall.perform(
                HTTPCall.Request(method: call.method, url: call.url, body: call.body), like: configuration.webSocket, on: eventLoop
            ) { result in
                let runner = loopBound.value
                runner.warmCall = nil
                // The dial that comes will say what is wrong with it.
                guard number == runner.warmNumber, case .success(let body) = result, let bootstrap = try? call.read(body) else {
                    return completion(false)
                }
                runner.warmUp(
                    url: bootstrap.url, pingInterval: bootstrap.pingInterval, topics: topics, limit: limit, completion: completion)
            }
        }
    }

    private func warmUp(
        url: String, pingInterval: Duration?, topics: [Topic], limit: Duration, completion: @escaping (Bool) -> Void
    ) {
        var webSocket = configuration.webSocket
        webSocket.url = url
        let number = warmNumber
        var answer: ((Bool) -> Void)? = completion
        let attempt = WebSocketConnection.prepare(
            webSocket, on: eventLoop,
            onReady: { [self] in
                logger.debug("Connection is ready for the websocket", metadata: ["url": "\(url)"])
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
        warm = WarmConnection(attempt: attempt, topics: topics, url: url, pingInterval: pingInterval, expiry: expiry)
    }

    /// The prepared connection, if it is still there and fits what is wanted now.
    func takeWarm() -> WarmConnection? {
        guard let warm, !warm.attempt.isOver, warm.topics == subscriptions.connectionTopics else {
            dropWarm()
            return nil
        }
        warm.expiry?.cancel()
        self.warm = nil
        warmNumber += 1
        return warm
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
