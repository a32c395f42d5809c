/// Masking keys from the kernel's random source, fetched many at a time: a system call per frame would cost more than the frame.
struct MaskKeys {
    private static let batch = 256
    private var keys: [UInt32] = []

    mutating func next() -> UInt32 {
        if keys.isEmpty { refill() }
        return keys.removeLast()
    }

    private mutating func refill() {
        var random = SystemRandomNumberGenerator()
        keys.reserveCapacity(Self.batch)
        for _ in 0..<(Self.batch / 2) {
            let pair = random.next()
            keys.append(UInt32(truncatingIfNeeded: pair))
            keys.append(UInt32(truncatingIfNeeded: pair >> 32))
        }
    }
}
