import NIOCore
import RedisClient

/// Reads a command in the Redis protocol back into its words.
enum CommandWords {
    static func read(_ buffer: ByteBuffer) -> [RedisArgument] {
        var words: [RedisArgument] = []
        buffer.withUnsafeReadableBytes { bytes in
            var at = 0
            let count = number(bytes, &at)
            words.reserveCapacity(count)
            for _ in 0..<count {
                let length = number(bytes, &at)
                words.append(.string(String(decoding: UnsafeRawBufferPointer(rebasing: bytes[at..<(at + length)]), as: UTF8.self)))
                at += length + 2
            }
        }
        return words
    }

    /// The number behind `*` or `$`, up to the end of its line.
    private static func number(_ bytes: UnsafeRawBufferPointer, _ at: inout Int) -> Int {
        at += 1
        var value = 0
        while bytes[at] != 13 {
            value = value * 10 + Int(bytes[at] - 48)
            at += 1
        }
        at += 2
        return value
    }
}
