#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Whether `count` bytes are equal. Faster than `memcmp` for the short words of protocols.
@inline(__always)
func equalBytes(_ left: UnsafeRawPointer, _ right: UnsafeRawPointer, _ count: Int) -> Bool {
    if count > 16 { return memcmp(left, right, count) == 0 }
    var index = 0
    while index < count {
        if left.load(fromByteOffset: index, as: UInt8.self) != right.load(fromByteOffset: index, as: UInt8.self) { return false }
        index &+= 1
    }
    return true
}

/// What readers do with the bytes of a message. Ranges count from the first byte and must lie inside the message.
extension UnsafeRawBufferPointer {
    /// Whether the bytes of `range` are exactly `word`.
    @inline(__always)
    package func equals(_ range: Range<Int>, _ word: StaticString) -> Bool {
        guard let baseAddress, range.count == word.utf8CodeUnitCount else { return false }
        return equalBytes(baseAddress + range.lowerBound, word.utf8Start, range.count)
    }

    /// Whether the bytes of `range` begin with `word`.
    @inline(__always)
    package func hasPrefix(_ range: Range<Int>, _ word: StaticString) -> Bool {
        guard let baseAddress, range.count >= word.utf8CodeUnitCount else { return false }
        return equalBytes(baseAddress + range.lowerBound, word.utf8Start, word.utf8CodeUnitCount)
    }

    /// Whether the bytes of `range` end with `word`.
    @inline(__always)
    package func hasSuffix(_ range: Range<Int>, _ word: StaticString) -> Bool {
        guard let baseAddress, range.count >= word.utf8CodeUnitCount else { return false }
        return equalBytes(baseAddress + (range.upperBound - word.utf8CodeUnitCount), word.utf8Start, word.utf8CodeUnitCount)
    }

    /// Whether two ranges of the message hold the same bytes.
    @inline(__always)
    package func same(_ left: Range<Int>, _ right: Range<Int>) -> Bool {
        guard let baseAddress, left.count == right.count else { return false }
        return equalBytes(baseAddress + left.lowerBound, baseAddress + right.lowerBound, left.count)
    }

    /// The first position of `wanted` in `range`.
    @inline(__always)
    package func position(of wanted: UInt8, in range: Range<Int>) -> Int? {
        var index = range.lowerBound
        while index < range.upperBound {
            if self[index] == wanted { return index }
            index &+= 1
        }
        return nil
    }

    /// The last position of `wanted` in `range`.
    @inline(__always)
    package func lastPosition(of wanted: UInt8, in range: Range<Int>) -> Int? {
        var index = range.upperBound
        while index > range.lowerBound {
            index &-= 1
            if self[index] == wanted { return index }
        }
        return nil
    }

    /// What stands before and behind the first `separator` in `range`, or nil where there is none.
    @inline(__always)
    package func split(_ range: Range<Int>, at separator: UInt8) -> (before: Range<Int>, after: Range<Int>)? {
        guard let index = position(of: separator, in: range) else { return nil }
        return (range.lowerBound..<index, index + 1..<range.upperBound)
    }

    /// What stands before and behind the last `separator` in `range`, or nil where there is none.
    @inline(__always)
    package func splitLast(_ range: Range<Int>, at separator: UInt8) -> (before: Range<Int>, after: Range<Int>)? {
        guard let index = lastPosition(of: separator, in: range) else { return nil }
        return (range.lowerBound..<index, index + 1..<range.upperBound)
    }

    /// The decimal integer that fills `range` (an optional minus sign, then digits), or nil where it is none or does not fit.
    package func integer(in range: Range<Int>) -> Int? {
        var index = range.lowerBound
        let isNegative = index < range.upperBound && self[index] == 0x2D
        if isNegative { index += 1 }
        guard index < range.upperBound else { return nil }
        var value = 0
        while index < range.upperBound {
            let digit = self[index] &- 0x30
            guard digit < 10 else { return nil }
            let (scaled, tooLarge) = value.multipliedReportingOverflow(by: 10)
            let (next, overflows) =
                isNegative ? scaled.subtractingReportingOverflow(Int(digit)) : scaled.addingReportingOverflow(Int(digit))
            if tooLarge || overflows { return nil }
            value = next
            index += 1
        }
        return value
    }

    /// The bytes of `range` as text; what is not UTF-8 becomes U+FFFD.
    package func text(_ range: Range<Int>) -> String {
        String(decoding: self[range], as: UTF8.self)
    }

    /// A value as text: strings decoded, everything else as written.
    package func text(_ value: FieldValue) -> String {
        value.hasEscapes ? UnsafeRawBufferPointer(rebasing: self[value.range]).unescaped() : text(value.range)
    }

    /// The whole message without surrounding white space.
    package var trimmed: Range<Int> {
        var lower = 0
        var upper = count
        while lower < upper, ScanCursor.isSpace(self[lower]) { lower += 1 }
        while upper > lower, ScanCursor.isSpace(self[upper - 1]) { upper -= 1 }
        return lower..<upper
    }

    /// Decodes the backslash escapes of a string's raw bytes. What is wrong in them becomes U+FFFD.
    func unescaped() -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        var index = 0
        while index < count {
            guard self[index] == 0x5C, index + 1 < count else {
                bytes.append(self[index])
                index += 1
                continue
            }
            let kind = self[index + 1]
            index += 2
            switch kind {
            case 0x62: bytes.append(0x08)
            case 0x66: bytes.append(0x0C)
            case 0x6E: bytes.append(0x0A)
            case 0x72: bytes.append(0x0D)
            case 0x74: bytes.append(0x09)
            case 0x75: bytes.append(contentsOf: String(unicodeEscape(at: &index)).utf8)
            default: bytes.append(kind)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The character whose hexadecimal digits begin at `index`, together with a second escape where it is a surrogate pair.
    private func unicodeEscape(at index: inout Int) -> Character {
        guard let high = hexUnit(at: index) else { return "\u{FFFD}" }
        index += 4
        if let scalar = Unicode.Scalar(high) { return Character(scalar) }
        guard high < 0xDC00, index + 6 <= count, self[index] == 0x5C, self[index + 1] == 0x75, let low = hexUnit(at: index + 2),
            low >= 0xDC00, low < 0xE000,
            let scalar = Unicode.Scalar(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00))
        else { return "\u{FFFD}" }
        index += 6
        return Character(scalar)
    }

    private func hexUnit(at index: Int) -> UInt32? {
        guard index + 4 <= count else { return nil }
        var unit: UInt32 = 0
        for digit in self[index..<index + 4] {
            guard let value = hexDigit(digit) else { return nil }
            unit = unit << 4 | UInt32(value)
        }
        return unit
    }
}
