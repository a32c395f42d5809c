internal import NIOCore

/// What a close frame carries.
enum ClosePayload {
    /// The code and as much of the text as fits into 123 bytes without cutting a character. Code 1005 makes an empty payload.
    static func encode(code: UInt16, text: String) -> ByteBuffer {
        guard code != CloseCode.none else { return ByteBuffer() }
        var buffer = ByteBuffer(integer: code)
        for character in text.unicodeScalars {
            let bytes = UTF8.encode(character).map(Array.init) ?? []
            guard buffer.readableBytes + bytes.count <= 125 else { break }
            buffer.writeBytes(bytes)
        }
        return buffer
    }
}
