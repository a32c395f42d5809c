import NIOCore

/// Writes the arguments of a packet in the Redis protocol, digits and all, straight into the buffer.
enum PacketEncoding {
    /// Upper bound of what one packet takes besides its payload.
    static let overhead = 160

    /// Appends one packet: stream number, id, time, prev, data.
    @inline(__always)
    static func append(
        _ buffer: inout ByteBuffer, stream: Int, milliseconds: Int64, epoch: Int, sequence: Int, time: Int64, previous: Int,
        payload: UnsafeRawBufferPointer
    ) {
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: overhead + payload.count) { space in
            var at = 0
            bulkInteger(space, &at, UInt64(truncatingIfNeeded: stream))
            // The id: "<ms>-<E><S as 12 digits>".
            let msDigits = digits(UInt64(truncatingIfNeeded: milliseconds))
            let epochDigits = digits(UInt64(truncatingIfNeeded: epoch))
            bulkHeader(space, &at, msDigits + 1 + epochDigits + 12)
            integer(space, &at, UInt64(truncatingIfNeeded: milliseconds), msDigits)
            space[at] = UInt8(ascii: "-")
            at += 1
            integer(space, &at, UInt64(truncatingIfNeeded: epoch), epochDigits)
            integer(space, &at, UInt64(truncatingIfNeeded: sequence), 12)
            end(space, &at)
            bulkInteger(space, &at, UInt64(truncatingIfNeeded: time))
            bulkInteger(space, &at, UInt64(truncatingIfNeeded: previous))
            bulkHeader(space, &at, payload.count)
            if payload.count > 0 { (space.baseAddress! + at).copyMemory(from: payload.baseAddress!, byteCount: payload.count) }
            at += payload.count
            end(space, &at)
            return at
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

    /// The value's `count` last digits, zeros in front.
    @inline(__always)
    static func integer(_ space: UnsafeMutableRawBufferPointer, _ at: inout Int, _ value: UInt64, _ count: Int) {
        var rest = value
        var position = at + count - 1
        while position >= at {
            let (quotient, remainder) = rest.quotientAndRemainder(dividingBy: 10)
            space[position] = UInt8(truncatingIfNeeded: remainder) &+ 48
            rest = quotient
            position -= 1
        }
        at += count
    }

    @inline(__always)
    static func end(_ space: UnsafeMutableRawBufferPointer, _ at: inout Int) {
        space[at] = 13
        space[at + 1] = 10
        at += 2
    }

    @inline(__always)
    static func bulkHeader(_ space: UnsafeMutableRawBufferPointer, _ at: inout Int, _ count: Int) {
        space[at] = UInt8(ascii: "$")
        at += 1
        integer(space, &at, UInt64(truncatingIfNeeded: count), digits(UInt64(truncatingIfNeeded: count)))
        end(space, &at)
    }

    @inline(__always)
    static func bulkInteger(_ space: UnsafeMutableRawBufferPointer, _ at: inout Int, _ value: UInt64) {
        let count = digits(value)
        bulkHeader(space, &at, count)
        integer(space, &at, value, count)
        end(space, &at)
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
