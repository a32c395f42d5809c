/// The body of an HTTP response, put together from pieces (RFC 9112 sections 6 and 7.1), up to a limit.
struct HTTPBody {
    private enum State {
        /// So many bytes are still to come.
        case counted(Int)
        /// Everything up to the end of the connection.
        case untilEnd
        /// The line with a chunk's size; how much of it came, and whether it has come to what is not the size any more.
        case chunkSize(Int, bytes: Int, isBehindDigits: Bool)
        case chunk(Int)
        /// The line end behind a chunk.
        case chunkEnd
        /// Fields behind the last chunk; bytes of this line, and of all.
        case trailer(line: Int, all: Int)
        case complete
    }

    /// The longest line with a chunk's size, and the longest trailer.
    static let maxLineBytes = 4096

    private(set) var bytes: [UInt8] = []
    /// More came than is kept.
    private(set) var isCut = false
    private let limit: Int
    private var state: State

    /// - Parameter limit: the most bytes kept.
    /// - Throws: for framing that cannot be understood.
    init(_ head: HTTPHead, limit: Int) throws(HTTPHeadError) {
        self.limit = limit
        let codings = head.values("Transfer-Encoding").flatMap { HTTPText.elements($0) }
        let lengths = Set(head.values("Content-Length").flatMap { HTTPText.elements($0) })
        if head.status == 204 || head.status == 304 {
            state = .complete
        } else if !codings.isEmpty {
            guard codings.count == 1, HTTPText.equalIgnoringCase(codings[0], "chunked") else {
                throw HTTPHeadError(
                    "transfer encoding \"\(HTTPText.excerpt(codings.joined(separator: ", ").utf8, limit: 100))\" not asked for")
            }
            state = .chunkSize(0, bytes: 0, isBehindDigits: false)
        } else if let text = lengths.first {
            guard lengths.count == 1, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let length = Int(text) else {
                throw HTTPHeadError(
                    "unusable Content-Length \"\(HTTPText.excerpt(lengths.sorted().joined(separator: ", ").utf8, limit: 100))\"")
            }
            state = length == 0 ? .complete : .counted(length)
        } else {
            state = .untilEnd
        }
    }

    var isComplete: Bool { if case .complete = state { true } else { false } }

    /// A body without length or chunks ends with the connection.
    var endsWithConnection: Bool { if case .untilEnd = state { true } else { false } }

    /// Takes what came; bytes behind the end are not looked at.
    mutating func take(_ more: UnsafeRawBufferPointer) throws(HTTPHeadError) {
        var index = 0
        while index < more.count {
            switch state {
            case .complete:
                return
            case .untilEnd:
                keep(more[index...])
                return
            case .counted(let left), .chunk(let left):
                let count = min(left, more.count - index)
                keep(more[index..<(index + count)])
                index += count
                advance(by: count)
            case .chunkSize, .chunkEnd, .trailer:
                try take(more[index])
                index += 1
            }
        }
    }

    private mutating func advance(by count: Int) {
        switch state {
        case .counted(let left): state = left == count ? .complete : .counted(left - count)
        case .chunk(let left): state = left == count ? .chunkEnd : .chunk(left - count)
        case .untilEnd, .chunkSize, .chunkEnd, .trailer, .complete: break
        }
    }

    /// A byte of the framing of chunks.
    private mutating func take(_ byte: UInt8) throws(HTTPHeadError) {
        switch state {
        case .chunkSize(let size, let count, let isBehindDigits):
            guard count < Self.maxLineBytes else { throw HTTPHeadError("chunk size line of more than \(Self.maxLineBytes) bytes") }
            if byte == 0x0a {
                guard count > 0 else { throw HTTPHeadError("chunk without a size") }
                state = size == 0 ? .trailer(line: 0, all: 0) : .chunk(size)
            } else if !isBehindDigits, let digit = Self.hexDigit(byte) {
                guard size < 1 << 56 else { throw HTTPHeadError("chunk of an absurd size") }
                state = .chunkSize(size << 4 | digit, bytes: count + 1, isBehindDigits: false)
            } else {
                guard count > 0, isBehindDigits || byte == 0x0d || byte == UInt8(ascii: ";") || byte == 0x20 || byte == 0x09 else {
                    throw HTTPHeadError("malformed chunk size")
                }
                state = .chunkSize(size, bytes: count + 1, isBehindDigits: true)
            }
        case .chunkEnd:
            if byte == 0x0d { return }
            guard byte == 0x0a else { throw HTTPHeadError("chunk longer than its size") }
            state = .chunkSize(0, bytes: 0, isBehindDigits: false)
        case .trailer(let line, let all):
            guard all < Self.maxLineBytes else { throw HTTPHeadError("trailer of more than \(Self.maxLineBytes) bytes") }
            if byte == 0x0a {
                state = line == 0 ? .complete : .trailer(line: 0, all: all + 1)
            } else {
                state = .trailer(line: line + (byte == 0x0d ? 0 : 1), all: all + 1)
            }
        case .counted, .untilEnd, .chunk, .complete: break
        }
    }

    private mutating func keep(_ more: Slice<UnsafeRawBufferPointer>) {
        let room = limit - bytes.count
        if more.count > room { isCut = true }
        bytes.append(contentsOf: more.prefix(room))
    }

    private static func hexDigit(_ byte: UInt8) -> Int? {
        switch byte {
        case 0x30...0x39: Int(byte - 0x30)
        case 0x41...0x46: Int(byte - 0x41) + 10
        case 0x61...0x66: Int(byte - 0x61) + 10
        default: nil
        }
    }
}
