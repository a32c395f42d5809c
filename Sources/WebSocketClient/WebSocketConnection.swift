public import NIOCore

/// One websocket, from handshake to close. It never reconnects.
///
/// Bound to its event loop: all methods but `connect` must be called on it.
public final class WebSocketConnection {
    public let channel: any Channel
    public let upgrade: WebSocketUpgrade

    init(channel: any Channel, upgrade: WebSocketUpgrade) {
        self.channel = channel
        self.upgrade = upgrade
    }

    /// Opens a websocket on `eventLoop`. Must be called on that loop; `completion` is called on it, before the delegate hears of any message.
    /// Messages that arrive behind the 101 are delivered after `completion` returns. Cancelling: `WebSocketConnectAttempt.cancel()`.
    public static func connect(
        _ configuration: WebSocketConfiguration,
        on eventLoop: any EventLoop,
        delegate: any WebSocketDelegate,
        completion: @escaping (Result<WebSocketConnection, WebSocketConnectError>) -> Void
    ) -> WebSocketConnectAttempt {
        preconditionFailure("replaced by the transport")
    }

    /// Sends a message and flushes. The promise is fulfilled when the bytes are with the kernel, or failed.
    public func send(_ kind: WebSocketMessageKind, _ bytes: ByteBuffer, promise: EventLoopPromise<Void>?) {}
    public func sendPing(_ bytes: ByteBuffer) {}
    public func sendPong(_ bytes: ByteBuffer) {}

    /// Close frame, then FIN; reset when the peer has not answered after `within`.
    public func close(code: UInt16, text: String, within: Duration) {}

    /// Reset at once.
    public func abort() {}

    /// While false, nothing is read from the socket (the kernel's window fills and the peer waits).
    public var isReading: Bool = true
}

/// An attempt under way.
public final class WebSocketConnectAttempt {
    init() {}
    /// Ends the attempt; the completion is called with `.closed`. No effect once it is over.
    public func cancel() {}
}
