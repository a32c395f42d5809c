/// The head of an HTTP response.
struct HTTPHead: Equatable, Sendable {
    struct Field: Equatable, Sendable {
        var name: String
        var value: String
    }

    /// 1 of HTTP/1.1.
    var minorVersion = 1
    var status: Int
    var reason: String
    var fields: [Field]

    func values(_ name: String) -> [String] {
        fields.filter { HTTPText.equalIgnoringCase($0.name, name) }.map(\.value)
    }

    /// Whether the list in the field `name` (of any number of lines) has `element`, in any case.
    func lists(_ element: String, in name: String) -> Bool {
        values(name).contains { HTTPText.elements($0).contains { HTTPText.equalIgnoringCase($0, element) } }
    }
}

/// What is wrong with an HTTP response.
struct HTTPHeadError: Error, Equatable {
    var text: String

    init(_ text: String) { self.text = text }
}

/// Collects the head of an HTTP response from pieces, within limits, and not a byte more.
struct HTTPHeadReader {
    static let maxBytes = 64 << 10
    static let maxFields = 100

    private static let start = Array("HTTP/1.".utf8)

    private var collected: [UInt8] = []
    /// Bytes and lines of heads before this one.
    private var earlier = 0
    private var lines = 0

    /// Takes bytes of `input` up to the end of the head.
    /// - Returns: how many bytes it took, and the head once it is complete.
    mutating func take(_ input: UnsafeRawBufferPointer) throws(HTTPHeadError) -> (taken: Int, head: HTTPHead?) {
        for (index, byte) in input.enumerated() {
            collected.append(byte)
            let count = collected.count
            if count <= Self.start.count, byte != Self.start[count - 1] {
                throw HTTPHeadError("not an HTTP/1.1 response: it begins with \"\(HTTPText.excerpt(collected, limit: 16))\"")
            }
            if byte == 0x0a {
                // At once, not at the end: a head whose empty line ends differently would never end.
                guard collected[count - 2] == 0x0d else { throw HTTPHeadError("line of the response head that does not end in CR LF") }
                if count >= 4, collected[count - 4] == 0x0d, collected[count - 3] == 0x0a { return (index + 1, try Self.parse(collected)) }
                lines += 1
                guard lines <= Self.maxFields + 1 else { throw HTTPHeadError("response head of more than \(Self.maxFields) fields") }
            }
            guard earlier + count < Self.maxBytes else { throw HTTPHeadError("response head of more than \(Self.maxBytes) bytes") }
        }
        return (input.count, nil)
    }

    /// Makes ready for another head; its bytes count towards the same limit.
    mutating func startOver() {
        earlier += collected.count
        collected = []
        lines = 0
    }

    private static func parse(_ bytes: [UInt8]) throws(HTTPHeadError) -> HTTPHead {
        var lines: [ArraySlice<UInt8>] = []
        var rest = bytes[..<(bytes.count - 2)]
        while let end = rest.firstIndex(of: 0x0a) {
            lines.append(rest[rest.startIndex..<(end - 1)])
            rest = rest[(end + 1)...]
        }
        guard let statusLine = lines.first else { throw HTTPHeadError("response without a status line") }
        var head = try status(statusLine)
        for line in lines.dropFirst() {
            // A folded line goes on with the one before (RFC 9112 section 5.2: blanks instead of the fold).
            if let first = line.first, first == 0x20 || first == 9, let last = head.fields.indices.last,
                line.allSatisfy(HTTPText.isFieldByte)
            {
                head.fields[last].value += " " + HTTPText.trim(line)
            } else {
                head.fields.append(try field(line))
            }
        }
        return head
    }

    private static func status(_ line: ArraySlice<UInt8>) throws(HTTPHeadError) -> HTTPHead {
        let text = HTTPText.excerpt(line, limit: 100)
        let parts = line.split(separator: 0x20, maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count >= 2, parts[0].elementsEqual("HTTP/1.1".utf8) || parts[0].elementsEqual("HTTP/1.0".utf8), parts[1].count == 3,
            let status = Int(String(decoding: parts[1], as: UTF8.self)), status >= 100
        else { throw HTTPHeadError("malformed status line \"\(text)\"") }
        return HTTPHead(
            minorVersion: parts[0].last == UInt8(ascii: "1") ? 1 : 0, status: status,
            reason: parts.count == 3 ? HTTPText.excerpt(parts[2], limit: 100) : "", fields: [])
    }

    private static func field(_ line: ArraySlice<UInt8>) throws(HTTPHeadError) -> HTTPHead.Field {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex,
            line[..<colon].allSatisfy(HTTPText.isTokenByte), line[colon...].allSatisfy(HTTPText.isFieldByte)
        else { throw HTTPHeadError("malformed field \"\(HTTPText.excerpt(line, limit: 100))\" in the response head") }
        return HTTPHead.Field(name: String(decoding: line[..<colon], as: UTF8.self), value: HTTPText.trim(line[(colon + 1)...]))
    }
}
