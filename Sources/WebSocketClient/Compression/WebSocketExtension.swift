/// What is wrong with a Sec-WebSocket-Extensions header.
struct ExtensionError: Error, Equatable {
    var text: String

    init(_ text: String) { self.text = text }
}

/// One element of Sec-WebSocket-Extensions (RFC 6455 section 9.1).
struct WebSocketExtension {
    var name: String
    var parameters: [(name: String, value: String?)]

    /// Reads the whole header: elements separated by commas, parameters by semicolons, values bare or quoted.
    static func parse(_ header: String) throws(ExtensionError) -> [WebSocketExtension] {
        var scanner = Scanner(bytes: Array(header.utf8))
        var extensions: [WebSocketExtension] = []
        repeat {
            scanner.skipBlanks()
            if scanner.isAtEnd || scanner.peek == UInt8(ascii: ",") { continue }  // RFC 7230 section 7: empty elements are to be ignored
            var element = WebSocketExtension(name: try scanner.token().lowercased(), parameters: [])
            scanner.skipBlanks()
            while scanner.take(UInt8(ascii: ";")) {
                scanner.skipBlanks()
                let name = try scanner.token().lowercased()
                scanner.skipBlanks()
                var value: String?
                if scanner.take(UInt8(ascii: "=")) {
                    scanner.skipBlanks()
                    value = try scanner.peek == UInt8(ascii: "\"") ? scanner.quoted() : scanner.token()
                    scanner.skipBlanks()
                }
                element.parameters.append((name, value))
            }
            extensions.append(element)
        } while scanner.take(UInt8(ascii: ","))
        guard scanner.isAtEnd else { throw ExtensionError("malformed at byte \(scanner.index)") }
        return extensions
    }

    private struct Scanner {
        var bytes: [UInt8]
        var index = 0

        var isAtEnd: Bool { index == bytes.count }
        var peek: UInt8? { isAtEnd ? nil : bytes[index] }

        mutating func skipBlanks() {
            while let byte = peek, byte == 0x20 || byte == 0x09 { index += 1 }
        }

        mutating func take(_ byte: UInt8) -> Bool {
            guard peek == byte else { return false }
            index += 1
            return true
        }

        mutating func token() throws(ExtensionError) -> String {
            let start = index
            while let byte = peek, HTTPText.isTokenByte(byte) { index += 1 }
            guard index > start else { throw ExtensionError("a name or value is missing at byte \(index)") }
            return String(decoding: bytes[start..<index], as: UTF8.self)
        }

        /// A quoted value; unquoted it must be a token.
        mutating func quoted() throws(ExtensionError) -> String {
            index += 1
            var content: [UInt8] = []
            while let byte = peek, byte != UInt8(ascii: "\"") {
                index += 1
                if byte == UInt8(ascii: "\\"), let escaped = peek {
                    content.append(escaped)
                    index += 1
                } else {
                    content.append(byte)
                }
            }
            guard take(UInt8(ascii: "\"")), !content.isEmpty, content.allSatisfy(HTTPText.isTokenByte) else {
                throw ExtensionError("bad quoted value at byte \(index)")
            }
            return String(decoding: content, as: UTF8.self)
        }
    }
}
