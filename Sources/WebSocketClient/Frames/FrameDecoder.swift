/// Turns the bytes a server sends into messages and control frames, and holds every rule of RFC 6455 and RFC 7692 about them.
///
/// A value without a socket: `next` is called with the bytes of one read until it answers `.needsMore`. A message that lies whole in the read, uncompressed and
/// in one frame, is given out where it lies. Only what is cut, fragmented or compressed goes through the decoder's own memory.
struct FrameDecoder: ~Copyable {
    enum Event {
        /// All bytes are used up.
        case needsMore
        /// A whole message. The pointer is good until the next call of `next`, as long as the bytes given are.
        case message(WebSocketMessageKind, UnsafeRawBufferPointer)
        case ping(UnsafeRawBufferPointer)
        case pong(UnsafeRawBufferPointer)
        /// A valid close frame; nothing comes behind it. Code 1005: it had none.
        case close(code: UInt16, text: String)
        /// The peer broke a rule; nothing comes behind it.
        case violation(ProtocolViolation)
    }

    private enum Expectation {
        /// A header, of which `header` may hold some bytes.
        case header
        /// The rest of a cut frame: `remaining` bytes.
        case payload(FrameHeader, remaining: Int)
        /// A close frame or a violation came: the rest is not looked at.
        case nothing
    }

    /// A data message under way over several frames or several reads.
    private struct Message {
        var kind: WebSocketMessageKind
        var isCompressed: Bool
        /// Bytes of payload so far, as sent.
        var wireBytes = 0
    }

    private let maxMessageBytes: Int
    private var inflation: Inflation?
    private var expectation = Expectation.header
    private var header = HeaderBytes()
    private var message: Message?
    private var text = UTF8Validator()
    private var store = MessageStore()
    private var control = MessageStore()

    init(maxMessageBytes: Int, inflation: Inflation? = nil) {
        self.maxMessageBytes = maxMessageBytes
        self.inflation = inflation
    }

    /// A frame has begun, and its last byte has not come.
    var isWithinFrame: Bool {
        switch expectation {
        case .header: header.count > 0
        case .payload: true
        case .nothing: false
        }
    }

    /// The next event in `bytes` from `cursor` on; moves the cursor.
    mutating func next(_ bytes: UnsafeRawBufferPointer, _ cursor: inout Int) -> Event {
        // What was given out from the store is not needed any more; a large one is not kept for the next message.
        if store.capacity > MessageStore.keptBytes, message == nil { store.clear() }
        do throws(ProtocolViolation) {
            return try decode(bytes, &cursor)
        } catch {
            expectation = .nothing
            cursor = bytes.count
            return .violation(error)
        }
    }

    @inline(__always)
    private mutating func decode(_ bytes: UnsafeRawBufferPointer, _ cursor: inout Int) throws(ProtocolViolation) -> Event {
        while cursor < bytes.count {
            switch expectation {
            case .header:
                guard let frame = try readHeader(bytes, &cursor) else { return .needsMore }
                if let event = try open(frame, bytes, &cursor) { return event }
            case .payload(let frame, let remaining):
                let piece = min(remaining, bytes.count - cursor)
                let payload = UnsafeRawBufferPointer(rebasing: bytes[cursor..<(cursor + piece)])
                cursor += piece
                if let event = try takePiece(frame, payload, remaining: remaining - piece) { return event }
            case .nothing:
                cursor = bytes.count
            }
        }
        return .needsMore
    }

    /// Reads a header, in place where it lies whole.
    @inline(__always)
    private mutating func readHeader(_ bytes: UnsafeRawBufferPointer, _ cursor: inout Int) throws(ProtocolViolation) -> FrameHeader? {
        let available = bytes.count - cursor
        if header.count == 0, available >= 2, let base = bytes.baseAddress {
            let start = base + cursor
            let second = start.load(fromByteOffset: 1, as: UInt8.self)
            try FrameHeader.check(start.load(as: UInt8.self), second, allowsCompression: inflation != nil)
            let size = FrameHeader.size(second)
            if available >= size {
                cursor += size
                return try FrameHeader(start, size: size)
            }
        }
        return try readCutHeader(bytes, &cursor)
    }

    private mutating func readCutHeader(_ bytes: UnsafeRawBufferPointer, _ cursor: inout Int) throws(ProtocolViolation) -> FrameHeader? {
        while cursor < bytes.count {
            header.append(bytes[cursor])
            cursor += 1
            guard header.count >= 2 else { continue }
            if header.count == 2 { try FrameHeader.check(header[0], header[1], allowsCompression: inflation != nil) }
            let size = FrameHeader.size(header[1])
            guard header.count == size else { continue }
            defer { header.count = 0 }
            return try header.read(size)
        }
        return nil
    }

    /// A frame begins: decides from its header, and gives it out at once if it lies whole in `bytes`.
    @inline(__always)
    private mutating func open(_ frame: FrameHeader, _ bytes: UnsafeRawBufferPointer, _ cursor: inout Int) throws(ProtocolViolation)
        -> Event?
    {
        let isWhole = bytes.count - cursor >= frame.length
        if isWhole, message == nil, frame.isPlainMessage, frame.length <= maxMessageBytes {
            let payload = UnsafeRawBufferPointer(rebasing: bytes[cursor..<(cursor + frame.length)])
            cursor += frame.length
            guard frame.opcode == .text else { return .message(.binary, payload) }
            guard UTF8Validator.isValid(payload) else { throw .init(CloseCode.invalidText, "text that is not UTF-8") }
            return .message(.text, payload)
        }
        return try openUncommon(frame, bytes, &cursor, isWhole: isWhole)
    }

    /// Control frames, and what is cut, fragmented, compressed or too large.
    private mutating func openUncommon(
        _ frame: FrameHeader,
        _ bytes: UnsafeRawBufferPointer,
        _ cursor: inout Int,
        isWhole: Bool
    ) throws(ProtocolViolation) -> Event? {
        if !frame.opcode.isControl { try admit(frame) }
        guard isWhole else {
            if frame.opcode.isControl { control.clear() } else if message?.isCompressed == false { store.expect(frame.length) }
            expectation = .payload(frame, remaining: frame.length)
            return nil
        }
        let payload = UnsafeRawBufferPointer(rebasing: bytes[cursor..<(cursor + frame.length)])
        cursor += frame.length
        return frame.opcode.isControl ? try finishControl(frame, payload) : try takePiece(frame, payload, remaining: 0)
    }

    /// The rules that a data frame's header must meet.
    private mutating func admit(_ frame: FrameHeader) throws(ProtocolViolation) {
        if frame.opcode == .continuation {
            guard message != nil else { throw .init("continuation frame without a message to continue") }
        } else {
            guard message == nil else { throw .init("a new message before the fragmented one ended") }
            message = Message(kind: frame.opcode == .text ? .text : .binary, isCompressed: frame.isCompressed)
            text = UTF8Validator()
            store.clear()
            if frame.isCompressed { inflation?.inflater.beginMessage() }
        }
        guard frame.length <= maxMessageBytes - (message?.wireBytes ?? 0) else {
            throw .init(CloseCode.tooBig, "message of more than \(maxMessageBytes) bytes announced")
        }
        message?.wireBytes += frame.length
    }

    /// Takes the next bytes of a frame.
    private mutating func takePiece(
        _ frame: FrameHeader,
        _ payload: UnsafeRawBufferPointer,
        remaining: Int
    ) throws(ProtocolViolation) -> Event? {
        expectation = remaining == 0 ? .header : .payload(frame, remaining: remaining)
        if frame.opcode.isControl {
            control.append(payload)
            return remaining == 0 ? try finishControl(frame, control.bytes) : nil
        }
        guard let message else { throw .init("continuation frame without a message to continue") }
        let start = store.count
        if message.isCompressed { try inflate(payload) } else { store.append(payload) }
        let isLast = remaining == 0 && frame.isFinal
        if isLast, message.isCompressed { try finishInflating() }
        if message.kind == .text, !text.take(store.bytes(from: start)) || (isLast && !text.isComplete) {
            throw .init(CloseCode.invalidText, "text that is not UTF-8")
        }
        guard isLast else { return nil }
        self.message = nil
        return .message(message.kind, store.bytes)
    }

    private mutating func finishControl(_ frame: FrameHeader, _ payload: UnsafeRawBufferPointer) throws(ProtocolViolation) -> Event {
        switch frame.opcode {
        case .ping: return .ping(payload)
        case .pong: return .pong(payload)
        default:
            let (code, text) = try Self.readClose(payload)
            expectation = .nothing
            return .close(code: code, text: text)
        }
    }

    private static func readClose(_ payload: UnsafeRawBufferPointer) throws(ProtocolViolation) -> (UInt16, String) {
        guard payload.count > 0 else { return (CloseCode.none, "") }
        guard payload.count >= 2 else { throw .init("close frame of one byte") }
        let code = UInt16(payload[0]) << 8 | UInt16(payload[1])
        guard CloseCode.isValid(code) else { throw .init("close frame with code \(code)") }
        let reason = UnsafeRawBufferPointer(rebasing: payload[2...])
        guard UTF8Validator.isValid(reason) else { throw .init(CloseCode.invalidText, "close frame whose text is not UTF-8") }
        return (code, String(decoding: reason, as: UTF8.self))
    }

    private mutating func inflate(_ payload: UnsafeRawBufferPointer) throws(ProtocolViolation) {
        guard let inflation else { return }
        do throws(CompressionError) {
            try inflation.inflater.push(payload, limit: maxMessageBytes, into: &store, atEnd: .continueContext)
        } catch { throw Self.violation(error) }
    }

    private mutating func finishInflating() throws(ProtocolViolation) {
        guard let inflation else { return }
        do throws(CompressionError) {
            try inflation.inflater.finishMessage(limit: maxMessageBytes, keepsContext: inflation.keepsContext, into: &store)
        } catch { throw Self.violation(error) }
    }

    private static func violation(_ error: CompressionError) -> ProtocolViolation {
        switch error.code {
        case .tooLarge: .init(CloseCode.tooBig, error.description)
        case .unavailable: .init(CloseCode.internalError, error.description)
        // Not 1002: to the peer these bytes are a payload that does not have the form agreed on.
        case .corrupt, .truncated: .init(CloseCode.invalidText, error.description)
        }
    }
}

/// How the server's compressed messages are inflated.
struct Inflation {
    var inflater: Inflater
    /// False when the server starts each message afresh.
    var keepsContext: Bool
}

/// Room for a header that is cut.
private struct HeaderBytes {
    private var storage: (UInt64, UInt64) = (0, 0)
    var count = 0

    subscript(_ index: Int) -> UInt8 { withUnsafeBytes(of: storage) { $0[index] } }

    mutating func append(_ byte: UInt8) {
        withUnsafeMutableBytes(of: &storage) { $0[count] = byte }
        count += 1
    }

    func read(_ size: Int) throws(ProtocolViolation) -> FrameHeader {
        let copy = storage
        return try withUnsafeBytes(of: copy) { (bytes) throws(ProtocolViolation) in
            guard let base = bytes.baseAddress else { throw .init("empty header") }
            return try FrameHeader(base, size: size)
        }
    }
}
