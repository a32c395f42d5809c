internal import Glibc

/// Why something that belongs to this process on this host (dead-man, name lock, state directory) failed.
public struct ProcessError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: Sendable, Equatable, Hashable {
        /// The kernel refused the dead-man timer.
        case timer
        /// A live process of this host has the worker's name.
        case nameInUse
        /// The name of a worker does not match `[A-Za-z0-9_-]{1,64}`.
        case badName
        /// A file or folder of the state directory cannot be made, read or written.
        case stateDirectory
    }

    public var code: Code
    public var description: String

    public init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }

    /// What the C library calls an errno value.
    static func text(_ code: CInt) -> String { strerror(code).map { String(cString: $0) } ?? "error \(code)" }
}
