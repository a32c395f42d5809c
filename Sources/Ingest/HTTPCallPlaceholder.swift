import NIOCore
import WebSocketClient

enum HTTPCall {
    struct Request {
        var method: String
        var url: String
        var body: String
    }
    static func perform(
        _ request: Request, like: WebSocketConfiguration, on eventLoop: any EventLoop,
        completion: @escaping (Result<[UInt8], WebSocketConnectError>) -> Void
    ) -> WebSocketConnectAttempt { preconditionFailure() }
}
