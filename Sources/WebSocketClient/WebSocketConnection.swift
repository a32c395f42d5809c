public import NIOCore

/// One websocket, from handshake to close. It never reconnects.
///
/// Bound to its event loop: all methods must be called on it.
public final class WebSocketConnection {
    public let channel: any Channel
    public let upgrade: WebSocketUpgrade

    private let frames: FrameHandler

    init(channel: any Channel, upgrade: WebSocketUpgrade, frames: FrameHandler) {
        self.channel = channel
        self.upgrade = upgrade
        self.frames = frames
    }

    /// Opens a websocket on `eventLoop`. Must be called on that loop; `completion` is called on it once, after this has returned and before the delegate hears
    /// of any message. Messages that arrive behind the 101 are delivered after `completion` returns. Cancelling: `WebSocketConnectAttempt.cancel()`.
    public static func connect(
        _ configuration: WebSocketConfiguration,
        on eventLoop: any EventLoop,
        delegate: any WebSocketDelegate,
        completion: @escaping (Result<WebSocketConnection, WebSocketConnectError>) -> Void
    ) -> WebSocketConnectAttempt {
        connect(configuration, on: eventLoop, delegate: delegate, addressBook: .shared, completion: completion)
    }

    /// Opens everything that comes before a websocket on `eventLoop`: name resolution, TCP, proxy, TLS. The upgrade is not asked for, so that no websocket is
    /// open, until `WebSocketConnectAttempt.proceed`. `onReady` is called once when all stands. `onFailure` is called once when it does not come about, or
    /// ends before `proceed`, which may be long after `onReady`. Neither is called after `proceed`, nor before this has returned.
    public static func prepare(
        _ configuration: WebSocketConfiguration,
        on eventLoop: any EventLoop,
        onReady: @escaping () -> Void,
        onFailure: @escaping (WebSocketConnectError) -> Void
    ) -> WebSocketConnectAttempt {
        let attempt = WebSocketConnectAttempt(configuration, on: eventLoop, delegate: nil, addressBook: .shared) { result in
            // No websocket can come of it before `proceed`, which brings a completion of its own.
            if case .failure(let error) = result { onFailure(error) }
        }
        attempt.hold(onReady: onReady)
        attempt.start()
        return attempt
    }

    static func connect(
        _ configuration: WebSocketConfiguration,
        on eventLoop: any EventLoop,
        delegate: any WebSocketDelegate,
        addressBook: AddressBook,
        completion: @escaping (Result<WebSocketConnection, WebSocketConnectError>) -> Void
    ) -> WebSocketConnectAttempt {
        let attempt = WebSocketConnectAttempt(
            configuration,
            on: eventLoop,
            delegate: delegate,
            addressBook: addressBook,
            completion: completion
        )
        attempt.start()
        return attempt
    }

    /// Sends a message in one frame. The promise is fulfilled when the bytes are with the kernel, or failed with a `WebSocketSendError` or the socket's error.
    /// What is sent while the delegate is being called goes out in one write at the end of the burst, everything else at once.
    public func send(_ kind: WebSocketMessageKind, _ bytes: ByteBuffer, promise: EventLoopPromise<Void>?) {
        frames.send(kind, bytes, promise: promise)
    }

    /// Sends a PING with at most 125 bytes; more are cut off. Nothing happens once the websocket is closing.
    public func sendPing(_ bytes: ByteBuffer) { frames.sendControl(.ping, bytes) }

    /// Sends a PONG nobody asked for, with at most 125 bytes; PINGs are answered without it.
    public func sendPong(_ bytes: ByteBuffer) { frames.sendControl(.pong, bytes) }

    /// Sends a close frame with `code` (1005: without one) and as much of `text` as fits; closes the socket when the peer has answered, and resets it when it has
    /// not after `within`. Messages that come before the peer's close frame are still delivered, unless reading was off: then they are dropped. Without effect
    /// when the websocket is closing already.
    public func close(code: UInt16, text: String, within: Duration) {
        precondition(CloseCode.isValid(code) || code == CloseCode.none, "close code \(code) must not be sent")
        frames.close(code: code, text: text, within: within)
    }

    /// Resets the connection at once. The delegate hears `closedByUs(code: 1006)`, or why it was closing already.
    public func abort() { frames.abort() }

    /// While false, nothing is read from the socket (the kernel's window fills and the peer waits). What has been read is still delivered to the end of its burst,
    /// and so is what the kernel holds when the peer ends the connection.
    public var isReading: Bool {
        get { frames.isReading }
        set { frames.isReading = newValue }
    }
}
