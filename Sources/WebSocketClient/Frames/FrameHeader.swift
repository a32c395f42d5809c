/// The header of a frame a server sent (RFC 6455 section 5.2; servers do not mask).
struct FrameHeader: Equatable, Sendable {
    enum Opcode: UInt8, Sendable {
        case continuation = 0
        case text = 1
        case binary = 2
        case close = 8
        case ping = 9
        case pong = 10

        var isControl: Bool { rawValue >= 8 }
    }

    var opcode: Opcode
    var isFinal: Bool
    var isCompressed: Bool
    var length: Int

    /// A whole message in one frame, not compressed.
    @inline(__always)
    var isPlainMessage: Bool { isFinal && !isCompressed && (opcode == .text || opcode == .binary) }

    /// How many bytes the header has; needs its first two.
    @inline(__always)
    static func size(_ second: UInt8) -> Int {
        switch second & 0x7f {
        case 126: 4
        case 127: 10
        default: 2
        }
    }

    /// Checks the first two bytes alone, so that a broken rule is seen before the rest of the header comes.
    @inline(__always)
    static func check(_ first: UInt8, _ second: UInt8, allowsCompression: Bool) throws(ProtocolViolation) {
        // The common case: a final text or binary frame, no reserved bits, not masked.
        if first == 0x81 || first == 0x82, second < 0x80 { return }
        try checkUncommon(first, second, allowsCompression: allowsCompression)
    }

    private static func checkUncommon(_ first: UInt8, _ second: UInt8, allowsCompression: Bool) throws(ProtocolViolation) {
        guard let opcode = Opcode(rawValue: first & 0x0f) else { throw .init("reserved opcode \(first & 0x0f)") }
        guard first & 0x30 == 0 else { throw .init("reserved bit 2 or 3 set in a \(opcode) frame") }
        guard second < 0x80 else { throw .init("masked \(opcode) frame from a server") }
        if first & 0x40 != 0 {
            guard allowsCompression else { throw .init("reserved bit 1 set in a \(opcode) frame, but no compression was agreed") }
            guard opcode == .text || opcode == .binary else { throw .init("reserved bit 1 set in a \(opcode) frame") }
        }
        if opcode.isControl {
            guard first & 0x80 != 0 else { throw .init("fragmented \(opcode) frame") }
            guard second <= 125 else { throw .init("\(opcode) frame of more than 125 bytes") }
        }
    }

    /// Reads a whole header whose first two bytes are checked; `bytes` has at least `size` bytes.
    @inline(__always)
    init(_ bytes: UnsafeRawPointer, size: Int) throws(ProtocolViolation) {
        let first = bytes.load(as: UInt8.self)
        guard let opcode = Opcode(rawValue: first & 0x0f) else { throw .init("reserved opcode \(first & 0x0f)") }
        self.opcode = opcode
        isFinal = first & 0x80 != 0
        isCompressed = first & 0x40 != 0
        switch size {
        case 2:
            length = Int(bytes.load(fromByteOffset: 1, as: UInt8.self))
        case 4:
            length = Int(UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self)))
            guard length > 125 else { throw .init("length \(length) is not in its shortest form") }
        default:
            let long = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt64.self))
            guard let length = Int(exactly: long) else { throw .init("length with its highest bit set") }
            guard length > 0xffff else { throw .init("length \(length) is not in its shortest form") }
            self.length = length
        }
    }
}
