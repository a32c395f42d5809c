internal import NIOCore

/// Appends to a ByteBuffer.
struct BufferSink: InflateSink {
    var buffer: ByteBuffer

    mutating func space(atLeast: Int, upTo: Int) -> UnsafeMutableRawBufferPointer {
        if buffer.writableBytes < max(atLeast, min(1024, upTo)) {
            buffer.reserveCapacity(minimumWritableBytes: min(max(buffer.readableBytes, 4096), upTo))
        }
        // The pointer is used before the buffer is touched again, so it stays good behind the closure.
        return buffer.withUnsafeMutableWritableBytes { .init(rebasing: $0.prefix(upTo)) }
    }

    mutating func commit(_ count: Int) { buffer.moveWriterIndex(forwardBy: count) }
}
