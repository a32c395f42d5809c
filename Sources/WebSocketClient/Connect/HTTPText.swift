/// The small pieces of HTTP's grammar (RFC 9110 section 5.6).
enum HTTPText {
    static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "%"), UInt8(ascii: "&"), UInt8(ascii: "'"),
            UInt8(ascii: "*"),
            UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "^"), UInt8(ascii: "_"), UInt8(ascii: "`"),
            UInt8(ascii: "|"),
            UInt8(ascii: "~"):
            true
        default: false
        }
    }

    static func isToken(_ text: String) -> Bool { !text.isEmpty && text.utf8.allSatisfy(isTokenByte) }

    /// No line end, no other control byte but the tab.
    static func isFieldByte(_ byte: UInt8) -> Bool { byte == 9 || (byte >= 0x20 && byte != 0x7f) }

    /// Whether a header value may be sent.
    static func isFieldValue(_ text: String) -> Bool { text.utf8.allSatisfy(isFieldByte) }

    static func equalIgnoringCase(_ left: String, _ right: String) -> Bool {
        left.utf8.count == right.utf8.count && zip(left.utf8, right.utf8).allSatisfy { lowercase($0) == lowercase($1) }
    }

    static func lowercase(_ byte: UInt8) -> UInt8 { (0x41...0x5a).contains(byte) ? byte | 0x20 : byte }

    /// The elements of a list separated by commas, without blanks around them.
    static func elements(_ value: String) -> [String] {
        value.utf8.split(separator: UInt8(ascii: ",")).map { trim($0) }.filter { !$0.isEmpty }
    }

    static func trim(_ bytes: some BidirectionalCollection<UInt8>) -> String {
        var slice = bytes[...]
        while let first = slice.first, first == 0x20 || first == 9 { slice.removeFirst() }
        while let last = slice.last, last == 0x20 || last == 9 { slice.removeLast() }
        return String(decoding: slice, as: UTF8.self)
    }

    /// At most `limit` bytes of foreign text for an error description: one line, no control characters.
    static func excerpt(_ bytes: some Collection<UInt8>, limit: Int) -> String {
        let line = String(decoding: bytes.prefix(limit), as: UTF8.self).unicodeScalars.map { scalar in
            scalar.properties.generalCategory == .control ? " " : String(scalar)
        }
        return line.joined()
    }
}
