/// Checks UTF-8 that arrives in pieces (RFC 3629: no surrogates, no overlong forms, nothing above U+10FFFF) and sees the first byte that can belong to no
/// valid text.
struct UTF8Validator: Sendable, Equatable {
    /// Continuation bytes still owed, and the bounds of the next one.
    private var owed: UInt8 = 0
    private var lower: UInt8 = 0x80
    private var upper: UInt8 = 0xbf

    /// True between characters: text may end here.
    var isComplete: Bool { owed == 0 }

    /// Takes more bytes; false as soon as the text cannot become valid any more.
    mutating func take(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let base = bytes.baseAddress else { return true }
        let count = bytes.count
        var index = 0
        while index < count {
            if owed == 0 {
                index = Self.skipASCII(base, from: index, to: count)
                if index == count { return true }
                guard start(base.load(fromByteOffset: index, as: UInt8.self)) else { return false }
            } else {
                let byte = base.load(fromByteOffset: index, as: UInt8.self)
                guard byte >= lower, byte <= upper else { return false }
                owed -= 1
                lower = 0x80
                upper = 0xbf
            }
            index += 1
        }
        return true
    }

    /// True when `bytes` are one whole valid text.
    static func isValid(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var validator = UTF8Validator()
        return validator.take(bytes) && validator.isComplete
    }

    private mutating func start(_ byte: UInt8) -> Bool {
        switch byte {
        case 0xc2...0xdf: owed = 1
        case 0xe0: (owed, lower) = (2, 0xa0)
        case 0xed: (owed, upper) = (2, 0x9f)
        case 0xe1...0xef: owed = 2
        case 0xf0: (owed, lower) = (3, 0x90)
        case 0xf1...0xf3: owed = 3
        case 0xf4: (owed, upper) = (3, 0x8f)
        default: return false
        }
        return true
    }

    @inline(__always)
    private static func skipASCII(_ base: UnsafeRawPointer, from start: Int, to end: Int) -> Int {
        let high: UInt64 = 0x8080_8080_8080_8080
        var index = start
        while end - index >= 32 {
            let words =
                base.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                | base.loadUnaligned(fromByteOffset: index + 8, as: UInt64.self)
                | base.loadUnaligned(fromByteOffset: index + 16, as: UInt64.self)
                | base.loadUnaligned(fromByteOffset: index + 24, as: UInt64.self)
            if words & high != 0 { break }
            index += 32
        }
        while end - index >= 8, base.loadUnaligned(fromByteOffset: index, as: UInt64.self) & high == 0 { index += 8 }
        while index < end, base.load(fromByteOffset: index, as: UInt8.self) < 0x80 { index += 1 }
        return index
    }
}
