public import NIOCore

/// One reply of a Redis server (RESP2).
public enum RedisValue: Sendable, Equatable {
    case null
    case status(String)
    case integer(Int64)
    case bytes(ByteBuffer)
    case array([RedisValue])
    /// An error inside an array (a pipelined EXEC, a Lua table); a reply that is an error as a whole is thrown.
    case error(RedisError.Server)

    /// The reply as text: bulk strings, status lines and integers; nil for the rest.
    public var string: String? {
        switch self {
        case .status(let text): text
        case .integer(let number): String(number)
        case .bytes(let buffer): String(buffer: buffer)
        case .null, .array, .error: nil
        }
    }

    /// The reply as a number: integers and strings of digits; nil for the rest.
    public var integer: Int64? {
        switch self {
        case .integer(let number): number
        case .status, .bytes: string.flatMap { Int64($0) }
        case .null, .array, .error: nil
        }
    }

    public var array: [RedisValue]? {
        if case .array(let values) = self { values } else { nil }
    }

    public var isNull: Bool { self == .null }
}
