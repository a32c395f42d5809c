import Coordination
import Logging
import NIOCore
import WebSocketClient

/// `ready: [websocket, rest]`: nothing is subscribed before the exchange's REST service answers too.
extension ExchangeSession {
    private var retryInterval: TimeAmount { .seconds(5) }

    /// Runs `action` once everything is there that subscriptions wait for; not at all when the connection ends before.
    func whenReady(_ action: @escaping () -> Void) {
        guard let url = settings.readyURL else { return action() }
        isReady = false
        let number = number
        readyProbe = HTTPCall.perform(.init(method: "GET", url: url), like: settings.webSocket, on: eventLoop) { [self] result in
            guard number == self.number, socket != nil else { return }
            readyProbe = nil
            switch result {
            case .success:
                isReady = true
                action()
            case .failure(let error):
                logger.warning("Subscriptions wait: the REST service is not up", metadata: ["url": "\(url)", "reason": "\(error)"])
                let loopBound = NIOLoopBound((self, action), eventLoop: eventLoop)
                eventLoop.scheduleTask(in: retryInterval) {
                    let (session, action) = loopBound.value
                    if number == session.number, session.socket != nil { session.whenReady(action) }
                }
            }
        }
    }
}
