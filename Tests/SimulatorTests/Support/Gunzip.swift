import NIOCore
import WebSocketClient

struct NotGzip: Error {}

/// The text of an event that must be a binary frame of one gzip member.
func gunzip(_ event: JudgeClient.Event) throws -> String {
    guard case .binary(let bytes) = event, bytes.starts(with: [0x1F, 0x8B]) else { throw NotGzip() }
    var output = ByteBuffer()
    try bytes.withUnsafeBytes { try Inflater(.gzip).inflate($0, limit: 1 << 24, into: &output) }
    return String(buffer: output)
}
