/// Receives what happens on one websocket. Every call comes on the connection's event loop, and nothing is called after `webSocketClosed`.
///
/// The unit of work is the read burst: any number of messages, then one `webSocketBurstEnded`.
public protocol WebSocketDelegate: AnyObject {
    /// One whole message; for text the bytes are valid UTF-8. The pointer is good for the duration of the call only.
    func webSocketReceived(_ kind: WebSocketMessageKind, _ payload: UnsafeRawBufferPointer)

    /// All messages of one read from the socket have been delivered; called when there was something to deliver. What is sent up to here leaves in one write.
    func webSocketBurstEnded()

    /// A PING came in (its PONG is already on the way).
    func webSocketReceivedPing(_ payload: UnsafeRawBufferPointer)

    /// A PONG came in.
    func webSocketReceivedPong(_ payload: UnsafeRawBufferPointer)

    /// The connection is over; the socket is closed.
    func webSocketClosed(_ reason: WebSocketCloseReason)
}

public enum WebSocketMessageKind: Sendable, Equatable { case text, binary }

/// Why a websocket ended. A close frame, a reset, a silent line and a broken rule are different reasons.
public enum WebSocketCloseReason: Sendable, Equatable {
    /// The peer sent a close frame; its code (1005: none given) and text.
    case closedByPeer(code: UInt16, text: String)
    /// We closed it, and the peer answered or was given up on; 1006: we aborted it.
    case closedByUs(code: UInt16)
    /// FIN without a close frame.
    case endOfStream
    /// Reset or another error of the socket, and whether it came in the middle of a frame.
    case reset(String)
    /// The peer broke the protocol; the code we sent (1002, 1007, 1009, ...) and what was wrong.
    case violation(code: UInt16, String)
}

extension WebSocketCloseReason: CustomStringConvertible {
    public var description: String {
        switch self {
        case .closedByPeer(code: CloseCode.none, _): "closed by the peer without a code"
        case .closedByPeer(let code, ""): "closed by the peer: \(CloseCode.name(code))"
        case .closedByPeer(let code, let text): "closed by the peer: \(CloseCode.name(code)): \(HTTPText.excerpt(text.utf8, limit: 123))"
        case .closedByUs(code: CloseCode.abnormal): "aborted by us"
        case .closedByUs(code: CloseCode.none): "closed by us without a code"
        case .closedByUs(let code): "closed by us: \(CloseCode.name(code))"
        case .endOfStream: "the peer ended the connection without a close frame"
        case .reset(let text): "the connection broke: \(text)"
        case .violation(let code, let text): "the peer broke the protocol and was told \(CloseCode.name(code)): \(text)"
        }
    }
}
