internal import CZlib
package import NIOCore

/// Deflates messages. One object holds one zlib state and may be used for any number of messages, from one thread at a time.
package final class Deflater {
    private let stream: UnsafeMutablePointer<z_stream>

    /// - Parameters:
    ///   - level: 1 (fast) to 9 (small).
    ///   - windowBits: 8...15, the largest window the receiver keeps.
    ///   - memoryLevel: 1...9; 5 takes about 32 KiB with a window of 12 bits.
    /// - Throws: `CompressionError` when zlib has no memory.
    package init(_ format: CompressionFormat, level: Int = 6, windowBits: Int = 15, memoryLevel: Int = 8) throws(CompressionError) {
        precondition((8...15).contains(windowBits), "windowBits must be 8...15, not \(windowBits)")
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        // zlib cannot deflate raw with a window of 256 bytes: it refuses 8, or quietly takes 9. Run lengths alone reach back one byte, whatever the window.
        let result = colony_deflate_init(stream, Int32(level), format.windowArgument(max(windowBits, 9)), Int32(memoryLevel))
        guard result == Z_OK else {
            stream.deallocate()
            throw CompressionError(.unavailable, "zlib could not set up a deflater (code \(result))")
        }
        if windowBits == 8 { deflateParams(stream, Int32(level), Z_RLE) }
    }

    deinit {
        deflateEnd(stream)
        stream.deallocate()
    }

    /// Deflates one whole message (a gzip member, a zlib stream, or raw blocks with a final one) and appends it to `output`.
    package func deflate(_ bytes: UnsafeRawBufferPointer, into output: inout ByteBuffer) {
        deflateReset(stream)
        run(bytes, flush: Z_FINISH, into: &output)
        deflateReset(stream)
    }

    /// Deflates one permessage-deflate payload (RFC 7692: flushed, without the closing `00 00 ff ff`) and appends it to `output`. What was sent before
    /// stays the context unless `keepsContext` is false.
    package func deflateMessage(_ bytes: UnsafeRawBufferPointer, keepsContext: Bool = true, into output: inout ByteBuffer) {
        guard !bytes.isEmpty else {
            // zlib does not flush twice without input between; one empty stored block, its last four bytes left out, is the empty message.
            output.writeInteger(UInt8(0))
            return
        }
        run(bytes, flush: Z_SYNC_FLUSH, into: &output)
        output.moveWriterIndex(to: output.writerIndex - 4)
        if !keepsContext { deflateReset(stream) }
    }

    private func run(_ bytes: UnsafeRawBufferPointer, flush: Int32, into output: inout ByteBuffer) {
        stream.pointee.next_in = bytes.bindMemory(to: UInt8.self).baseAddress.map { UnsafeMutablePointer(mutating: $0) }
        stream.pointee.avail_in = UInt32(bytes.count)
        var result = Z_OK
        repeat {
            let room = min(max(bytes.count / 2, 256), 1 << 16)
            output.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { space in
                stream.pointee.next_out = space.bindMemory(to: UInt8.self).baseAddress
                stream.pointee.avail_out = UInt32(clamping: space.count)
                let offered = Int(stream.pointee.avail_out)
                result = CZlib.deflate(stream, flush)
                return offered - Int(stream.pointee.avail_out)
            }
            precondition(
                result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR, "zlib's deflate state is broken (code \(result))")
        } while stream.pointee.avail_out == 0
        stream.pointee.next_in = nil
        stream.pointee.next_out = nil
    }
}
