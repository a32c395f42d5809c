/// The hash placement is built on. Part of the contract between workers of all versions and platforms: it must never change.
///
/// FNV-1a over the UTF-8 bytes (offset basis 14695981039346656037, prime 1099511628211), then the finalizer of MurmurHash3 (`avalanche`),
/// since FNV-1a alone leaves the upper bits of short texts poor.
public enum StableHash {
    public static func of(_ text: String) -> UInt64 {
        var hash: UInt64 = 14_695_981_039_346_656_037
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 1_099_511_628_211 }
        return avalanche(hash)
    }

    /// The hash of a pair of hashed texts: each half is hashed once, and the pair costs a few multiplications.
    public static func pair(_ first: UInt64, _ second: UInt64) -> UInt64 { avalanche(first ^ (second << 32 | second >> 32)) }

    static func avalanche(_ value: UInt64) -> UInt64 {
        var hash = value
        hash = (hash ^ (hash >> 33)) &* 0xFF51_AFD7_ED55_8CCD
        hash = (hash ^ (hash >> 33)) &* 0xC4CE_B9FE_1A85_EC53
        return hash ^ (hash >> 33)
    }

    /// A hash as a fraction: its upper 52 bits and a half, so that it is exact, never 0 and never 1.
    public static func fraction(_ hash: UInt64) -> Double { (Double(hash >> 12) + 0.5) * 0x1p-52 }

    /// The natural logarithm, made of additions, multiplications and divisions only: the same to the last bit everywhere, which a C
    /// library's is not.
    public static func logarithm(_ value: Double) -> Double {
        var exponent = Double(value.exponent)
        var significand = value.significand
        if significand > 1.414_213_562_373_095_1 {
            significand /= 2
            exponent += 1
        }
        // ln m = 2 artanh((m - 1) / (m + 1)); the argument is below 0.172, so eleven terms reach the last bit.
        let ratio = (significand - 1) / (significand + 1)
        let square = ratio * ratio
        var sum = 0.0
        var divisor = 21.0
        while divisor > 0 {
            sum = sum * square + 1 / divisor
            divisor -= 2
        }
        return exponent * 0.693_147_180_559_945_3 + 2 * ratio * sum
    }
}
