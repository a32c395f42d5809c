import ColonyExchanges
import NIOCore
import WebSocketClient

/// Where a websocket is to be opened, and the heartbeat the exchange asked for when it gave the address out.
struct ConnectionAddress: Sendable {
    struct Failure: Error {
        var reason: String
        var retryAfter: Duration?
    }

    var url: String
    /// What the address itself subscribes.
    var asking: [Topic] = []
    var pingInterval: Duration?

    /// The URL for logs: one that names topics can have thousands of characters.
    var summary: String { url.utf8.count <= 200 ? url : "\(url.prefix(200)).." }

    /// The dialect's address, asked of the exchange's REST service where it hands addresses out; through the same proxy as the websocket.
    ///
    /// `completion` is called once, on `eventLoop`, which must be the current one.
    /// - Returns: the call under way; nil: none was needed, and `completion` has been called.
    static func find(
        _ settings: SessionSettings, topics: [Topic], random: UInt64, on eventLoop: any EventLoop,
        completion: @escaping (Result<ConnectionAddress, Failure>) -> Void
    ) -> WebSocketConnectAttempt? {
        switch settings.dialect.connection(topics: topics, random: random) {
        case .url(let url, let asking):
            completion(.success(ConnectionAddress(url: url, asking: asking)))
            return nil
        case .bootstrap(let call):
            let request = HTTPCall.Request(method: call.method, url: call.url, body: call.body)
            return HTTPCall.perform(request, like: settings.webSocket, on: eventLoop) { result in
                switch result {
                case .success(let body):
                    do throws(DialectError) {
                        let bootstrap = try call.read(body)
                        completion(.success(ConnectionAddress(url: bootstrap.url, pingInterval: bootstrap.pingInterval)))
                    } catch {
                        completion(.failure(Failure(reason: error.description, retryAfter: nil)))
                    }
                case .failure(let error): completion(.failure(Failure(reason: error.description, retryAfter: error.retryAfter)))
                }
            }
        }
    }
}
