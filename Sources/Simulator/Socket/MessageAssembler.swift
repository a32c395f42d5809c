internal import NIOCore
package import NIOWebSocket

/// Turns a client's frames into messages and judges them by RFC 6455. The frames were decoded by NIOWebSocket.
package struct MessageAssembler {
    package enum Event: Sendable, Equatable {
        case message(ClientMessage)
        case ping([UInt8])
        case pong([UInt8])
        /// 1005: without a code.
        case close(code: UInt16, reason: String)
        /// What was broken, and the close code for it.
        case violation(code: UInt16, String)
    }

    private let limit: Int
    private var partial: (isText: Bool, bytes: [UInt8])?

    /// `limit`: bytes of the largest message taken.
    package init(limit: Int) { self.limit = limit }

    /// nil: the message goes on.
    package mutating func take(_ frame: WebSocketFrame) -> Event? {
        guard frame.maskKey != nil else { return .violation(code: 1002, "a client's frame must be masked (RFC 6455 5.1)") }
        guard !frame.rsv1, !frame.rsv2, !frame.rsv3 else {
            return .violation(code: 1002, "reserved bits are set though no extension was agreed on (RFC 6455 5.2)")
        }
        let bytes = Array(frame.unmaskedData.readableBytesView)
        switch frame.opcode {
        case .ping: return .ping(bytes)
        case .pong: return .pong(bytes)
        case .connectionClose: return Self.close(bytes)
        case .text, .binary:
            guard partial == nil else { return .violation(code: 1002, "a new message inside a fragmented one (RFC 6455 5.4)") }
            return add(bytes, isText: frame.opcode == .text, to: [], isLast: frame.fin)
        case .continuation:
            guard let begun = partial else { return .violation(code: 1002, "a continuation of nothing (RFC 6455 5.4)") }
            return add(bytes, isText: begun.isText, to: begun.bytes, isLast: frame.fin)
        default: return .violation(code: 1002, "a reserved opcode (RFC 6455 5.2)")
        }
    }

    private mutating func add(_ bytes: [UInt8], isText: Bool, to begun: [UInt8], isLast: Bool) -> Event? {
        guard begun.count + bytes.count <= limit else { return .violation(code: 1009, "a message of more than \(limit) bytes") }
        guard isLast else {
            partial = (isText, begun + bytes)
            return nil
        }
        partial = nil
        let whole = begun.isEmpty ? bytes : begun + bytes
        guard isText else { return .message(.binary(whole)) }
        guard let text = String(validating: whole, as: UTF8.self) else {
            return .violation(code: 1007, "a text message that is not UTF-8 (RFC 6455 8.1)")
        }
        return .message(.text(text))
    }

    private static func close(_ bytes: [UInt8]) -> Event {
        guard bytes.count != 1 else { return .violation(code: 1002, "a close frame with half a code (RFC 6455 5.5.1)") }
        guard bytes.count >= 2 else { return .close(code: 1005, reason: "") }
        let code = UInt16(bytes[0]) << 8 | UInt16(bytes[1])
        guard (1000...1003).contains(code) || (1007...1014).contains(code) || (3000...4999).contains(code) else {
            return .violation(code: 1002, "close code \(code) must not be sent (RFC 6455 7.4)")
        }
        guard let reason = String(validating: bytes[2...], as: UTF8.self) else {
            return .violation(code: 1007, "a close reason that is not UTF-8 (RFC 6455 5.5.1)")
        }
        return .close(code: code, reason: reason)
    }
}
