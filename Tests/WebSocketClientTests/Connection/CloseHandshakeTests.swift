import NIOCore
import Testing

@testable import WebSocketClient

@Suite struct CloseHandshakeTests {
    private enum Event { case request, receive, violate, abort, timeOut }

    /// Brings a fresh handshake into a state by events.
    private static func after(_ events: [Event]) -> CloseHandshake {
        var handshake = CloseHandshake()
        for event in events { _ = apply(event, to: &handshake) }
        return handshake
    }

    private static func apply(_ event: Event, to handshake: inout CloseHandshake) -> CloseHandshake.Action {
        switch event {
        case .request: handshake.closeRequested(code: 1001, text: "bye")
        case .receive: handshake.closeReceived(code: 4000, text: "go")
        case .violate: handshake.violated(ProtocolViolation(1002, "bad"))
        case .abort: handshake.abortRequested()
        case .timeOut: handshake.timedOut()
        }
    }

    @Test("Each event in each state leads to the action and the reason that belong to it")
    func walksTheTable() {
        let byPeer = WebSocketCloseReason.closedByPeer(code: 4000, text: "go")
        let violation = WebSocketCloseReason.violation(code: 1002, "bad")
        let table: [(before: [Event], event: Event, action: CloseHandshake.Action, reason: WebSocketCloseReason)] = [
            ([], .request, .sendClose(code: 1001, text: "bye"), .closedByUs(code: 1001)),
            ([], .receive, .sendClose(code: 4000, text: ""), byPeer),
            ([], .violate, .sendClose(code: 1002, text: "bad"), violation),
            ([], .abort, .reset, .closedByUs(code: 1006)),
            ([], .timeOut, .none, .endOfStream),
            ([.request], .request, .none, .closedByUs(code: 1001)),
            ([.request], .receive, .closeSocket, .closedByUs(code: 1001)),
            ([.request], .violate, .closeSocket, violation),
            ([.request], .abort, .reset, .closedByUs(code: 1006)),
            ([.request], .timeOut, .reset, .closedByUs(code: 1001)),
            ([.receive], .request, .none, byPeer),
            ([.receive], .receive, .none, byPeer),
            ([.receive], .violate, .none, byPeer),
            ([.receive], .abort, .reset, byPeer),
            ([.receive], .timeOut, .reset, byPeer),
            ([.violate], .timeOut, .reset, violation),
            ([.request, .receive], .request, .none, .closedByUs(code: 1001)),
            ([.request, .receive], .receive, .none, .closedByUs(code: 1001)),
            ([.request, .receive], .violate, .none, .closedByUs(code: 1001)),
            ([.request, .receive], .abort, .reset, .closedByUs(code: 1001)),
            ([.request, .receive], .timeOut, .reset, .closedByUs(code: 1001)),
        ]
        for row in table {
            var handshake = Self.after(row.before)
            #expect(Self.apply(row.event, to: &handshake) == row.action, "\(row.event) after \(row.before)")
            #expect(handshake.socketEnded(error: nil) == row.reason, "\(row.event) after \(row.before)")
        }
    }

    @Test("Once reported, nothing is reported or done again")
    func reportsOnce() {
        var handshake = CloseHandshake()
        #expect(handshake.socketEnded(error: "reset by peer") == .reset("reset by peer"))
        #expect(handshake.socketEnded(error: nil) == nil)
        for event in [Event.request, .receive, .violate, .abort, .timeOut] { #expect(Self.apply(event, to: &handshake) == .none) }
        #expect(!handshake.isOpen && !handshake.isListening)
    }

    @Test("Frames are sent while open only, and listened to until the peer has spoken")
    func opensAndListens() {
        #expect(Self.after([]).isOpen && Self.after([]).isListening)
        #expect(!Self.after([.request]).isOpen && Self.after([.request]).isListening)
        #expect(!Self.after([.receive]).isOpen && !Self.after([.receive]).isListening)
        #expect(!Self.after([.violate]).isListening)
    }

    @Test("A close payload holds the code and as many whole characters as fit")
    func cutsText() {
        #expect(ClosePayload.encode(code: 1005, text: "unsaid").readableBytes == 0)
        #expect(Array(ClosePayload.encode(code: 1000, text: "ok").readableBytesView) == [0x03, 0xe8, 0x6f, 0x6b])
        let long = ClosePayload.encode(code: 1000, text: String(repeating: "\u{20ac}", count: 50))
        #expect(long.readableBytes == 2 + 41 * 3)
        #expect(String(validating: long.readableBytesView.dropFirst(2), as: UTF8.self) != nil)
    }
}
