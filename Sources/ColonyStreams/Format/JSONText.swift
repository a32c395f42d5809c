package import NIOCore

/// Writes JSON text; only what one-line records need.
package enum JSONText {

    /// A JSON string with quotes. Control characters, quotes and backslashes are escaped; so are U+2028 and U+2029, which end lines in JavaScript.
    package static func quoted(_ string: some StringProtocol) -> String {
        var out = "\""
        out.reserveCapacity(string.utf8.count + 2)
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            case "\u{8}": out += "\\b"
            case "\u{c}": out += "\\f"
            case "\u{0}"..<" ", "\u{7f}", "\u{2028}", "\u{2029}":
                let hex = String(scalar.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }

    /// The bytes as text if they are UTF-8.
    package static func utf8(_ buffer: ByteBuffer) -> String? {
        String(validating: buffer.readableBytesView, as: UTF8.self)
    }

    /// Base64 with padding (RFC 4648, section 4).
    package static func base64(_ buffer: ByteBuffer) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        let bytes = Array(buffer.readableBytesView)
        var out: [UInt8] = []
        out.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            var bits = 0
            for offset in 0..<3 { bits = bits << 8 | (offset < group.count ? Int(group[start + offset]) : 0) }
            for offset in 0..<4 {
                out.append(offset <= group.count ? alphabet[bits >> (18 - 6 * offset) & 63] : UInt8(ascii: "="))
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// An object with the members in this order.
    package static func object(_ members: [(name: String, value: Value)]) -> String {
        "{" + members.map { "\(quoted($0.name)):\($0.value.text)" }.joined(separator: ",") + "}"
    }

    /// A value of a member.
    package enum Value: Sendable, Hashable {
        case string(String)
        case integer(Int64)
        case bool(Bool)

        var text: String {
            switch self {
            case .string(let string): JSONText.quoted(string)
            case .integer(let number): String(number)
            case .bool(let bool): bool ? "true" : "false"
            }
        }
    }
}
