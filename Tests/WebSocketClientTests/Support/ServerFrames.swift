/// Builds the frames a server sends.
enum Frame {
    static func make(_ opcode: UInt8, _ payload: [UInt8], fin: Bool = true, rsv: UInt8 = 0) -> [UInt8] {
        var bytes = [(fin ? 0x80 : 0) | rsv << 4 | opcode]
        switch payload.count {
        case ...125: bytes.append(UInt8(payload.count))
        case ...0xffff: bytes += [126, UInt8(payload.count >> 8), UInt8(payload.count & 0xff)]
        default: bytes += [127] + (0..<8).reversed().map { UInt8(payload.count >> (8 * $0) & 0xff) }
        }
        return bytes + payload
    }

    static func text(_ text: String, fin: Bool = true) -> [UInt8] { make(1, Array(text.utf8), fin: fin) }
    static func text(_ bytes: [UInt8], fin: Bool = true) -> [UInt8] { make(1, bytes, fin: fin) }
    static func binary(_ bytes: [UInt8], fin: Bool = true) -> [UInt8] { make(2, bytes, fin: fin) }
    static func continuation(_ text: String, fin: Bool = false) -> [UInt8] { make(0, Array(text.utf8), fin: fin) }
    static func continuation(_ bytes: [UInt8], fin: Bool = false) -> [UInt8] { make(0, bytes, fin: fin) }
    static func ping(_ text: String = "") -> [UInt8] { make(9, Array(text.utf8)) }
    static func pong(_ text: String = "") -> [UInt8] { make(10, Array(text.utf8)) }

    static func close(_ code: UInt16? = nil, _ text: String = "") -> [UInt8] {
        make(8, (code.map { [UInt8($0 >> 8), UInt8($0 & 0xff)] } ?? []) + Array(text.utf8))
    }
}
