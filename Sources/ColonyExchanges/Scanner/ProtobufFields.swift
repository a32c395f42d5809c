/// The fields of one protobuf message, one after another, without looking into them.
///
/// Reads the wire format: a varint key (field number and wire type), then the value. Stops at the end or at what is not protobuf.
struct ProtobufFields {
    struct Field {
        /// 1 to 536,870,911.
        var number: Int
        var value: Value
    }

    enum Value {
        case varint(UInt64)
        /// Wire types 64-bit and 32-bit: where the little-endian bytes are.
        case fixed(Range<Int>)
        case bytes(Range<Int>)
    }

    private let message: UnsafeRawBufferPointer
    private var position = 0
    /// Why reading stopped before the end, or nil.
    private(set) var problem: String?

    init(_ message: UnsafeRawBufferPointer) {
        self.message = message
    }

    mutating func next() -> Field? {
        guard problem == nil, position < message.count else { return nil }
        let start = position
        guard let key = varint() else { return stop("a varint does not end", at: start) }
        let number = key >> 3
        guard number > 0, number < 1 << 29 else { return stop("no field has number \(number)", at: start) }
        switch key & 7 {
        case 0:
            guard let value = varint() else { return stop("field \(number): a varint does not end", at: start) }
            return Field(number: Int(number), value: .varint(value))
        case 1, 5:
            let length = key & 7 == 1 ? 8 : 4
            guard message.count - position >= length else { return stop("field \(number) ends too early", at: start) }
            defer { position += length }
            return Field(number: Int(number), value: .fixed(position..<position + length))
        case 2:
            guard let length = varint(), length <= UInt64(message.count - position) else {
                return stop("field \(number) ends too early", at: start)
            }
            defer { position += Int(length) }
            return Field(number: Int(number), value: .bytes(position..<position + Int(length)))
        default: return stop("field \(number) has wire type \(key & 7)", at: start)
        }
    }

    private mutating func stop(_ reason: String, at start: Int) -> Field? {
        problem = "not protobuf: \(reason) at byte \(start)"
        return nil
    }

    private mutating func varint() -> UInt64? {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while position < message.count, shift < 64 {
            let byte = message[position]
            position += 1
            // The tenth byte has room for one bit.
            guard shift < 63 || byte < 2 else { return nil }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
        return nil
    }
}
