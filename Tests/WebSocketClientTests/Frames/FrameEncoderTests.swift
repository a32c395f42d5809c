import NIOCore
import Testing

@testable import WebSocketClient

@Suite struct FrameEncoderTests {
    private static func encode(_ opcode: FrameHeader.Opcode, _ payload: [UInt8], compressed: Bool = false, key: UInt32) -> [UInt8] {
        var buffer = ByteBuffer()
        payload.withUnsafeBytes { FrameEncoder.write(opcode, $0, isCompressed: compressed, key: key, into: &buffer) }
        return Array(buffer.readableBytesView)
    }

    @Test("The example of RFC 6455 section 5.7 is written as it stands there")
    func writesTheExample() {
        #expect(
            Self.encode(.text, Array("Hello".utf8), key: 0x37fa_213d) == [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58])
    }

    @Test("Lengths take the shortest form and every byte is masked by its place", arguments: [0, 1, 7, 8, 9, 125, 126, 65535, 65536])
    func masks(count: Int) {
        let payload = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
        let frame = Self.encode(.binary, payload, key: 0x0102_03ff)
        let lengthBytes: [UInt8] =
            switch count {
            case ...125: [0x80 | UInt8(count)]
            case ...65535: [0xfe, UInt8(count >> 8), UInt8(count & 0xff)]
            default: [0xff, 0, 0, 0, 0, 0, 1, 0, 0]
            }
        #expect(frame.starts(with: [0x82] + lengthBytes + [1, 2, 3, 0xff]))
        let key: [UInt8] = [1, 2, 3, 0xff]
        let masked = frame.dropFirst(1 + lengthBytes.count + 4)
        #expect(masked.enumerated().map { $0.element ^ key[$0.offset & 3] } == payload)
    }

    @Test("Compressed messages carry reserved bit 1")
    func marksCompression() {
        #expect(Self.encode(.text, [0], compressed: true, key: 0)[0] == 0xc1)
    }

    @Test("No two frames share a key")
    func drawsKeys() {
        var keys = MaskKeys()
        #expect(Set((0..<2000).map { _ in keys.next() }).count > 1990)
    }

    @Test("Pongs are answered until too much waits, then only the latest ping is")
    func boundsPongs() {
        var outbox = Outbox()
        let payload = [UInt8](repeating: 1, count: 120)
        var waiting = 0
        for number in 0..<10_000 {
            withUnsafeBytes(of: number) { id in (Array(id) + payload).prefix(125).withUnsafeBytes { outbox.answerPing($0) } }
            waiting = max(waiting, outbox.unsentBytes)
        }
        #expect(waiting < Outbox.maxPongBacklogBytes + 200)
        let (frames, _) = outbox.take()
        #expect(outbox.isEmpty)
        let hasAnswer = outbox.sent(frames.readableBytes)
        #expect(hasAnswer && !outbox.isEmpty)
        let last = Array(outbox.take().frames.readableBytesView)
        let id = (0..<8).map { last[6 + $0] ^ last[2 + $0 & 3] }
        #expect(id == withUnsafeBytes(of: 9999) { Array($0) }, "the answer is to the last ping")
    }

    @Test("Beyond 16 MiB waiting there is room for nothing; one message of any size may go alone")
    func boundsTheBacklog() {
        var outbox = Outbox()
        #expect(outbox.hasRoom(for: 64 << 20))
        [UInt8](repeating: 0, count: 10 << 20).withUnsafeBytes { outbox.append(.binary, $0) }
        #expect(outbox.hasRoom(for: 5 << 20))
        #expect(!outbox.hasRoom(for: 7 << 20))
        let sent = outbox.take().frames.readableBytes
        #expect(!outbox.hasRoom(for: 7 << 20), "written is not sent")
        let hasPong = outbox.sent(sent)
        #expect(!hasPong)
        #expect(outbox.hasRoom(for: 64 << 20))
    }
}
