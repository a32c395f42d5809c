/// What a compressed message or stream looks like on the wire.
package enum CompressionFormat: Sendable, Equatable {
    /// Deflate blocks without any header (RFC 1951).
    case raw
    /// gzip members (RFC 1952).
    case gzip
    /// A zlib stream (RFC 1950).
    case zlib

    /// zlib's way of naming the format and the window: negative for raw, plus 16 for gzip.
    func windowArgument(_ bits: Int) -> Int32 {
        switch self {
        case .raw: Int32(-bits)
        case .gzip: Int32(bits + 16)
        case .zlib: Int32(bits)
        }
    }
}

/// Why bytes could not be inflated or deflated.
package struct CompressionError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Code: Sendable, Equatable {
        /// Not a valid stream of the format.
        case corrupt
        /// The input ended before the stream did.
        case truncated
        /// The result is larger than the limit, or inflates beyond any honest ratio.
        case tooLarge
        /// zlib could not get memory or was set up wrongly.
        case unavailable
    }

    package var code: Code
    package var description: String

    init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
}
