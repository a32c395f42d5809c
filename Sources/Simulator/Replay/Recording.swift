internal import Glibc
internal import NIOCore
internal import WebSocketClient

/// One message an exchange once sent.
package struct RecordedMessage: Sendable, Equatable {
    /// The frame's payload.
    package var bytes: [UInt8]
    package var isBinary: Bool
    /// The payload is packed as the exchange packs (it was recorded so); others are packed before they are sent.
    package var isPacked: Bool
    /// Since the first message.
    package var offset: Duration
    /// Length and FNV-1a hash of the message as a client sees it after decompression.
    package var plainBytes: Int
    package var plainHash: UInt64
}

/// The received messages of a recorded session.
///
/// A recording is a file of JSON lines: `t` is `connect`, `send` or `recv`; a `recv` line holds the payload in `data` (text) or `b64`
/// (a binary frame, packed as the exchange packs), and in `ts` the time in seconds. Lines without `ts` follow at once. Of several
/// connections (`conn`) in one file, the messages go out in the order of the file.
package struct Recording: Sendable {
    package let path: String
    package let messages: [RecordedMessage]

    /// Files beyond this are refused: a recording is kept in memory.
    private static let sizeLimit = 512 << 20

    /// Throws `.file` when the file cannot be read and `.recording` with the line's number when it is not in the layout.
    package init(path: String, packing: ServerRules.Packing) throws(SimulatorError) {
        try self.init(text: Self.read(path), path: path, packing: packing)
    }

    init(text: [UInt8], path: String, packing: ServerRules.Packing) throws(SimulatorError) {
        self.path = path
        var messages: [RecordedMessage] = []
        var start: Double?
        var offset = Duration.zero
        for (index, line) in text.split(separator: 0x0A).enumerated() {
            func fail(_ reason: String) -> SimulatorError {
                SimulatorError(.recording, "\(path), line \(index + 1): \(reason); see the layout of recordings")
            }
            let value: JSONValue
            do { value = try JSONValue(parsing: String(decoding: line, as: UTF8.self)) } catch { throw fail("\(error)") }
            guard let kind = value["t"]?.string else { throw fail("no member 't'") }
            guard kind == "recv" else {
                guard kind == "connect" || kind == "send" else { throw fail("'t' is '\(kind)', not connect, send or recv") }
                continue
            }
            if case .number(let number)? = value["ts"], let seconds = Double(number) {
                let first = start ?? seconds
                start = first
                // Clocks were set back in some recordings: time never runs backwards here.
                offset = max(offset, .nanoseconds(Int64(((seconds - first) * 1e9).rounded())))
            }
            if let data = value["data"]?.string {
                let bytes = Array(data.utf8)
                messages.append(
                    RecordedMessage(
                        bytes: bytes, isBinary: packing != .none, isPacked: packing == .none, offset: offset, plainBytes: bytes.count,
                        plainHash: FNV1a.hash(bytes)))
            } else if let encoded = value["b64"]?.string {
                guard let bytes = Base64.decode(encoded) else { throw fail("'b64' is not base64") }
                let plain: [UInt8]
                do { plain = try Self.unpack(bytes, packing) } catch { throw fail("cannot unpack the message: \(error)") }
                messages.append(
                    RecordedMessage(
                        bytes: bytes, isBinary: true, isPacked: true, offset: offset, plainBytes: plain.count,
                        plainHash: FNV1a.hash(plain)))
            } else {
                throw fail("neither 'data' nor 'b64'")
            }
        }
        guard !messages.isEmpty else { throw SimulatorError(.recording, "\(path) holds no received message") }
        self.messages = messages
    }

    private static func unpack(_ bytes: [UInt8], _ packing: ServerRules.Packing) throws -> [UInt8] {
        var plain = ByteBuffer()
        switch packing {
        case .none: return bytes
        case .gzip: try bytes.withUnsafeBytes { try Inflater(.gzip).inflate($0, limit: 64 << 20, into: &plain) }
        case .rawDeflate: try bytes.withUnsafeBytes { try Inflater(.raw).inflate($0, limit: 64 << 20, into: &plain) }
        }
        return Array(plain.readableBytesView)
    }

    private static func read(_ path: String) throws(SimulatorError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw SimulatorError(.file, "cannot open the recording \(path): \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        var text: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 18)
        while true {
            let count = chunk.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else {
                throw SimulatorError(.file, "cannot read the recording \(path): \(String(cString: strerror(errno)))")
            }
            if count == 0 { return text }
            text.append(contentsOf: chunk[..<count])
            guard text.count <= sizeLimit else {
                throw SimulatorError(
                    .recording, "\(path) is larger than \(sizeLimit >> 20) MiB, the most a simulator keeps in memory; split it")
            }
        }
    }
}
