/// Walks over replies before hiredis parses them and refuses what would cost too much: announced lengths and counts, depth, endless lines.
///
/// hiredis makes room for an array when it reads its head, scans an unfinished line again with every portion, and (from 1.0 on) lets arrays nest
/// without limit; a few bytes of a hostile server would buy gigabytes, minutes or the stack. Lines end in CR LF for hiredis, so nothing else may end one here:
/// whoever sees other lines than the parser guards something else than what is parsed.
package struct ReplyGuard {
    package struct Limits: Sendable {
        package var bulkBytes: Int
        package var elements: Int
        /// For status lines, errors and numbers.
        package var lineBytes = 1_048_576
        /// The limit of hiredis 0.14, kept with later versions too.
        package var depth = 7

        package init(bulkBytes: Int, elements: Int) {
            self.bulkBytes = bulkBytes
            self.elements = elements
        }
    }

    private enum State {
        /// The first byte of a reply, or of an element, comes next.
        case start
        /// Within a line whose text does not matter; so many bytes of it came, the last of them a CR or not.
        case text(byteCount: Int, isBehindCR: Bool)
        /// Within the head of a bulk string (`$`) or an array (`*`).
        case head(marker: UInt8, number: Int, isNegative: Bool, byteCount: Int)
        /// Behind the CR of a head.
        case headEnd(marker: UInt8, number: Int, isNegative: Bool)
        /// Within a bulk string; so many bytes are left, its line end included.
        case bulk(left: Int)
    }

    private let limits: Limits
    private var state = State.start
    /// How many of the bytes inspected last belong to replies that are whole: they may be read even if what follows was refused.
    package private(set) var wholeByteCount = 0
    /// The elements still owed by each open array, the innermost last.
    private var open: [Int] = []

    package init(limits: Limits) {
        self.limits = limits
        open.reserveCapacity(limits.depth)
    }

    /// Throws for bytes that must not reach the parser. Bytes may be cut anywhere.
    package mutating func inspect(_ bytes: UnsafeRawBufferPointer) throws(RedisReplyReader.Failure) {
        var index = 0
        wholeByteCount = 0
        while index < bytes.count {
            defer { if case .start = state, open.isEmpty { wholeByteCount = index } }
            switch state {
            case .bulk(let left):
                let length = min(left, bytes.count - index)
                index += length
                if length == left { endElement() } else { state = .bulk(left: left - length) }
            case .text(var byteCount, let isBehindCR):
                let rest = bytes[index...]
                let end = rest.firstIndex(of: UInt8(ascii: "\n"))
                if let end, !(end == index ? isBehindCR : bytes[end - 1] == UInt8(ascii: "\r")) {
                    throw .init("a line ends without a carriage return")
                }
                byteCount += (end ?? rest.endIndex) - index
                guard byteCount <= limits.lineBytes else { throw .init("a line is longer than \(limits.lineBytes) bytes") }
                index = end.map { $0 + 1 } ?? rest.endIndex
                if end == nil {
                    state = .text(byteCount: byteCount, isBehindCR: bytes[index - 1] == UInt8(ascii: "\r"))
                } else {
                    endElement()
                }
            case .start:
                state = try Self.begin(bytes[index])
                index += 1
            case .head(let marker, let number, let isNegative, let byteCount):
                try continueHead(bytes[index], marker: marker, number: number, isNegative: isNegative, byteCount: byteCount)
                index += 1
            case .headEnd(let marker, let number, let isNegative):
                guard bytes[index] == UInt8(ascii: "\n") else { throw Self.badLength }
                try endHead(marker: marker, number: number, isNull: isNegative)
                index += 1
            }
        }
    }

    private static let badLength = RedisReplyReader.Failure("the length of a reply is not a number or has more than 18 digits")

    private static func begin(_ marker: UInt8) throws(RedisReplyReader.Failure) -> State {
        switch marker {
        case UInt8(ascii: "$"), UInt8(ascii: "*"): return .head(marker: marker, number: 0, isNegative: false, byteCount: 0)
        case UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: ":"): return .text(byteCount: 0, isBehindCR: false)
        default: throw .init("a reply begins with byte \(marker), which no type of RESP2 does")
        }
    }

    private mutating func continueHead(
        _ byte: UInt8, marker: UInt8, number: Int, isNegative: Bool, byteCount: Int
    ) throws(RedisReplyReader.Failure) {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9") where byteCount < 18:
            let number = number * 10 + Int(byte - UInt8(ascii: "0"))
            state = .head(marker: marker, number: number, isNegative: isNegative, byteCount: byteCount + 1)
        case UInt8(ascii: "-") where byteCount == 0:
            state = .head(marker: marker, number: number, isNegative: true, byteCount: 1)
        case UInt8(ascii: "\r"):
            state = .headEnd(marker: marker, number: number, isNegative: isNegative)
        default:
            throw Self.badLength
        }
    }

    private mutating func endHead(marker: UInt8, number: Int, isNull: Bool) throws(RedisReplyReader.Failure) {
        if isNull { return endElement() }
        if marker == UInt8(ascii: "$") {
            guard number <= limits.bulkBytes else {
                throw .init("a bulk string of \(number) bytes is over the limit of \(limits.bulkBytes)")
            }
            state = .bulk(left: number + 2)
        } else {
            guard number <= limits.elements else { throw .init("an array of \(number) elements is over the limit of \(limits.elements)") }
            guard open.count < limits.depth else { throw .init("replies nest deeper than \(limits.depth) levels") }
            if number == 0 { return endElement() }
            open.append(number)
            state = .start
        }
    }

    private mutating func endElement() {
        state = .start
        while let owed = open.popLast() {
            guard owed == 1 else { return open.append(owed - 1) }
        }
    }
}
