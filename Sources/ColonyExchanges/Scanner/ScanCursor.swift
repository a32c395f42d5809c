#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The bytes of a message and the lexical rules of JSON. Never reads at or behind `end`.
///
/// Each verb takes the position it begins at and returns the one behind what it consumed, or `stop` with the reason in `problem`: a
/// position that is handed on stays in a register, which is worth half of a scan's time.
struct ScanCursor {
    static let maximumNesting = 64
    static let stop = -1

    let base: UnsafeRawPointer
    let end: Int
    private(set) var problem: ScanProblem?
    /// Where reading stopped.
    var stoppedAt = 0

    @inline(__always)
    init(base: UnsafeRawPointer, end: Int) {
        self.base = base
        self.end = end
    }

    @inline(__always)
    func byte(_ index: Int) -> UInt8 {
        base.load(fromByteOffset: index, as: UInt8.self)
    }

    /// Notes the first problem.
    @inline(never)
    mutating func fail(_ reason: ScanProblem, at position: Int) -> Int {
        if problem == nil {
            problem = reason
            stoppedAt = position
        }
        return Self.stop
    }

    /// The position of the next byte that is not white space; the end of the message is a problem.
    @inline(__always)
    mutating func next(_ at: Int) -> Int {
        at < end && byte(at) > 0x20 ? at : nextBehindSpace(at)
    }

    @inline(never)
    private mutating func nextBehindSpace(_ at: Int) -> Int {
        var at = at
        while at < end {
            if !Self.isSpace(byte(at)) { return at }
            at += 1
        }
        return fail(.unexpectedEnd, at: at)
    }

    /// Consumes a string whose opening quote is at `at`; `escaped` is set where it holds a backslash.
    @inline(__always)
    mutating func string(_ at: Int, strict: Bool, escaped: inout Bool) -> Int {
        var position = at &+ 1
        var seen: UInt64 = 0
        while position < end {
            if position &+ 8 <= end {
                // Eight bytes at once.
                let word = UInt64(littleEndian: base.loadUnaligned(fromByteOffset: position, as: UInt64.self))
                let specials = Self.specialBytes(word)
                seen |= word
                if specials == 0 {
                    position &+= 8
                    continue
                }
                position &+= specials.trailingZeroBitCount &>> 3
            }
            let found = byte(position)
            if found == 0x22 {
                position &+= 1
                return strict && seen & Self.highBits != 0 ? text(from: at + 1, to: position) : position
            }
            if found == 0x5C {
                escaped = true
                position = escape(position)
                if position < 0 { return position }
                continue
            }
            if found < 0x20 { return fail(.badString, at: position) }
            seen |= UInt64(found)
            position &+= 1
        }
        return fail(.unexpectedEnd, at: position)
    }

    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let highBits: UInt64 = 0x8080_8080_8080_8080

    /// A word whose lowest set bit is the high bit of the first quote, backslash or control character of eight bytes; 0 without any.
    /// Bits above the lowest may be wrong: the subtractions borrow from the byte above.
    @inline(__always)
    private static func specialBytes(_ word: UInt64) -> UInt64 {
        let quotes = word ^ (ones &* 0x22)
        let backslashes = word ^ (ones &* 0x5C)
        let found = (quotes &- ones) & ~quotes | (backslashes &- ones) & ~backslashes | (word &- (ones &* 0x20)) & ~word
        return found & highBits
    }

    /// Consumes the backslash escape at `at`.
    @inline(never)
    private mutating func escape(_ at: Int) -> Int {
        guard at + 1 < end else { return fail(.unexpectedEnd, at: end) }
        switch byte(at + 1) {
        case 0x22, 0x5C, 0x2F, 0x62, 0x66, 0x6E, 0x72, 0x74: return at + 2
        case 0x75:
            for index in at + 2..<at + 6 {
                guard index < end else { return fail(.unexpectedEnd, at: end) }
                guard hexDigit(byte(index)) != nil else { return fail(.badString, at: index) }
            }
            return at + 6
        default: return fail(.badString, at: at + 1)
        }
    }

    /// Checks the text of a string that ends before the quote at `behind - 1`.
    @inline(never)
    private mutating func text(from start: Int, to behind: Int) -> Int {
        let bytes = UnsafeRawBufferPointer(start: base + start, count: behind - 1 - start)
        return String(validating: bytes, as: UTF8.self) == nil ? fail(.badText, at: start) : behind
    }

    /// Consumes a number by the grammar of RFC 8259.
    mutating func number(_ at: Int) -> Int {
        var at = byte(at) == 0x2D ? at + 1 : at
        guard at < end else { return fail(.unexpectedEnd, at: at) }
        if byte(at) == 0x30 {
            at += 1
        } else {
            at = digits(at)
        }
        if at > 0, at < end, byte(at) == 0x2E { at = digits(at + 1) }
        if at > 0, at < end, byte(at) | 0x20 == 0x65 {
            at += 1
            if at < end, byte(at) == 0x2B || byte(at) == 0x2D { at += 1 }
            at = digits(at)
        }
        guard at < end, at > 0 else { return at }
        return Self.endsScalar(byte(at)) ? at : fail(.badNumber, at: at)
    }

    /// Consumes at least one digit.
    @inline(__always)
    private mutating func digits(_ at: Int) -> Int {
        var position = at
        while position < end, byte(position) &- 0x30 < 10 { position &+= 1 }
        return position > at ? position : fail(position == end ? .unexpectedEnd : .badNumber, at: position)
    }

    /// Consumes `true`, `false` or `null`.
    mutating func literal(_ at: Int, _ word: StaticString) -> Int {
        let count = word.utf8CodeUnitCount
        let there = min(count, end - at)
        guard memcmp(base + at, word.utf8Start, there) == 0 else { return fail(.badLiteral, at: at) }
        guard there == count else { return fail(.unexpectedEnd, at: end) }
        let behind = at + count
        return behind == end || Self.endsScalar(byte(behind)) ? behind : fail(.badLiteral, at: behind)
    }

    /// Consumes a number or literal nobody asked for, without checking more than where it ends.
    @inline(__always)
    func scalarEnd(_ at: Int) -> Int {
        var position = at &+ 1
        while position < end, !Self.endsScalar(byte(position)) { position &+= 1 }
        return position
    }

    /// Whether a number or literal ends before `byte`: a comma, a closing bracket, white space (or what may stand nowhere).
    @inline(__always)
    static func endsScalar(_ byte: UInt8) -> Bool {
        byte == 0x2C || byte | 0x20 == 0x7D || byte <= 0x20
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
