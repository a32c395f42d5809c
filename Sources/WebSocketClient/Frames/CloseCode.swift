/// The close codes of RFC 6455 section 7.4 and of the registry it founded.
enum CloseCode {
    static let normal: UInt16 = 1000
    static let protocolError: UInt16 = 1002
    /// Never sent: stands for a close frame without a code.
    static let none: UInt16 = 1005
    /// Never sent: stands for a connection that ended without close frames.
    static let abnormal: UInt16 = 1006
    static let invalidText: UInt16 = 1007
    static let tooBig: UInt16 = 1009
    static let internalError: UInt16 = 1011

    /// The code, and what it stands for where that is registered.
    static func name(_ code: UInt16) -> String {
        let names: [UInt16: String] = [
            1000: "normal closure", 1001: "going away", 1002: "protocol error", 1003: "unsupported data", 1007: "invalid payload",
            1008: "policy violation", 1009: "message too big", 1010: "extension missing", 1011: "internal error", 1012: "service restart",
            1013: "try again later", 1014: "bad gateway",
        ]
        return names[code].map { "\(code) (\($0))" } ?? "\(code)"
    }

    /// Whether a peer may send this code.
    static func isValid(_ code: UInt16) -> Bool {
        switch code {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }
}

/// A rule the peer broke, and the close code that answers it.
struct ProtocolViolation: Error, Equatable, Sendable {
    var code: UInt16
    var text: String

    init(_ code: UInt16, _ text: String) {
        self.code = code
        self.text = text
    }

    /// A broken rule of the protocol itself.
    init(_ text: String) { self.init(CloseCode.protocolError, text) }
}
