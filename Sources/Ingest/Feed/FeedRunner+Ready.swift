import Coordination
import Logging
import NIOCore
import WebSocketClient

/// `ready: [websocket, rest]`: nothing is subscribed before the exchange's REST service answers too.
extension FeedRunner {
    static let readyRetry = TimeAmount.seconds(5)

    /// Runs `action` once everything is there that subscriptions wait for; not at all when the connection ends before.
    func whenReady(_ action: @escaping () -> Void) {
        guard let url = configuration.readyURL else { return action() }
        isReady = false
        let generation = generation
        readyProbe = HTTPCall.perform(.init(method: "GET", url: url), like: configuration.webSocket, on: eventLoop) { [self] result in
            readyProbe = nil
            guard generation == self.generation, socket != nil else { return }
            switch result {
            case .success:
                isReady = true
                action()
            case .failure(let error):
                logger.warning("Subscriptions wait: the REST service is not up", metadata: ["url": "\(url)", "reason": "\(error)"])
                let loopBound = NIOLoopBound((self, action), eventLoop: eventLoop)
                eventLoop.scheduleTask(in: Self.readyRetry) {
                    let (runner, action) = loopBound.value
                    if generation == runner.generation, runner.socket != nil { runner.whenReady(action) }
                }
            }
        }
    }
}
