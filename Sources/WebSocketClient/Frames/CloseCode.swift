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
