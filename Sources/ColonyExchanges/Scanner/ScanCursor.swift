#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A position in a message and the lexical rules of JSON. Never reads at or behind `end`.
struct ScanCursor {
    static let maximumNesting = 64

    let base: UnsafeRawPointer
    let end: Int
    var at = 0
    var problem: ScanProblem?

    @inline(__always)
    init(base: UnsafeRawPointer, end: Int) {
        self.base = base
        self.end = end
    }

    @inline(__always)
    func byte(_ index: Int) -> UInt8 {
        base.load(fromByteOffset: index, as: UInt8.self)
    }

    /// Notes the first problem; the answer is false so that callers can return it.
    @inline(never)
    mutating func fail(_ reason: ScanProblem, at position: Int? = nil) -> Bool {
        if let position { at = position }
        if problem == nil { problem = reason }
        return false
    }

    /// The next byte that is not white space, without consuming it; nil (and a problem) at the end.
    @inline(__always)
    mutating func next() -> UInt8? {
        var position = at
        while position < end {
            let found = byte(position)
            if !Self.isSpace(found) {
                at = position
                return found
            }
            position += 1
        }
        _ = fail(.unexpectedEnd, at: position)
        return nil
    }

    /// Consumes a string whose opening quote is at `at`; `escaped` is set where it holds a backslash. On success `at` is behind
    /// the closing quote.
    @inline(__always)
    mutating func string(strict: Bool, escaped: inout Bool) -> Bool {
        let start = at + 1
        var position = start
        var seen: UInt8 = 0
        while position < end {
            let found = byte(position)
            if found == 0x22 {
                at = position + 1
                return strict && seen >= 0x80 ? text(from: start, to: position) : true
            }
            if found == 0x5C {
                escaped = true
                guard let next = escape(at: position) else { return false }
                position = next
                continue
            }
            if found < 0x20 { return fail(.badString, at: position) }
            seen |= found
            position += 1
        }
        return fail(.unexpectedEnd, at: position)
    }

    /// The position behind the backslash escape at `position`, or nil and a problem.
    @inline(never)
    private mutating func escape(at position: Int) -> Int? {
        guard position + 1 < end else {
            _ = fail(.unexpectedEnd, at: end)
            return nil
        }
        switch byte(position + 1) {
        case 0x22, 0x5C, 0x2F, 0x62, 0x66, 0x6E, 0x72, 0x74: return position + 2
        case 0x75:
            for index in position + 2..<position + 6 {
                guard index < end else {
                    _ = fail(.unexpectedEnd, at: end)
                    return nil
                }
                guard hexDigit(byte(index)) != nil else {
                    _ = fail(.badString, at: index)
                    return nil
                }
            }
            return position + 6
        default:
            _ = fail(.badString, at: position + 1)
            return nil
        }
    }

    @inline(never)
    private mutating func text(from start: Int, to stop: Int) -> Bool {
        let bytes = UnsafeRawBufferPointer(start: base + start, count: stop - start)
        guard String(validating: bytes, as: UTF8.self) != nil else { return fail(.badText, at: start) }
        return true
    }

    /// Consumes a number by the grammar of RFC 8259.
    mutating func number() -> Bool {
        if byte(at) == 0x2D { at += 1 }
        guard at < end else { return fail(.unexpectedEnd) }
        if byte(at) == 0x30 {
            at += 1
        } else if !digits() {
            return false
        }
        if at < end, byte(at) == 0x2E {
            at += 1
            if !digits() { return false }
        }
        if at < end, byte(at) | 0x20 == 0x65 {
            at += 1
            if at < end, byte(at) == 0x2B || byte(at) == 0x2D { at += 1 }
            if !digits() { return false }
        }
        guard at == end || Self.endsScalar(byte(at)) else { return fail(.badNumber) }
        return true
    }

    @inline(__always)
    private mutating func digits() -> Bool {
        var position = at
        while position < end, byte(position) &- 0x30 < 10 { position += 1 }
        if position == at { return fail(position == end ? .unexpectedEnd : .badNumber) }
        at = position
        return true
    }

    /// Consumes `true`, `false` or `null`.
    mutating func literal(_ word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        let there = min(count, end - at)
        guard memcmp(base + at, word.utf8Start, there) == 0 else { return fail(.badLiteral) }
        at += there
        guard there == count else { return fail(.unexpectedEnd) }
        guard at == end || Self.endsScalar(byte(at)) else { return fail(.badLiteral) }
        return true
    }

    /// Consumes a number or literal nobody asked for, without checking more than where it ends.
    @inline(__always)
    mutating func passOverScalar() {
        var position = at
        while position < end, !Self.endsScalar(byte(position)) { position += 1 }
        at = position
    }

    @inline(__always)
    static func endsScalar(_ byte: UInt8) -> Bool {
        byte == 0x2C || byte == 0x7D || byte == 0x5D || isSpace(byte)
    }

    @inline(__always)
    static func isSpace(_ byte: UInt8) -> Bool {
        byte <= 0x20 && (byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09)
    }
}

/// The value of a hexadecimal digit.
@inline(__always)
func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte &- 0x30
    case 0x41...0x46: byte &- 0x37
    case 0x61...0x66: byte &- 0x57
    default: nil
    }
}
