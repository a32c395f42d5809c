/// How a websocket ends: who said what, and what is still waited for. A value; the handler carries the actions out.
struct CloseHandshake: Equatable, Sendable {
    private enum State: Equatable {
        /// Messages flow. Next: asked, lingering, closing, over.
        case open
        /// We sent a close frame and wait for the peer's. Next: closing, over.
        case asked(code: UInt16)
        /// Both sides have spoken, or the peer broke a rule and was told: all that is waited for is its FIN, so that our frame is not lost to a reset.
        /// Next: closing, over.
        case lingering(WebSocketCloseReason)
        /// The socket is being closed. Next: over.
        case closing(WebSocketCloseReason)
        /// Reported.
        case over
    }

    enum Action: Equatable {
        case none
        /// Send a close frame (1005: an empty one) and wait for the peer, under the clock.
        case sendClose(code: UInt16, text: String)
        /// Close the socket in an orderly way, under the clock.
        case closeSocket
        /// Close the socket with a reset.
        case reset
    }

    private var state = State.open

    /// May frames be sent?
    var isOpen: Bool { state == .open }

    /// Are frames from the peer still of interest?
    var isListening: Bool {
        switch state {
        case .open, .asked: true
        case .lingering, .closing, .over: false
        }
    }

    mutating func closeRequested(code: UInt16, text: String) -> Action {
        guard case .open = state else { return .none }
        state = .asked(code: code)
        return .sendClose(code: code, text: text)
    }

    mutating func closeReceived(code: UInt16, text: String) -> Action {
        switch state {
        case .open:
            state = .lingering(.closedByPeer(code: code, text: text))
            return .sendClose(code: code, text: "")
        case .asked(let ours):
            state = .closing(.closedByUs(code: ours))
            return .closeSocket
        case .lingering, .closing, .over:
            return .none
        }
    }

    mutating func violated(_ violation: ProtocolViolation) -> Action {
        let reason = WebSocketCloseReason.violation(code: violation.code, violation.text)
        switch state {
        case .open:
            state = .lingering(reason)
            return .sendClose(code: violation.code, text: violation.text)
        case .asked:
            state = .closing(reason)
            return .closeSocket
        case .lingering, .closing, .over:
            return .none
        }
    }

    mutating func abortRequested() -> Action {
        switch state {
        case .open, .asked:
            state = .closing(.closedByUs(code: CloseCode.abnormal))
            return .reset
        case .lingering(let reason):
            state = .closing(reason)
            return .reset
        case .closing:
            return .reset
        case .over:
            return .none
        }
    }

    /// The peer did not answer, did not close, or the socket did not go away in time.
    mutating func timedOut() -> Action {
        switch state {
        case .open, .over:
            return .none
        case .asked(let code):
            state = .closing(.closedByUs(code: code))
            return .reset
        case .lingering(let reason):
            state = .closing(reason)
            return .reset
        case .closing:
            return .reset
        }
    }

    /// The socket is gone; answers why, once.
    /// - Parameter error: what the socket or TLS reported, if it was not a plain end.
    mutating func socketEnded(error: String?) -> WebSocketCloseReason? {
        defer { state = .over }
        switch state {
        case .open: return error.map { .reset($0) } ?? .endOfStream
        case .asked(let code): return .closedByUs(code: code)
        case .lingering(let reason), .closing(let reason): return reason
        case .over: return nil
        }
    }
}
