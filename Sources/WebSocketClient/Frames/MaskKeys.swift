#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Masking keys from the kernel's random source, fetched many at a time: a system call per frame would cost more than the frame.
struct MaskKeys {
    /// 256 bytes are what the kernel gives without ever stopping half-way.
    static let batch = 64
    private var keys: [UInt32] = []

    mutating func next() -> UInt32 {
        if keys.isEmpty { refill() }
        return keys.removeLast()
    }

    private mutating func refill() {
        keys = [UInt32](repeating: 0, count: Self.batch)
        let result = keys.withUnsafeMutableBytes { getentropy($0.baseAddress, $0.count) }
        guard result != 0 else { return }
        // Kernels older than the call: the standard library knows other ways.
        var random = SystemRandomNumberGenerator()
        for index in keys.indices { keys[index] = random.next() }
    }
}
