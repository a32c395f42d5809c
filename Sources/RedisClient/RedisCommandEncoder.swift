public import NIOCore

/// Writes commands in Redis' protocol straight into a buffer: `*<arguments>\r\n`, then `$<length>\r\n<bytes>\r\n` for each argument.
///
/// No function makes a `String` or an intermediate buffer. The caller sees to it that as many arguments follow as it announced.
public enum RedisCommandEncoder {
    /// A whole command.
    public static func append(_ arguments: [RedisArgument], to buffer: inout ByteBuffer) {
        appendHeader(argumentCount: arguments.count, to: &buffer)
        for argument in arguments {
            switch argument {
            case .string(let text): append(text, to: &buffer)
            case .bytes(let bytes): append(bytes, to: &buffer)
            }
        }
    }

    /// The beginning of a command of `argumentCount` arguments, its name included.
    public static func appendHeader(argumentCount: Int, to buffer: inout ByteBuffer) {
        appendLine(UInt8(ascii: "*"), argumentCount, to: &buffer)
    }

    public static func append(_ text: String, to buffer: inout ByteBuffer) {
        var text = text
        text.withUTF8 { append(UnsafeRawBufferPointer($0), to: &buffer) }
    }

    public static func append(_ text: StaticString, to buffer: inout ByteBuffer) {
        // A StaticString of one scalar has no bytes to point at; withUTF8Buffer covers both kinds.
        text.withUTF8Buffer { append(UnsafeRawBufferPointer($0), to: &buffer) }
    }

    /// The readable bytes of `bytes`.
    public static func append(_ bytes: ByteBuffer, to buffer: inout ByteBuffer) {
        bytes.withUnsafeReadableBytes { append($0, to: &buffer) }
    }

    /// A bulk string. The bytes must not lie in `buffer` itself.
    public static func append(_ bytes: UnsafeRawBufferPointer, to buffer: inout ByteBuffer) {
        // Marker, up to 19 digits and two line ends: room for all is made once.
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: bytes.count + 24) { target in
            var end = writeLine(UInt8(ascii: "$"), UInt64(bytes.count), to: target, at: 0)
            if !bytes.isEmpty {
                UnsafeMutableRawBufferPointer(rebasing: target[end...]).copyMemory(from: bytes)
                end += bytes.count
            }
            target[end] = carriageReturn
            target[end + 1] = lineFeed
            return end + 2
        }
    }

    /// A number as a bulk string of decimal digits.
    public static func append(_ number: some FixedWidthInteger & SignedInteger, to buffer: inout ByteBuffer) {
        append(magnitude: UInt64(number.magnitude), isNegative: number < 0, to: &buffer)
    }

    /// A number as a bulk string of decimal digits.
    public static func append(_ number: some FixedWidthInteger & UnsignedInteger, to buffer: inout ByteBuffer) {
        append(magnitude: UInt64(number), isNegative: false, to: &buffer)
    }

    /// The head of a bulk string whose `length` bytes the caller writes next, followed by `appendLineEnd`: for arguments put together in
    /// place, or sent as a part of their own.
    public static func appendBulkHeader(length: Int, to buffer: inout ByteBuffer) {
        appendLine(UInt8(ascii: "$"), length, to: &buffer)
    }

    /// Ends a bulk string begun by `appendBulkHeader`.
    public static func appendLineEnd(to buffer: inout ByteBuffer) {
        buffer.writeInteger(0x0D0A as UInt16)
    }

    /// How many decimal digits `number` has (1...20).
    public static func digitCount(_ number: UInt64) -> Int {
        var count = 1
        var rest = number
        while rest >= 10_000 {
            rest /= 10_000
            count += 4
        }
        return rest >= 1_000 ? count + 3 : rest >= 100 ? count + 2 : rest >= 10 ? count + 1 : count
    }

    /// Writes the decimal digits of `number` into `target` from `offset` on; returns the offset behind them.
    public static func writeDigits(_ number: UInt64, to target: UnsafeMutableRawBufferPointer, at offset: Int) -> Int {
        let end = offset + digitCount(number)
        var position = end
        var rest = number
        repeat {
            let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
            position -= 1
            target[position] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: digit)
            rest = quotient
        } while rest != 0
        return end
    }

    private static let carriageReturn: UInt8 = 0x0D
    private static let lineFeed: UInt8 = 0x0A

    private static func append(magnitude: UInt64, isNegative: Bool, to buffer: inout ByteBuffer) {
        let length = digitCount(magnitude) + (isNegative ? 1 : 0)
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: 48) { target in
            var end = writeLine(UInt8(ascii: "$"), UInt64(length), to: target, at: 0)
            if isNegative {
                target[end] = UInt8(ascii: "-")
                end += 1
            }
            end = writeDigits(magnitude, to: target, at: end)
            target[end] = carriageReturn
            target[end + 1] = lineFeed
            return end + 2
        }
    }

    private static func appendLine(_ marker: UInt8, _ number: Int, to buffer: inout ByteBuffer) {
        precondition(number >= 0, "a command announces \(number) arguments or bytes")
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: 24) { writeLine(marker, UInt64(number), to: $0, at: 0) }
    }

    private static func writeLine(_ marker: UInt8, _ number: UInt64, to target: UnsafeMutableRawBufferPointer, at offset: Int) -> Int {
        target[offset] = marker
        let end = writeDigits(number, to: target, at: offset + 1)
        target[end] = carriageReturn
        target[end + 1] = lineFeed
        return end + 2
    }
}
