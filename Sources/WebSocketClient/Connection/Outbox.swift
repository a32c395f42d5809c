internal import NIOCore

/// Frames that wait for the end of the burst, and the count of bytes the kernel has not taken yet.
struct Outbox {
    /// What may wait unsent before sends fail. A single message of any size may go out when nothing else waits.
    static let maxUnsentBytes = 16 << 20
    /// What pongs and everything else may have waiting before only the latest PING is answered.
    static let maxPongBacklogBytes = 64 << 10

    private var frames = ByteBuffer()
    private var promises: [EventLoopPromise<Void>] = []
    private var inFlight = 0
    private var keys = MaskKeys()
    /// The payload of the last PING that came while too much was waiting.
    private var latestPing: ByteBuffer?

    /// Bytes encoded or written, but not with the kernel.
    var unsentBytes: Int { frames.readableBytes + inFlight }

    var isEmpty: Bool { frames.readableBytes == 0 }

    func hasRoom(for payloadBytes: Int) -> Bool {
        unsentBytes == 0 || unsentBytes + payloadBytes + FrameEncoder.maxHeaderBytes <= Self.maxUnsentBytes
    }

    mutating func append(
        _ opcode: FrameHeader.Opcode,
        _ payload: UnsafeRawBufferPointer,
        isCompressed: Bool = false,
        promise: EventLoopPromise<Void>? = nil
    ) {
        FrameEncoder.write(opcode, payload, isCompressed: isCompressed, key: keys.next(), into: &frames)
        if let promise { promises.append(promise) }
    }

    /// Answers a PING, or remembers it when the peer pings faster than it reads.
    mutating func answerPing(_ payload: UnsafeRawBufferPointer) {
        if unsentBytes > Self.maxPongBacklogBytes {
            latestPing = ByteBuffer(bytes: payload)
        } else {
            latestPing = nil
            append(.pong, payload)
        }
    }

    /// What is to be written now.
    mutating func take() -> (frames: ByteBuffer, promises: [EventLoopPromise<Void>]) {
        defer {
            frames = ByteBuffer()
            promises = []
        }
        inFlight += frames.readableBytes
        return (frames, promises)
    }

    /// The kernel took `count` bytes; true if that made room for a pong that waited.
    mutating func sent(_ count: Int) -> Bool {
        inFlight -= count
        guard unsentBytes <= Self.maxPongBacklogBytes, let ping = latestPing else { return false }
        latestPing = nil
        ping.withUnsafeReadableBytes { append(.pong, $0) }
        return true
    }
}
