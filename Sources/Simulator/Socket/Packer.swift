internal import NIOCore
internal import NIOPosix
internal import WebSocketClient

/// Packs messages as an exchange does, into buffers with room for the frame's header in front (so that frame and header are one write, and
/// under TLS one record). One zlib state per thread serves all sockets.
struct Packer {
    /// The longest header of an unmasked frame.
    private static let headerRoom = 10
    private static let gzip = ThreadSpecificVariable<DeflaterBox>()
    private static let raw = ThreadSpecificVariable<DeflaterBox>()

    /// Unchecked: a box is made and used by the one thread whose variable holds it.
    private final class DeflaterBox: @unchecked Sendable {
        let deflater: Deflater
        init(_ deflater: Deflater) { self.deflater = deflater }
    }

    let packing: ServerRules.Packing

    /// The payload of the frame. Throws when zlib has no memory.
    func pack(_ bytes: [UInt8], allocator: ByteBufferAllocator) throws -> ByteBuffer {
        var buffer = allocator.buffer(capacity: Self.headerRoom + bytes.count)
        buffer.moveWriterIndex(to: Self.headerRoom)
        buffer.moveReaderIndex(to: Self.headerRoom)
        switch packing {
        case .none: buffer.writeBytes(bytes)
        case .gzip:
            let deflater = try Self.deflater(Self.gzip) { try Deflater(.gzip, level: 1) }
            bytes.withUnsafeBytes { deflater.deflate($0, into: &buffer) }
        case .rawDeflate:
            let deflater = try Self.deflater(Self.raw) { try Deflater(.raw, level: 1) }
            bytes.withUnsafeBytes { deflater.deflate($0, into: &buffer) }
        }
        return buffer
    }

    private static func deflater(_ slot: ThreadSpecificVariable<DeflaterBox>, make: () throws -> Deflater) throws -> Deflater {
        if let box = slot.currentValue { return box.deflater }
        let box = DeflaterBox(try make())
        slot.currentValue = box
        return box.deflater
    }
}
