/// Code that takes bytes from outside, and what must hold whatever they are. A broken rule traps.
struct FuzzTarget: Sendable {
    var name: String
    var seeds: [[UInt8]]
    var run: @Sendable (UnsafeRawBufferPointer) -> Void

    // Written once before libFuzzer starts, on the one thread there is.
    nonisolated(unsafe) static var current: FuzzTarget?

    static let all = [
        frames, compressedFrames, inflate, upgrade, body, httpProxy, socksProxy, redirectTarget, fields, dialects, replies, certificate,
    ]
}

/// An input of which the first byte says into what pieces the rest is cut.
struct CutInput {
    let bytes: UnsafeRawBufferPointer
    private let step: Int

    init?(_ input: UnsafeRawBufferPointer) {
        guard let first = input.first else { return nil }
        bytes = UnsafeRawBufferPointer(rebasing: input.dropFirst())
        step = Int(first & 63) + 1
    }

    /// The pieces, each in memory of its own size, so that reading beyond one is noticed.
    func forEachPiece(_ body: (UnsafeRawBufferPointer) -> Bool) {
        var start = 0
        while start < bytes.count {
            let piece = Array(bytes[start..<min(bytes.count, start + step)])
            start += step
            guard piece.withUnsafeBytes(body) else { return }
        }
    }
}

/// The bytes in memory of their own size.
func exactly(_ bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void) {
    Array(bytes).withUnsafeBytes(body)
}
