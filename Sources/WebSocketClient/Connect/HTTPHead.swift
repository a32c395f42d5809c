/// The head of an HTTP response.
struct HTTPHead: Equatable, Sendable {
    struct Field: Equatable, Sendable {
        var name: String
        var value: String
    }

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

    private var collected: [UInt8] = []
    /// Bytes of heads before this one.
    private var earlier = 0

    /// Takes bytes of `input` up to the end of the head.
    /// - Returns: how many bytes it took, and the head once it is complete.
    mutating func take(_ input: UnsafeRawBufferPointer) throws(HTTPHeadError) -> (taken: Int, head: HTTPHead?) {
        for (index, byte) in input.enumerated() {
            collected.append(byte)
            try checkStart()
            guard byte == 0x0a, collected.suffix(4).elementsEqual([0x0d, 0x0a, 0x0d, 0x0a]) else {
                guard earlier + collected.count < Self.maxBytes else {
                    throw HTTPHeadError("response head of more than \(Self.maxBytes) bytes")
                }
                continue
            }
            return (index + 1, try Self.parse(collected))
        }
        return (input.count, nil)
    }

    /// Makes ready for another head; its bytes count towards the same limit.
    mutating func startOver() {
        earlier += collected.count
        collected = []
    }

    private func checkStart() throws(HTTPHeadError) {
        let expected = Array("HTTP/1.".utf8)
        guard collected.count <= expected.count, collected[collected.count - 1] != expected[collected.count - 1] else { return }
        throw HTTPHeadError("not an HTTP/1.1 response: it begins with \"\(HTTPText.excerpt(collected, limit: 16))\"")
    }

    private static func parse(_ bytes: [UInt8]) throws(HTTPHeadError) -> HTTPHead {
        var lines: [ArraySlice<UInt8>] = []
        var rest = bytes[..<(bytes.count - 2)]
        while let end = rest.firstIndex(of: 0x0a) {
            guard end > rest.startIndex, rest[end - 1] == 0x0d else {
                throw HTTPHeadError("line of the response head that does not end in CR LF")
            }
            lines.append(rest[rest.startIndex..<(end - 1)])
            rest = rest[(end + 1)...]
        }
        guard let statusLine = lines.first else { throw HTTPHeadError("response without a status line") }
        guard lines.count <= maxFields + 1 else { throw HTTPHeadError("response head of more than \(maxFields) fields") }
        var head = try status(statusLine)
        for line in lines.dropFirst() { head.fields.append(try field(line)) }
        return head
    }

    private static func status(_ line: ArraySlice<UInt8>) throws(HTTPHeadError) -> HTTPHead {
        let text = HTTPText.excerpt(line, limit: 100)
        let parts = line.split(separator: 0x20, maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count >= 2, parts[0].elementsEqual("HTTP/1.1".utf8) || parts[0].elementsEqual("HTTP/1.0".utf8), parts[1].count == 3,
            let status = Int(String(decoding: parts[1], as: UTF8.self)), status >= 100
        else { throw HTTPHeadError("malformed status line \"\(text)\"") }
        return HTTPHead(status: status, reason: parts.count == 3 ? HTTPText.excerpt(parts[2], limit: 100) : "", fields: [])
    }

    private static func field(_ line: ArraySlice<UInt8>) throws(HTTPHeadError) -> HTTPHead.Field {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex,
            line[..<colon].allSatisfy(HTTPText.isTokenByte), line[colon...].allSatisfy({ $0 == 9 || ($0 >= 0x20 && $0 != 0x7f) })
        else { throw HTTPHeadError("malformed field \"\(HTTPText.excerpt(line, limit: 100))\" in the response head") }
        return HTTPHead.Field(name: String(decoding: line[..<colon], as: UTF8.self), value: HTTPText.trim(line[(colon + 1)...]))
    }
}
