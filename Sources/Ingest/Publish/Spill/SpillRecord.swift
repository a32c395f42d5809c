package import NIOCore

/// A batch as it lies on disk: a header of 56 bytes, the slots of its streams, and the packets as they will be published, ids included.
///
/// ```
/// magic(4) version(2) 0(2) checksum(8) bodyLength(4) streamCount(4) first(8) count(4) epoch(4) firstMs(8) lastMs(8) slots(4 each) body
/// ```
/// All numbers are little-endian. The checksum covers everything behind itself.
package struct SpillRecord: Equatable, Sendable {
    package var first: Int
    package var count: Int
    package var epoch: Int
    package var firstMilliseconds: Int64
    package var lastMilliseconds: Int64
    /// Slots of the data streams, in the order of their numbers in the body.
    package var streams: [Int]
    package var body: ByteBuffer

    static let magic: UInt32 = 0x4C50_5343  // "CSPL"
    static let version: UInt16 = 1
    package static let headerLength = 56

    /// Why bytes are no record.
    package enum Damage: Error, Equatable {
        case truncated, notARecord, checksum
    }

    package static func length(streams: Int, body: Int) -> Int { headerLength + 4 * streams + body }

    /// The whole record but for the body, which follows it as it is.
    package func head(_ allocator: ByteBufferAllocator = ByteBufferAllocator()) -> ByteBuffer {
        var rest = allocator.buffer(capacity: Self.headerLength + 4 * streams.count)
        rest.writeInteger(UInt32(body.readableBytes), endianness: .little)
        rest.writeInteger(UInt32(streams.count), endianness: .little)
        rest.writeInteger(UInt64(first), endianness: .little)
        rest.writeInteger(UInt32(count), endianness: .little)
        rest.writeInteger(UInt32(epoch), endianness: .little)
        rest.writeInteger(firstMilliseconds, endianness: .little)
        rest.writeInteger(lastMilliseconds, endianness: .little)
        for slot in streams { rest.writeInteger(UInt32(slot), endianness: .little) }
        var checksum = SpillChecksum()
        rest.withUnsafeReadableBytes { checksum.add($0) }
        body.withUnsafeReadableBytes { checksum.add($0) }
        var head = allocator.buffer(capacity: 16 + rest.readableBytes)
        head.writeInteger(Self.magic, endianness: .little)
        head.writeInteger(Self.version, endianness: .little)
        head.writeInteger(UInt16(0), endianness: .little)
        head.writeInteger(checksum.value, endianness: .little)
        head.writeBuffer(&rest)
        return head
    }

    /// Reads one record off the front of `bytes`. Throws what is wrong, and leaves `bytes` as they were then.
    package init(_ bytes: inout ByteBuffer) throws(Damage) {
        var rest = bytes
        guard let magic = rest.readInteger(endianness: .little, as: UInt32.self),
            let version = rest.readInteger(endianness: .little, as: UInt16.self), rest.readInteger(as: UInt16.self) != nil,
            let checksum = rest.readInteger(endianness: .little, as: UInt64.self)
        else { throw .truncated }
        guard magic == Self.magic, version == Self.version else { throw .notARecord }
        let covered = rest
        guard let bodyLength = rest.readInteger(endianness: .little, as: UInt32.self),
            let streamCount = rest.readInteger(endianness: .little, as: UInt32.self),
            let first = rest.readInteger(endianness: .little, as: UInt64.self),
            let count = rest.readInteger(endianness: .little, as: UInt32.self),
            let epoch = rest.readInteger(endianness: .little, as: UInt32.self),
            let firstMilliseconds = rest.readInteger(endianness: .little, as: Int64.self),
            let lastMilliseconds = rest.readInteger(endianness: .little, as: Int64.self),
            rest.readableBytes >= 4 * Int(streamCount) + Int(bodyLength)
        else { throw .truncated }
        var streams: [Int] = []
        for _ in 0..<streamCount {
            guard let slot = rest.readInteger(endianness: .little, as: UInt32.self) else { throw .truncated }
            streams.append(Int(slot))
        }
        guard let body = rest.readSlice(length: Int(bodyLength)) else { throw .truncated }
        let headLength = covered.readableBytes - rest.readableBytes - body.readableBytes
        var found = SpillChecksum()
        covered.withUnsafeReadableBytes { found.add(UnsafeRawBufferPointer(rebasing: $0[..<headLength])) }
        body.withUnsafeReadableBytes { found.add($0) }
        guard found.value == checksum else { throw .checksum }
        self.init(
            first: Int(truncatingIfNeeded: first), count: Int(count), epoch: Int(epoch), firstMilliseconds: firstMilliseconds,
            lastMilliseconds: lastMilliseconds, streams: streams, body: body)
        bytes = rest
    }

    package init(
        first: Int, count: Int, epoch: Int, firstMilliseconds: Int64, lastMilliseconds: Int64, streams: [Int], body: ByteBuffer
    ) {
        self.first = first
        self.count = count
        self.epoch = epoch
        self.firstMilliseconds = firstMilliseconds
        self.lastMilliseconds = lastMilliseconds
        self.streams = streams
        self.body = body
    }
}

/// A 64-bit checksum against torn writes and rotten disks, not against people: multiply and fold, eight bytes at a time.
struct SpillChecksum {
    private(set) var value: UInt64 = 0x9E37_79B9_7F4A_7C15

    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        var hash = fold(value ^ UInt64(truncatingIfNeeded: bytes.count))
        var index = 0
        while index + 8 <= bytes.count {
            hash = fold(hash ^ UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)))
            index += 8
        }
        var tail: UInt64 = 0
        while index < bytes.count {
            tail = tail << 8 | UInt64(bytes[index])
            index += 1
        }
        value = fold(hash ^ tail)
    }

    private func fold(_ value: UInt64) -> UInt64 {
        // The added constant keeps a run of zeros from ending in the fixed point 0.
        let product = (value &+ 0xE703_7ED1_A0B4_28DB).multipliedFullWidth(by: 0xA076_1D64_78BD_642F)
        return product.high ^ product.low
    }
}
