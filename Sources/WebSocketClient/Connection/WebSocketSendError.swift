/// Why a message was not sent.
public enum WebSocketSendError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The websocket is closed or closing.
    case closed
    /// The peer reads too slowly: so many bytes wait already.
    case backlog(unsentBytes: Int)

    public var description: String {
        switch self {
        case .closed: "The message was not sent: the websocket is closed or closing"
        case .backlog(let bytes):
            "The message was not sent: the peer reads too slowly, \(bytes) bytes wait already (limit \(Outbox.maxUnsentBytes))"
        }
    }
}
