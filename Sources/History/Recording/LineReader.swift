internal import Glibc

/// Reads a file of flat JSON objects, one per line, without holding more than a line and a chunk in memory.
///
/// `next` moves to the next line; then its members can be asked for. A last line without its line break was cut off by a kill: it is left out.
final class LineReader {
    private struct Member {
        var name: Range<Int>
        var value: Range<Int>
        var isText: Bool
        var hasEscapes: Bool
    }

    let path: String
    /// Of the current line, from 1.
    private(set) var number = 0
    private(set) var isCutOff = false
    private var descriptor: Int32
    private var buffer: [UInt8]
    private var start = 0
    private var end = 0
    private var members: [Member] = []
    private var isAtEnd = false

    init(_ path: String, chunk: Int = 1 << 18) throws(HistoryError) {
        self.path = path
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw HistoryError(.file, "cannot open \(path): \(String(cString: strerror(errno)))") }
        buffer = [UInt8](repeating: 0, count: chunk)
    }

    deinit { Glibc.close(descriptor) }

    /// False at the end. Throws for a line that is no flat object.
    func next() throws(HistoryError) -> Bool {
        while true {
            if let line = try nextLine() {
                number += 1
                if line.isEmpty { continue }
                try parse(line)
                return true
            }
            return false
        }
    }

    /// A number, or a text of digits; nil if there is no such member.
    func integer(_ name: StaticString) -> Int64? {
        guard let member = member(name) else { return nil }
        var position = member.value.lowerBound
        let isNegative = position < member.value.upperBound && buffer[position] == UInt8(ascii: "-")
        if isNegative { position += 1 }
        guard position < member.value.upperBound else { return nil }
        var value: Int64 = 0
        while position < member.value.upperBound {
            let digit = buffer[position]
            guard digit >= 48, digit <= 57 else { return nil }
            value = value &* 10 &+ Int64(digit - 48)
            position += 1
        }
        return isNegative ? -value : value
    }

    /// Sixteen hexadecimal digits.
    func hash(_ name: StaticString) -> UInt64? {
        guard let member = member(name) else { return nil }
        var value: UInt64 = 0
        for byte in buffer[member.value] {
            switch byte {
            case 48...57: value = value << 4 | UInt64(byte - 48)
            case 97...102: value = value << 4 | UInt64(byte - 87)
            default: return nil
            }
        }
        return value
    }

    func flag(_ name: StaticString) -> Bool? {
        guard let member = member(name), !member.isText, let first = buffer[member.value].first else { return nil }
        return first == UInt8(ascii: "t")
    }

    func text(_ name: StaticString) -> String? { member(name).map(string) }

    /// Whether a text has exactly these bytes.
    func `is`(_ name: StaticString, _ value: StaticString) -> Bool {
        guard let member = member(name), member.value.count == value.utf8CodeUnitCount else { return false }
        return value.withUTF8Buffer { buffer[member.value].elementsEqual($0) }
    }

    /// All members in order, values as texts.
    var all: [(name: String, value: String)] {
        members.map { (String(decoding: buffer[$0.name], as: UTF8.self), string($0)) }
    }

    func demand<Value>(_ value: Value?, _ name: String) throws(HistoryError) -> Value {
        guard let value else { throw HistoryError(.format, "line \(number) of \(path) has no proper '\(name)'") }
        return value
    }

    // MARK: Inside

    private func string(_ member: Member) -> String {
        let bytes = buffer[member.value]
        guard member.hasEscapes else { return String(decoding: bytes, as: UTF8.self) }
        var plain: [UInt8] = []
        var position = bytes.startIndex
        while position < bytes.endIndex {
            let byte = bytes[position]
            position += 1
            guard byte == UInt8(ascii: "\\"), position < bytes.endIndex else {
                plain.append(byte)
                continue
            }
            let escaped = bytes[position]
            position += 1
            switch escaped {
            case UInt8(ascii: "n"): plain.append(0x0A)
            case UInt8(ascii: "t"): plain.append(0x09)
            case UInt8(ascii: "r"): plain.append(0x0D)
            case UInt8(ascii: "b"): plain.append(0x08)
            case UInt8(ascii: "f"): plain.append(0x0C)
            case UInt8(ascii: "u"):
                let digits = bytes[position..<min(position + 4, bytes.endIndex)]
                position = digits.endIndex
                let scalar = UInt32(String(decoding: digits, as: UTF8.self), radix: 16).flatMap { Unicode.Scalar($0) } ?? "\u{FFFD}"
                plain.append(contentsOf: String(Character(scalar)).utf8)
            default: plain.append(escaped)
            }
        }
        return String(decoding: plain, as: UTF8.self)
    }

    private func member(_ name: StaticString) -> Member? {
        let count = name.utf8CodeUnitCount
        for member in members where member.name.count == count {
            let isSame = buffer.withUnsafeBytes { bytes in
                memcmp(bytes.baseAddress! + member.name.lowerBound, name.utf8Start, count) == 0
            }
            if isSame { return member }
        }
        return nil
    }

    private func nextLine() throws(HistoryError) -> Range<Int>? {
        var searched = start
        while true {
            let found: Int? = buffer.withUnsafeBytes { bytes in
                guard searched < end, let hit = memchr(bytes.baseAddress! + searched, 0x0A, end - searched) else { return nil }
                return UnsafeRawPointer(hit) - bytes.baseAddress!
            }
            if let found {
                let line = start..<found
                start = found + 1
                return line
            }
            guard !isAtEnd else {
                isCutOff = start < end
                return nil
            }
            if start > 0 {
                let rest = end - start
                buffer.withUnsafeMutableBytes { bytes in
                    _ = memmove(bytes.baseAddress!, bytes.baseAddress! + start, rest)
                }
                start = 0
                end = rest
            }
            if end == buffer.count { buffer.append(contentsOf: repeatElement(0, count: buffer.count)) }
            searched = end
            let count = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress! + end, $0.count - end) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw HistoryError(.file, "cannot read \(path): \(String(cString: strerror(errno)))") }
            isAtEnd = count == 0
            end += max(0, count)
        }
    }

    private func parse(_ line: Range<Int>) throws(HistoryError) {
        members.removeAll(keepingCapacity: true)
        let isWell = buffer.withUnsafeBufferPointer { Self.parse($0, line, &members) }
        guard isWell else { throw HistoryError(.format, "line \(number) of \(path) is no flat JSON object") }
    }

    private static func parse(_ bytes: UnsafeBufferPointer<UInt8>, _ line: Range<Int>, _ members: inout [Member]) -> Bool {
        var position = line.lowerBound
        let end = line.upperBound
        /// Behind an opening quote: moves behind the closing one.
        func quoted() -> (range: Range<Int>, hasEscapes: Bool)? {
            let first = position
            var hasEscapes = false
            while position < end {
                switch bytes[position] {
                case UInt8(ascii: "\""):
                    position += 1
                    return (first..<(position - 1), hasEscapes)
                case UInt8(ascii: "\\"):
                    hasEscapes = true
                    position += 2
                default: position += 1
                }
            }
            return nil
        }
        guard position < end, bytes[position] == UInt8(ascii: "{"), bytes[end - 1] == UInt8(ascii: "}") else { return false }
        position += 1
        while position < end - 1 {
            guard bytes[position] == UInt8(ascii: "\"") else { return false }
            position += 1
            guard let name = quoted(), position < end - 1, bytes[position] == UInt8(ascii: ":") else { return false }
            position += 1
            if bytes[position] == UInt8(ascii: "\"") {
                position += 1
                guard let value = quoted() else { return false }
                members.append(Member(name: name.range, value: value.range, isText: true, hasEscapes: value.hasEscapes))
            } else {
                let first = position
                while position < end - 1, bytes[position] != UInt8(ascii: ",") { position += 1 }
                guard position > first else { return false }
                members.append(Member(name: name.range, value: first..<position, isText: false, hasEscapes: false))
            }
            guard position < end else { return false }
            if bytes[position] == UInt8(ascii: ",") { position += 1 }
        }
        return true
    }
}
