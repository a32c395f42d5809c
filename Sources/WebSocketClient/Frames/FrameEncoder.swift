internal import NIOCore

/// Writes the masked frames a client sends.
enum FrameEncoder {
    /// The most bytes a header takes: two, eight of length, four of mask.
    static let maxHeaderBytes = 14

    /// Appends one final frame.
    static func write(
        _ opcode: FrameHeader.Opcode,
        _ payload: UnsafeRawBufferPointer,
        isCompressed: Bool = false,
        key: UInt32,
        into output: inout ByteBuffer
    ) {
        output.reserveCapacity(minimumWritableBytes: maxHeaderBytes + payload.count)
        output.writeInteger(0x80 | (isCompressed ? 0x40 : 0) | opcode.rawValue)
        switch payload.count {
        case ...125:
            output.writeInteger(0x80 | UInt8(payload.count))
        case ...0xffff:
            output.writeInteger(0x80 | 126 as UInt8)
            output.writeInteger(UInt16(payload.count))
        default:
            output.writeInteger(0x80 | 127 as UInt8)
            output.writeInteger(UInt64(payload.count))
        }
        output.writeInteger(key)
        output.writeWithUnsafeMutableBytes(minimumWritableBytes: payload.count) { space in
            mask(payload, key: key, into: space)
            return payload.count
        }
    }

    /// Copies `bytes` masked, eight at a time. `key` is in the order of the wire, most significant byte first.
    static func mask(_ bytes: UnsafeRawBufferPointer, key: UInt32, into space: UnsafeMutableRawBufferPointer) {
        guard let from = bytes.baseAddress, let to = space.baseAddress else { return }
        let wide = (UInt64(key) << 32 | UInt64(key)).bigEndian
        var index = 0
        while bytes.count - index >= 8 {
            let word = from.loadUnaligned(fromByteOffset: index, as: UInt64.self) ^ wide
            to.storeBytes(of: word, toByteOffset: index, as: UInt64.self)
            index += 8
        }
        while index < bytes.count {
            let byte = UInt8(truncatingIfNeeded: key >> (24 - 8 * UInt32(index & 3)))
            to.storeBytes(of: from.load(fromByteOffset: index, as: UInt8.self) ^ byte, toByteOffset: index, as: UInt8.self)
            index += 1
        }
    }
}
