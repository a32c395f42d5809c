import NIOCore
import Testing

@testable import Ingest

struct PacketEncodingTests {
    private struct Packet {
        var stream: Int
        var milliseconds: Int64
        var epoch: Int
        var sequence: Int
        var time: Int64
        var previous: Int
        var payload: String

        /// What the arguments must read, spelled out.
        var expected: String {
            let digits = String(sequence)
            let id = "\(milliseconds)-\(epoch)" + String(repeating: "0", count: 12 - digits.count) + digits
            return [String(stream), id, String(time), String(previous), payload].map { "$\($0.utf8.count)\r\n\($0)\r\n" }.joined()
        }
    }

    private static func encode(_ packets: [Packet]) -> (text: String, bytes: Int) {
        var buffer = ByteBuffer()
        var stamp = PacketStamp()
        var bytes = 0
        for packet in packets {
            stamp.set(milliseconds: packet.milliseconds, epoch: packet.epoch, time: packet.time)
            var payload = packet.payload
            payload.withUTF8 {
                bytes += PacketEncoding.append(
                    &buffer, stamp: stamp, stream: packet.stream, sequence: packet.sequence, previous: packet.previous,
                    payload: UnsafeRawBufferPointer($0))
            }
        }
        return (String(buffer: buffer), bytes)
    }

    @Test("Every number is written right around every power of ten", arguments: 0...18)
    func powersOfTen(power: Int) {
        let value = (0..<power).reduce(1) { product, _ in product * 10 }
        for number in [value - 1, value, value + 1] {
            let packet = Packet(
                stream: number, milliseconds: Int64(number), epoch: min(number, 18_000_000), sequence: number % 1_000_000_000_000,
                time: Int64(number), previous: number, payload: String(repeating: "x", count: number % 1013))
            let encoded = Self.encode([packet])
            #expect(encoded.text == packet.expected)
            #expect(encoded.bytes == packet.expected.utf8.count)
        }
        #expect(PacketEncoding.digits(UInt64(value)) == String(value).count)
        #expect(PacketEncoding.digits(UInt64(value - 1)) == String(value - 1).count)
    }

    @Test("Packets one behind the other share a stamp only as long as time and epoch are the same", arguments: [1, 2, 3] as [UInt64])
    func randomPackets(seed: UInt64) {
        var state = seed
        func random(_ limit: UInt64) -> Int {
            // Steele, Lea and Flood's SplitMix: the run is the same every time.
            state &+= 0x9e37_79b9_7f4a_7c15
            var word = state
            word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
            word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
            return Int(truncatingIfNeeded: (word ^ (word >> 31)) % limit)
        }
        var milliseconds = Int64(1_763_812_345_000)
        var epoch = 1
        let packets = (1...2000).map { number in
            if random(4) == 0 { milliseconds += Int64(random(3)) }
            if random(50) == 0 { epoch = 1 + random(18_000_000) }
            return Packet(
                stream: random(300), milliseconds: milliseconds, epoch: epoch, sequence: random(1_000_000_000_000),
                time: milliseconds * 1_000_000 + Int64(random(2)), previous: random(3) == 0 ? 0 : random(1_000_000_000_000),
                payload: String(repeating: "p", count: random(300)))
        }
        #expect(Self.encode(packets).text == packets.map(\.expected).joined())
    }
}
