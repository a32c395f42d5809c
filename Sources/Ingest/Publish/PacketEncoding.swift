import NIOCore

/// Writes the arguments of a packet in the Redis protocol, digits and all, straight into the buffer.
enum PacketEncoding {
    /// Upper bound of what one packet takes besides its payload, whole words that are stored past an end included.
    static let overhead = 192

    /// Appends one packet: stream number, id, time, prev, data. Returns how many bytes it took.
    @inline(__always)
    static func append(
        _ buffer: inout ByteBuffer, stamp: PacketStamp, stream: Int, sequence: Int, previous: Int,
        payload: UnsafeRawBufferPointer
    ) -> Int {
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: overhead + payload.count) { space in
            guard let start = space.baseAddress else { return 0 }
            var at = start
            bulkInteger(&at, UInt64(truncatingIfNeeded: stream))
            stamp.writeID(&at)
            twelveDigits(&at, UInt64(truncatingIfNeeded: sequence))
            stamp.writeTime(&at)
            bulkInteger(&at, UInt64(truncatingIfNeeded: previous))
            bulkHeader(&at, UInt64(truncatingIfNeeded: payload.count))
            if let bytes = payload.baseAddress { at.copyMemory(from: bytes, byteCount: payload.count) }
            at += payload.count
            lineEnd(&at)
            return at - start
        }
    }

    @inline(__always)
    static func digits(_ value: UInt64) -> Int {
        if value < 10 { return 1 }
        var limit: UInt64 = 100
        var count = 2
        while count < 20, value >= limit {
            limit = limit &* 10
            count += 1
            if count == 20 { break }
        }
        return count
    }

    /// The eight decimal digits of a value below 10^8, one a byte, the highest in the lowest byte; no characters yet.
    @inline(__always)
    static func eightDigits(_ value: UInt64) -> UInt64 {
        // Two numbers of four digits, then four of two, then eight of one: each step divides all of them by one multiplication.
        let fours = value / 10_000 | (value % 10_000) << 32
        let hundreds = (fours &* 10_486) >> 20 & 0x0000_007f_0000_007f
        let twos = (fours &- hundreds &* 100) << 16 | hundreds
        let tens = (twos &* 103) >> 10 & 0x000f_000f_000f_000f
        return (twos &- tens &* 10) << 8 | tens
    }

    private static let zeros: UInt64 = 0x3030_3030_3030_3030

    @inline(__always)
    private static func store(_ at: UnsafeMutableRawPointer, _ word: UInt64) {
        at.storeBytes(of: word.littleEndian, as: UInt64.self)
    }

    /// The value's last twelve digits, zeros in front.
    @inline(__always)
    static func twelveDigits(_ at: inout UnsafeMutableRawPointer, _ value: UInt64) {
        let (high, low) = value.quotientAndRemainder(dividingBy: 100_000_000)
        store(at, (eightDigits(high % 10_000) | zeros) >> 32)
        store(at + 4, eightDigits(low) | zeros)
        at += 12
    }

    /// The value without zeros in front.
    @inline(__always)
    static func integer(_ at: inout UnsafeMutableRawPointer, _ value: UInt64) {
        guard value < 100_000_000 else { return longInteger(&at, value) }
        let word = eightDigits(value)
        let leading = min(7, word.trailingZeroBitCount >> 3)
        store(at, (word | zeros) >> UInt64(leading << 3))
        at += 8 - leading
    }

    @inline(never)
    private static func longInteger(_ at: inout UnsafeMutableRawPointer, _ value: UInt64) {
        let (high, low) = value.quotientAndRemainder(dividingBy: 100_000_000)
        integer(&at, high)
        store(at, eightDigits(low) | zeros)
        at += 8
    }

    @inline(__always)
    static func lineEnd(_ at: inout UnsafeMutableRawPointer) {
        at.storeBytes(of: UInt16(0x0a0d).littleEndian, as: UInt16.self)
        at += 2
    }

    @inline(__always)
    static func bulkHeader(_ at: inout UnsafeMutableRawPointer, _ count: UInt64) {
        at.storeBytes(of: UInt8(ascii: "$"), as: UInt8.self)
        at += 1
        integer(&at, count)
        lineEnd(&at)
    }

    @inline(__always)
    static func bulkInteger(_ at: inout UnsafeMutableRawPointer, _ value: UInt64) {
        if value < 10 {
            // "$1\r\n", the digit, "\r\n": most streams and links of a batch.
            store(at, 0x000a_0d30_0a0d_3124 | value << 32)
            at += 7
            return
        }
        bulkHeader(&at, UInt64(truncatingIfNeeded: digits(value)))
        integer(&at, value)
        lineEnd(&at)
    }

    /// The packets of an encoded body, for those rare moments when they must be numbered anew.
    static func packets(in body: ByteBuffer) -> [(stream: Int, time: Int64, milliseconds: Int64, previous: Int, payload: ByteBuffer)] {
        var body = body
        var packets: [(stream: Int, time: Int64, milliseconds: Int64, previous: Int, payload: ByteBuffer)] = []
        while let stream = readBulk(&body), let id = readBulk(&body), let time = readBulk(&body),
            let previous = readBulk(&body), let data = readBulk(&body)
        {
            let milliseconds = Int64(String(buffer: id).prefix { $0 != "-" }) ?? 0
            packets.append(
                (
                    Int(String(buffer: stream)) ?? 0, Int64(String(buffer: time)) ?? 0, milliseconds, Int(String(buffer: previous)) ?? 0,
                    data
                ))
        }
        return packets
    }

    private static func readBulk(_ buffer: inout ByteBuffer) -> ByteBuffer? {
        guard let lineEnd = buffer.readableBytesView.firstIndex(of: 13),
            let header = buffer.readSlice(length: lineEnd - buffer.readerIndex),
            let count = Int(String(buffer: header).dropFirst())
        else { return nil }
        buffer.moveReaderIndex(forwardBy: 2)
        guard let value = buffer.readSlice(length: count) else { return nil }
        buffer.moveReaderIndex(forwardBy: 2)
        return value
    }
}
