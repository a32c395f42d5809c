internal import CZlib
package import NIOCore

/// Inflates messages. One object holds one zlib state and may be used for any number of messages, from one thread at a time.
package final class Inflater {
    /// Beyond one mebibyte a message that inflates to more than this many times its size is taken for a bomb.
    package static let maxRatio = 200
    static let ratioFloorBytes = 1 << 20

    private let stream: UnsafeMutablePointer<z_stream>
    private let format: CompressionFormat
    private let windowBits: Int
    /// Bytes taken and given in the message under way.
    private var taken = 0
    private var given = 0
    /// The last block ended exactly where the input did.
    private var endedWithInput = false

    /// - Parameter windowBits: 8...15, the largest window the sender may use.
    /// - Throws: `CompressionError` when zlib has no memory.
    package init(_ format: CompressionFormat, windowBits: Int = 15) throws(CompressionError) {
        precondition((8...15).contains(windowBits), "windowBits must be 8...15, not \(windowBits)")
        self.format = format
        self.windowBits = windowBits
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let result = colony_inflate_init(stream, format.windowArgument(windowBits))
        guard result == Z_OK else {
            stream.deallocate()
            throw CompressionError(.unavailable, "zlib could not set up an inflater (code \(result))")
        }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    /// Inflates one whole message and appends it to `output`: complete gzip members, a complete zlib stream, or raw blocks that end with the input
    /// (with or without a final block). On an error `output` holds what was inflated so far.
    /// - Parameter limit: the most bytes the message may inflate to.
    package func inflate(_ bytes: UnsafeRawBufferPointer, limit: Int, into output: inout ByteBuffer) throws {
        reset()
        var sink = BufferSink(buffer: output)
        output = ByteBuffer()
        defer { output = sink.buffer }
        try push(bytes, limit: limit, into: &sink, atEnd: format == .gzip ? .nextMember : .refuse)
        guard endedWithInput || (format == .raw && isBetweenBlocks) else {
            throw CompressionError(.truncated, "the \(format) stream ends before its end after \(bytes.count) bytes")
        }
    }

    /// Inflates one permessage-deflate payload (RFC 7692: raw blocks without the closing `00 00 ff ff`) and appends it to `output`. What was inflated
    /// before stays the context unless `keepsContext` is false.
    package func inflateMessage(
        _ bytes: UnsafeRawBufferPointer,
        limit: Int,
        keepsContext: Bool = true,
        into output: inout ByteBuffer
    ) throws {
        var sink = BufferSink(buffer: output)
        output = ByteBuffer()
        defer { output = sink.buffer }
        beginMessage()
        try push(bytes, limit: limit, into: &sink, atEnd: .continueContext)
        try finishMessage(limit: limit, keepsContext: keepsContext, into: &sink)
    }
}

// MARK: - Streaming, for frames that arrive in pieces

extension Inflater {
    /// What to do with input that follows the end of a stream.
    enum AtEnd { case refuse, nextMember, continueContext }

    func beginMessage() {
        taken = 0
        given = 0
        endedWithInput = false
    }

    /// Inflates a piece of a message.
    func push(
        _ bytes: UnsafeRawBufferPointer,
        limit: Int,
        into sink: inout some InflateSink & ~Copyable,
        atEnd: AtEnd
    ) throws(CompressionError) {
        guard let base = bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count > 0 else { return }
        stream.pointee.next_in = UnsafeMutablePointer(mutating: base)
        stream.pointee.avail_in = UInt32(bytes.count)
        defer {
            stream.pointee.next_in = nil
            stream.pointee.avail_in = 0
        }
        endedWithInput = false
        guard limit >= 0 else { throw CompressionError(.tooLarge, "no byte is allowed: the limit is \(limit)") }
        while true {
            let result = try step(limit: limit, into: &sink)
            if result == Z_STREAM_END {
                try continueBehindEnd(atEnd)
                if stream.pointee.avail_in == 0 {
                    endedWithInput = true
                    return
                }
            } else if stream.pointee.avail_out > 0 {
                return  // all input taken and all output given
            }
        }
    }

    /// Ends a permessage-deflate message.
    func finishMessage(limit: Int, keepsContext: Bool, into sink: inout some InflateSink & ~Copyable) throws(CompressionError) {
        // A sender that ended its stream and left out the empty block owes no tail.
        if !endedWithInput {
            let tail: UInt32 = 0xffff_0000
            try withUnsafeBytes(of: tail.littleEndian) { (bytes) throws(CompressionError) in
                try push(bytes, limit: limit, into: &sink, atEnd: .continueContext)
            }
            guard isBetweenBlocks else {
                throw CompressionError(.truncated, "the compressed message ends inside a block")
            }
        }
        if !keepsContext { reset() }
    }

    private func reset() {
        inflateReset(stream)
        beginMessage()
    }

    private var isBetweenBlocks: Bool { stream.pointee.data_type & 128 != 0 }

    private func step(limit: Int, into sink: inout some InflateSink & ~Copyable) throws(CompressionError) -> Int32 {
        let before = Int(stream.pointee.avail_in)
        // One byte more than allowed, so that going over is seen without inflating further.
        let space = sink.space(atLeast: 1, upTo: limit == .max ? limit : limit - given + 1)
        stream.pointee.next_out = space.bindMemory(to: UInt8.self).baseAddress
        stream.pointee.avail_out = UInt32(clamping: space.count)
        let offered = Int(stream.pointee.avail_out)
        let result = CZlib.inflate(stream, Z_SYNC_FLUSH)
        let produced = offered - Int(stream.pointee.avail_out)
        sink.commit(produced)
        given += produced
        taken += before - Int(stream.pointee.avail_in)
        switch result {
        case Z_OK, Z_STREAM_END, Z_BUF_ERROR:
            break
        case Z_MEM_ERROR, Z_STREAM_ERROR:
            throw CompressionError(.unavailable, "zlib could not go on (code \(result)) after \(taken) bytes")
        default:
            let detail = stream.pointee.msg.map { String(cString: $0) } ?? "code \(result)"
            throw CompressionError(.corrupt, "not valid compressed data near byte \(taken): \(detail)")
        }
        guard given <= limit else {
            throw CompressionError(.tooLarge, "inflates to more than the limit of \(limit) bytes")
        }
        guard given <= Self.ratioFloorBytes || given / Self.maxRatio <= taken else {
            throw CompressionError(.tooLarge, "\(taken) bytes inflate to \(given) and more: over \(Self.maxRatio) times the size")
        }
        return result
    }

    private func continueBehindEnd(_ atEnd: AtEnd) throws(CompressionError) {
        let more = Int(stream.pointee.avail_in)
        switch atEnd {
        case .refuse:
            guard more == 0 else { throw CompressionError(.corrupt, "\(more) bytes behind the end of the \(format) stream") }
        case .nextMember:
            if more > 0 { inflateReset(stream) }
        case .continueContext:
            // A final block ends zlib's stream, but not the sender's window. Nothing is copied: a message may consist of millions of such blocks.
            inflateResetKeep(stream)
        }
    }
}

/// Where inflated bytes go.
protocol InflateSink: ~Copyable {
    /// Free space behind what is there: at least `atLeast` bytes, at most `upTo`.
    mutating func space(atLeast: Int, upTo: Int) -> UnsafeMutableRawBufferPointer
    /// `count` bytes of the space were filled.
    mutating func commit(_ count: Int)
}
