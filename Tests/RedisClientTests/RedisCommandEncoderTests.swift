import NIOCore
import RedisClient
import Testing

@Suite
struct RedisCommandEncoderTests {
    private func encoded(_ body: (inout ByteBuffer) -> Void) -> String {
        var buffer = ByteBuffer()
        body(&buffer)
        return String(buffer: buffer)
    }

    @Test func `a command is an array of bulk strings`() {
        let text = encoded { RedisCommandEncoder.append(["XADD", "clé", .bytes(ByteBuffer(string: "\r\n")), "", 42], to: &$0) }
        #expect(text == "*5\r\n$4\r\nXADD\r\n$4\r\nclé\r\n$2\r\n\r\n\r\n$0\r\n\r\n$2\r\n42\r\n")
    }

    @Test func `a command put together in place equals one of arguments`() {
        let payload: [UInt8] = Array("payload".utf8)
        let inPlace = encoded { buffer in
            RedisCommandEncoder.appendHeader(argumentCount: 4, to: &buffer)
            RedisCommandEncoder.append("SET" as StaticString, to: &buffer)
            payload.withUnsafeBytes { RedisCommandEncoder.append($0, to: &buffer) }
            RedisCommandEncoder.append(-7, to: &buffer)
            RedisCommandEncoder.appendBulkHeader(length: 5, to: &buffer)
            buffer.writeString("1-002")
            RedisCommandEncoder.appendLineEnd(to: &buffer)
        }
        #expect(inPlace == encoded { RedisCommandEncoder.append(["SET", "payload", "-7", "1-002"], to: &$0) })
    }

    @Test(arguments: [
        0, 9, 10, 99, 100, 999, 1_000, 9_999, 10_000, 99_999, 100_000, 1_000_000, 1_763_812_345_678, UInt64(Int64.max), UInt64.max - 1,
        .max,
    ])
    func `a number has its decimal digits`(number: UInt64) {
        let digits = String(number)
        #expect(RedisCommandEncoder.digitCount(number) == digits.count)
        #expect(encoded { RedisCommandEncoder.append(number, to: &$0) } == "$\(digits.count)\r\n\(digits)\r\n")
        let written = withUnsafeTemporaryAllocation(byteCount: 24, alignment: 1) { raw in
            let end = RedisCommandEncoder.writeDigits(number, to: raw, at: 3)
            return String(decoding: UnsafeRawBufferPointer(rebasing: raw[3..<end]), as: UTF8.self)
        }
        #expect(written == digits)
    }

    @Test(arguments: [Int64.min, -1_000, -1, 0, 1, .max])
    func `a signed number keeps its sign`(number: Int64) {
        let digits = String(number)
        #expect(encoded { RedisCommandEncoder.append(number, to: &$0) } == "$\(digits.count)\r\n\(digits)\r\n")
    }

    @Test func `numbers on both sides of every power of ten agree with the standard library`() {
        var power: UInt64 = 1
        for _ in 0..<19 {
            power *= 10
            for number in [power - 1, power, power + 1] {
                #expect(encoded { RedisCommandEncoder.append(number, to: &$0) } == "$\(String(number).count)\r\n\(number)\r\n")
            }
        }
    }

    @Test func `appending grows a full buffer and leaves what it holds alone`() {
        var buffer = ByteBufferAllocator().buffer(capacity: 1)
        buffer.writeString("x")
        RedisCommandEncoder.append(String(repeating: "y", count: 3_000), to: &buffer)
        #expect(String(buffer: buffer) == "x$3000\r\n\(String(repeating: "y", count: 3_000))\r\n")
    }
}
